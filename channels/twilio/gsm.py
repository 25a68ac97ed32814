"""How many segments a text takes."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")


def segments(text: str) -> int:
    """In GSM-7 where its letters allow, in UCS-2 otherwise."""
    is_gsm = all(letter in _BASIC or letter in _EXTENDED for letter in text)
    units = sum(1 + (letter in _EXTENDED) for letter in text) if is_gsm else len(text.encode("utf-16-le")) // 2
    alone, joined = (160, 153) if is_gsm else (70, 67)
    return 1 if units <= alone else -(-units // joined)
