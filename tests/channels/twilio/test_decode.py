"""What Twilio's fields mean to us, as its pages show them, and who is who by which number."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages import Inbound, Nothing, OptIn, OptOut, Other, Tap, Upload, Words
from channels.twilio import SMS, WHATSAPP, words
from channels.twilio.decode import MOST_FILES, decode
from channels.twilio.numbers import canonical
from channels.twilio.receive import sender_of
from tests.fakes.twilio import FakeTwilio

AMY, OURS = "+12075550142", "+12065550100"
EDITION = f"({words.words().version})"
MEDIA = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media"
TEXT = {"MessageSid": "SM1", "SmsSid": "SM1", "From": AMY, "To": OURS, "NumMedia": "0", "NumSegments": "1", "Body": ""}
CHAT = {**TEXT, "From": f"whatsapp:{AMY}", "To": f"whatsapp:{OURS}", "ProfileName": "Amy", "WaId": "12075550142"}


def files(*types: str) -> dict[str, str]:
    """The fields of media, as they come with SMS and WhatsApp alike."""
    named = {f"MediaContentType{n}": media_type for n, media_type in enumerate(types)}
    return {"NumMedia": str(len(types)), **named, **{f"MediaUrl{n}": f"{MEDIA}/ME{n}" for n in range(len(types))}}


def photo(number: int = 0, **more: Any) -> Upload:
    return Upload("photo", f"{MEDIA}/ME{number}", "image/jpeg", **more)


def read(fields: dict[str, str], **more: str) -> Inbound:
    return decode(json.dumps([*(fields | more).items()]).encode())


# https://www.twilio.com/docs/messaging/guides/webhook-request, https://www.twilio.com/docs/whatsapp/buttons,
# https://www.twilio.com/docs/messaging/features/advanced-opt-out
RECORDED: dict[str, tuple[dict[str, str], Inbound]] = {
    "a text": ({**TEXT, "Body": "Hi there"}, Words("Hi there")),
    "a text as it was typed": ({**TEXT, "Body": " 2 \n"}, Words(" 2 \n")),
    "a text of nothing": (TEXT, Other("unsupported")),
    "a text of spaces": ({**TEXT, "Body": " \n "}, Other("unsupported")),
    "a picture": ({**TEXT, **files("image/jpeg")}, photo()),
    "a picture with words": ({**TEXT, **files("image/jpeg"), "Body": "my knee"}, photo(caption="my knee")),
    "several files": (
        {**TEXT, **files("image/jpeg", "image/jpeg", "application/pdf"), "Body": "all"},
        photo(caption="all", others=(photo(1), Upload("document", f"{MEDIA}/ME2", "application/pdf"))),
    ),
    "a contact card": ({**TEXT, **files("text/vcard")}, Upload("document", f"{MEDIA}/ME0", "text/vcard")),
    "whatsapp: a text": ({**CHAT, "MessageType": "text", "Body": "Hola"}, Words("Hola")),
    "whatsapp: a voice message": (
        {**CHAT, "MessageType": "audio", **files("audio/ogg; codecs=opus")},
        Upload("voice", f"{MEDIA}/ME0", "audio/ogg"),
    ),
    "whatsapp: a picture": ({**CHAT, "MessageType": "image", **files("image/jpeg")}, photo()),
    "whatsapp: a document": (
        {**CHAT, "MessageType": "document", **files("application/pdf"), "Body": "report.pdf"},
        Upload("document", f"{MEDIA}/ME0", "application/pdf", caption="report.pdf"),
    ),
    "whatsapp: a place": (
        {**CHAT, "MessageType": "location", "Latitude": "37.78", "Longitude": "-122.39", "Label": "Twilio", "Address": "375 Beale"},
        Other("place"),
    ),
    "whatsapp: a place on the equator": ({**CHAT, "Latitude": "0", "Longitude": "0"}, Other("place")),
    "whatsapp: a quick reply": (
        {**CHAT, "MessageType": "interactive", "Body": "9:20", "ButtonText": "9:20", "ButtonPayload": "mq3vXk9Q2wE.1"},
        Tap("mq3vXk9Q2wE", 1),
    ),
    "whatsapp: a button of a template": (
        {**CHAT, "MessageType": "button", "Body": "Confirm", "ButtonText": "Confirm", "ButtonPayload": "mq3v.Xk9.12"},
        Tap("mq3v.Xk9", 12),
    ),
    "whatsapp: a line of a list": (
        {**CHAT, "MessageType": "interactive", "Body": "Tue 9:20", "ListId": "mq3vXk9Q2wE.10", "ListTitle": "Tue 9:20"},
        Tap("mq3vXk9Q2wE", 10),
    ),
    "whatsapp: a button of somebody else's template": (
        {**CHAT, "MessageType": "button", "Body": "Yes", "ButtonText": "Yes", "ButtonPayload": "Yes"},
        Words("Yes"),
    ),
    "whatsapp: a tap on nothing": ({**CHAT, "Body": "x", "ButtonPayload": "some.text"}, Tap("", 0)),
    "whatsapp: a reply to a message, typed": (
        {**CHAT, "Body": "the second", "OriginalRepliedMessageSid": "SM0", "OriginalRepliedMessageSender": f"whatsapp:{OURS}"},
        Words("the second"),
    ),
    "whatsapp: after an advertisement": (
        {**CHAT, "Body": "Hi", "ReferralNumMedia": "1", "ReferralMediaUrl0": "https://a.example", "ReferralBody": "Ad"},
        Words("Hi"),
    ),
    "stop, says a service": ({**TEXT, "Body": "Stop", "OptOutType": "STOP"}, OptOut(f"STOP {EDITION}")),
    "start, says a service": ({**TEXT, "Body": "start", "OptOutType": "START"}, OptIn(f"START {EDITION}")),
    "help, says a service": ({**TEXT, "Body": "help", "OptOutType": "HELP"}, Nothing()),
    "stop in the service's own words": (
        {**TEXT, "Body": "no more of this please", "OptOutType": "STOP"},
        OptOut(f"STOP {EDITION}"),  # a consent is not sealed: it names no words but those that we know
    ),
    "whatsapp: stop, says a service": ({**CHAT, "Body": "ARRÊT", "OptOutType": "STOP"}, OptOut(f"STOP {EDITION}")),
    "whatsapp: cancel, says a service": (
        {**CHAT, "Body": "Cancel", "OptOutType": "STOP"},
        OptOut(f"CANCEL {EDITION}", is_cancel=True),
    ),
    "whatsapp: stop by a button": (
        {**CHAT, "Body": "Stop", "ButtonText": "Stop", "ButtonPayload": "a.1", "OptOutType": "STOP"},
        OptOut(f"STOP {EDITION}"),
    ),
    "stop below a picture": ({**TEXT, **files("image/jpeg"), "Body": "STOP"}, OptOut(f"STOP {EDITION}")),
    "start below a picture": ({**TEXT, **files("image/jpeg"), "Body": "UNSTOP"}, OptIn(f"UNSTOP {EDITION}")),
    "yes below a picture": ({**TEXT, **files("image/jpeg"), "Body": "Yes"}, photo(caption="Yes")),
    "help below a picture": ({**TEXT, **files("image/jpeg"), "Body": "help"}, photo(caption="help")),
    "a kind of word that we do not know": ({**TEXT, "Body": "hi", "OptOutType": "PAUSE"}, Words("hi")),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_what_twilio_documents_is_understood(name: str) -> None:
    fields, meant = RECORDED[name]
    assert read(fields) == meant


def test_of_more_files_than_a_message_can_have_the_first_are_taken() -> None:
    many = read({**TEXT, **files(*["image/jpeg"] * (MOST_FILES + 3))})
    assert isinstance(many, Upload)
    assert len(many.others) == MOST_FILES - 1


@pytest.mark.parametrize("count", ["", "-1", "1.5", "²", "٣", "many", "9" * 5_000])
def test_a_number_of_files_that_is_none_means_no_files(count: str) -> None:
    assert read({**TEXT, **files("image/jpeg"), "NumMedia": count, "Body": "hi"}) == Words("hi")


def test_files_without_an_address_are_passed_over() -> None:
    assert read({**TEXT, **files("image/jpeg", "image/jpeg"), "MediaUrl0": ""}) == photo(1)


# --- leaving and coming back -----------------------------------------------------------------------------------------

OUT = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"]
INTO, HELP = ["START", "UNSTOP"], ["HELP", "INFO"]


def spelled(word: str) -> list[str]:
    """In any case, with spaces around it."""
    return [word, word.lower(), word.title(), word.swapcase(), f"  {word} ", f"\n{word.lower()}\t\r\n", f"\xa0{word}"]


@pytest.mark.parametrize("word", [*OUT, *INTO, *HELP, "YES"])
def test_a_word_of_the_law_is_one_in_any_case_and_with_spaces(word: str) -> None:
    edition = f"{word} {EDITION}"
    for text in spelled(word):
        meant = {
            **dict.fromkeys(OUT, OptOut(edition, is_cancel=word == "CANCEL")),
            **dict.fromkeys(INTO, OptIn(edition)),
            **dict.fromkeys(HELP, Nothing()),
            "YES": OptIn(edition, otherwise=text),
        }
        assert read(TEXT, Body=text) == meant[word]


@pytest.mark.parametrize("word", [*OUT, *INTO, *HELP, "YES"])
def test_on_whatsapp_a_word_means_what_it_says_unless_twilio_says_more(word: str) -> None:
    for text in spelled(word):
        assert read(CHAT, Body=text) == Words(text)


PLAIN = [
    "STOP 12345", "Stop it", "stop please", "please stop", "STOP.", "STOP!", "“stop”", "S T O P", "STOP STOP", "stopp", "cancel my appointment",
    "cancel please", "cancel tuesday", "yes please", "yes, Tuesday", "Yes.", "YES!", "yess", "start now", "end of march", "quit smoking advice",
    "help me", "info please", "help?", "I quit", "not STOP", "1", "no", "unsubscribe me", "opt out", "opt-out", "stop all",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_a_word_of_the_law_among_others_is_words(text: str) -> None:
    assert read(TEXT, Body=text) == Words(text)


def test_the_words_are_those_by_which_twilio_acts() -> None:
    """W6. Were one missing, every later message would be refused, and nobody would know why."""
    senses = words.words().senses
    assert {word for word, sense in senses.items() if sense == "out"} == set(OUT)
    assert {word for word, sense in senses.items() if sense in ("in", "in_if_out")} == {*INTO, "YES"}
    assert {word for word, sense in senses.items() if sense == "help"} == set(HELP)


# --- whatever comes --------------------------------------------------------------------------------------------------

NAMES = [
    "Body",
    "NumMedia",
    "MediaUrl0",
    "MediaContentType0",
    "MediaUrl1",
    "Latitude",
    "ButtonPayload",
    "ListId",
    "OptOutType",
    "From",
    "To",
    "WaId",
]
ODD = st.sampled_from(
    ["", "0", "1", "2", "99", "STOP", "YES", "a.1", ".", "whatsapp:", "whatsapp:+1", "+", "\x00", "²", "image/"]
)
FIELDS = st.lists(st.tuples(st.sampled_from(NAMES) | st.text(), ODD | st.text()), max_size=12)


@settings(max_examples=150, deadline=None)
@given(FIELDS)
def test_no_fields_break_anything(fields: list[tuple[str, str]]) -> None:
    meant = decode(json.dumps(fields).encode())
    assert isinstance(meant, Inbound)
    sender = sender_of(dict(fields))
    assert sender.channel in (SMS, WHATSAPP)
    if isinstance(meant, OptOut | OptIn):  # which is written down in the clear
        assert meant.wording.partition(" ")[0] in {*words.words().senses, "STOP", "START"}


# --- who is who ------------------------------------------------------------------------------------------------------

SPELLINGS = {
    "Argentina": ["+5491123456789", "+541123456789", "whatsapp:+5491123456789", "whatsapp:+541123456789"],
    "Argentina, Córdoba": ["+5493514567890", "+543514567890"],
    "Mexico": ["+525512345678", "+5215512345678", "whatsapp:+5215512345678"],
    "Brazil": ["+5511987654321", "+551187654321", "whatsapp:+551187654321"],
    "Maine": ["+12075550142", " +12075550142 ", "+1 (207) 555-0142", "+1-207-555-0142", "whatsapp:+12075550142"],
    "Germany": ["+4915123456789", "+49 1512 3456789"],
    "Italy, with its nought": ["+390612345678", "+39 06 1234 5678"],
}


@pytest.mark.parametrize("place", SPELLINGS)
def test_all_spellings_of_a_number_are_one_person(place: str) -> None:
    assert {canonical(number) for number in SPELLINGS[place]} == {canonical(SPELLINGS[place][0])}
    assert canonical(SPELLINGS[place][0]) == SPELLINGS[place][0]


def test_different_people_stay_different() -> None:
    numbers = [
        "+551132345678", "+5511932345678",  # a landline in São Paulo has no ninth digit
        "+525512345678", "+525512345679", "+541123456789", "+541123456780", "+12075550142", "+12075550143", "12345", "54321",
    ]  # fmt: skip
    assert len({canonical(number) for number in numbers}) == len(numbers)


def test_a_canonical_number_is_its_own() -> None:
    for number in (number for numbers in SPELLINGS.values() for number in numbers):
        assert canonical(canonical(number)) == canonical(number)


HOSTILE = ["", "+", "++1", "+0", "+1", "Clinic", "24365", "+1" + "2" * 5_000, "+999999999999", "tel:+12075550142", "+1207555O142", "\x00", "+1\x00",
           "+١٢٠٧٥٥٥٠١٤٢", "'; DROP TABLE inbox", "whatsapp:", "whatsapp:whatsapp:+1", "+1800FLOWERS", "²", "+²", "\u202e+12075550142", "é" * 300]  # fmt: skip


@pytest.mark.parametrize("number", HOSTILE, ids=lambda number: ascii(number)[:20])
def test_what_is_no_number_is_what_it_is(number: str) -> None:
    assert isinstance(canonical(number), str)
    assert sender_of({"From": number, "To": OURS, "WaId": number}).account == OURS


@settings(max_examples=150, deadline=None)
@given(st.text() | st.from_regex(r"(whatsapp:)?\+?[0-9() ;=x#*.-]{0,30}", fullmatch=True))
def test_no_number_breaks_anything_and_once_is_enough(number: str) -> None:
    assert canonical(canonical(number)) == canonical(number)


@pytest.mark.parametrize(
    ("number", "spelling"), [("+5491123456789", "+541123456789"), ("+525512345678", "+5215512345678")]
)
@pytest.mark.parametrize("only_wa_id", [False, True])
def test_whatsapp_and_sms_know_a_person_by_the_same_number(number: str, spelling: str, *, only_wa_id: bool) -> None:
    with FakeTwilio() as twilio:
        twilio.number(OURS)
        twilio.whatsapp(OURS)
        person = twilio.person(number)
        person.is_spelled(spelling, only_wa_id=only_wa_id)
        by_sms, by_whatsapp = sender_of(person.texts("hi")), sender_of(person.texts_on_whatsapp("hi"))
    assert (by_sms.channel, by_whatsapp.channel) == (SMS, WHATSAPP)
    assert (by_sms.address, by_sms.account) == (by_whatsapp.address, by_whatsapp.account) == (number, OURS)


def test_a_name_in_place_of_a_wa_id_does_not_count() -> None:
    assert sender_of(CHAT | {"WaId": "amy"}).address == AMY
    assert sender_of(CHAT | {"WaId": ""}).address == AMY
    assert sender_of(TEXT | {"WaId": "49151"}).address == AMY
