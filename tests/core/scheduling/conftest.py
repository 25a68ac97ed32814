"""Two patients of the small practice, each with a conversation."""

import pytest

from tests.factories import Person, Practice


@pytest.fixture
def amy(practice: Practice) -> Person:
    return practice.person(name="Amy")


@pytest.fixture
def ben(practice: Practice) -> Person:
    return practice.person(name="Ben")
