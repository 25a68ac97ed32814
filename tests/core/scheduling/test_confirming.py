"""Saying that they come: of the visit as it stands, once, and by nobody else."""

from collections.abc import Callable

import pytest

from core.errors import AlreadyCancelled, NoSuchVisit, Refusal, VisitChanged, VisitOver
from core.scheduling import changing
from tests.factories import Person, Practice


@pytest.fixture
def amy(practice: Practice) -> Person:
    return practice.person()


def confirm(person: Person, visit: int, sequence: int | None = None) -> None:
    person._at_desk(lambda desk: changing.confirm(desk, visit, [person.patient_id], sequence))


def confirmed(practice: Practice) -> list[tuple[object, ...]]:
    """The version that was confirmed of each visit, and how often that was written down."""
    return practice.sql(
        """
        SELECT confirmed_sequence, (SELECT count(*) FROM audit WHERE entity_id = a.id AND action = 'visit.confirmed')
        FROM appointments a WHERE status <> 'pending'
        """
    )


def test_a_visit_is_confirmed_once_however_often_they_say_so(practice: Practice, amy: Person) -> None:
    visit = amy.book(practice.slot("14:00")).id
    for _ in range(3):
        confirm(amy, visit, 0)
    assert confirmed(practice) == [(0, 1)]
    assert practice.broken_promises() == {}


def test_who_has_moved_since_has_not_confirmed_the_new_time(practice: Practice, amy: Person) -> None:
    visit = amy.book(practice.slot("14:00")).id
    confirm(amy, visit)
    amy.move(visit, practice.slot("16:00"))
    with pytest.raises(VisitChanged):
        confirm(amy, visit, 0)
    assert confirmed(practice) == [(0, 1)]
    confirm(amy, visit, 1)
    assert confirmed(practice) == [(1, 2)]


def _cancelled(amy: Person, visit: int) -> None:
    amy.cancel(visit)


def _begun(amy: Person, _visit: int) -> None:
    amy.practice.wait(hours=6)


@pytest.mark.parametrize(("happens", "refusal"), [(_cancelled, AlreadyCancelled), (_begun, VisitOver)])
def test_what_is_off_or_over_cannot_be_confirmed(
    practice: Practice, amy: Person, happens: Callable[[Person, int], None], refusal: type[Refusal]
) -> None:
    visit = amy.book(practice.slot("14:00")).id
    happens(amy, visit)
    with pytest.raises(refusal):
        confirm(amy, visit)
    assert confirmed(practice) == [(None, 0)]


def test_nobody_confirms_for_somebody_else(practice: Practice, amy: Person) -> None:
    visit = amy.book(practice.slot("14:00")).id
    with pytest.raises(NoSuchVisit):
        confirm(practice.person(), visit)
    assert confirmed(practice) == [(None, 0)]
