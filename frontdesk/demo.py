"""The demo clinic: nine doctors, two places, three families. Every name is invented."""

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

from sqlalchemy import Engine, insert, select, text

from channels import terminal
from channels.rendering import BUTTONS, NUMBERS
from core import clock
from core.compliance.audit import SETUP
from core.config import Settings
from core.crypto import Vault
from core.database import Session, open_engine, run, transaction
from core.messaging import inbox
from core.messaging.inbox import Sender
from core.people import identities, patients
from core.people.organization import holidays, locations, opening_hours, organization
from core.people.personas import personas
from core.people.practitioners import insurances, practitioner_insurances, practitioner_specialties, practitioners
from core.scheduling import booking, directory, slots, vocabulary
from core.scheduling.schedules import weekly_hours
from core.scheduling.slots import Asker
from core.scheduling.visit_types import practitioner_visit_types, specialties, specialty_words, visit_types
from core.scheduling.wishes import Wanted

NAME = "Harborview Clinic"
ZONE = "America/New_York"
LARGE = 200_000  # patients
SINCE = date(2000, 1, 1)  # schedules hold for any day that a test or a tour may set the clock to

OLD_PORT, BAYSIDE = "Old Port", "Bayside"

LOCATIONS = {
    OLD_PORT: "12 Commercial Street, Portland, ME 04101",
    BAYSIDE: "3 Kennebec Street, Portland, ME 04101",
}

# location: weekdays (0 is Monday), opens, closes
OPENING_HOURS = [
    (OLD_PORT, (0, 1, 2, 4), time(8), time(18)),
    (OLD_PORT, (3,), time(8), time(20, 30)),
    (OLD_PORT, (5,), time(9), time(13)),
    (BAYSIDE, (0, 1, 2, 3, 4), time(8, 30), time(17)),
]

# label: specialty, words, minutes, buffer after, what to bring, mode, price in cents
VISIT_TYPES: dict[str, tuple[str, list[str], int, int, str, str, int | None]] = {
    "Consultation": ("primary_care", ["consultation", "check-up", "checkup", "physical"], 20, 0, "", "in_person", 12000),
    "Skin consultation": ("dermatology", ["mole check", "skin check", "rash"], 20, 5, "", "in_person", 18000),
    "Child visit": ("pediatrics", ["child check-up", "well child visit"], 30, 0, "Please bring the vaccination record.", "in_person", 14000),
    "Heart consultation": ("cardiology", ["heart check", "ecg", "ekg"], 30, 10, "Please bring a list of your medicines.", "in_person", 22000),
    "Cleaning": ("dentistry", ["cleaning", "teeth cleaning", "dental cleaning", "hygiene"], 40, 10, "", "in_person", 11000),
    "Dental check": ("dentistry", ["dental check", "toothache", "filling"], 30, 10, "", "in_person", 9500),
    "Women's health visit": ("obgyn", ["pap smear", "pregnancy visit"], 30, 0, "", "in_person", 17000),
    "Eye exam": ("ophthalmology", ["eye exam", "eye test", "vision test"], 30, 0, "You may not be able to drive for two hours afterwards.", "in_person", 15000),
    "Video consultation": ("primary_care", ["video", "video visit", "video call", "telehealth", "online"], 15, 5, "", "video", 8000),
}  # fmt: skip

WEEKDAYS = (0, 1, 2, 3, 4)
MORNING, AFTERNOON = (time(8), time(12)), (time(13), time(17))
LATE = (time(13), time(20, 30))

# title, given name, family name: specialties, visit types, [(location, weekdays, (from, until))], minutes between starts
PRACTITIONERS: list[tuple[str, str, str, list[str], list[str], list[tuple[str, tuple[int, ...], tuple[time, time]]], int]] = [
    ("Dr", "Maya", "Patel", ["primary_care"], ["Consultation", "Video consultation"], [(OLD_PORT, WEEKDAYS, MORNING), (OLD_PORT, WEEKDAYS, AFTERNOON)], 20),
    ("Dr", "Lucia", "Romero", ["pediatrics"], ["Child visit"], [(OLD_PORT, WEEKDAYS, MORNING), (OLD_PORT, (0, 2, 4), AFTERNOON), (OLD_PORT, (5,), (time(9), time(13)))], 30),
    ("Dr", "Samir", "Haddad", ["dermatology"], ["Skin consultation"], [(OLD_PORT, (0, 1, 3), MORNING), (OLD_PORT, (0, 1), AFTERNOON), (OLD_PORT, (3,), LATE)], 20),
    ("Dr", "Grace", "Lee", ["dentistry"], ["Dental check", "Cleaning"], [(OLD_PORT, WEEKDAYS, MORNING), (OLD_PORT, (0, 1, 2), AFTERNOON)], 10),
    ("Dr", "James", "Okafor", ["cardiology"], ["Heart consultation"], [(OLD_PORT, (1, 3), MORNING), (OLD_PORT, (1,), AFTERNOON)], 30),
    ("Dr", "Anna", "Lindqvist", ["obgyn"], ["Women's health visit"], [(BAYSIDE, (0, 1, 3), (time(9), time(15)))], 30),
    ("Dr", "Ingrid", "Olsen", ["dermatology"], ["Skin consultation"], [(BAYSIDE, (2, 3, 4), (time(9), time(16)))], 20),
    ("Dr", "Tom", "Becker", ["primary_care", "internal_medicine"], ["Consultation"], [(BAYSIDE, WEEKDAYS, (time(8, 30), time(12, 30))), (BAYSIDE, (0, 2), AFTERNOON)], 20),
    ("Dr", "Wei", "Zhang", ["ophthalmology"], ["Eye exam"], [(BAYSIDE, (1, 2, 4), (time(9), time(16)))], 30),
]  # fmt: skip

# insurance: what patients call it
INSURANCES = {
    "Aetna": ["aetna"],
    "Cigna": ["cigna"],
    "Medicare": ["medicare"],
    "UnitedHealthcare": ["united", "united healthcare", "uhc"],
}

# family name: a few words for patients, languages, insurances, stars, how many gave them
PROFILES: dict[str, tuple[str, list[str], list[str], float, int]] = {
    "Patel": ("Sees whole families, babies and grandparents alike.", ["en"], ["Aetna", "Cigna", "Medicare"], 4.7, 212),
    "Romero": ("Children's doctor who takes time for questions.", ["en", "es"], ["Aetna", "Cigna", "UnitedHealthcare"], 4.9, 340),
    "Haddad": ("Skin, hair and nails.", ["en", "ar", "fr"], ["Cigna", "Medicare"], 4.4, 98),
    "Lee": ("Teeth without fear.", ["en"], ["Aetna", "Cigna"], 4.8, 187),
    "Okafor": ("Heart and circulation.", ["en"], ["Aetna", "Medicare", "UnitedHealthcare"], 4.6, 121),
    "Lindqvist": ("Women's health, pregnancy and after.", ["en", "sv"], ["Aetna", "UnitedHealthcare"], 4.8, 156),
    "Olsen": ("Skin checks and small operations.", ["en", "es"], ["Aetna", "Medicare"], 4.8, 77),
    "Becker": ("General practice and internal medicine.", ["en", "de"], ["Cigna", "Medicare", "UnitedHealthcare"], 4.5, 133),
    "Zhang": ("Eyes, glasses and contact lenses.", ["en", "zh"], ["Aetna", "Medicare"], 4.7, 88),
}  # fmt: skip

# key, label on the page, phone, [(name, birth date, relationship)], specialty of a visit they have
PERSONAS: list[tuple[str, str, str, list[tuple[str, date, str]], str | None]] = [
    ("amy", "Amy, who has a visit", "+12075550101", [("Amy Turner", date(1988, 4, 12), "self")], "cardiology"),
    (
        "maria",
        "Maria, who has two children",
        "+12075550102",
        [
            ("Maria Costa", date(1985, 9, 30), "self"),
            ("Leo Costa", date(2017, 2, 3), "dependent"),
            ("Nina Costa", date(2020, 11, 21), "dependent"),
        ],
        None,
    ),
    ("ben", "Ben, a known patient", "+12075550103", [("Ben Okonkwo", date(1971, 6, 8), "self")], None),
]  # fmt: skip

# One loader at a time: the next one waits as long as that takes, and finds the clinic there.
_KEY = 0x64656D6F
_LOCK = "SELECT pg_advisory_xact_lock(%(key)s)"
# What a loader did by statements stands in the audit like everything else.
_WRITTEN_DOWN = """
INSERT INTO audit (actor, action, entity, entity_id, detail)
SELECT 'setup', action, 'appointments', id, jsonb_build_object('practitioner', practitioner_id, 'patient', patient_id, 'start', lower(during))
FROM pg_current_xact_id(), appointments, unnest(
  CASE status WHEN 'booked' THEN ARRAY['visit.booked'] ELSE ARRAY['visit.booked', 'visit.' || status] END) action
"""
_WAIT = "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '60s'"


def load_if_empty(settings: Settings, url: str) -> bool:
    """Fill a database that holds no clinic yet; returns whether it did."""
    return _fill_if_empty(url, lambda session: _load(session, settings.vault))


def load_large(settings: Settings, url: str) -> bool:
    """The same with a clinic to measure in: 50 doctors, 200,000 patients, two years of visits."""
    from frontdesk.bench import clinics

    def fill(session: Session) -> None:
        clinics.make(session, 50, LARGE)
        clinics.seal(session, settings.vault)
        clinics.fill(session, LARGE)
        run(session, _WRITTEN_DOWN)
        session.execute(text("ANALYZE"))

    return _fill_if_empty(url, fill)


def _fill_if_empty(url: str, fill: Callable[[Session], None]) -> bool:
    engine = open_engine(url, pool_size=1)
    try:
        with transaction(engine) as session:
            session.execute(text(_WAIT))
            run(session, _LOCK, key=_KEY)
            if session.execute(select(organization.c.id)).first() is not None:
                return False
            fill(session)
    finally:
        engine.dispose()
    return True


def load(engine: Engine, vault: Vault) -> None:
    """Make the demo clinic and the people one can play."""
    with transaction(engine) as session:
        _load(session, vault)


def set_clock_right(url: str) -> None:
    """A demo clinic's clock goes like everybody's again; a real clinic's is left alone."""
    engine = open_engine(url, pool_size=1)
    try:
        with transaction(engine) as session:
            if session.execute(select(organization.c.is_demo)).scalar_one_or_none():
                clock.set_now(session, None)
    finally:
        engine.dispose()


def _load(session: Session, vault: Vault) -> None:
    _make_clinic(session)
    for place, persona in enumerate(PERSONAS):
        _make_persona(session, vault, place, *persona)


def _make_clinic(session: Session) -> None:
    session.execute(
        insert(organization).values(
            name=NAME, short_name="Harborview", locale="en_US", phone="(207) 555-0100", is_demo=True
        )
    )
    place_ids = {
        name: _insert(
            session, locations, name=name, address=address, zone=ZONE, emergency_number="911", phone="(207) 555-0100"
        )
        for name, address in LOCATIONS.items()
    }
    for name, weekdays, opens, closes in OPENING_HOURS:
        for weekday in weekdays:
            session.execute(
                insert(opening_hours).values(
                    location_id=place_ids[name], weekday=weekday, local_start=opens, local_end=closes
                )
            )
    _make_specialties(session)
    kind_ids = {
        label: _insert(
            session,
            visit_types,
            label=label,
            specialty=specialty,
            words=words,
            length=timedelta(minutes=minutes),
            buffer_after=timedelta(minutes=buffer),
            preparation=preparation,
            mode=mode,
            price=price,
            currency="USD",
        )
        for label, (specialty, words, minutes, buffer, preparation, mode, price) in VISIT_TYPES.items()
    }
    insurance_ids = {name: _insert(session, insurances, name=name, words=words) for name, words in INSURANCES.items()}
    for title, given, family, skills, kinds, hours, minutes in PRACTITIONERS:
        about, languages, takes, rating, count = PROFILES[family]
        doctor = _insert(
            session,
            practitioners,
            title=title,
            given_name=given,
            family_name=family,
            video_url=f"https://video.example/{family.lower()}",
            about=about,
            languages=languages,
            rating=rating,
            rating_count=count,
        )
        session.execute(
            insert(practitioner_insurances),
            [{"practitioner_id": doctor, "insurance_id": insurance_ids[name]} for name in takes],
        )
        session.execute(
            insert(practitioner_specialties),
            [{"practitioner_id": doctor, "specialty": code, "rank": rank} for rank, code in enumerate(skills)],
        )
        session.execute(
            insert(practitioner_visit_types),
            [
                {"practitioner_id": doctor, "visit_type_id": kind_ids[kind], "rank": rank}
                for rank, kind in enumerate(kinds)
            ],
        )
        session.execute(
            insert(weekly_hours),
            [
                {
                    "practitioner_id": doctor,
                    "location_id": place_ids[place],
                    "weekday": weekday,
                    "local_start": opens,
                    "local_end": closes,
                    "step": timedelta(minutes=minutes),
                    "valid_from": SINCE,
                }
                for place, weekdays, (opens, closes) in hours
                for weekday in weekdays
            ],
        )
    year = clock.now(session).year
    for place_id in place_ids.values():
        for on, name in _holidays(year):
            session.execute(insert(holidays).values(location_id=place_id, on_date=on, name=name))


def _holidays(year: int) -> list[tuple[date, str]]:
    """Days on which the clinic is closed, this year and the next two."""
    fixed = [(1, 1, "New Year's Day"), (7, 4, "Independence Day"), (12, 25, "Christmas Day")]
    return [(date(y, month, day), name) for y in range(year, year + 3) for month, day, name in fixed]


def _make_specialties(session: Session) -> None:
    known = vocabulary.specialties("en")
    session.execute(insert(specialties), [{"code": each.code, "label": each.label} for each in known])
    session.execute(
        insert(specialty_words),
        [{"specialty": each.code, "language": "en", "words": list(each.words)} for each in known],
    )


def _make_persona(
    session: Session,
    vault: Vault,
    place: int,
    key: str,
    label: str,
    phone: str,
    people: list[tuple[str, date, str]],
    has_visit_with: str | None,
) -> None:
    known = [
        (patients.register(session, vault, name, born, SETUP), relationship) for name, born, relationship in people
    ]
    for account in (BUTTONS, NUMBERS):
        home = inbox.home(session, vault, Sender(terminal.CHANNEL, account, phone))
        for patient, relationship in known:
            identities.link(session, home.address_id, patient.id, relationship, SETUP)
    session.execute(insert(personas).values(key=key, label=label, place=place, address_id=home.address_id))
    if has_visit_with is not None:
        now = clock.now(session)
        desk = Asker(session, directory.load(session), home.conversation_id, now)
        later = Wanted(specialty=has_visit_with, after=now + timedelta(days=3))
        booking.book(desk, slots.find(desk, later, limit=1).slots[0], known[0][0].id)


def _insert(session: Session, table: Any, **values: Any) -> int:
    row: int = session.execute(insert(table).values(**values).returning(table.c.id)).scalar_one()
    return row
