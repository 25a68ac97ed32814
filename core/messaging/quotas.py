"""How much may go out: so many codes to one number, so much money a day. What fraud or a fault could make of us ends here."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Column, DateTime, Numeric, Table, Text

from core.database import Session, metadata, run

quotas = Table(
    "quotas",
    metadata,
    Column("what", Text, primary_key=True),
    Column("used", Numeric, nullable=False),
    Column("most", Numeric, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),  # when it begins anew
)


class Draw(NamedTuple):
    """So much of what may go out: at most `most` in a time `per` that begins with the first of it.

    `what` begins with "to" where it is about somebody, or some few.
    """

    what: str
    most: Decimal
    per: timedelta
    amount: Decimal = Decimal(1)


class UsedUp(Exception):
    """There is no more of it for now."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Quota(NamedTuple):
    """How it stands with one of them."""

    what: str
    used: Decimal
    most: Decimal
    until: datetime


_DRAWN = """
unnest(%(whats)s::text[], %(amounts)s::numeric[], %(mosts)s::numeric[], %(pers)s::interval[]) AS drawn (what, amount, most, per)
"""
# In the order of their names, so that two who draw the same wait for each other and not in a ring.
_DRAW = f"""
INSERT INTO quotas (what, used, most, until)
SELECT what, amount, most, clock_timestamp() + per FROM {_DRAWN} WHERE amount <= most ORDER BY what
ON CONFLICT (what) DO UPDATE SET most = excluded.most,
  used = excluded.used + CASE WHEN quotas.until > clock_timestamp() THEN quotas.used ELSE 0 END,
  until = CASE WHEN quotas.until > clock_timestamp() THEN quotas.until ELSE excluded.until END
WHERE quotas.until <= clock_timestamp() OR quotas.used + excluded.used <= excluded.most
RETURNING what
"""
_GIVE_BACK = f"UPDATE quotas q SET used = greatest(q.used - amount, 0) FROM {_DRAWN} WHERE q.what = drawn.what"
_OPEN = (
    "SELECT what, used, most, until FROM quotas WHERE until > clock_timestamp() AND what NOT LIKE 'to %%' ORDER BY what"
)
_FORGET = "DELETE FROM quotas WHERE until <= clock_timestamp()"


def draw(session: Session, draws: Sequence[Draw]) -> None:
    """Take all of this. Raises UsedUp with the first of which there is not enough: roll back, and nothing is taken."""
    got = {row.what for row in run(session, _DRAW, **_values(draws))}
    for each in draws:
        if each.what not in got:
            raise UsedUp(each.what)


def give_back(session: Session, draws: Sequence[Draw]) -> None:
    """What was drawn was not needed after all."""
    run(session, _GIVE_BACK, **_values(draws))


def running(session: Session) -> list[Quota]:
    """Those of the whole clinic of which something was used."""
    return [Quota(*row) for row in run(session, _OPEN)]


def forget(session: Session) -> int:
    """Let go of those whose time is over; returns how many there were."""
    return run(session, _FORGET).rowcount


def _values(draws: Sequence[Draw]) -> dict[str, list[object]]:
    return {
        "whats": [each.what for each in draws],
        "amounts": [each.amount for each in draws],
        "mosts": [each.most for each in draws],
        "pers": [each.per for each in draws],
    }
