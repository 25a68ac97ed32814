"""Seals of the audit rows."""

from alembic import op

revision = "0003"
down_revision = "0002"

SCHEMA = """
CREATE TABLE audit_seals (
    id BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    last_id BIGINT NOT NULL,
    seen_id BIGINT NOT NULL,
    seen_xid BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT audit_seals_pkey PRIMARY KEY (id)
);
"""


def upgrade() -> None:
    """Add them."""
    op.execute(SCHEMA)
