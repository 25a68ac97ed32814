"""Telegram's Bot API: what comes in is stored raw and decoded by the worker; what goes out is python-telegram-bot's, in the sender."""

CHANNEL = "telegram"

UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")
"""What we ask Telegram for, by webhook or poller: it remembers the list, and without the last one nobody says that we were blocked."""
