"""Own stores, tills and group-buys: a world of their orders, and what their merchant does with them."""

from services.ingest.channels import HttpRequest, Shipment, WriteBack
from services.ingest.domain.model import CanonicalOrder, Normalised
from simulators.clock import ManualClock
from simulators.orders import Order
from simulators.payments.alipay import Keys
from simulators.registry import MARKETPLACES
from simulators.settings import FaultLevel, Mix, Settings
from simulators.simulation import Simulation
from tests.contract.merchants import CHANNELS, OWN, Merchant

POLLED = tuple(shop for shop in OWN if CHANNELS[shop.channel].poll_request is not None)
PUSHING = tuple(shop for shop in OWN if MARKETPLACES[shop.channel].push is not None)
URL = "http://127.0.0.1:9/push"


def simulation_of(faults: FaultLevel, clock: ManualClock, orders: int) -> Simulation:
    settings = Settings(
        faults=faults,
        hold_s=0.0,
        push_urls={shop.shop: URL for shop in PUSHING},
        mix=Mix(weights=dict.fromkeys(MARKETPLACES, 0) | {shop.channel: 10 for shop in OWN}),
    )
    simulation = Simulation(settings, clock, Keys())
    for _ in range(orders):
        for _ in {shop.channel for shop in OWN}:
            simulation.world.place()
        clock.advance(500)
        simulation.world.advance()
    clock.advance(30_000)
    simulation.world.advance()
    clock.advance(5_000)
    return simulation


def sent(merchant: Merchant) -> dict[str, Order]:
    """Return what the shop shows: a group-buy tells of an order when it is paid."""
    return {
        order.order_no: order
        for order in merchant.simulation.world.records.orders.values()
        if order.shop == merchant.shop.shop
        and (order.paid_at_ms or merchant.shop.channel != "groupbuy")
    }


def order_of(normalised: Normalised) -> CanonicalOrder:
    assert normalised.order is not None
    return normalised.order


def told(merchant: Merchant, parcel: Shipment) -> WriteBack:
    """Tell of a parcel as the dispatcher does: every attempt at its own moment."""
    request = merchant.shipment(parcel)
    if not isinstance(request, HttpRequest):
        return request
    return merchant.channel.read_shipment_answer(merchant.send(request))


def later(merchant: Merchant) -> None:
    clock = merchant.simulation.clock
    assert isinstance(clock, ManualClock)
    clock.advance(1_000)
