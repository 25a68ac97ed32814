"""What guesses are learned from, and that the same examples teach the same."""

import pytest

from tests.nlu import labels, train
from tests.nlu.train import Example, confidence, learn


def test_a_row_teaches_what_its_labels_say_and_nothing_else() -> None:
    right, wrong = labels.taught("nlu++", {"intents": ["cancel_close_leave_freeze", "booking"]})
    assert {"end", "cancel_visit"} <= right
    assert "yes" in wrong
    assert "book" not in right | wrong  # open: a booking that is cancelled is spoken of, and not wished for


def test_a_source_without_a_label_says_nothing_of_a_guess() -> None:
    right, wrong = labels.taught("hwu64", {"intent": "general_affirm"})
    assert "yes" in right
    assert "when" not in right | wrong


@pytest.mark.parametrize("source", labels.TAUGHT_BY)
def test_only_sources_whose_licence_allows_it_teach(source: str) -> None:
    assert source in {"clinc150", "hwu64", "nlu++"}
    assert all(set(sources) <= set(labels.TAUGHT_BY) for sources in labels.TAUGHT.values())


def test_what_is_learned_tells_apart_and_is_the_same_each_time() -> None:
    yes, no = frozenset({"yes"}), frozenset[str]()
    rows = [Example((0, 2), 0.7, yes, no, 0), Example((1, 2), 0.7, no, yes, 1)] * 20
    bias, weights = learn("yes", rows, 3)
    assert confidence(rows[0], bias, weights) > 0.8
    assert confidence(rows[1], bias, weights) < 0.2
    assert learn("yes", rows, 3) == (bias, weights)


def test_a_visit_takes_the_place_of_what_is_set_and_shown_elsewhere() -> None:
    assert train._about_visits("delete my alarm and all meetings") == "delete my appointment and all appointments"
