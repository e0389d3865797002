"""Calm marketplaces whose merchants answer claims by a call, with orders of every kind behind them."""

from services.ingest.channels import Shipment, ShippedLine
from services.ingest.domain.model import CanonicalOrder, OrderSnapshotState
from simulators.clock import ManualClock
from simulators.payments.alipay import Keys
from simulators.registry import MARKETPLACES
from simulators.settings import Mix, Settings
from simulators.simulation import Simulation
from tests.contract.merchants import ANSWERED, SETTLED_AFTER_MS, Merchant

ORDERS = 120
"""Of each channel, about: more than a page."""
CHANNELS = sorted({shop.channel for shop in ANSWERED})
PUSH_URLS = {
    shop.shop: "http://127.0.0.1:9/push" for shop in ANSWERED if MARKETPLACES[shop.channel].push
}


def opened(keys: Keys) -> Simulation:
    """Return the marketplaces some minutes after their orders were placed."""
    clock = ManualClock(1_800_000_000_000)
    mix = Mix(weights=dict.fromkeys(CHANNELS, 1))
    settings = Settings(faults="none", push_urls=PUSH_URLS, mix=mix)
    simulation = Simulation(settings, clock, keys)
    for _ in range(ORDERS):
        for _ in CHANNELS:
            simulation.world.place()
        clock.advance(1_000)
        simulation.world.advance()
    clock.advance(SETTLED_AFTER_MS)
    simulation.world.advance()
    clock.advance(SETTLED_AFTER_MS)
    return simulation


def first(merchant: Merchant, state: OrderSnapshotState, *, lines_min: int = 1) -> CanonicalOrder:
    return next(
        order
        for found in merchant.poll().values()
        if (order := found.order) is not None
        and order.state is state
        and len(order.items) >= lines_min
        # What was done by an earlier test may not have settled at the platform.
        and merchant.order(order.order_no).state is state
    )


def shipment(
    order: CanonicalOrder, places: slice, *, whole: bool, additional: bool = False
) -> Shipment:
    return Shipment(
        additional=additional,
        completes=whole or additional,
        order_no=order.order_no,
        lines=tuple(
            ShippedLine(line_id=item.line_id, qty=item.qty) for item in order.items[places]
        ),
        whole=whole,
        carrier="SF",
        waybill_no=f"SF{order.order_no.replace('-', '')}{places.start or 0}",
        request_id="2f0c1d9e",
    )


def is_single(merchant: Merchant) -> bool:
    return MARKETPLACES[merchant.channel.name].lines_max == 1
