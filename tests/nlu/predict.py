"""Predictions of `frontdesk understand` for a file of labelled messages, in the form that score_nlu.py scores.

    tests/nlu/predict.py GOLD [--directory FILE] [--out FILE]

Any gold file of ../shared/data/nlu will do, packed or not: what a row is, is seen from its fields. Rows that are whole
conversations are answered with what is known when the desk first queries its calendar. FILE holds the names that the desk
knows: JSON lines of name, city, domain, specialty.
"""

import argparse
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from time import process_time
from typing import Any, TextIO

if not __package__:  # run as a file: the packages lie beside it in the checkout
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from bot.understanding import warm_up
from core.scheduling import vocabulary
from core.scheduling.directory import Directory
from frontdesk.understand import directory_of, run
from tests.nlu import gold, labels, schema_guided
from tests.nlu.gold import Row

OPEN: dict[str, Any] = {"opens": "08:00:00", "closes": "20:00:00"}
"""The hours of the desks in the conversations: what tells "at 3" from three at night."""

_A_WEEK = tuple(f"2020-03-0{day}T06:00:00" for day in range(2, 9))
"""When a conversation may have been held that does not say it, from Monday; only weekdays are asked for."""

_DAY = timedelta(days=1)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOST_WORDS = 12  # of a date with its time, to be taken apart


@dataclass
class Desk:
    """`frontdesk understand` with a directory; `seconds` are those of the processor that each message took."""

    directory: Directory = field(default_factory=lambda: Directory(specialties=vocabulary.specialties()))
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        warm_up(self.directory)

    def hear(self, text: str, *, counts: bool = True, **known: Any) -> Row:
        """What the command answers to one message, of which `known` are the other fields; `counts` says that it is timed."""
        line = json.dumps({"id": "", "text": text, **{name: value for name, value in known.items() if value}})
        out = io.StringIO()
        begun = process_time()
        run([line], out, self.directory)
        if counts:
            self.seconds.append(process_time() - begun)
        answer: Row = json.loads(out.getvalue())
        if "error" in answer:
            raise ValueError(f"{answer['error']}: {line}")
        return answer

    def practitioner(self, answer: Row) -> str | None:
        """Whom a message names, if that is one name."""
        names = {self.directory.practitioner[one].display_name for one in answer["practitioners"]}
        return names.pop() if len(names) == 1 else None

    def cities(self, answer: Row) -> list[str]:
        """The places that a message names."""
        return [self.directory.location[one].name for one in answer["locations"]]


def known(path: Path | None) -> Directory:
    """The directory that a file of names makes; without one, every specialty and no names."""
    if path is None:
        return Directory(specialties=vocabulary.specialties())
    with path.open(encoding="utf-8") as file:
        return directory_of(file)


def predict(row: Row, desk: Desk) -> Row:
    """The prediction for a row of any form."""
    match gold.form_of(row):
        case "moments":
            heard = _hear(row, desk)["entities"]
            said = {
                "entities": [one for entity in heard for one in _days_said(entity)] if row.get("decompose") else heard
            }
        case "schema_guided":
            answer = _hear(row, desk, **OPEN)
            said = schema_guided.predict(row, answer, _slots(row, answer, desk))
        case "conversation":
            said = {"slots": _known_at_first_query(row, desk)}
        case "message":
            said = _message(row, desk)
    return {"id": row["id"], **said}


def _hear(row: Row, desk: Desk, **more: Any) -> Row:
    language, _, region = row["lang"].partition("-")
    reference = row.get("reference") or labels.SENT_AT.get(row.get("source", ""))
    if region:
        more["region"] = region
    return desk.hear(row["text"], lang=language, reference=reference, **more)


def _days_said(entity: Row) -> list[Row]:
    """The days that a range names, its first and its last: so they stand where dates and times are listed apart."""
    if entity["kind"] != "daterange":
        return [entity]
    first, last = (date.fromisoformat(edge) if (edge := entity.get(name)) else None for name in ("start", "end"))
    if entity["text"].lower().split()[0] in labels.NOT_ITSELF:
        first = first and first - _DAY
    else:
        last = last and last - _DAY
    return [{"kind": "date", "value": day.isoformat()} for day in dict.fromkeys((first, last)) if day]


# --- single messages -------------------------------------------------------------------------------------------------


def _message(row: Row, desk: Desk) -> Row:
    """Labels, slots and times. The times are in no gold row of these files: false alarms are counted by them."""
    source = row["source"]
    nouns = labels.NOUNS.get(source, {})
    text = re.sub(r"\w+", lambda word: nouns.get(word[0].lower(), word[0]), row["text"]) if nouns else row["text"]
    asked = next((labels.ASKED[slot] for slot in row.get("requested") or () if slot in labels.ASKED), None)
    answer = _hear({**row, "text": text}, desk, asked=asked)
    found = labels.of_message(source, signs(answer), row["text"], row.get("domain", ""))
    return {
        "intent": next(iter(found), None),
        "intents": found,
        "slots": [{"slot": kind, "value": value, "text": words} for kind, value, words in _parts(row, answer, desk)],
        "entities": answer["entities"],
    }


def signs(answer: Row) -> dict[str, float]:
    """Our intents, and yes or no, with their weight: what was said counts as sure, and more where it is guessed, too."""
    weights = dict.fromkeys([*answer["intents"], *([answer["answer"]] if answer["answer"] else [])], 1.0)
    for guess in answer["guesses"]:
        weights[guess["what"]] = weights.get(guess["what"], 0) + guess["confidence"]
    return weights


def _parts(row: Row, answer: Row, desk: Desk) -> Iterator[tuple[str, str, str]]:
    """The dates and times of a message: which of the two, its value, its words."""
    for entity in answer["entities"]:
        kind, value, words = entity["kind"], _edge(entity), entity["text"]
        if row["source"] == "xsid":
            yield ("recurring_datetime" if kind == "set" else "datetime"), value, words
            continue
        is_part_of_day = entity.get("start") and entity.get("end") and not any(map(str.isdigit, words))
        has_time = "time" in kind and not (is_part_of_day and row["source"] in labels.POINTS_ONLY)
        date_words, time_words = (words, words)
        if kind.startswith("datetime"):
            date_words, time_words = _taken_apart(entity, row, desk) or (words, words)
        if kind.startswith("date") and value:
            yield "date", value[:10], _bare(date_words)
        if has_time and value:
            yield "time", _clock(value), _bare(time_words)


def _edge(entity: Row) -> str:
    """The value of a point, or the first edge that a range has."""
    return entity.get("value") or entity.get("start") or entity.get("end") or ""


def _taken_apart(entity: Row, row: Row, desk: Desk) -> tuple[str, str] | None:
    """The words of the date and the words of the time where one stands beside the other, which are one entity for us.

    They are where each half, read alone, is the one and not the other; of several such places, the one with the longest time.
    """
    words = entity["text"].split()
    found: list[tuple[str, str]] = []
    for place in range(1, min(len(words), _MOST_WORDS)):
        before, after = " ".join(words[:place]), " ".join(words[place:])
        for day, clock in ((before, after), (after, before)):
            if _says_just(day, "date", entity, row, desk) and _says_just(clock, "time", entity, row, desk):
                found.append((day, clock))
    return max(found, key=lambda halves: len(halves[1]), default=None)


def _says_just(text: str, what: str, whole: Row, row: Row, desk: Desk) -> bool:
    """Whether a text says the date, or the time, of a whole, and nothing else."""
    # A bare number is a time only after such a word.
    for words in (text, f"at {text}") if what == "time" else (text,):
        said = _hear({**row, "text": words}, desk, counts=False)["entities"]
        if len(said) == 1 and _is_of(said[0], what, whole):
            return True
    return False


def _is_of(said: Row, what: str, whole: Row) -> bool:
    if what == "time":  # its half of the day may stand in the rest of the whole: "7:15 tonight"
        if said["kind"] not in ("time", "timerange"):
            return False
        hours = [time.fromisoformat(_clock(_edge(one))) for one in (said, whole)]
        return len({(one.hour % 12, one.minute) for one in hours}) == 1
    is_day = said["kind"] in ("date", "datetimerange")  # "tonight" is a day with its hours
    return is_day and _edge(said)[:10] == _edge(whole)[:10]


def _bare(text: str) -> str:
    words = text.split()
    while len(words) > 1 and words[0].lower() in labels.BEFORE_A_TIME:
        words = words[1:]
    while len(words) > 1 and words[-1].lower() in labels.AFTER_A_TIME:
        words = words[:-1]
    return " ".join(words)


# --- conversations ---------------------------------------------------------------------------------------------------


def _slots(row: Row, answer: Row, desk: Desk) -> list[Row]:
    """Points in time, cities, specialties and the practitioner that a turn names."""
    found = [(kind, value) for kind, value in _points(answer)]
    found += [("city", city) for city in desk.cities(answer)]
    theirs = labels.SPECIALTIES.get(row["domain"], {})
    found += [("specialty", theirs[code]) for code in answer["specialties"] if code in theirs]
    if name := desk.practitioner(answer):
        found.append(("provider", name))
    return [{"slot": slot, "value": value} for slot, value in dict.fromkeys(found)]


def _points(answer: Row) -> Iterator[tuple[str, str]]:
    for entity in answer["entities"]:
        value = entity.get("value") or ""
        if entity["kind"] in ("date", "datetime"):
            yield "date", value[:10]
        if entity["kind"] == "datetimerange":  # "later today" names a day
            yield "date", _edge(entity)[:10]
        if entity["kind"] in ("time", "datetime"):
            yield "time", _clock(value)


def _known_at_first_query(row: Row, desk: Desk) -> list[Row]:
    """What the patient has said before the desk first looks for free times; what was said last counts."""
    slots: dict[str, str] = {}
    for answer in _heard_before_first_query(row, desk):
        slots |= {"provider": name} if (name := desk.practitioner(answer)) else {}
        if answer["name"] and not (answer["someone_else"] and "patient" in slots):  # a child's visit is another one
            slots["patient"] = answer["name"]
        slots |= _day_and_time(answer)
    return [{"slot": slot, "value": value} for slot, value in slots.items()]


def _heard_before_first_query(row: Row, desk: Desk) -> list[Row]:
    """What each message of the patient meant until then.

    A desk knows which day it is, and these files do not tell: of the days of a week, the first on which the fewest messages
    have two readings, as "today, Saturday" has on any day but that.
    """
    first = next((call["after_turn"] for call in row["calls"] if call["api"] == "doctor_schedule"), len(row["turns"]))
    turns = row["turns"][:first]
    said = [
        (turn["text"], labels.ASKED.get(before.get("label", "") if before else ""))
        for before, turn in zip((None, *turns), turns, strict=False)
        if turn["speaker"] == "user"
    ]
    days = [
        [
            {**desk.hear(text, counts=day == _A_WEEK[0], reference=day, asked=asked, **OPEN), "reference": day}
            for text, asked in said
        ]
        for day in _A_WEEK
    ]
    return min(days, key=lambda answers: sum(bool(answer["readings"]) for answer in answers))


def _day_and_time(answer: Row) -> dict[str, str]:
    found: dict[str, str] = {}
    for entity in answer["entities"]:
        value = _edge(entity)
        is_over = entity["kind"] == "daterange" and entity.get("end", "9") <= answer["reference"][:10]
        if not value or is_over:  # "for the past two days" says how long it hurts
            continue
        if entity["kind"].startswith("date"):
            found["day"] = _WEEKDAYS[date.fromisoformat(value[:10]).weekday()]
        if "time" in entity["kind"]:
            found["time"] = _clock(value)
    return found


def _clock(value: str) -> str:
    """Hours and minutes of a time, with or without its day."""
    return value.rpartition("T")[2][:5]


def write(predictions: Iterable[Row], out: TextIO) -> None:
    """One prediction a line."""
    out.writelines(json.dumps(prediction, ensure_ascii=False) + "\n" for prediction in predictions)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path)
    parser.add_argument("--directory", type=Path, metavar="FILE", help="the names that the desk knows")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write; otherwise here")
    options = parser.parse_args(arguments)
    desk = Desk(known(options.directory))
    predictions = (predict(row, desk) for row in gold.read(options.gold))
    if options.out is None:
        write(predictions, sys.stdout)
        return
    with options.out.open("w", encoding="utf-8") as out:
        write(predictions, out)


if __name__ == "__main__":
    main()
