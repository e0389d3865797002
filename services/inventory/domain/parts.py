"""An order's goods by warehouse, whether one holds it all or several do. Pure.

Guarantees: what several hold adds up to `held` and `shipped` of the hold, whatever leaves or comes back.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from services.inventory.domain.model import Goods, Hold, Part, Places, merged
from services.inventory.domain.wanted import wanted


def parts_of(hold: Hold) -> tuple[Part, ...]:
    """By warehouse: one part where one has it all, none where nothing was ever held."""
    if hold.parts or not hold.warehouse:
        return hold.parts
    return (
        Part(
            warehouse=hold.warehouse,
            goods=set_aside(hold),
            held=hold.held,
            shipped=hold.shipped,
            batches=hold.batches,
        ),
    )


def set_aside(hold: Hold) -> Goods:
    """All that is held or was, since the goods were last asked for."""
    if hold.asked is not None:
        return hold.asked.granted
    return wanted(hold.lines) or ()


def held_by(hold: Hold, places: Places) -> Hold:
    """Held from now on by these warehouses."""
    parts = tuple(Part(warehouse=one, goods=goods, held=goods) for one, goods in places)
    return _summed(replace(hold, warehouse=""), parts)


def with_part(hold: Hold, part: Part) -> Hold:
    """The hold after something left from, or came back to, one of its warehouses."""
    if not hold.parts:
        return replace(hold, held=part.held, shipped=part.shipped, batches=part.batches)
    return _summed(
        hold, tuple(part if one.warehouse == part.warehouse else one for one in hold.parts)
    )


def let_go(hold: Hold) -> Hold:
    """Nothing is held any more.

    A generation further: news of the hold that come to Valkey after these, from whoever had it before, are old ones.
    """
    parts = tuple(replace(one, held=()) for one in hold.parts)
    return replace(hold, generation=hold.generation + 1, held=(), parts=parts, expires_at=None)


def by_place(goods: Iterable[tuple[str, Goods]]) -> Goods:
    """Goods of several warehouses as Valkey's records have them: with the names of their rows."""
    return tuple(
        (f"{warehouse}|{sku}", pieces) for warehouse, share in goods for sku, pieces in share
    )


def _summed(hold: Hold, parts: tuple[Part, ...]) -> Hold:
    return replace(
        hold,
        parts=parts,
        held=merged(good for one in parts for good in one.held),
        shipped=merged(good for one in parts for good in one.shipped),
    )
