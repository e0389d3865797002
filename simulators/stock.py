"""The numbers that the marketplaces show beside their listings: nothing but what the merchant last told them.

Guarantees: a number is set as it is told, so that telling it again changes nothing but its count; what names no
listing of the shop, or a number that is none, is refused with the reason.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from simulators.catalog import Catalog
from simulators.clock import Clock
from simulators.orders import Outcome, Shop

if TYPE_CHECKING:
    from simulators.marketplaces import Marketplace

PIECES_MAX = 100_000_000


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One article as a shop sells it: the platform's ids, and the merchant's own code."""

    channel: str
    shop: str
    item_id: str
    sku_id: str
    merchant_code: str


class ShownStock(msgspec.Struct, frozen=True, kw_only=True):
    """What a shop shows of one listing. `count`: how often it was told; `at_ms`: when last."""

    channel: str
    shop: str
    item_id: str
    sku_id: str
    merchant_code: str
    quantity: int
    count: int
    at_ms: int


class Shelves:
    """The listings of all shops and their numbers."""

    def __init__(
        self, marketplaces: Mapping[str, "Marketplace"], catalog: Catalog, clock: Clock
    ) -> None:
        self._clock = clock
        self._listings: dict[str, dict[str, Listing]] = {}
        for one in marketplaces.values():
            for shop in one.shops if one.listing is not None else ():
                self._listings[shop.shop] = dict(_listings(one, shop, catalog))
        self.shown: dict[tuple[str, str], ShownStock] = {}

    def listings(self, shop: str) -> tuple[Listing, ...]:
        """Return a shop's listings; none where its platform takes no numbers."""
        return tuple(self._listings.get(shop, {}).values())

    def tell(
        self, shop: Shop, *, sku_id: object, quantity: object, item_id: object = None
    ) -> tuple[Outcome, str]:
        """Hear of a listing's number; refusals: unknown, wrong_quantity.

        `item_id` is checked where the platform wants it (None: it does not).
        """
        listing = self._listings.get(shop.shop, {}).get(str(sku_id))
        if listing is None or (item_id is not None and str(item_id) != listing.item_id):
            return "refused", "unknown"
        pieces = _pieces(quantity)
        if pieces is None:
            return "refused", "wrong_quantity"
        before = self.shown.get((shop.shop, listing.sku_id))
        same = before is not None and before.quantity == pieces
        self.shown[shop.shop, listing.sku_id] = ShownStock(
            **msgspec.structs.asdict(listing),
            quantity=pieces,
            count=before.count + 1 if before is not None else 1,
            at_ms=self._clock(),
        )
        return ("duplicate" if same else "applied"), ""


def _listings(
    marketplace: "Marketplace", shop: Shop, catalog: Catalog
) -> list[tuple[str, Listing]]:
    assert marketplace.listing is not None
    found = []
    for sku in catalog.skus:
        item_id, sku_id = marketplace.listing(sku)
        listing = Listing(
            channel=marketplace.name,
            shop=shop.shop,
            item_id=item_id,
            sku_id=sku_id,
            merchant_code=sku.code,
        )
        found.append((sku_id, listing))
    return found


def _pieces(quantity: object) -> int | None:
    """Read a whole number, also written as text; None for anything else."""
    if isinstance(quantity, str) and quantity.isascii() and quantity.isdecimal():
        quantity = int(quantity[:12])
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        return None
    return quantity if 0 <= quantity <= PIECES_MAX else None
