"""How a text is cut into segments, and what Smart Encoding makes of it: pure functions.

[D] GSM 03.38 and Twilio's pages on character limits, on toll-free numbers and on Smart Encoding; tests/data/segments.jsonl
holds what Twilio's own calculator says.
"""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")  # two places each
GSM = BASIC | EXTENDED

ALIKE = {
    '"': "\xab\xbb\u02ba\u02ee\u201c\u201d\u201e\u201f\u275d\u275e\u301d\u301e",
    "'": "\x60\xb4\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u0313\u0314\u2018\u2019\u201b\u275b\u275c\ufe10\ufe11",
    "/": "\xf7\u0337\u0338\u2044\u2215\u29f8",
    "1/4": "\xbc",
    "1/2": "\xbd",
    "3/4": "\xbe",
    "\\": "\u20e5\u29f5\u29f9\ufe68",
    "_": "\u0332\u2017",
    "|": "\u20d2\u20d3\u2223\u239c\u239f\u23b8\u23b9\u23d0",
    "-": "\u2010\u2013\u2014\u2015\u2022\u2043\u23bc\u23bd\ufe63",
    "@": "\ufe6b",
    "$": "\ufe69",
    "!": "\u01c3\ufe15\ufe57",
    "#": "\ufe5f",
    "%": "\ufe6a",
    "&": "\ufe60",
    ",": "\u0326\u201a\u3001\ufe50\ufe51\uff64",
    "(": "\u2768\u276a\u27ee\u2985\ufe59",
    ")": "\u2769\u276b\u27ef\u2986\ufe5a",
    "*": "\u204e\u2217\u229b\u2722\u2723\u2724\u2725\u2731\u2732\u2733\u273a\u273b\u273c\u273d\u2743\u2749\u274a\u274b\u29c6\ufe61",
    "+": "\u02d6\ufe62",
    ".": "\u3002\ufe52\uff61",
    ":": "\u02d0\u02f8\u2982\ua789\ufe13",
    ";": "\u204f\ufe14\ufe54",
    "<": "\u2039\ufe64",
    "=": "\u0347\ua78a\ufe66",
    ">": "\u203a\ufe65",
    "?": "\ufe16\ufe56",
    "^": "\u02c6\u0302\u1dcd",
    "{": "\u2774\ufe5b",
    "}": "\u2775\ufe5c",
    "~": "\u02dc\u02f7\u0303\u0330\u0334\u223c",
    "  ": "\x80\x8d\x90\x9b\x9f\xa0\u2000\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "": "\x00\x03\x04\x10\x11\x12\x13\x14\x17\x19\u200b\u200c\u2060\ufeff",
    "       ": "\x09",
    "!!": "\u203c",
    " ": "\u2001\u2028\u2029",
    "...": "\u2026",
}
CAPITALS = "ABCDEFGHIJKLMNOPRSTUVWYZ"
SMALL_CAPITALS = "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22"
WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if not 0xFF40 <= code <= 0xFF5A}
SMART = {ord(each): plain for plain, each_of in ALIKE.items() for each in each_of}
SMART |= WIDE | {ord(small): capital for small, capital in zip(SMALL_CAPITALS, CAPITALS, strict=True)}


def smart(text: str) -> str:
    """The text with lookalikes that GSM-7 knows in place of what it does not."""
    return text.translate(SMART)


def is_gsm(text: str) -> bool:
    return GSM.issuperset(text)


def count(text: str, *, toll_free: bool = False) -> int:
    """How many segments the text is sent in; toll-free numbers have a character less in each of several."""
    if is_gsm(text):
        sizes, alone, joined = [2 if each in EXTENDED else 1 for each in text], 160, 153
    else:
        sizes, alone, joined = [2 if ord(each) > 0xFFFF else 1 for each in text], 70, 67
    if sum(sizes) <= alone:
        return 1
    return _packed(sizes, joined - toll_free)


def _packed(sizes: list[int], room: int) -> int:
    """What takes two places is not torn apart."""
    segments, left = 1, room
    for size in sizes:
        if size > left:
            segments, left = segments + 1, room
        left -= size
    return segments
