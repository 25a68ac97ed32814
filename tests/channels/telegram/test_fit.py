"""Every text of every language fits into Telegram's messages and buttons, with the longest names that a clinic can have."""

from collections.abc import Iterator

import pytest

from bot.messages import Choice, OtherDay, Parts, Payload, Reply, Say, Value
from channels.rendering import parts, with_buttons
from channels.telegram import layout
from core.exchange.cells import LONGEST, LONGEST_KEY
from tests.bot import test_texts as texts

NAME = "Ö" * (LONGEST_KEY - 1) + "🙂"  # a name of a doctor, a place, a kind of visit; the last sign counts twice
WORDS = ("A long sentence. " * LONGEST)[:LONGEST]  # what a clinic writes about a doctor, or what to bring
FREE = frozenset({"about", "preparation", "text", "address", "link"})


def longest(value: Value, name: str = "") -> Value:
    """The same kind of value, as long as it can be."""
    if isinstance(value, str):
        return WORDS if name in FREE else NAME
    if isinstance(value, Say):
        return Say(value.key, {key: longest(each, key) for key, each in value.values.items()})
    if isinstance(value, Parts):
        return Parts(tuple(Say(s.key, {key: longest(v, key) for key, v in s.values.items()}) for s in value.says))
    return value


LONG = {name: longest(value, name) for name, value in texts.SAMPLES.items()}


def every_sentence(language: str) -> Iterator[Say]:
    """Every sentence with the longest values that it can have; pieces of dates have values of their own."""
    for message in texts.catalog(language):
        key = texts._key(message.id)
        if message.id and not key.startswith("format."):
            yield from (
                Say(key, LONG | count) for count in ([{"count": 1}, {"count": 2}] if message.pluralizable else [{}])
            )


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_sentence_fits_in_whole_messages(language: str) -> None:
    for said in every_sentence(language):
        payload = Payload(Reply((said, said), (Choice(said, OtherDay()),)), language, "t" * 12)
        rendered = with_buttons(payload, texts.CLINIC)
        pieces = parts(rendered.text, layout.LONGEST_TEXT)
        assert all(0 < len(piece.encode("utf-16-le")) // 2 <= layout.LONGEST_TEXT for piece in pieces), said.key
        assert len(pieces) <= 3, said.key
        for button in rendered.buttons:
            assert 0 < len(layout.label(button.label)) <= layout.LONGEST_LABEL
            assert 0 < len(button.token.encode()) <= 64


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_sentence_without_free_words_is_one_message_and_names_are_not_cut(language: str) -> None:
    for said in every_sentence(language):
        rendered = with_buttons(
            Payload(Reply((Say(said.key, {**said.values, **dict.fromkeys(FREE, "x")}),)), language), texts.CLINIC
        )
        assert parts(rendered.text, layout.LONGEST_TEXT) == [rendered.text], said.key


def test_a_label_is_cut_only_where_no_phone_would_show_it() -> None:
    assert layout.label("Tue, Mar 10, 8:00 AM, Dr Haddad, Old Port") == "Tue, Mar 10, 8:00 AM, Dr Haddad, Old Port"
    assert layout.label("x" * 65) == "x" * 63 + "…"
