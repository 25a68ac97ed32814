"""Reminders of visits: the clinic's rules, which visits have a plan, what came of each, and who said that they come."""

from alembic import op

revision = "0011"
down_revision = "0010"

SCHEMA = """
ALTER TABLE policies ADD reminders INTERVAL[];
ALTER TABLE policies ADD local_write_from TIME WITHOUT TIME ZONE;
ALTER TABLE policies ADD local_write_until TIME WITHOUT TIME ZONE;
ALTER TABLE policies ADD CONSTRAINT policies_reminders_check CHECK (interval '0' < ALL (reminders));
ALTER TABLE policies ADD CONSTRAINT policies_write_check CHECK (local_write_from < local_write_until);

ALTER TABLE conversations ADD asked_at TIMESTAMPTZ;

ALTER TABLE appointments ADD planned_sequence INTEGER;
ALTER TABLE appointments ADD confirmed_sequence INTEGER;
ALTER TABLE appointments ADD confirmed_at TIMESTAMPTZ;
ALTER TABLE appointments ADD CONSTRAINT appointments_confirmed_check
    CHECK ((confirmed_sequence IS NULL) = (confirmed_at IS NULL));
CREATE INDEX appointments_unplanned_idx ON appointments (id)
    WHERE status = 'booked' AND planned_sequence IS DISTINCT FROM sequence;

CREATE TABLE reminders (
    appointment_id BIGINT NOT NULL,
    sequence INTEGER NOT NULL,
    lead INTERVAL NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    status TEXT NOT NULL DEFAULT 'due',
    reason TEXT,
    outbox_id BIGINT,
    address_id BIGINT,
    settled_at TIMESTAMPTZ,
    CONSTRAINT reminders_pkey PRIMARY KEY (appointment_id, sequence, lead),
    CONSTRAINT reminders_appointment_id_fkey FOREIGN KEY(appointment_id) REFERENCES appointments (id),
    CONSTRAINT reminders_outbox_id_fkey FOREIGN KEY(outbox_id) REFERENCES outbox (id),
    CONSTRAINT reminders_address_id_fkey FOREIGN KEY(address_id) REFERENCES addresses (id),
    CONSTRAINT reminders_status_check CHECK (status IN ('due', 'owed', 'skipped', 'failed')),
    CONSTRAINT reminders_reason_check CHECK ((status IN ('skipped', 'failed')) = (reason IS NOT NULL)),
    CONSTRAINT reminders_owed_check CHECK (
        (status = 'owed') = (outbox_id IS NOT NULL) AND (status = 'owed') = (address_id IS NOT NULL)),
    CONSTRAINT reminders_settled_check CHECK ((status = 'due') = (settled_at IS NULL))
);
CREATE INDEX reminders_due_at_idx ON reminders (due_at) WHERE status = 'due';
CREATE INDEX reminders_address_id_idx ON reminders (address_id, settled_at) WHERE status = 'owed';
"""


def upgrade() -> None:
    """Add them. Visits that are there already are planned by the next tick."""
    op.execute(SCHEMA)
