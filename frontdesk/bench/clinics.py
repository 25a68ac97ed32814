"""Clinics to measure in: a large one, filled by statements."""

from core.crypto import Vault
from core.database import Session, driver, run, scalar

_CLINIC = [
    "INSERT INTO organization (name, short_name, locale, is_demo) VALUES ('Bench Clinic', 'Bench', 'en_US', true)",
    "INSERT INTO locations (name, address, zone, emergency_number) SELECT 'Place ' || n, n || ' Street', 'America/New_York', '911' FROM generate_series(1, 5) n",
    "INSERT INTO specialties (code, label) VALUES ('primary_care', 'Primary care')",
    "INSERT INTO visit_types (label, specialty, length) VALUES ('Consultation', 'primary_care', interval '20 minutes')",
    """INSERT INTO practitioners (title, given_name, family_name)
       SELECT 'Dr', 'Robin', initcap(translate(n::text, '0123456789', 'abcdefghij') || 'son') FROM generate_series(1, %(doctors)s) n""",
    "INSERT INTO practitioner_specialties SELECT id, 'primary_care' FROM practitioners",
    "INSERT INTO practitioner_visit_types (practitioner_id, visit_type_id, rank) SELECT p.id, v.id, 0 FROM practitioners p, visit_types v",
    """INSERT INTO weekly_hours (practitioner_id, location_id, weekday, local_start, local_end, step, valid_from)
       SELECT id, 1 + mod(id, 5), d, '08:00', '18:00', interval '20 minutes', '2000-01-01' FROM practitioners, generate_series(0, 6) d""",
    "INSERT INTO data_keys (id, wrapped) SELECT n, '' FROM generate_series(1, %(patients)s) n",
    "INSERT INTO patients (data_key_id, name, birth_date) SELECT n, '', '' FROM generate_series(1, %(patients)s) n",
]  # fmt: skip

# Visits of two years, up to the horizon; the next three weeks are nearly full, and those that are over block nobody.
_VISITS = """
INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, local_start, zone, created_at)
SELECT CASE WHEN starts < now() THEN 'fulfilled' ELSE 'booked' END, p.id, 1 + (p.id * 7919 + slot) %% %(patients)s, 1, 1 + p.id %% 5,
       tstzrange(starts, starts + interval '20 minutes'), tstzrange(starts, starts + interval '20 minutes'),
       starts AT TIME ZONE 'America/New_York', 'America/New_York', now()
FROM practitioners p, generate_series(-640, 89) day, generate_series(0, 29) slot,
     LATERAL (SELECT (current_date + day + time '08:00' + slot * interval '20 minutes') AT TIME ZONE 'America/New_York' AS starts) s
WHERE (p.id * 31 + (day + 700) * 17 + slot * 7) %% 30 < CASE WHEN day < 0 THEN 15 WHEN day < 21 THEN 29 ELSE 10 END
"""


def make(session: Session, doctors: int, patients: int) -> None:
    """A clinic with so many doctors, who work every day, and nobody's visits yet."""
    for statement in _CLINIC:
        run(session, statement, doctors=doctors, patients=patients)


def seal(session: Session, vault: Vault) -> None:
    """Give every patient a key, a name and a birth date, sealed as everybody's are."""
    keys, people = [], []
    for id, key_id in run(session, "SELECT id, data_key_id FROM patients ORDER BY id").fetchall():
        key, wrapped = vault.new_key(key_id)
        name, born = f"Pat {id} Doe", f"{1930 + id % 90}-{1 + id % 12:02}-{1 + id % 28:02}"
        keys.append({"id": key_id, "wrapped": wrapped})
        people.append(
            {
                "id": id,
                "name": key.seal_text("patients.name", id, name),
                "birth_date": key.seal_text("patients.birth_date", id, born),
            }
        )
    with driver(session).cursor() as cursor:
        cursor.executemany("UPDATE data_keys SET wrapped = %(wrapped)s WHERE id = %(id)s", keys)
        cursor.executemany("UPDATE patients SET name = %(name)s, birth_date = %(birth_date)s WHERE id = %(id)s", people)


def fill(session: Session, patients: int) -> int:
    """Two years of visits for everybody; returns how many."""
    run(session, "SET LOCAL statement_timeout = 0")
    run(session, _VISITS, patients=patients)
    return int(scalar(session, "SELECT count(*) FROM appointments"))
