"""Predictions over rows of our own, one or a few of each form, and a folder of them as `make nlu` takes it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from frontdesk.understand import directory_of
from tests.nlu import gold, labels, predict, report
from tests.nlu.gold import Row
from tests.nlu.predict import Desk

THURSDAY = "2026-03-12T09:00:00"
NAMES = [
    {"name": "Dr. Ines Calvo", "city": "Elmford", "domain": "doctor", "specialty": "Dermatologist"},
    {"name": "Marek Novak", "city": "Port Sable", "domain": "therapist", "specialty": "Psychologist"},
    {"name": "Salma Idris", "city": "Elmford", "domain": "therapist", "specialty": "Family Counselor"},
]


def _lines(rows: list[Row]) -> list[str]:
    return [json.dumps(row) for row in rows]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(directory_of(_lines(NAMES)))


def _moment(text: str, **more: Any) -> Row:
    return {"id": text, "lang": "en", "text": text, "reference": THURSDAY, "use": "booking", "entities": [], **more}


def _message(source: str, text: str, **more: Any) -> Row:
    return {"id": text, "lang": "en", "source": source, "text": text, **more}


def _turn(text: str, before: str, previous: str = "BookAppointment", **more: Any) -> Row:
    acts = [{"act": act, "slot": None, "values": more.pop("values", [])} for act in before.split()]
    return {
        "id": text, "lang": "en", "dialogue_id": "ours", "domain": "doctor", "text": text, "reference": THURSDAY,
        "prev_system": "", "prev_system_acts": acts, "prev_intent": previous, "acts": [], **more,
    }  # fmt: skip


def test_entities_are_those_that_the_command_names(desk: Desk) -> None:
    predicted = predict.predict(_moment("tomorrow at 9:20"), desk)
    assert predicted["entities"] == [{"kind": "datetime", "text": "tomorrow at 9:20", "value": "2026-03-13T09:20:00"}]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("from Monday to Wednesday", ["2026-03-16", "2026-03-18"]),
        ("until Monday", ["2026-03-16"]),
        ("before Monday", ["2026-03-16"]),
        ("after Monday", ["2026-03-16"]),
    ],
)
def test_where_dates_are_listed_apart_a_range_is_the_days_it_names(desk: Desk, text: str, days: list[str]) -> None:
    predicted = predict.predict(_moment(text, decompose=True), desk)
    assert [entity["value"] for entity in predicted["entities"]] == days


@pytest.mark.parametrize(
    ("source", "text", "label"),
    [
        ("clinc150", "please cancel my reservation for tonight", "cancel_reservation"),
        ("clinc150", "thanks a lot", "thank_you"),
        ("hwu64", "yes that is correct", "general_affirm"),
        ("xsid", "Cancel my alarm for Monday", "alarm/cancel_alarm"),
        ("xsid", "Cancel the reminder about the milk", "reminder/cancel_reminder"),
        ("clinc150", "purple elephants", None),
    ],
)
def test_our_intents_have_their_names(desk: Desk, source: str, text: str, label: str | None) -> None:
    assert predict.predict(_message(source, text, intent=""), desk)["intent"] == label


def test_a_message_may_have_several_labels(desk: Desk) -> None:
    predicted = predict.predict(_message("nlu++", "no, let me talk to a person", intents=[]), desk)
    assert set(predicted["intents"]) == {"deny", "handoff"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("A table on August 14th at 7 pm", {"date": "August 14th", "time": "7 pm"}),
        ("a table at 9 tomorrow please", {"date": "tomorrow", "time": "9"}),
        ("see you at 7:15 tonight", {"date": "tonight", "time": "7:15"}),
        ("a table for tomorrow evening", {"date": "tomorrow"}),
    ],
)
def test_a_date_and_its_time_are_told_apart_by_their_words(desk: Desk, text: str, parts: dict[str, str]) -> None:
    told = predict.predict(_message("restaurant8k", text, requested=[], slots=[]), desk)["slots"]
    assert {slot["slot"]: slot["text"] for slot in told} == parts


@pytest.mark.parametrize(
    ("before", "previous", "intent", "acts"),
    [
        ("CONFIRM", "BookAppointment", "BookAppointment", ["AFFIRM"]),
        ("OFFER", "FindProvider", "FindProvider", ["SELECT"]),
        ("OFFER_INTENT", "FindProvider", "BookAppointment", ["AFFIRM_INTENT"]),
    ],
)
def test_a_yes_accepts_what_was_said_before(
    desk: Desk, before: str, previous: str, intent: str, acts: list[str]
) -> None:
    predicted = predict.predict(_turn("Yes please.", before, previous), desk)
    assert (predicted["intent"], predicted["acts"], predicted["slots"]) == (intent, acts, [])


def test_whoever_books_when_that_was_proposed_has_agreed(desk: Desk) -> None:
    predicted = predict.predict(_turn("Book an appointment for me", "OFFER_INTENT", "FindProvider"), desk)
    assert (predicted["intent"], predicted["acts"]) == ("BookAppointment", ["AFFIRM_INTENT"])


def test_a_correction_denies_and_tells(desk: Desk) -> None:
    predicted = predict.predict(_turn("No, on Monday at 3 pm", "CONFIRM"), desk)
    assert predicted["acts"] == ["INFORM", "NEGATE"]
    assert predicted["slots"] == [{"slot": "date", "value": "2026-03-16"}, {"slot": "time", "value": "15:00"}]


def test_a_city_that_was_offered_is_no_news(desk: Desk) -> None:
    told = predict.predict(_turn("Yes, in Elmford", "OFFER", "FindProvider", values=["Elmford"]), desk)
    assert (told["slots"], told["acts"]) == ([], ["SELECT"])
    asked = predict.predict(_turn("Look in Elmford", "REQUEST", "FindProvider", values=["Elmford"]), desk)
    assert asked["slots"] == [{"slot": "city", "value": "Elmford"}]


def test_specialties_of_a_file_go_by_its_names() -> None:
    known = {one.code: one for one in directory_of(_lines(NAMES)).specialties}
    assert known["family_counselor"].label == "Family Counselor"
    assert "psychologist" in known["psychology"].words
    assert not {"therapist", "family counselor"} & set(known["psychology"].words)


CONVERSATION: Row = {
    "id": "ours-1",
    "lang": "en",
    "turns": [
        {"speaker": "user", "text": "Hello, I'd like to see Dr. Calvo on Friday"},
        {"speaker": "system", "text": "Your name, please?", "label": "ask_name"},
        {"speaker": "user", "text": "Noor Haddad"},
        {"speaker": "system", "text": "When?", "label": "ask_time"},
        {"speaker": "user", "text": "at 4 pm, but on Tuesday"},
        {"speaker": "system", "text": "That is taken.", "label": ""},
        {"speaker": "user", "text": "Then on Wednesday"},
    ],
    "calls": [{"after_turn": 5, "api": "doctor_schedule", "slots": []}],
}


def test_of_a_conversation_counts_what_was_known_at_the_first_query(desk: Desk) -> None:
    slots = {slot["slot"]: slot["value"] for slot in predict.predict(CONVERSATION, desk)["slots"]}
    assert slots == {"provider": "Dr. Ines Calvo", "patient": "Noor Haddad", "day": "Tuesday", "time": "16:00"}


def test_the_day_of_a_conversation_is_the_one_that_its_words_allow(desk: Desk) -> None:
    turn = {"speaker": "user", "text": "Dr. Calvo, today, Saturday"}
    calls = [{"after_turn": 1, "api": "doctor_schedule", "slots": []}]
    slots = predict.predict({"id": "ours-2", "lang": "en", "turns": [turn], "calls": calls}, desk)["slots"]
    assert {"slot": "day", "value": "Saturday"} in slots


def test_the_split_never_changes() -> None:
    aside = [number for number in range(40) if gold.is_set_aside({"text": f"message {number}"})]
    assert aside == [0, 3, 6, 7, 8, 10, 13, 17, 22]


def test_turns_of_one_conversation_and_translations_of_one_message_are_on_one_side() -> None:
    sides = {gold.is_set_aside({"dialogue_id": "5_00001", "text": str(number)}) for number in range(50)}
    assert len(sides) == 1
    english = gold.is_set_aside({"text": "Cancel it", "text_en": ""})
    assert gold.is_set_aside({"text": "Annulla", "text_en": "Cancel it"}) == english
    assert gold.is_set_aside(CONVERSATION) == gold.is_set_aside({"text": "ours-1"})


def test_no_message_without_a_time_is_counted_where_times_are_not_labelled() -> None:
    sources = {source for source in labels.LABELS if source not in labels.TIME_SLOTS}
    assert sources == {"clinc150"}


def test_the_command_reads_packed_files_and_writes_one_prediction_a_row(tmp_path: Path) -> None:
    rows = [_moment("on Monday"), _moment("nothing")]
    with gzip.open(tmp_path / "gold.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in _lines(rows))
    names = tmp_path / "names.jsonl"
    names.write_text("\n".join(_lines(NAMES)), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    predict.main([str(tmp_path / "gold.jsonl.gz"), "--directory", str(names), "--out", str(out)])
    predicted = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [row["id"] for row in predicted] == ["on Monday", "nothing"]
    assert predicted[0]["entities"][0]["value"] == "2026-03-16"


def test_the_mean_takes_f1_of_each_label_that_means_the_same() -> None:
    rows = [_message("clinc150", text, intent=text) for text in ("yes", "yes", "no", "insurance")]
    predictions: list[Row] = [{"intent": intent, "entities": []} for intent in ("yes", "no", "no", "insurance")]
    figures = report.intents(report.Half({"messages": rows}, {"messages": predictions}))
    rounded = {name: (round(figure), count) for name, (figure, count) in figures.items()}
    assert rounded == {("clinc150", "no"): (67, 1), ("clinc150", "yes"): (67, 2)}


def test_a_false_alarm_is_a_time_where_none_was_said() -> None:
    found: Row = {"entities": [{"kind": "date", "value": "2026-03-16"}]}
    nothing: Row = {"entities": []}
    said = {"slot": "date", "text": "Monday"}
    rows = [
        (_moment("", use="negative"), found),
        (_message("hwu64", "", intent="", slots=[]), nothing),
        (_message("hwu64", "", intent="", slots=[said]), found),
        (_message("clinc150", "", intent=""), found),
    ]
    half = report.Half({"ours": [row for row, _ in rows]}, {"ours": [prediction for _, prediction in rows]})
    take = {measure.name: measure.take for measure in report.MEASURES}
    assert take["false alarms"](half) == 50
    assert take["false alarms, negative rows alone"](half) == 100


SCORER = '''
def score(gold, predictions, min_lang):
    """Everything is wrong."""
    return {"intent_accuracy_%": {"ALL": [0, len(gold)]}}
'''


def test_misses_hold_no_row_that_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [_message("clinc150", f"purple elephants {number}", intent="greeting") for number in range(40)]
    for folder in ("data/nlu", "data/providers", "tools"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/nlu/messages_ours.jsonl").write_text("\n".join(_lines(rows)), encoding="utf-8")
    for name, column in (("specialty-labels.csv", "label"), ("specialty-synonyms.csv", "phrase")):
        (tmp_path / "data/providers" / name).write_text(f"lang,{column},specialty\n", encoding="utf-8")
    (tmp_path / "tools/score_nlu.py").write_text(SCORER, encoding="utf-8")
    monkeypatch.setenv("FRONTDESK_SHARED", str(tmp_path))
    assert report.main(["--misses", "messages_ours"]) == 0
    shown = {json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()}
    assert shown == {row["text"] for row in rows if not gold.is_set_aside(row)}
    assert 0 < len(shown) < len(rows)
