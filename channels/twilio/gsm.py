"""What an SMS can hold: the GSM alphabet, what can stand for signs outside of it, and how many segments a text takes. Pure.

The alphabet is the default one of 3GPP TS 23.038 (GSM 03.38), 6.2.1, with its extension table. Segments are counted as Twilio counts
them: https://www.twilio.com/docs/glossary/what-sms-character-limit, and its own calculator, the npm package sms-segments-calculator.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile
from typing import Literal

LONGEST = 1600  # characters of one message: https://www.twilio.com/docs/messaging/api/message-resource

_ONCE = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWICE = frozenset("\f^{}\\[~]|€")  # the extension table: an escape, then the sign
GSM = _ONCE | _TWICE


def encoding(text: str) -> Literal["GSM-7", "UCS-2"]:
    """The alphabet in which a text travels: one sign outside of GSM's, and all of it is UCS-2."""
    return "GSM-7" if GSM.issuperset(text) else "UCS-2"


def segments(text: str) -> int:
    """How many SMS a text is: 160 places in one and 153 in each of several; in UCS-2 70 and 67. Nothing is torn apart between two."""
    if encoding(text) == "GSM-7":
        return _packed([2 if sign in _TWICE else 1 for sign in text], 160, 153)
    return _packed([_units(sign) for sign in _signs(text)], 70, 67)


def _packed(sizes: list[int], alone: int, each: int) -> int:
    if sum(sizes) <= alone:
        return 1
    count, free = 1, each
    for size in sizes:
        if size > free:
            count, free = count + 1, each
        free -= size
    return count


def _units(text: str) -> int:
    """Its length in UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# --- what can stand for signs outside of the alphabet -------------------------------------------------------------------

_ALIKE = {
    **dict.fromkeys("‘’‚‛′‵‹›❛❜`´ʹʻʼʽˈ", "'"),
    **dict.fromkeys("“”„‟″‶«»❝❞〝〞ʺ", '"'),
    **dict.fromkeys("•‣◦⁃∙●○▪▫■□◆◇►▶➤−", "-"),
    "…": "...", "→": "->", "➔": "->", "➜": "->", "←": "<-", "↔": "<->", "⇒": "=>", "©": "(c)", "®": "(R)",
    "⁄": "/", "∕": "/", "÷": "/", "×": "x", "±": "+/-", "≤": "<=", "≥": ">=", "≈": "~", "¦": "|",
    "\t": " ", "\v": " ", "\x85": "\n", "\u2028": "\n", "\u2029": "\n",
}  # fmt: skip
"""Signs that Unicode does not call compatible with those that people take for the same."""

_JOINERS = "\u200c\u200d"  # spelling in Persian and in Indian scripts; elsewhere they are in emoji
_STRAY = re.compile(f"(?<![\u0590-\u1fff])[{_JOINERS}]")
_DROPPED = "\0"  # in the place of decoration until the spaces around it are put in order
_DECORATION = re.compile(f" *{_DROPPED}[ {_DROPPED}]*")
_AT_AN_EDGE = re.compile(rf"^{_DECORATION.pattern}|{_DECORATION.pattern}(?=[.,;:!?)\n]|\Z)", re.MULTILINE)
_MIDDLE_DOT = re.compile("(?<= )·(?= )")  # within a word it is Catalan spelling
_NEW_EMOJI = range(0x1F000, 0x1FB00)  # of which Python's own tables do not know each


def as_gsm(text: str) -> str:
    """The same text for an SMS: in GSM's alphabet where its letters allow, and in no more segments than before.

    Look-alikes take the place of typographic signs, emoji and other decoration go. Letters and digits of every script stay: a name
    must not be misspelt, and what needs UCS-2 for one travels in UCS-2.
    """
    if encoding(text) == "GSM-7":
        return text
    signs = _STRAY.sub("", unicodedata.normalize("NFC", text))
    plain = _tidy(map(_plain, signs))
    # In a text that stays UCS-2 three dots for one sign would only make it longer.
    sparing = _tidy(sign if len(_plain(sign)) > 1 else _plain(sign) for sign in signs)
    return min(plain, sparing, text, key=segments) if plain.strip() else text


def _tidy(signs: Iterable[str]) -> str:
    """In one piece, with one space where decoration was between two words."""
    tidied = _DECORATION.sub(" ", _AT_AN_EDGE.sub("", "".join(signs)))
    return unicodedata.normalize("NFC", _MIDDLE_DOT.sub("-", tidied))


@lru_cache(4096)
def _plain(sign: str) -> str:
    """What stands for one sign: itself, a look-alike, nothing, or a mark that decoration was here."""
    if sign in GSM:
        return sign
    alike = _ALIKE.get(sign) or "".join(_ALIKE.get(each, each) for each in unicodedata.normalize("NFKC", sign))
    if GSM.issuperset(alike):
        return alike
    match unicodedata.category(sign):
        case "Zs":
            return " "
        case "Pd":
            return "-"
        case "Cc" | "Cf" | "Cs":
            return sign if sign in _JOINERS else ""
        case "So" | "Sk" | "Co":
            is_word = alike != sign and any(map(str.isalnum, alike))
            return "".join(map(_plain, alike)) if is_word else _DROPPED
        case "Sm" if "\u2190" <= sign < "\u2200" or sign > "\u22ff":
            return _DROPPED
        case "Cn" if ord(sign) in _NEW_EMOJI:
            return _DROPPED
        case "Mn" | "Me" if "\ufe00" <= sign <= "\ufe0f" or "\u20d0" <= sign <= "\u20f0" or sign == "\u034f":
            return ""  # how the sign before it is to look
    return sign


# --- what people see as one sign ---------------------------------------------------------------------------------------

_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")  # two of these letters are a flag
_SKIN = re.compile("[\U0001f3fb-\U0001f3ff]")
_L, _V, _T = "[\u1100-\u115f\ua960-\ua97c]", "[\u1160-\u11a7\ud7b0-\ud7c6]", "[\u11a8-\u11ff\ud7cb-\ud7fb]"
_HANGUL = re.compile(f"{_L}(?:{_L}|{_V})|{_V}(?:{_V}|{_T})|{_T}{_T}")  # what goes on within a syllable


def _signs(text: str) -> list[str]:
    """A letter with its accents, an emoji of several, a flag, a Korean syllable: roughly the clusters of UAX 29."""
    signs: list[str] = []
    for each in text:
        if signs and _belongs(signs[-1], each):
            signs[-1] += each
        else:
            signs.append(each)
    return signs


def _belongs(sign: str, after: str) -> bool:
    before = sign[-1]
    if _is_control(before) or _is_control(after):
        return False
    if after in _JOINERS or unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return True
    if _SKIN.match(after) or before == "\u200d":
        return unicodedata.category(sign[0]) == "So"
    if _FLAG.match(after):
        return len([*takewhile(_FLAG.match, reversed(sign))]) % 2 == 1
    return bool(_HANGUL.fullmatch(unicodedata.normalize("NFD", before)[-1] + unicodedata.normalize("NFD", after)[0]))


def _is_control(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") and sign not in _JOINERS
