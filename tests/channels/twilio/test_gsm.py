"""Segments are counted as Twilio's own calculator counts them, and as_gsm spares them without misspelling anybody."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels.twilio.gsm import as_gsm, encoding, segments

DATA = Path(__file__).parents[2] / "data"
_, *VECTORS = [json.loads(line) for line in (DATA / "sms-segments.jsonl").read_text("utf-8").splitlines()]
NAUGHTY = [json.loads(line)["text"] for line in (DATA / "naughty-strings.jsonl").read_text("utf-8").splitlines()]


def spelt_out(pieces: list[str | tuple[str, int]]) -> str:
    return "".join(piece if isinstance(piece, str) else piece[0] * piece[1] for piece in pieces)


def test_encoding_and_segments_are_those_of_twilios_calculator() -> None:
    assert len(VECTORS) == 300
    for vector in VECTORS:
        text = spelt_out(vector["text"])
        assert (encoding(text), segments(text)) == (vector["encoding"], vector["segments"]), ascii(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“Hi” – Ben’s visit… • 5\u202fPM", '"Hi" - Ben\'s visit... - 5 PM'),
        ("😀 Smile 🌊 Clinic 👩🏿‍🚀", "Smile Clinic"),
        ("Harborview🌊Clinic", "Harborview Clinic"),
        ("♥️ Dr Lee ♥️, Old Port 🇺🇸!", "Dr Lee, Old Port!"),
        ("soft\u00adhyphen, zero\u200bwidth", "softhyphen, zerowidth"),
        ("ﬁne ＡＢＣ１２３ ½ m² №5", "fine ABC123 1/2 m2 No5"),
        ("Mon → Fri · 8–17 · 20 °C", "Mon -> Fri - 8-17 - 20 C"),
        ("1️⃣ Cleaning", "1 Cleaning"),
        ("Jose\u0301", "José"),
        ("O’Neill, Kaʻimi, D´Angelo", "O'Neill, Ka'imi, D'Angelo"),
    ],
)
def test_look_alikes_take_the_place_of_what_gsm_has_not_and_decoration_goes(text: str, expected: str) -> None:
    assert as_gsm(text) == expected
    assert encoding(expected) == "GSM-7"


@pytest.mark.parametrize(
    "name", ["Łukasz", "王小明", "Ọlájídé", "Ζωή", "محمد", "می‌خواهم", "क्षितिज", "김민준", "Gal·la", "葛󠄀城"]
)
def test_names_are_not_misspelt(name: str) -> None:
    assert as_gsm(f"“{name}” – 😀") == f'"{name}" -'


def test_a_price_keeps_its_currency() -> None:
    assert as_gsm("₹500, 10 €") == "₹500, 10 €"


def test_what_is_nothing_but_decoration_stays() -> None:
    assert as_gsm("👍") == "👍"


def test_gsm_texts_stay_as_they_are() -> None:
    assert as_gsm("¿Qué?\r\n{^~}\f€") == "¿Qué?\r\n{^~}\f€"


def test_hostile_texts_do_no_harm() -> None:
    for text in [*NAUGHTY, "\ud800", "\0" * 200, "e" + "\u0301" * 500]:
        harmless(text)


@given(st.text(max_size=200) | st.text("aé🙂\u0301\u200d\ufe0f\u200b …–“王½ \n.,", max_size=200))
@example("…" * 70)
@example("王" + "…" * 69)
@example("\u0958" * 67)  # longer once it is composed
@example("e\u200b\u0301")
def test_a_text_gets_no_longer_and_keeps_its_letters(text: str) -> None:
    harmless(text)


def harmless(text: str) -> None:
    plain = as_gsm(text)
    assert segments(plain) <= segments(text)
    assert as_gsm(plain) == plain
    assert letters(plain) == letters(text)


def letters(text: str) -> list[str]:
    """Letters and digits, in whatever form; apostrophes that count as letters are none."""
    spelt = unicodedata.normalize("NFKD", text.translate({ord("©"): "(c)", ord("®"): "(R)", ord("×"): "x"}))
    return [each for each in spelt if each.isalnum() and each not in "ʹʻʼʽˈʺ"]
