"""The lines of an order that an import told first, beside those that the channel tells of it later. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from services.ingest.domain.model import CanonicalOrder, Item


class ImportedLine(Struct, frozen=True, kw_only=True, array_like=True):
    """A line as the import told it. `goods`: its merchant code, or the channel's SKU id where it has none.

    `own_id` is the channel's own line id, once the channel has told the order; given once.
    """

    line_id: str
    goods: str
    quantity: int
    own_id: str = ""


def as_imported(order: CanonicalOrder) -> tuple[ImportedLine, ...]:
    """The lines of an imported order."""
    return tuple(
        [
            ImportedLine(line_id=item.line_id, goods=goods, quantity=quantity)
            for item, (goods, quantity) in ((item, _goods(item)) for item in order.items)
        ]
    )


def same_goods(imported: Sequence[ImportedLine], items: Sequence[Item]) -> bool:
    """Whether the channel tells the goods and pieces that the import told, in whatever order."""
    return sorted((line.goods, line.quantity) for line in imported) == sorted(map(_goods, items))


def paired(imported: Sequence[ImportedLine], items: Sequence[Item]) -> Mapping[str, Item]:
    """The channel's lines by the import's line ids, of the same goods; equal lines in their order."""
    left = list(items)
    found: dict[str, Item] = {}
    for line in imported:
        at = next(n for n, one in enumerate(left) if _goods(one) == (line.goods, line.quantity))
        found[line.line_id] = left.pop(at)
    return found


def _goods(item: Item) -> tuple[str, int]:
    return item.merchant_sku or item.sku_id, item.qty
