"""Words for labels and the smell of a vague address. Originals stay with the caller."""

import re
import unicodedata

# Full-width letters, digits and punctuation of ASCII; the ideographic blank is a separator.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# Chinese punctuation keeps its width: "，" and "（" are right in an address.
for _kept in "！（），：；？～":
    del _FULL_WIDTH[ord(_kept)]

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


def label_text(text: str) -> str:
    """Return `text` fit for one line of a label: half-width, printable, single blanks.

    Line breaks, tabs and control characters become one blank, zero-width characters and emoji go,
    full-width digits and letters become normal ones. Applying it twice changes nothing more.
    """
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
