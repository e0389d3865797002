"""How many of a listing can be sold, by what its channel may offer of our SKUs. Pure.

Guarantees: a listing is given no number while any of its goods has none: not knowing is not 0. A bundle is as many
as can be made of what its channel may offer, gifts counted in; listings of the same goods may show the same pieces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from services.ingest.domain.matching import Catalogue, SkuMapping


class Listing(Struct, frozen=True, kw_only=True):
    """One article as a shop sells it, by the platform's ids and the merchant's code."""

    channel: str
    shop: str
    channel_sku_id: str
    item_id: str
    merchant_code: str


def goods_of(catalogue: Catalogue, listing: Listing) -> Mapping[str, int] | None:
    """Our SKUs and pieces in one piece sold, as an order's line would be matched; None without an answer."""
    code = listing.merchant_code
    mapping = catalogue.mapping_for(listing.channel, listing.shop, listing.channel_sku_id, code)
    if mapping is not None:
        goods: Counter[str] = Counter()
        _open(catalogue, mapping, 1, goods)
        return goods
    return None if catalogue.why_not(code) else {code: 1}


def _open(catalogue: Catalogue, mapping: SkuMapping, pieces: int, goods: Counter[str]) -> None:
    for component in mapping.components:
        quantity = pieces * component.quantity
        inner = catalogue.mappings.get(("", "", "", component.sku))
        if inner is not None:
            _open(catalogue, inner, quantity, goods)
        else:
            goods[component.sku] += quantity


def can_be_made(goods: Mapping[str, int], offered: Mapping[str, int]) -> int | None:
    """How many times `goods` are in what is offered, in pieces of each SKU; None where one has no number."""
    counts = [
        None if (pieces := offered.get(sku)) is None else pieces // quantity
        for sku, quantity in goods.items()
    ]
    known = [count for count in counts if count is not None]
    return min(known) if known and len(known) == len(counts) else None
