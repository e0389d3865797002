"""Native payloads by the thousand, for preloading a benchmark.

Guarantees: the bytes are exactly what a shop's detail call would answer for a freshly paid order — one
order each — and the same arguments give the same bytes.
"""

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from simulators.catalog import catalog
from simulators.drawing import OrderDrawer
from simulators.orders import Channel, Order
from simulators.registry import MARKETPLACES, SHOPS
from simulators.settings import Mix

# 2026-05-20 09:31:02 in Beijing: a fixed moment keeps the bytes the same from run to run.
FIXED_AT_MS = 1_779_240_662_000
# A run of its own: bulk orders never share numbers with a world of the same seed.
BULK_RUN = 1_008
_SHOPS = {shop.shop: shop for shop in SHOPS}
# One shop a channel: whoever preloads must know whose orders these are.
_BULK_MARKETPLACES = {name: replace(one, shops=one.shops[:1]) for name, one in MARKETPLACES.items()}
_ENCODER = msgspec.json.Encoder()


def native_payload(order: Order) -> bytes:
    """Return an order as its channel's detail answer (JD: a search answer of one order)."""
    marketplace = MARKETPLACES[order.channel]
    return _ENCODER.encode(marketplace.native_payload(order, _SHOPS[order.shop]))


def bulk_orders(
    channel: Channel, count: int, seed: int, *, at_ms: int = FIXED_AT_MS, mix: Mix | None = None
) -> Iterator[Order]:
    """Draw `count` paid orders of shop `<channel>-1`, none of them contradictory."""
    drawer = OrderDrawer(
        catalog=catalog(seed),
        marketplaces=_BULK_MARKETPLACES,
        seed=seed,
        run=BULK_RUN,
        mix=mix or Mix(scarce_pct=0),
        contradiction_odds=0.0,
    )
    for _ in range(count):
        order, _ = drawer.draw(at_ms, channel=channel)
        yield msgspec.structs.replace(order, state="paid", paid_at_ms=order.created_at_ms)


def bulk_payloads(
    channel: Channel, count: int, seed: int, *, at_ms: int = FIXED_AT_MS
) -> list[tuple[str, bytes]]:
    """Return `count` pairs of order number and native payload of shop `<channel>-1`.

    Every order is paid, adds up, and asks for no scarce SKU.
    """
    return [
        (order.order_no, native_payload(order))
        for order in bulk_orders(channel, count, seed, at_ms=at_ms)
    ]
