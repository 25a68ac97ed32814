"""Every text of every language by SMS: what it invites one to answer, in which alphabet it travels, and that it fits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

import pytest

from bot.messages import Choice, OtherDay, Payload, Reply, Say, Value
from channels.rendering import parts, with_numbers
from channels.twilio.gsm import LONGEST, encoding, segments
from channels.twilio.send import introduction
from channels.twilio.words import words
from core.scheduling.directory import Directory
from tests.bot import test_texts as texts
from tests.channels.telegram.test_fit import LONG
from tests.test_transcripts import said_by_sms

TAKEN = frozenset(word.lower() for word in words().senses)  # whole messages that Twilio takes for itself
DEMANDED = "sms.first"  # the carriers want the first text to a number to say how to stop
PIECES = ("format.", "word.", "part.", "mode.")
NEVER_BY_SMS = (
    *PIECES,
    DEMANDED,
    "twilio.",
    "whatsapp.",
    "command.",
    "telegram.",
    "choice.back",
    "choice.share_number",
    "in_group",
)

KINDS: Mapping[str, Literal["more", "change", "person"]] = {
    "choice.more_times": "more",
    "choice.somebody_new": "more",
    "choice.other_day": "change",
    "choice.undo": "change",
    "choice.person": "person",
}


def every_sentence(language: str, values: Mapping[str, Value]) -> Iterator[Say]:
    """Every sentence that an SMS may say."""
    for message in texts.catalog(language):
        key = texts._key(message.id)
        if message.id and not key.startswith(NEVER_BY_SMS) and key not in texts.variants(language):
            counts: list[dict[str, Value]] = [{"count": 1}, {"count": 2}] if message.pluralizable else [{}]
            yield from (Say(key, {**values, **count}) for count in counts)


def by_sms(said: Say, language: str, clinic: Directory = texts.CLINIC) -> str:
    """A sentence as an SMS says it; a label with its digit."""
    is_label = said.key.startswith("choice.")
    reply = Reply((), (Choice(said, OtherDay(), KINDS.get(said.key, "option")),)) if is_label else Reply((said,))
    return with_numbers(Payload(reply, language), clinic).text


def invited(text: str) -> list[str]:
    """What a text offers to be written that would not reach us: such a word in quotes, to be written, in capitals, or as a label."""
    quoted = re.findall(r'"([^"]+)"', text)
    written = re.findall(r"(?i)\b(?:write|reply|answer|send|text|type|say)\b(?: with| back)?\W+(\w+)", text)
    labels = re.findall(r"(?m)^\d (\w+)", text)
    shouted = re.findall(r"\b[A-Z]{3,}\b", text)
    words = {word for each in [*quoted, *written, *labels, *shouted] for word in re.findall(r"\w+", each.lower())}
    return sorted(words & TAKEN)


@pytest.mark.parametrize("text", ["Reply YES", 'write "cancel my visit"', "2 Cancel\n", "Text stop to end", "HELP?"])
def test_an_invitation_is_recognized(text: str) -> None:
    assert invited(text)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_no_sms_invites_a_word_that_twilio_takes_for_itself(language: str) -> None:
    said = [by_sms(said, language) for said in every_sentence(language, texts.SAMPLES)]
    assert len(said) > 200
    assert [text for text in said if invited(text)] == []


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_an_sms_is_answered_by_a_digit_or_in_ones_own_words_and_never_by_a_single_word(language: str) -> None:
    for said in every_sentence(language, texts.SAMPLES):
        assert not re.search(r'"[^\W\d]+"', by_sms(said, language)), said.key


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_our_own_words_need_no_other_alphabet_and_a_clinic_with_an_emoji_does_not_either(language: str) -> None:
    organization = replace(texts.CLINIC.organization, name="Harborview 🌊 “Clinic” ♥")
    for said in every_sentence(language, texts.SAMPLES):
        text = by_sms(said, language, replace(texts.CLINIC, organization=organization))
        assert encoding(text) == "GSM-7", said.key
        assert text.strip()


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_sms_fits_whole_messages_with_the_longest_names(language: str) -> None:
    for said in every_sentence(language, LONG):
        text = by_sms(said, language)
        pieces = parts(text, LONGEST)
        assert all(0 < len(piece.encode("utf-16-le")) // 2 <= LONGEST for piece in pieces), said.key
        assert "".join("".join(pieces).split()) == "".join(text.split()), said.key
        assert len(pieces) <= 3, said.key


def test_no_sms_of_the_transcripts_does() -> None:
    assert [text for text in said_by_sms() if invited(text)] == []


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_the_first_text_to_a_number_says_who_writes_and_how_to_stop_in_what_is_left_of_its_segment(
    language: str,
) -> None:
    said = introduction(language, texts.CLINIC)
    assert "Harborview Clinic" in said
    assert "STOP" in said
    assert segments(said) == 1
