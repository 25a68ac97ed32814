"""Locations with a privacy page of their own."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add it."""
    op.execute("ALTER TABLE locations ADD COLUMN privacy_url TEXT")
