"""What one parcel of several holds of an order, as the channel counts it. Pure.

Guarantees: a parcel is whole only where it holds everything that was ordered; no piece of a line that a mapping
opened is told twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

Lines = Sequence[tuple[str, int]]
"""(channel's line id, pieces of ours)."""


class OrderLines(Struct, frozen=True, kw_only=True):
    """What was ordered. `mapped`: pieces the channel sold of lines that a mapping opened.

    `own_ids`: the channel's ids of lines that an import named otherwise.
    """

    lines: Lines
    mapped: Mapping[str, int]
    own_ids: Mapping[str, str]


class PackedLine(Struct, frozen=True):
    """A line in the channel's pieces. `again`: some of it left with an earlier parcel."""

    line_id: str
    quantity: int
    again: bool = False


class Earlier(Struct, frozen=True):
    """A parcel that left before. `taken`: the channel knows of it."""

    lines: Lines
    taken: bool = True


class Packed(Struct, frozen=True, kw_only=True):
    """One parcel. `whole`: it holds everything that was ordered; `completes`: with the earlier ones it does.

    `additional`: the channel knows of an earlier one.
    """

    lines: tuple[PackedLine, ...]
    whole: bool
    completes: bool
    additional: bool


def packed(order: OrderLines, earlier: Sequence[Earlier], lines: Lines) -> Packed:
    """What a parcel is beside the earlier ones of its order.

    The pieces that a mapping opened a line into may leave apart; the channel is told of its line once, with
    the first of them.
    """
    ordered, now = _pieces(order, order.lines), _pieces(order, lines)
    left, known = Counter(now), Counter[str]()
    for parcel in earlier:
        pieces = _pieces(order, parcel.lines)
        left += pieces
        if parcel.taken:
            known += pieces
    told = []
    for line_id, count in now.items():
        again = line_id in known
        sold = order.mapped.get(line_id)
        quantity = count if sold is None else 0 if again else sold
        told.append(PackedLine(line_id, quantity, again))
    return Packed(
        lines=tuple(told),
        # An order taken in before its lines were kept left in one parcel.
        whole=now >= ordered and (bool(ordered) or not earlier),
        completes=left >= ordered,
        additional=any(parcel.taken for parcel in earlier),
    )


def _pieces(order: OrderLines, lines: Lines) -> Counter[str]:
    found: Counter[str] = Counter()
    for line_id, pieces in lines:
        found[order.own_ids.get(line_id, line_id)] += pieces
    return found
