"""The clinic itself: places, departments, insurances, kinds of visit, practitioners. One row is one of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from babel.numbers import get_currency_precision
from sqlalchemy import RowMapping, Table, delete, insert, select, update

from core.compliance.audit import SETUP, record
from core.database import scalar
from core.exchange.fates import Import, Refused, Taken, Values
from core.people.organization import departments, holidays, locations, organization
from core.people.practitioners import insurances, practitioner_insurances, practitioner_specialties, practitioners
from core.scheduling.policies import policies
from core.scheduling.visit_types import practitioner_visit_types, visit_types

_MOST_CENTS = 2_000_000_000  # what a column of 32 bits holds

# The columns of files, and where their values are kept.
_ORGANIZATION = {
    **{name: name for name in ("name", "short_name", "locale", "phone")},
    "privacy_page": "privacy_url",
}
_LOCATION = {
    **{name: name for name in ("name", "address", "zone", "emergency_number", "phone")},
    "privacy_page": "privacy_url",
}
_DEPARTMENT = {"name": "name"}
_INSURANCE = {"name": "name", "words": "words"}
_VISIT_TYPE = {
    **{name: name for name in ("specialty", "words", "preparation", "mode", "price", "currency")},
    "name": "label",
    "minutes": "length",
    "minutes_before": "buffer_before",
    "minutes_after": "buffer_after",
}
_PRACTITIONER = {
    **{name: name for name in ("title", "given_name", "family_name", "about", "seats", "accepts_new")},
    **{name: name for name in ("rating", "rating_count", "languages")},
    "photo": "photo_url",
    "video_link": "video_url",
    "active": "is_active",
    "department": "department_id",
}
_POLICY = {
    "lead_minutes": "lead",
    "horizon_days": "horizon",
    "notice_hours": "notice",
    "hold_minutes": "hold",
    "most_ahead": "most_ahead",
    "booked_by": "booked_by",
}
_SAID_ELSEWHERE = ("price", "department")  # what is kept of these is not what a file says


def _kept(values: Values, names: Mapping[str, str]) -> dict[str, Any]:
    """The values of a row as they are kept, by column of the table."""
    return {kept: list(v) if isinstance(v := values[name], tuple) else v for name, kept in names.items()}


def _differing(values: Values, was: RowMapping | None, names: Mapping[str, str]) -> Iterator[str]:
    """The columns in which a file says something else than what is kept. A column that a file lacks says nothing."""
    kept = _kept(values, names)
    return (n for n, k in names.items() if n in values.given and kept[k] != (was[k] if was else None))


def _upsert(work: Import, kind: str, table: Table, values: Values, names: Mapping[str, str]) -> tuple[int, Taken]:
    """Insert or change what is known by an external id, and say what is different."""
    session, external_id, kept = work.session, values["id"], _kept(values, names)
    known = work.ids[kind].get(external_id)
    if known is None:
        id = session.execute(insert(table).values(external_id=external_id, **kept).returning(table.c.id)).scalar_one()
        work.ids[kind][external_id] = id
        record(session, SETUP, f"{kind}.made", kind, id)
        return id, ("new", "")
    was = session.execute(select(table).where(table.c.id == known)).mappings().one()
    different = [*_differing(values, was, names)]
    if different:
        changes = {names[name]: kept[names[name]] for name in different}
        session.execute(update(table).where(table.c.id == known).values(changes))
        record(session, SETUP, f"{kind}.changed", kind, known)
    return known, _changed(_was(name, was[names[name]]) for name in different)


def _changed(changes: Iterable[str]) -> Taken:
    said = ", ".join(changes)
    return ("changed", said) if said else ("unchanged", "")


def _was(name: str, value: Any) -> str:
    """What is said about a change, in the words of the file."""
    match value:
        case _ if name in _SAID_ELSEWHERE:
            return name
        case None | "" | []:
            return f"{name} was empty"
        case bool():
            return f"{name} was “{'yes' if value else 'no'}”"
        case timedelta():
            return f"{name} was “{value // timedelta(minutes=1)}”"
        case list():
            return f"{name} was “{'|'.join(value)}”"
        case _:
            return f"{name} was “{value}”"


def _set_policy(work: Import, visit_type_id: int | None, values: Values) -> list[str]:
    """The rules of the clinic or of one kind of visit; returns which of them changed."""
    here = policies.c.visit_type_id.is_not_distinct_from(visit_type_id)
    was = work.session.execute(select(policies).where(here)).mappings().one_or_none()
    changes = [*_differing(values, was, _POLICY)]
    if changes:
        kept = _kept(values, _POLICY)
        elsewhere = {k: rule for k, rule in (was or {}).items() if k not in {"id", "visit_type_id", *_POLICY.values()}}
        rules = elsewhere | {k: kept[k] if name in values.given or not was else was[k] for name, k in _POLICY.items()}
        work.session.execute(delete(policies).where(here))
        if any(value is not None for value in rules.values()):
            work.session.execute(insert(policies).values(visit_type_id=visit_type_id, **rules))
    return changes


def _organization(work: Import, values: Values) -> Taken:
    was = work.session.execute(select(organization)).mappings().one_or_none()
    if was is None:
        work.session.execute(insert(organization).values(_kept(values, _ORGANIZATION)))
        _set_policy(work, None, values)
        return "new", ""
    different = [*_differing(values, was, _ORGANIZATION)]
    if different:
        kept = _kept(values, _ORGANIZATION)
        changes = {_ORGANIZATION[name]: kept[_ORGANIZATION[name]] for name in different}
        work.session.execute(update(organization).values(changes))
    said = [_was(name, was[_ORGANIZATION[name]]) for name in different]
    return _changed([*said, *_set_policy(work, None, values)])


def _holiday(work: Import, values: Values) -> Taken:
    places = [work.known("locations", values["location"], "location")] if values["location"] else None
    taken = [_close(work, place, values) for place in places or work.ids["locations"].values()]
    return next((each for each in taken if each[0] != "unchanged"), ("unchanged", ""))


def _close(work: Import, place: int, values: Values) -> Taken:
    """A day on which a location is closed; without a name it is open after all."""
    session, name = work.session, values["name"]
    here = (holidays.c.location_id == place) & (holidays.c.on_date == values["date"])
    was = session.execute(select(holidays.c.name).where(here)).scalar_one_or_none()
    if was == name:
        return "unchanged", ""
    if was is None:
        session.execute(insert(holidays).values(location_id=place, on_date=values["date"], name=name))
        return "new", ""
    session.execute(delete(holidays).where(here) if name is None else update(holidays).where(here).values(name=name))
    return "changed", _was("name", was)


def _named(kind: str, table: Table, names: Mapping[str, str]) -> Callable[[Import, Values], Taken]:
    return lambda work, values: _upsert(work, kind, table, values, names)[1]


def _visit_type(work: Import, values: Values) -> Taken:
    if (values["price"] is None) != (values["currency"] is None):
        raise Refused("price and currency go together: give both, or neither")
    id, taken = _upsert(work, "visit_types", visit_types, values.but(price=_cents(values)), _VISIT_TYPE)
    return _with(taken, _set_policy(work, id, values))


def _cents(values: Values) -> int | None:
    """A price in the smallest unit of its currency."""
    if values["price"] is None:
        return None
    amount = values["price"].scaleb(get_currency_precision(values["currency"]))
    if amount != amount.to_integral_value():
        raise Refused(f"price: {values['price']} has more decimals than {values['currency']} has")
    if amount > _MOST_CENTS:
        raise Refused(f"price: {values['price']} is more than any visit costs")
    return int(amount)


def _practitioner(work: Import, values: Values) -> Taken:
    if (values["rating"] is None) != (values["rating_count"] == 0):
        raise Refused("rating and rating_count go together: give both, or neither")
    department = values["department"] and work.known("departments", values["department"], "department")
    links = {
        "specialties": (practitioner_specialties, "specialty", list(values["specialties"])),
        "visit_types": (
            practitioner_visit_types,
            "visit_type_id",
            [work.known("visit_types", id, "visit_types") for id in values["visit_types"]],
        ),
        "insurances": (
            practitioner_insurances,
            "insurance_id",
            [work.known("insurances", id, "insurances") for id in values["insurances"]],
        ),
    }
    id, taken = _upsert(work, "practitioners", practitioners, values.but(department=department), _PRACTITIONER)
    changed = [name for name, link in links.items() if name in values.given and _relink(work, *link, id)]
    what, about = _with(taken, changed)
    if what == "changed" and not values["active"]:
        about = "; ".join(filter(None, [about, _still_booked(work, id)]))
    return what, about


_AHEAD = """
SELECT count(*) FROM appointments WHERE practitioner_id = %(id)s AND status = 'booked' AND lower(during) > %(now)s
"""


def _still_booked(work: Import, practitioner_id: int) -> str:
    """What is to be said about somebody who has left."""
    ahead = scalar(work.session, _AHEAD, id=practitioner_id, now=work.now)
    return f"visits still booked with them: {ahead}" if ahead else ""


def _with(taken: Taken, changed: list[str]) -> Taken:
    """What became of a row, with what changed beside it."""
    return taken if taken[0] == "new" else _changed([*filter(None, [taken[1]]), *changed])


def _relink(work: Import, table: Table, name: str, wanted: list[Any], practitioner_id: int) -> bool:
    """Let a practitioner have exactly these; returns whether that is a change."""
    column, ranked = table.c[name], "rank" in table.c
    mine = table.c.practitioner_id == practitioner_id
    query = select(column).where(mine)
    was = [value for (value,) in work.session.execute(query.order_by(table.c.rank) if ranked else query)]
    if (was if ranked else sorted(was)) == (wanted if ranked else sorted(wanted)):
        return False
    work.session.execute(delete(table).where(mine))
    rows = [
        {"practitioner_id": practitioner_id, name: value} | ({"rank": n} if ranked else {})
        for n, value in enumerate(wanted)
    ]
    if rows:
        work.session.execute(insert(table), rows)
    return True


ROWS: dict[str, Callable[[Import, Values], Taken]] = {
    "organization": _organization,
    "locations": _named("locations", locations, _LOCATION),
    "holidays": _holiday,
    "departments": _named("departments", departments, _DEPARTMENT),
    "insurances": _named("insurances", insurances, _INSURANCE),
    "visit_types": _visit_type,
    "practitioners": _practitioner,
}
