"""Telegram's Bot API: what comes in is stored raw and decoded by the worker; what goes out is python-telegram-bot's, in the sender."""

CHANNEL = "telegram"
