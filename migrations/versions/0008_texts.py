"""What became of a message after its vendor had taken it; and people who want no more of them."""

from alembic import op

revision = "0008"
down_revision = "0007"

SCHEMA = """
ALTER TABLE outbox ADD fate TEXT;

ALTER TABLE handoffs
    DROP CONSTRAINT handoffs_reason_check,
    ADD CONSTRAINT handoffs_reason_check CHECK (
        reason IN ('asked', 'not_understood', 'emergency', 'aside', 'file', 'undelivered', 'opted_out', 'cancel_or_stop'));
"""


def upgrade() -> None:
    """Add them."""
    op.execute(SCHEMA)
