"""What stops a command, in words for the person who typed it."""


class CannotRun(Exception):
    """The command cannot go on; the message is one sentence that says what to do."""
