"""Words of others in a terminal of ours."""

_JOINERS = "\u200c\u200d"  # between letters of some scripts, and within emoji


def printable(text: str) -> str:
    """Text without the signs that move a cursor, change colours or turn the direction of writing; lines stay lines."""
    return "".join(sign if sign.isprintable() or sign in ("\n", *_JOINERS) else "\ufffd" for sign in text)
