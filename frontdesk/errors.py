"""What stops a command, in words for the person who typed it."""

INTERRUPTED = 130
"""What a command ends with that was stopped by Ctrl-C, as shells have it."""


class CannotRun(Exception):
    """The command cannot go on; the message is one sentence that says what to do."""


def about_database(error: Exception, url: str) -> str | None:
    """One sentence for a database that does not answer or has another schema; None for any other trouble."""
    from psycopg import OperationalError, errors
    from psycopg.conninfo import conninfo_to_dict

    trouble = getattr(error, "orig", None) or error  # SQLAlchemy wraps what psycopg raises
    if isinstance(trouble, errors.UndefinedTable | errors.UndefinedColumn):
        return "The database is not at this version's schema; run `frontdesk migrate` first."
    if isinstance(trouble, OperationalError) and trouble.sqlstate is None:  # with a state, it did answer
        place = conninfo_to_dict(url)
        at = f" at {place['host']}:{place.get('port', 5432)}" if "host" in place else ""
        return f"The database{at} does not answer; check DATABASE_URL."
    return None
