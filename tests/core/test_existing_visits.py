"""Visits that exist already: they take their time here, follow the other system, and lose to nobody and nothing that was done here."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from core import clock
from core.database import open_engine, run, scalar, transaction
from core.errors import SlotTaken
from core.exchange import exporting
from core.exchange.fates import Fate
from core.scheduling import booking, changing, directory
from core.scheduling.slots import Asker
from core.scheduling.wishes import Slot
from frontdesk import verify
from tests.core.own_clinic import CLINIC, refusals, take_in
from tests.demo_clinic import VAULT

HEAD = "id,patient,practitioner,visit_type,location,start,minutes,status,overbooked\n"
OVERLAPS = "it overlaps another visit of the same practitioner; if that is meant, say yes under overbooked"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    take_in(engine, CLINIC)
    yield engine
    with transaction(engine) as session:
        broken = {name: found.broken for name, found in verify.check(session, VAULT).items() if found.broken}
    engine.dispose()
    assert broken == {}


def visit(id: str, start: str, more: str = "", *, patient: str = "p1") -> str:
    return f"{id},{patient},lee,skin,elm,2031-03-{start},{more or ',,'}\n"


def visits(engine: Engine, *rows: str) -> list[tuple[str, str]]:
    """What becomes of a file of visits, in the order of its rows."""
    return [(f.what, f.about) for f in sorted(file_of(engine, *rows), key=lambda fate: fate.row)]


def file_of(engine: Engine, *rows: str) -> list[Fate]:
    return take_in(engine, {"visits": HEAD + "".join(rows)})


def stands(engine: Engine, id: str) -> tuple[str, str, int]:
    """When a visit is here, its status and its sequence."""
    with transaction(engine) as session:
        row = run(session, "SELECT * FROM appointments WHERE external_id = %(id)s", id=id).fetchone()
        assert row is not None
        return f"{row.local_start:%d %H:%M}", row.status, row.sequence


def test_a_visit_that_moved_in_the_other_system_moves_here(engine: Engine) -> None:
    assert visits(engine, visit("v1", "11 10:00")) == [("changed", "start was 2031-03-10 09:00")]
    assert stands(engine, "v1") == ("11 10:00", "booked", 1)
    assert visits(engine, visit("v1", "11 10:00")) == [("unchanged", "")]
    assert visits(engine, visit("v3", "10 09:00", patient="p2")) == [("new", "")]  # the old time is free again


def test_a_visit_that_moved_onto_time_of_another_stays_and_is_named(engine: Engine) -> None:
    assert visits(engine, visit("v1", "10 09:30")) == [("refused", OVERLAPS)]
    assert stands(engine, "v1") == ("10 09:00", "booked", 0)
    assert visits(engine, visit("v1", "10 09:30", ",,yes")) == [
        ("changed", "start was 2031-03-10 09:00, overbooked was no")
    ]


def test_visits_that_move_one_behind_the_other_make_way_for_each_other(engine: Engine) -> None:
    later = [visit("v1", "10 09:20"), visit("v2", "10 09:40", patient="p2")]
    assert [what for what, _ in visits(engine, *later)] == ["changed", "changed"]
    earlier = [visit("v2", "10 09:20", patient="p2"), visit("v1", "10 09:00")]
    assert [what for what, _ in visits(engine, *earlier)] == ["changed", "changed"]
    assert (stands(engine, "v1")[0], stands(engine, "v2")[0]) == ("10 09:00", "10 09:20")


def test_what_is_called_off_lets_go_of_its_time_before_others_take_it(engine: Engine) -> None:
    rows = [visit("v3", "10 09:00"), visit("v2", "10 09:40", patient="p2"), visit("v1", "10 09:00", ",cancelled,")]
    assert [what for what, _ in visits(engine, *rows)] == ["new", "changed", "changed"]
    assert stands(engine, "v1") == ("10 09:00", "cancelled", 1)


def test_what_stands_again_in_the_other_system_stands_here_where_its_time_is_free(engine: Engine) -> None:
    visits(engine, visit("v1", "10 09:00", ",cancelled,"))
    assert visits(engine, visit("v1", "10 09:00")) == [("changed", "status was “cancelled”")]
    assert stands(engine, "v1") == ("10 09:00", "booked", 2)
    visits(engine, visit("v1", "10 09:00", ",cancelled,"), visit("v3", "10 09:00"))
    assert visits(engine, visit("v1", "10 09:00")) == [("refused", OVERLAPS)]


@pytest.mark.parametrize("ended", ["fulfilled", "noshow"])
def test_a_status_set_by_mistake_can_be_set_right(engine: Engine, ended: str) -> None:
    assert visits(engine, visit("v1", "10 09:00", f",{ended},")) == [("changed", "status was “booked”")]
    assert visits(engine, visit("v1", "12 09:00", ",booked,"))[0][0] == "changed"
    assert stands(engine, "v1") == ("12 09:00", "booked", 1)


def test_a_visit_that_somebody_changed_here_stays_as_it_is_here(engine: Engine) -> None:
    with transaction(engine) as session:
        row = run(session, "SELECT id, patient_id FROM appointments WHERE external_id = 'v1'").fetchone()
        assert row is not None
        now = clock.now(session)
        changing.cancel(Asker(session, directory.load(session), None, now, staff_id=1), row.id, [row.patient_id])
    told = "it was changed here, where it is cancelled for 2031-03-10 09:00: change it here, or there to that"
    assert visits(engine, visit("v1", "11 10:00")) == [("refused", told)]
    assert visits(engine, visit("v1", "10 09:00")) == [("refused", told)]
    assert visits(engine, visit("v1", "10 09:00", ",cancelled,")) == [("unchanged", "")]


def test_another_patient_s_visit_is_not_given_away(engine: Engine) -> None:
    assert visits(engine, visit("v1", "10 09:00", patient="p2")) == [
        ("refused", "it is the visit of another patient here: give it another id")
    ]


def test_who_has_arrived_or_did_not_come_is_known_better_here(engine: Engine) -> None:
    with transaction(engine) as session:
        run(session, "UPDATE appointments SET status = 'arrived' WHERE external_id = 'v1'")
        clock.set_now(session, clock.now(session) + timedelta(days=3650))
        run(session, "UPDATE appointments SET status = 'noshow' WHERE external_id = 'v2'")
    rows = [visit("v1", "10 09:00"), visit("v2", "10 09:20", patient="p2")]
    assert visits(engine, *rows) == [("unchanged", ""), ("unchanged", "")]
    with transaction(engine) as session:
        written = exporting.write_out(session, VAULT, with_patients=True)
    assert {fate.what for fate in take_in(engine, written)} == {"unchanged"}


def test_what_a_row_leaves_empty_stays_as_it_is(engine: Engine) -> None:
    visits(engine, visit("a", "14 09:00", "30,,"), visit("b", "14 09:10", ",,yes", patient="p2"))
    take_in(engine, {"visit_types": CLINIC["visit_types"].replace(",20,", ",25,")})
    rows = [visit("v1", "10 09:00"), visit("a", "14 09:00"), visit("b", "14 09:10", patient="p2")]
    assert visits(engine, *rows) == [("unchanged", "")] * 3
    assert visits(engine, visit("a", "14 10:00", "20,,")) == [("changed", "start was 2031-03-14 09:00, minutes was 30")]


def test_the_second_of_two_wall_times_stays_the_second(engine: Engine) -> None:
    visits(engine, "n,p1,lee,skin,elm,2031-11-02 01:30,,,\n")
    with transaction(engine) as session:
        run(
            session,
            "UPDATE appointments SET during = tstzrange(lower(during) + '1 hour', upper(during) + '1 hour'), "
            "blocked = tstzrange(lower(blocked) + '1 hour', upper(blocked) + '1 hour') WHERE external_id = 'n'",
        )
        run(
            session,
            "UPDATE audit SET detail = detail || jsonb_build_object('start', lower(during)) FROM appointments a "
            "WHERE entity = 'appointments' AND entity_id = a.id AND external_id = 'n'",
        )
    assert visits(engine, "n,p1,lee,skin,elm,2031-11-02 01:30,,,\n") == [("unchanged", "")]


def test_a_hold_that_has_run_out_is_in_nobody_s_way(engine: Engine) -> None:
    with transaction(engine) as session:
        run(
            session,
            "UPDATE appointments SET status = 'pending', expires_at = now() - interval '1 hour', external_id = NULL "
            "WHERE external_id = 'v1'",
        )
        run(session, "DELETE FROM audit WHERE action = 'visit.booked'")
        run(session, "DELETE FROM appointments WHERE external_id = 'v2'")
    assert visits(engine, visit("v9", "10 09:00")) == [("new", "")]


def test_buffers_reach_as_far_as_nobody_has_that_time(engine: Engine) -> None:
    take_in(engine, {"visit_types": "id,name,minutes,minutes_before,minutes_after\nskin,Skin check,20,15,10\n"})
    visits(engine, visit("a", "12 09:00"), visit("b", "12 09:20"), visit("c", "12 09:55"), visit("d", "12 11:00"))
    with transaction(engine) as session:
        rows = run(
            session,
            "SELECT lower(during) - lower(blocked) AS before, upper(blocked) - upper(during) AS after FROM appointments "
            "WHERE external_id = ANY (ARRAY['a', 'b', 'c', 'd']) ORDER BY external_id",
        ).fetchall()
    minutes = [tuple(part // timedelta(minutes=1) for part in row) for row in rows]
    assert minutes == [(15, 0), (0, 10), (5, 10), (15, 10)]


def test_two_who_may_come_at_once_have_a_seat_each_and_a_third_has_none(engine: Engine) -> None:
    head, row = CLINIC["practitioners"].splitlines()
    take_in(engine, {"practitioners": f"{head},seats\n{row},2\n"})
    rows = [
        visit("a", "12 09:00"),
        visit("b", "12 09:10", patient="p2"),
        visit("c", "12 09:15"),
        visit("d", "12 09:20"),
    ]
    assert [what for what, _ in visits(engine, *rows)] == ["new", "new", "refused", "new"]


def test_time_of_a_visit_that_came_along_is_not_booked_again(engine: Engine) -> None:
    with transaction(engine) as session:
        desk = Asker(session, directory.load(session), None, clock.now(session), staff_id=1)
        row = run(session, "SELECT * , lower(during) AS start FROM appointments WHERE external_id = 'v1'").fetchone()
        assert row is not None
        slot = Slot(row.practitioner_id, row.visit_type_id, row.location_id, row.start)
        with pytest.raises(SlotTaken):
            booking.hold(desk, slot)
        assert scalar(session, "SELECT count(*) FROM appointments WHERE status = 'pending'") == 0


def test_rows_that_can_be_no_visit_are_explained(engine: Engine) -> None:
    rows = [
        visit("a", "12 09:00", patient="p9"),
        visit("b", "09 02:30"),
        "c,p1,kim,skin,elm,2031-03-12 10:00,,,\n",
        "d,p1,lee,skin,oak,2031-03-12 10:00,,,\n",
        "v1,p1,lee,skin,elm,2031-03-10 09:00,,,\n" * 2,
    ]
    told = refusals(file_of(engine, *rows))
    assert told == {
        ("visits", 2): "patient: there is no “p9” among the patients",
        ("visits", 3): "start: the clocks of America/New_York skip 2031-03-09 02:30",
        ("visits", 4): "practitioner: there is no “kim” among the practitioners",
        ("visits", 5): "location: there is no “oak” among the locations",
        ("visits", 7): "id: “v1” is there twice",
    }
