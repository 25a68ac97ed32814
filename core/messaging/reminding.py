"""When a visit is reminded of, and what becomes of a reminder when its time has come. Pure: rules of the clock and of good manners."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from core.scheduling.policies import Policy
from core.scheduling.visits import Visit

DAY = timedelta(days=1)

LAST = timedelta(minutes=30)  # before the hours end in which one may write: whoever ticks late is still in time
TOO_NEAR = timedelta(minutes=15)  # before a visit: whoever has not set out by then is not helped
QUESTION = timedelta(minutes=30)  # for so long an open question has the chat to itself

OUTRANKS = DAY  # the lead of the reminder that no cap holds back
MOST_A_DAY, MOST_A_WEEK = 1, 3  # texts of an address, by its local days

Reason = Literal[
    "passed", "just_told", "cancelled", "moved", "late", "no_address", "opted_out", "quiet_hours", "cap", "unreadable"
]
"""Why a reminder was not owed to anybody."""


# --- the plan --------------------------------------------------------------------------------------------------------


class Planned(NamedTuple):
    """One reminder of a visit. `due_at` is in UTC; `why` it is not said, where that is known already."""

    lead: timedelta
    due_at: datetime
    why: Reason | None = None


def planned(
    start: datetime, zone: ZoneInfo, policy: Policy, now: datetime, told_at: datetime | None = None
) -> tuple[Planned, ...]:
    """The reminders of a visit that begins at `start`, by the wall clock of `zone`; none of one that has begun.

    `told_at` is when they chose this very time, where they did: within a quarter of its lead a reminder would tell them nothing.
    """
    if start <= now:
        return ()
    moments = ((lead, moment(start, zone, lead, policy)) for lead in sorted(set(policy.reminders), reverse=True))
    return tuple(Planned(lead, due_at, _known_already(lead, due_at, now, told_at)) for lead, due_at in moments)


def _known_already(lead: timedelta, due_at: datetime, now: datetime, told_at: datetime | None) -> Reason | None:
    if due_at <= now:
        return "passed"
    return "just_told" if told_at is not None and due_at - told_at < lead / 4 else None


def moment(start: datetime, zone: ZoneInfo, lead: timedelta, policy: Policy) -> datetime:
    """When a visit is reminded of, in UTC: whole days before by the wall clock, the rest as time passes; never at night.

    What would be said in the quiet hours is said in the evening before them.
    """
    days = timedelta(days=lead.days)
    local = start.astimezone(zone).replace(tzinfo=None)
    at = _instant(local - days, zone) if days else start
    return _evening_before(at - (lead - days), zone, policy)


def promised(start: datetime, local_start: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, of the wall time that a patient was told; `start` says which, where the clock shows it twice."""
    if start.astimezone(zone).replace(tzinfo=None) == local_start:
        return start.astimezone(UTC)
    return _instant(local_start, zone)


def may_write(at: datetime, zone: ZoneInfo, policy: Policy) -> bool:
    """Whether patients are written to unasked at this instant."""
    return policy.write_from <= at.astimezone(zone).time() < policy.write_until


def next_morning(at: datetime, zone: ZoneInfo, policy: Policy) -> datetime:
    """When the hours begin again in which one may write, in UTC."""
    local = at.astimezone(zone)
    return _on(local.date() if local.time() < policy.write_from else local.date() + DAY, policy.write_from, zone)


def _evening_before(at: datetime, zone: ZoneInfo, policy: Policy) -> datetime:
    if may_write(at, zone, policy):
        return at.astimezone(UTC)
    local = at.astimezone(zone)
    day = local.date() if local.time() >= policy.write_until else local.date() - DAY
    begins, ends = (datetime.combine(day, edge) for edge in (policy.write_from, policy.write_until))
    return _instant(max(begins, ends - LAST), zone)


def _on(day: date, at: time, zone: ZoneInfo) -> datetime:
    return _instant(datetime.combine(day, at), zone)


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Of a wall time that the clock leaves out, as much later; of one that it shows twice, the first."""
    return local.replace(tzinfo=zone).astimezone(UTC)


# --- when its time has come ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Due:
    """A reminder whose time has come, or will today, with its visit as it stands. `why` it cannot be said, as far as the database knows."""

    visit: Visit
    lead: timedelta
    due_at: datetime
    local_start: datetime  # as the patient was told, in `zone`
    zone: ZoneInfo
    address_id: int
    why: Reason | None = None

    @property
    def key(self) -> tuple[int, int, timedelta]:
        """Visit, version, lead: what there is only one reminder of."""
        return self.visit.id, self.visit.sequence, self.lead

    @property
    def day(self) -> date:
        """The local day of the visit."""
        return self.local_start.date()


class Sent(NamedTuple):
    """A text that reminded somebody, and when."""

    address_id: int
    at: datetime


@dataclass(frozen=True)
class Text:
    """What becomes one message: the visits of one address on one local day, the first one first."""

    address_id: int
    dues: tuple[Due, ...]

    @property
    def visits(self) -> tuple[Due, ...]:
        """Each visit once."""
        return tuple({due.visit.id: due for due in self.dues}.values())


@dataclass
class Decided:
    """What becomes of each reminder."""

    texts: list[Text] = field(default_factory=list)
    skipped: dict[Due, Reason] = field(default_factory=dict)
    postponed: dict[Due, datetime] = field(default_factory=dict)


def decide(
    dues: Sequence[Due],
    policy_of: Callable[[Due], Policy],
    sent: Iterable[Sent],
    asked_at: datetime | None,
    now: datetime,
) -> Decided:
    """What becomes, now, of the reminders of one conversation. `sent` are its texts of the last eight days, `asked_at` an open question's time.

    What will be due later today, of visits on the day that a text is about, is said in the same text.
    """
    decided = Decided()
    ready = [due for due in dues if due.due_at <= now and _may_go(decided, due, policy_of(due), asked_at, now)]
    said = [*sent]
    for text in sorted(_texts(ready), key=_rank):
        if not _outranks(text) and _is_capped(text, said, now):
            decided.skipped |= dict.fromkeys(text.dues, "cap")
            continue
        whole = _with_rest_of_today(text, dues, now)
        decided.texts.append(whole)
        said.append(Sent(whole.address_id, now))
    return decided


def _may_go(decided: Decided, due: Due, policy: Policy, asked_at: datetime | None, now: datetime) -> bool:
    """Whether nothing but the caps stands in its way; what else does is noted."""
    if due.why is not None:
        decided.skipped[due] = due.why
    elif not may_write(now, due.zone, policy):
        morning = next_morning(now, due.zone, policy)
        if morning < due.visit.slot.start - TOO_NEAR:
            decided.postponed[due] = morning
        else:
            decided.skipped[due] = "quiet_hours"
    elif asked_at is not None and now - asked_at < QUESTION:
        decided.postponed[due] = asked_at + QUESTION
    else:
        return True
    return False


def _texts(ready: Iterable[Due]) -> list[Text]:
    together: defaultdict[tuple[int, date], list[Due]] = defaultdict(list)
    for due in sorted(ready, key=lambda due: (due.visit.slot.start, due.visit.id)):
        together[due.address_id, due.day].append(due)
    return [Text(address_id, tuple(some)) for (address_id, _), some in together.items()]


def _rank(text: Text) -> tuple[bool, datetime]:
    return not _outranks(text), text.dues[0].visit.slot.start


def _outranks(text: Text) -> bool:
    return any(due.lead == OUTRANKS for due in text.dues)


def _is_capped(text: Text, said: Iterable[Sent], now: datetime) -> bool:
    zone = text.dues[0].zone
    today = now.astimezone(zone).date()
    ages = Counter(
        (today - each.at.astimezone(zone).date()).days for each in said if each.address_id == text.address_id
    )
    return ages[0] >= MOST_A_DAY or sum(ages[n] for n in range(7)) >= MOST_A_WEEK


def _with_rest_of_today(text: Text, dues: Iterable[Due], now: datetime) -> Text:
    """With all that would be said later today of visits on the same day: one text, not two."""
    day, today = text.dues[0].day, now.astimezone(text.dues[0].zone).date()
    rest = [
        due
        for due in dues
        if (due.address_id, due.day) == (text.address_id, day) and due.why is None
        if due.due_at > now and due.due_at.astimezone(due.zone).date() == today
    ]
    whole = sorted((*text.dues, *rest), key=lambda due: (due.visit.slot.start, due.visit.id))
    return Text(text.address_id, tuple(whole))
