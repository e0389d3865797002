"""Words for labels, garbled words, and the smell of a vague address. Originals stay with the caller."""

import re
import unicodedata
from collections.abc import Sequence

from msgspec import Struct

# Full-width letters, digits and punctuation of ASCII; the ideographic blank is a separator.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# Chinese punctuation keeps its width: "，" and "（" are right in an address.
for _kept in "！（），：；？～":
    del _FULL_WIDTH[ord(_kept)]

# Words of what is right as it is, with single blanks between them: nearly every receiver, and 50 times as fast.
_RIGHT = "[!-~、。（），：；？！～一-龥]+"
_ALL_RIGHT = re.compile(f"(?:{_RIGHT}(?: {_RIGHT})*)?")
_SPACES = re.compile(r"\s+")
# Controls, formats (zero-width ones among them), private, unassigned, line separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
# Dingbats and emoji, and what selects between their forms: label printers draw none of them.
_PICTURES = ((0x2600, 0x27BF), (0xFE00, 0xFE0F), (0x1F000, 0x1FFFF))
_RARE_HAN_FROM = 0x20000  # in names and villages; newer ones than our Unicode tables know, too

_VAGUE = re.compile(
    "临时|待定|待确认|随便|随意|不清楚|不知道|再联系|再通知|另行通知|电话联系|到了打电话"
    "|暂无|没有地址|无地址|地址不详|测试地址|某某|自己看|你猜"
)
_TELLING = re.compile(r"[0-9０-９一-鿿A-Za-z]")
_TELLING_MIN = 4


NAME_CHARS_MAX = 40
ADDRESS_CHARS_MAX = 100
"""What electronic waybills take and a label of 76 mm prints in three lines; the region stands apart."""
_CUT = "…"

# What is left where bytes of one encoding were read as another and the text cannot be had back.
_LOST = re.compile("\ufffd|锟斤拷|锟斤|烫烫烫|屯屯屯|ï¿½|\\?{4,}")
_LATIN_OF_UTF8 = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0178\u02c6-\u2122]")


class Label(Struct, frozen=True, kw_only=True):
    """What is printed of a receiver. A part is "" where the original is fit for a label as it is."""

    name: str = ""
    phone: str = ""
    address: str = ""


def label_of(name: str, phone: str, address: str, region: Sequence[str]) -> Label:
    """Return what to print in place of each part that a label cannot show as it is. Texts in clear only.

    An address that is too long loses the region's names (`region`: province, city, district) at its start,
    which are printed apart, then its middle: street and house number stand at its ends.
    """
    mended = {
        "name": _bounded(_legible(name), NAME_CHARS_MAX),
        "phone": label_text(phone).replace(" ", ""),
        "address": label_address(address, region),
    }
    given = {"name": name, "phone": phone, "address": address}
    return Label(**{part: text for part, text in mended.items() if text != given[part]})


def label_address(address: str, region: Sequence[str]) -> str:
    """Return an address detail fit for a label, at most `ADDRESS_CHARS_MAX` characters."""
    text = _legible(address)
    if len(text) > ADDRESS_CHARS_MAX:
        for part in region:
            text = text.removeprefix(part).lstrip() if part else text
    return _bounded(text, ADDRESS_CHARS_MAX)


def _legible(text: str) -> str:
    """As it was meant and can be printed. What hides a spoilt text may be unprintable itself, so it is looked at again."""
    while (mended := label_text(unspoilt(text))) != text:
        text = mended
    return text


def _bounded(text: str, chars_max: int) -> str:
    if len(text) <= chars_max:
        return text
    head = (chars_max - len(_CUT)) // 2
    tail = chars_max - len(_CUT) - head
    return f"{text[:head].rstrip()}{_CUT}{text[-tail:].lstrip()}"


def unspoilt(text: str) -> str:
    """Return a text whose UTF-8 was read as Latin-1 or cp1252 as it was meant; any other text as it is."""
    if not _LATIN_OF_UTF8.search(text):
        return text
    for encoding in ("latin-1", "cp1252"):
        try:
            meant = text.encode(encoding).decode()
        except UnicodeError:
            continue
        # "Ã©" may be meant; a run that turns into Chinese is no accident.
        if any("\u4e00" <= char <= "\u9fff" for char in meant):
            return meant
    return text


def is_lost(text: str) -> bool:
    """Say whether a text was spoilt on its way so that nobody can read it any more."""
    return bool(_LOST.search(unspoilt(text)))


def label_text(text: str) -> str:
    """Return `text` fit for one line of a label: half-width, printable, single blanks.

    Line breaks, tabs and control characters become one blank, zero-width characters and emoji go,
    full-width digits and letters become normal ones. Applying it twice changes nothing more.
    """
    return text if _ALL_RIGHT.fullmatch(text) else _repaired(text)


def _repaired(text: str) -> str:
    spaced = _SPACES.sub(" ", text.translate(_FULL_WIDTH))
    kept = [_printed(char) for char in spaced]
    return _SPACES.sub(" ", "".join(kept)).strip()


def _printed(char: str) -> str:
    code = ord(char)
    if code >= _RARE_HAN_FROM:
        return char if code < 0x40000 else ""
    category = unicodedata.category(char)
    if category == "Cc":
        return " "
    pictured = any(first <= code <= last for first, last in _PICTURES)
    return "" if pictured or category in _UNPRINTABLE else char


def address_is_vague(text: str) -> bool:
    """Say whether no courier could deliver to this address detail: placeholder words, or nothing.

    Only for readable texts: a masked or encrypted address says nothing about itself.
    """
    return bool(_VAGUE.search(text)) or len(_TELLING.findall(text)) < _TELLING_MIN
