"""What a practitioner is known for comes first among their specialties."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the rank; who has several keeps them in the order of their codes."""
    op.execute("ALTER TABLE practitioner_specialties ADD COLUMN rank SMALLINT DEFAULT '0' NOT NULL")
