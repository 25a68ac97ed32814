"""Chats with the demo clinic on Telegram, as a patient sees them: real updates, real calls, one thread in between."""

import pytest

from channels.telegram.send import Telegram
from tests.channels.telegram.conftest import ACCOUNT, TOKEN, Bot, Chat
from tests.fakes.telegram import faults, updates

TUESDAY = "Tue, Mar 10, 8:00 AM"
TOO_OLD = faults.answers(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")


@pytest.fixture
def known(amy: Chat) -> Chat:
    """Amy, who has a visit on Tuesday at eight."""
    amy.introduce()
    return amy


def visits(bot: Bot) -> list[str]:
    """What has become of the visits of whoever was registered last."""
    rows = bot.sql(
        "SELECT status FROM appointments WHERE status <> 'pending' AND patient_id = (SELECT max(id) FROM patients) ORDER BY id"
    )
    return [str(status) for (status,) in rows]


def reasons(bot: Bot) -> list[str]:
    """Why staff should look."""
    return [str(reason) for (reason,) in bot.sql("SELECT reason FROM handoffs WHERE closed_at IS NULL ORDER BY id")]


# --- booking ---------------------------------------------------------------------------------------------------------


def test_whoever_starts_is_greeted_by_a_clinic_that_says_it_is_a_demonstration(amy: Chat) -> None:
    greeting = amy.does(amy.person.starts()).text
    assert greeting.startswith("This is a demonstration: the clinic is invented")
    assert "Hello, this is the front desk of Harborview Clinic." in greeting


def test_somebody_new_books_with_four_messages(amy: Chat) -> None:
    assert amy.says("cleaning with Dr Lee Tuesday morning").rows == (
        ("Tue, Mar 10, 8:00 AM", "Tue, Mar 10, 8:50 AM"),
        ("Tue, Mar 10, 9:40 AM",),
        ("More times", "Other day"),
    )
    assert "I am holding Tuesday, March 10 at 8:00 AM" in amy.taps(TUESDAY).text
    amy.says("Amy Lane")
    booked = amy.says("3 May 1990")
    assert booked.text.startswith("Booked for Amy: Cleaning with Dr Lee\nTuesday, March 10 at 8:00 AM\nOld Port")
    assert booked.labels == ["Undo"]


def test_somebody_known_books_with_two_messages_and_without_saying_anything_with_three(bot: Bot, known: Chat) -> None:
    known.says("skin doctor Thursday morning")
    assert "Booked for Amy" in known.taps(known.person.last.labels[0]).text
    known.says("hi")
    known.taps(known.person.last.labels[-1])
    assert "Booked for Amy" in known.taps(known.person.last.labels[-3]).text
    assert visits(bot) == ["booked"] * 3


def test_more_times_and_back_turn_the_pages_of_one_message(amy: Chat) -> None:
    first = amy.says("cleaning with Dr Lee Tuesday morning")
    second = amy.taps("More times")
    assert second.message_id == first.message_id
    assert second.labels[-3:] == ["More times", "Other day", "Back"]
    assert not set(second.labels[:-3]) & set(first.labels)
    third = amy.taps("Back")
    assert (third.message_id, third.labels) == (first.message_id, first.labels)


def test_a_page_does_not_change_in_a_message_that_is_no_longer_the_newest(amy: Chat) -> None:
    offer = amy.says("cleaning with Dr Lee Tuesday morning")
    amy.says("where are you?")
    again = amy.person.last
    assert again.message_id != offer.message_id
    newer = amy.does(amy.person.taps_stale(offer, "More times"))
    assert newer.message_id not in (offer.message_id, again.message_id)
    assert "Back" in newer.labels


def test_buttons_go_once_they_are_answered_and_when_something_else_is_asked(amy: Chat) -> None:
    offer = amy.says("cleaning with Dr Lee Tuesday morning")
    amy.says("where are you?")
    assert [message.labels for message in amy.person.from_bot if message.message_id == offer.message_id] == [[]]
    amy.taps(TUESDAY)
    assert all(not message.labels for message in amy.person.from_bot)


def test_undo_stays_while_something_else_is_asked_and_goes_when_it_is_used(bot: Bot, known: Chat) -> None:
    known.says("skin doctor Thursday morning")
    assert "Undo" in known.person.from_bot[-2].labels
    undone = known.does(known.person.taps("Undo"))
    assert "undone" in undone.text.lower() or "not booked" in undone.text.lower()
    assert visits(bot) == ["cancelled"]
    assert not any("Undo" in message.labels for message in known.person.from_bot)


def test_two_taps_on_a_time_are_one_booking_and_one_confirmation(bot: Bot, known: Chat) -> None:
    offer = known.says("skin doctor Thursday morning")
    label = offer.labels[0]
    bot.hears(known.person.taps(label), known.person.taps((offer, label)))
    assert visits(bot) == ["booked", "booked"]
    assert (
        sum("Booked for Amy" in message.text for message in known.person.from_bot) == 2
    )  # one of them is the first visit
    assert len(known.tapped_notes) == 1
    assert known.tapped_notes[0].startswith("Amy has that time already")


def test_a_tap_that_comes_too_late_for_a_note_is_answered_by_a_message(bot: Bot, known: Chat) -> None:
    offer = known.says("skin doctor Thursday morning")
    label = offer.labels[0]
    known.taps(label)
    late = known.person.taps_stale(offer, label)
    bot.telegram.will("answerCallbackQuery", TOO_OLD)
    assert "already" in known.does(late).text


def test_an_old_button_does_what_it_says_after_a_restart(bot: Bot, known: Chat) -> None:
    offer = known.says("skin doctor Thursday morning")
    bot.worker = type(bot.worker)(bot.clinic.engine, bot.worker.vault, answers_for_demo=True)
    known.says("never mind")
    assert "Booked for Amy" in known.does(known.person.taps_stale(offer, offer.labels[0])).text


def test_somebody_elses_button_means_nothing_and_tells_nothing(bot: Bot, known: Chat) -> None:
    eve = Chat(bot, bot.telegram.person(66, "Eve"))
    known.says("skin doctor Thursday morning")
    data = bot.telegram.calls("sendMessage")[-1].parameters["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    assert len(data.encode()) <= 64
    eve.says("hello")
    answer = eve.does(eve.person.taps_data(data))
    assert "Amy" not in answer.text
    assert visits(bot) == ["booked"]


# --- moving and cancelling -------------------------------------------------------------------------------------------


def test_a_visit_is_moved_by_taps_and_says_when_it_was(bot: Bot, known: Chat) -> None:
    known.says("move my visit")
    moved = known.taps(known.person.last.labels[0])
    assert moved.text.startswith("Moved") or "moved" in moved.text.lower()
    assert moved.labels == ["Undo"]
    assert visits(bot) == ["booked"]


def test_a_visit_is_cancelled_and_undo_brings_it_back(bot: Bot, known: Chat) -> None:
    cancelled = known.says("cancel my visit")
    assert cancelled.labels == ["Undo"]
    assert visits(bot) == ["cancelled"]
    known.taps("Undo")
    assert visits(bot) == ["booked"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("/visits", "Your upcoming visit"),
        ("/hours", "8:00 AM"),
        ("/help", "skin doctor"),
        ("/person", "front desk"),
        ("/book skin doctor", "Skin consultation"),
        ("/book@clinic_bot", "Which doctor"),
        ("/cancel", "cancelled"),
        ("/nonsense", "did not understand"),
    ],
)
def test_commands_mean_what_the_menu_says(known: Chat, command: str, answer: str) -> None:
    assert answer.lower() in known.says(command).text.lower()


# --- what happens at once --------------------------------------------------------------------------------------------


def test_three_texts_in_one_millisecond_are_answered_in_order(bot: Bot, amy: Chat) -> None:
    bot.hears(*(amy.person.writes(text) for text in ("cleaning with Dr Lee", "Tuesday", "in the morning please")))
    assert amy.person.last.labels[0] == TUESDAY
    assert len(amy.person.from_bot) == 3


def test_a_tap_and_a_text_that_have_changed_places_both_count(bot: Bot, amy: Chat) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning")
    tap, text = amy.person.taps(TUESDAY), amy.person.writes("my name is Amy Lane")
    bot.hears(text, tap)
    assert "Amy" not in amy.person.last.text or "date of birth" in amy.person.last.text
    assert "Booked for Amy" in amy.says("May 3, 1990").text


def test_the_same_update_five_times_is_answered_once(bot: Bot, amy: Chat) -> None:
    update = amy.person.writes("hello")
    assert bot.store(*[update] * 5) == [True, False, False, False, False]
    bot.answer()
    assert bot.store(update) == [False]
    bot.answer()
    assert len(amy.person.from_bot) == 1


def test_an_edit_takes_the_place_of_a_message_that_nobody_has_answered(bot: Bot, amy: Chat) -> None:
    message = amy.person.writes("cleaning with Dr Lee Wednesday morning")
    bot.hears(message, amy.person.edits(message, "cleaning with Dr Lee Tuesday morning"))
    assert [message.labels[0] for message in amy.person.from_bot] == [TUESDAY]


def test_an_edit_of_what_was_answered_changes_nothing(bot: Bot, amy: Chat) -> None:
    message = amy.person.writes("cleaning with Dr Lee Tuesday morning")
    bot.hears(message)
    bot.hears(amy.person.edits(message, "no, Wednesday"))
    assert len(amy.person.from_bot) == 1
    assert amy.person.last.labels[0] == TUESDAY


# --- what is no words ------------------------------------------------------------------------------------------------


def test_a_picture_goes_to_staff_sealed_and_the_question_comes_again(bot: Bot, amy: Chat) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning")
    answer = amy.does(amy.person.sends_photo(b"a rash on an arm"))
    assert "passed it on to the people at the front desk" in answer.text
    assert answer.labels[0] == TUESDAY
    assert bot.sql("SELECT status, size, reference FROM attachments") == [("kept", 16, None)]
    ((content,),) = bot.sql("SELECT content FROM attachments")
    assert isinstance(content, bytes)
    assert b"rash" not in content
    assert reasons(bot) == ["file"]


def test_staff_save_a_file_and_nothing_is_written_over(
    bot: Bot, amy: Chat, tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    amy.does(amy.person.sends_document(b"%PDF a letter"))
    sam = bot.clinic.desk("Sam")
    assert "sent a file" in sam.do("list")
    (conversation,) = bot.sql("SELECT id FROM conversations WHERE id IN (SELECT conversation_id FROM attachments)")
    shown = sam.do(f"read {conversation[0]}")
    assert "[document]" in shown
    assert "`file 1 NAME` saves it: application/pdf, 1 kB" in shown
    assert sam.do("file 1 letter.pdf") == "Saved as letter.pdf."
    assert sam.do("file 1 letter.pdf") == "letter.pdf cannot be written (File exists)."
    assert sam.do("file 99 other.pdf").startswith("There is no file 99")
    assert bot.sql("SELECT count(*) FROM audit WHERE action = 'attachment.read'") == [(2,)]


def test_words_below_a_picture_are_heard_and_so_is_an_emergency(bot: Bot, amy: Chat) -> None:
    answer = amy.does(amy.person.sends_photo(caption="can I see a skin doctor on Thursday morning?"))
    assert "Skin consultation" in answer.text
    assert reasons(bot) == ["file"]


@pytest.mark.parametrize("what", ["photo", "a file that is not taken", "video"])
def test_an_emergency_below_a_picture_is_heard_whatever_becomes_of_the_picture(bot: Bot, amy: Chat, what: str) -> None:
    update = amy.person.sends_photo(caption="I have chest pain")
    message = update["message"]
    if what != "photo":
        photo = message.pop("photo")[0]
        message["document" if what != "video" else "video"] = {**photo, "mime_type": "video/mp4"}
    amy.does(update)
    assert any("911" in text for text in amy.person.sees)
    assert "emergency" in reasons(bot)


def test_an_album_is_thanked_for_once(bot: Bot, amy: Chat) -> None:
    photos = [amy.person.sends_photo(b"one"), amy.person.sends_photo(b"two")]
    for photo in photos:
        photo["message"]["media_group_id"] = "17"
    bot.hears(*photos)
    assert len(amy.person.from_bot) == 1
    assert bot.sql("SELECT status FROM attachments") == [("kept",), ("kept",)]


@pytest.mark.parametrize(
    ("size", "media_type", "answer"),
    [
        (11 * 1024 * 1024, "application/pdf", "too large for me to take: up to 10 MB"),
        (3, "application/x-msdownload", "photos, voice messages and PDF files"),
        (3, "", "photos, voice messages and PDF files"),
    ],
)
def test_what_is_too_large_or_could_run_is_not_taken(
    bot: Bot, amy: Chat, size: int, media_type: str, answer: str
) -> None:
    update = amy.person.sends_document(b"MZ", "visit.exe", media_type)
    update["message"]["document"]["file_size"] = size
    assert answer in amy.does(update).text
    assert bot.sql("SELECT 1 FROM attachments") == []
    assert reasons(bot) == []


def test_other_things_get_a_kind_answer_and_the_question_again(amy: Chat) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning")
    for update, answer in (
        (amy.person.sends_sticker(), "🙂"),
        (amy.person.sends_location(), "This is where we are:\nOld Port, 12 Commercial Street"),
        (amy.person.sends_voice(), "I cannot listen to voice messages"),
        (amy.person.forwards_contact("+12075550177", 99), "That card is not your own"),
        (amy.person.forwards_contact("+12075550177"), "That card is not your own"),
        (amy.person.starts("ref-17"), "is over, or not one of ours"),
    ):
        said = amy.does(update)
        assert said.text.startswith(answer) or answer in said.text
        assert said.labels[0] == TUESDAY


def test_ones_own_number_is_kept_as_proven_and_nobody_elses(bot: Bot, known: Chat) -> None:
    assert "noted your number" in known.does(known.person.shares_own_contact("12075550101")).text
    known.does(known.person.shares_own_contact("+1 207 555 0101"))
    known.does(known.person.forwards_contact("+12075550177", 99))
    assert bot.sql(
        "SELECT system, verified_at IS NOT NULL, c.key IS NOT NULL FROM contact_points c JOIN patients p "
        "ON p.id = c.patient_id JOIN patient_addresses a ON a.patient_id = p.id JOIN addresses d "
        "ON d.id = a.address_id WHERE d.channel = 'telegram'"
    ) == [("phone", True, True)]


def test_a_number_given_before_the_name_comes_into_the_record(bot: Bot, amy: Chat) -> None:
    amy.does(amy.person.shares_own_contact("12075550101"))
    amy.introduce()
    assert bot.sql(
        "SELECT verified_at IS NOT NULL FROM contact_points WHERE patient_id = (SELECT max(id) FROM patients)"
    ) == [(True,)]


# --- where and whether one may talk ----------------------------------------------------------------------------------


def test_in_a_group_nothing_is_said_but_that_visits_are_private(bot: Bot, known: Chat) -> None:
    group = bot.telegram.group(-1001)
    bot.hears(group.adds(bot.telegram.bot(), known.person))
    bot.hears(group.writes(known.person, "/visits"))
    said = [message.text for message in group.messages if message.from_bot]
    assert (
        said
        == [
            "Others can read along here, so I talk about visits in private only. Please write to me in a chat of our own."
        ]
        * 2
    )
    chat = updates.group_chat(-1001, "Family")
    overheard = updates.message(9, known.person.user, chat, 1773061000, updates.text("I have a visit on Tuesday"))
    bot.hears({"update_id": 99, "message": overheard})
    assert len([message for message in group.messages if message.from_bot]) == 2


def test_a_tap_in_a_group_is_acknowledged_and_nothing_else(bot: Bot, known: Chat) -> None:
    known.says("skin doctor Thursday morning")
    tap = known.person.taps(known.person.last.labels[0])
    tap["callback_query"]["message"]["chat"] = updates.group_chat(-1001, "Family")
    bot.hears(tap)
    assert visits(bot) == ["booked"]
    assert len(known.person.answered_taps) == 2


def test_whoever_blocks_us_is_marked_what_waits_is_reported_and_back_is_back(bot: Bot, known: Chat) -> None:
    bot.store(known.person.writes("skin doctor Thursday morning"))
    bot.worker.answer_waiting()
    bot.store(known.person.blocks())
    bot.worker.answer_waiting()
    assert bot.sql("SELECT unreachable FROM addresses WHERE channel = 'telegram'") == [("blocked",)]
    assert bot.sql("SELECT status, error FROM outbox WHERE channel = 'telegram' ORDER BY id DESC LIMIT 1") == [
        ("failed", "blocked")
    ]
    assert reasons(bot) == ["undelivered"]
    bot.hears(known.person.unblocks())
    assert bot.sql("SELECT unreachable FROM addresses WHERE channel = 'telegram'") == [(None,)]
    assert "Your upcoming visit" in known.says("/visits").text


def test_a_block_that_only_the_send_finds_goes_to_the_next_channel(bot: Bot, known: Chat) -> None:
    bot.clinic.say("web", "+12075550101", "hello")
    bot.sql(
        "INSERT INTO addresses (channel, account, key, value, conversation_id) "
        "SELECT 'terminal', 'web', 'another', value, conversation_id FROM addresses WHERE channel = 'telegram'"
    )
    update = known.person.writes("/visits")
    known.person.blocks()
    bot.hears(update)
    assert bot.sql("SELECT unreachable FROM addresses WHERE channel = 'telegram'") == [("blocked",)]
    assert bot.sql("SELECT channel, status FROM outbox ORDER BY id DESC LIMIT 1") == [("terminal", "due")]
    assert reasons(bot) == []


def test_while_staff_have_the_chat_the_bot_is_silent_and_taps_are_acknowledged(bot: Bot, known: Chat) -> None:
    offer = known.says("skin doctor Thursday morning")
    (conversation,) = bot.sql("SELECT conversation_id FROM addresses WHERE channel = 'telegram'")
    sam = bot.clinic.desk("Sam")
    sam.do(f"take {conversation[0]}")
    sam.do("say Good morning, this is Sam.")
    bot.deliver()
    assert known.person.last.text == "Sam: Good morning, this is Sam."
    count = len(known.person.from_bot)
    bot.hears(known.person.taps(offer.labels[0]), known.person.sends_photo(b"a letter"), known.person.writes("thanks"))
    assert len(known.person.from_bot) == count
    assert len(known.person.answered_taps) == 2
    assert "[photo]" in sam.do("read")
    assert bot.sql("SELECT status FROM attachments") == [("kept",)]


def test_without_demo_the_invented_clinic_is_silent_on_a_real_channel(bot: Bot, amy: Chat) -> None:
    bot.worker.answers_for_demo = False
    bot.hears(amy.person.writes("hello"))
    assert amy.person.from_bot == []
    assert bot.sql("SELECT status FROM inbox") == [("answered",)]


def test_several_bots_have_chats_of_their_own_and_each_answers_for_itself(bot: Bot, known: Chat) -> None:
    other = bot.telegram.bot("654321:OTHER-TOKEN", "other_bot")
    bot.speaker.close()
    bot.speaker = Telegram({ACCOUNT: TOKEN, "654321": other.token}, bot.telegram.url)
    elsewhere = known.person.at(other)
    bot.store(elsewhere.writes("/visits"), account="654321")
    bot.answer()
    assert "Amy" not in elsewhere.last.text
    assert len(bot.sql("SELECT DISTINCT conversation_id FROM addresses WHERE channel = 'telegram'")) == 2
    assert "Your upcoming visit" in known.says("/visits").text
