"""The clinic itself: places, departments, insurances, kinds of visit, practitioners. One row is one of them."""

from collections.abc import Callable, Iterable
from typing import Any

from babel.numbers import get_currency_precision
from sqlalchemy import Table, delete, insert, select, update

from core.compliance.audit import SETUP, record
from core.exchange.fates import Import, Refused, Taken, Values
from core.people.organization import departments, holidays, locations, organization
from core.people.practitioners import insurances, practitioner_insurances, practitioner_specialties, practitioners
from core.scheduling.policies import policies
from core.scheduling.visit_types import practitioner_visit_types, visit_types


def _upsert(work: Import, kind: str, table: Table, external_id: str, values: dict[str, Any]) -> tuple[int, Taken]:
    """Insert or change what is known by an external id, and say what is different."""
    session, known = work.session, work.ids[kind].get(external_id)
    if known is None:
        id = session.execute(insert(table).values(external_id=external_id, **values).returning(table.c.id)).scalar_one()
        work.ids[kind][external_id] = id
        record(session, SETUP, f"{kind}.made", kind, id)
        return id, ("new", "")
    was = session.execute(select(table).where(table.c.id == known)).mappings().one()
    changes = {name: value for name, value in values.items() if was[name] != value}
    if changes:
        session.execute(update(table).where(table.c.id == known).values(changes))
        record(session, SETUP, f"{kind}.changed", kind, known)
    return known, _changed(f"{name} was “{was[name]}”" for name in changes)


def _changed(changes: Iterable[str]) -> Taken:
    said = ", ".join(changes)
    return ("changed", said) if said else ("unchanged", "")


def _set_policy(work: Import, visit_type_id: int | None, values: Values) -> bool:
    """The rules of the clinic or of one kind of visit; returns whether they changed."""
    rules = {
        "lead": values["lead_minutes"],
        "horizon": values["horizon_days"],
        "notice": values["notice_hours"],
        "hold": values["hold_minutes"],
        "most_ahead": values["most_ahead"],
        "booked_by": values["booked_by"],
    }
    here = policies.c.visit_type_id.is_not_distinct_from(visit_type_id)
    was = work.session.execute(select(policies).where(here)).mappings().one_or_none()
    if {name: was[name] if was else None for name in rules} == rules:
        return False
    work.session.execute(delete(policies).where(here))
    if any(value is not None for value in rules.values()):
        work.session.execute(insert(policies).values(visit_type_id=visit_type_id, **rules))
    return True


def _organization(work: Import, values: Values) -> Taken:
    row = {name: values[name] for name in ("name", "short_name", "locale", "phone")}
    row["privacy_url"] = values["privacy_page"]
    was = work.session.execute(select(organization)).mappings().one_or_none()
    if was is None:
        work.session.execute(insert(organization).values(row))
        _set_policy(work, None, values)
        return "new", ""
    changes = [name for name, value in row.items() if was[name] != value]
    work.session.execute(update(organization).values(row))
    if _set_policy(work, None, values):
        changes.append("the rules")
    return _changed(changes)


def _location(work: Import, values: Values) -> Taken:
    row = {name: values[name] for name in ("name", "address", "zone", "emergency_number", "phone")}
    return _upsert(work, "locations", locations, values["id"], row)[1]


def _holiday(work: Import, values: Values) -> Taken:
    places = [work.known("locations", values["location"], "location")] if values["location"] else None
    taken: Taken = ("unchanged", "")
    for place in places or work.ids["locations"].values():
        here = (holidays.c.location_id == place) & (holidays.c.on_date == values["date"])
        was = work.session.execute(select(holidays.c.name).where(here)).scalar_one_or_none()
        if was is None:
            work.session.execute(
                insert(holidays).values(location_id=place, on_date=values["date"], name=values["name"])
            )
            taken = ("new", "")
        elif was != values["name"]:
            work.session.execute(update(holidays).where(here).values(name=values["name"]))
            taken = ("changed", f"name was “{was}”")
    return taken


def _named(kind: str, table: Table) -> Callable[[Import, Values], Taken]:
    def take(work: Import, values: Values) -> Taken:
        row = {name: list(value) if name == "words" else value for name, value in values.items() if name != "id"}
        return _upsert(work, kind, table, values["id"], row)[1]

    return take


def _visit_type(work: Import, values: Values) -> Taken:
    if values["specialty"]:
        work.known("specialties", values["specialty"], "specialty")
    if (values["price"] is None) != (values["currency"] is None):
        raise Refused("price and currency go together: give both, or neither")
    cents = None if values["price"] is None else int(values["price"] * 10 ** get_currency_precision(values["currency"]))
    row = {
        "label": values["name"],
        "specialty": values["specialty"],
        "words": list(values["words"]),
        "length": values["minutes"],
        "buffer_before": values["minutes_before"],
        "buffer_after": values["minutes_after"],
        "preparation": values["preparation"],
        "mode": values["mode"],
        "price": cents,
        "currency": values["currency"],
    }
    id, taken = _upsert(work, "visit_types", visit_types, values["id"], row)
    if _set_policy(work, id, values) and taken[0] == "unchanged":
        return "changed", "the rules"
    return taken


def _practitioner(work: Import, values: Values) -> Taken:
    for code in values["specialties"]:
        work.known("specialties", code, "specialties")
    if (values["rating"] is None) != (values["rating_count"] == 0):
        raise Refused("rating and rating_count go together: give both, or neither")
    kinds = [work.known("visit_types", id, "visit_types") for id in values["visit_types"]]
    paid = [work.known("insurances", id, "insurances") for id in values["insurances"]]
    same = ("title", "given_name", "family_name", "about", "seats", "accepts_new", "rating", "rating_count")
    row = {
        **{name: values[name] for name in same},
        "languages": list(values["languages"]),
        "photo_url": values["photo"],
        "video_url": values["video_link"],
        "is_active": values["active"],
        "department_id": work.known("departments", values["department"], "department")
        if values["department"]
        else None,
    }
    id, taken = _upsert(work, "practitioners", practitioners, values["id"], row)
    links = (
        (practitioner_specialties, "specialty", list(values["specialties"])),
        (practitioner_visit_types, "visit_type_id", kinds),
        (practitioner_insurances, "insurance_id", paid),
    )
    changed = [name for table, name, wanted in links if _relink(work, table, name, id, wanted)]
    return _changed(changed) if changed and taken[0] == "unchanged" else taken


def _relink(work: Import, table: Table, name: str, practitioner_id: int, wanted: list[Any]) -> bool:
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
    "locations": _location,
    "holidays": _holiday,
    "departments": _named("departments", departments),
    "insurances": _named("insurances", insurances),
    "visit_types": _visit_type,
    "practitioners": _practitioner,
}
