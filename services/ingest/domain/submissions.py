"""What a leader writes down for a neighbour: the same rules for the form and for the API.

Guarantees: pure; every fault is named beside its field, and no fault repeats what was written.
"""

import re

from msgspec import Struct

from services.ingest.domain.campaigns import GOODS_MAX, PIECES_MAX, Line, Refusal
from services.ingest.domain.leader_order import Buyer

NAME_CHARS_MAX = 20
NOTE_CHARS_MAX = 100
_PHONE = re.compile(r"(?:\+?86)?(1[3-9][0-9]{9})")
_BETWEEN_DIGITS = re.compile(r"[\s-]")


class AskedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of one article."""

    sku: str
    quantity: int


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A submission as it was written. `paid`: the leader has the neighbour's money."""

    name: str
    phone: str
    station_id: str
    note: str = ""
    paid: bool = False
    lines: tuple[AskedLine, ...]


class Wanted(Struct, frozen=True, kw_only=True):
    """A submission that reads well; whether the campaign takes it is for `campaigns.admit`."""

    buyer: Buyer
    station_id: str
    note: str
    lines: tuple[Line, ...]


def checked(asked: Asked) -> Wanted | tuple[Refusal, ...]:
    """Read a submission; blanks around texts and inside phone numbers do not count."""
    name, note = " ".join(asked.name.split()), " ".join(asked.note.split())
    phone = _PHONE.fullmatch(_BETWEEN_DIGITS.sub("", asked.phone))
    found = []
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        found.append(_refused("name", f"请填写姓名，不超过 {NAME_CHARS_MAX} 个字"))
    if phone is None:
        found.append(_refused("phone", "请填写 11 位手机号"))
    if len(note) > NOTE_CHARS_MAX or not note.isprintable():
        found.append(_refused("note", f"备注不超过 {NOTE_CHARS_MAX} 个字，不含特殊字符"))
    if not asked.paid:
        found.append(_refused("paid", "收齐邻居的货款后再提交"))
    if len(asked.lines) > GOODS_MAX:
        found.append(_refused("lines", f"一单最多 {GOODS_MAX} 种商品"))
    found += [
        _refused(f"lines.{line.sku}", f"件数须为 1 到 {PIECES_MAX} 的整数")
        for line in asked.lines
        if not 1 <= line.quantity <= PIECES_MAX
    ]
    if found or phone is None:
        return tuple(found)
    return Wanted(
        buyer=Buyer(name=name, phone=phone[1]),
        station_id=asked.station_id,
        note=note,
        lines=tuple(Line(sku=line.sku, quantity=line.quantity) for line in asked.lines),
    )


def _refused(field: str, title: str) -> Refusal:
    return Refusal(code=f"bad_{field.partition('.')[0]}", field=field, title=title)
