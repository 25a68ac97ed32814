"""Visits that move: what they were before."""

from alembic import op

revision = "0004"
down_revision = "0003"

SCHEMA = """
CREATE TABLE earlier_versions (
    appointment_id BIGINT NOT NULL,
    sequence INTEGER NOT NULL,
    practitioner_id BIGINT NOT NULL,
    visit_type_id BIGINT NOT NULL,
    location_id BIGINT NOT NULL,
    during TSTZRANGE NOT NULL,
    blocked TSTZRANGE NOT NULL,
    seat SMALLINT NOT NULL,
    overbooked BOOLEAN NOT NULL,
    local_start TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    zone TEXT NOT NULL,
    CONSTRAINT earlier_versions_pkey PRIMARY KEY (appointment_id, sequence),
    CONSTRAINT earlier_versions_appointment_id_fkey FOREIGN KEY(appointment_id) REFERENCES appointments (id),
    CONSTRAINT earlier_versions_practitioner_id_fkey FOREIGN KEY(practitioner_id) REFERENCES practitioners (id),
    CONSTRAINT earlier_versions_visit_type_id_fkey FOREIGN KEY(visit_type_id) REFERENCES visit_types (id),
    CONSTRAINT earlier_versions_location_id_fkey FOREIGN KEY(location_id) REFERENCES locations (id)
);
"""


def upgrade() -> None:
    """Add them."""
    op.execute(SCHEMA)
