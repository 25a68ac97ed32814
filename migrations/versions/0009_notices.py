"""Messages that nobody has asked for: until when they are of use."""

from alembic import op

revision = "0009"
down_revision = "0008"

SCHEMA = """
ALTER TABLE outbox ADD useful_until TIMESTAMPTZ;
DROP INDEX outbox_due_idx;
CREATE INDEX outbox_due_idx ON outbox (priority, useful_until, id) WHERE status = 'due';
CREATE INDEX outbox_useful_until_idx ON outbox (useful_until) WHERE status = 'due' AND useful_until IS NOT NULL;
"""


def upgrade() -> None:
    """Add it."""
    op.execute(SCHEMA)
