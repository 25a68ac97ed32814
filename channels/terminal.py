"""Chat in a terminal: the same inbox, worker and outbox. Its account is the way in which choices are shown."""

from channels.reading import decode

CHANNEL = "terminal"

__all__ = ["CHANNEL", "decode"]
