"""What a channel makes of a marketplace at its worst: nothing is lost, doubled or taken back.

Calls go through the marketplaces' own doors: throttled, broken, cut off before and after acting; lists
repeat rows and lag behind; pushes come late, twice and again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import msgspec
import pytest

from services.ingest.channels import (
    Applied,
    ChannelError,
    ErrorKind,
    Hint,
    HttpAnswer,
    HttpRequest,
    RawOrder,
    Retry,
    Shipment,
    ShippedLine,
)
from services.ingest.domain.model import CanonicalOrder, Normalised, OrderSnapshotState
from simulators.clock import ManualClock
from simulators.doors import Door, Severed
from simulators.orders import Order, Shop
from simulators.payments.alipay import Keys
from simulators.registry import MARKETPLACES
from simulators.settings import Mix, Settings
from simulators.simulation import Simulation
from tests.contract.merchants import ANSWERED, SETTLED_AFTER_MS, Merchant, pushed

T = TypeVar("T")
ORDERS = 60
ATTEMPTS_MAX = 200
PUSHING = [shop for shop in ANSWERED if MARKETPLACES[shop.channel].push]
S = OrderSnapshotState
RESTLESS = Mix(
    address_change_pct=30,
    seller_memo_pct=30,
    cancel_paid_pct=15,
    after_sale_pct=0,
    pay_after_s=(1, 20),
    change_after_s=(1, 20),
)
STATES = {
    "unpaid": {S.UNPAID},
    "paid": {S.AWAITING_SHIPMENT, S.PAID_ON_HOLD},
    "shipped": {S.SHIPPED},
    "finished": {S.COMPLETED},
    "cancelled": {S.CANCELLED},
    "closed": {S.CLOSED_REFUNDED},
}


class Stormed(Merchant):
    """Asks again whatever a storm kept from being answered, as often as it takes."""

    def __init__(self, simulation: Simulation, shop: Shop) -> None:
        super().__init__(simulation, shop)
        self.door = Door(
            shop.channel,
            throttled=MARKETPLACES[shop.channel].throttled,
            plan=simulation.plan,
            hold_s=0.0,
        )
        self.faults: Counter[str] = Counter()
        self.newest: dict[str, RawOrder] = {}
        self.hints: Counter[str] = Counter()
        self.hinted: set[str] = set()

    def tried(self, request: HttpRequest) -> HttpAnswer | None:
        """Return the answer to one attempt; None when the connection was cut."""

        async def call() -> HttpAnswer | None:
            response = await self.door.pass_through(lambda: self.served(request))
            if isinstance(response, Severed):
                return None
            return HttpAnswer(
                status=response.status_code,
                headers=dict(response.headers),
                body=bytes(response.body),
            )

        return asyncio.run(call())

    def ask(self, request: HttpRequest, read: Callable[[HttpAnswer], T | ChannelError]) -> T:
        for _ in range(ATTEMPTS_MAX):
            answer = self.tried(request)
            if answer is None:
                self.faults["cut"] += 1
                continue
            found = read(answer)
            if not isinstance(found, ChannelError):
                return found
            assert found.kind in {ErrorKind.THROTTLED, ErrorKind.RETRY}, found
            self.faults[found.kind] += 1
        message = "the storm does not end"
        raise AssertionError(message)

    def look(self) -> None:
        """Poll once; keep of each order what changed last."""
        for raw in self.raws():
            known = self.newest.get(raw.order_no)
            assert raw.modified_at is not None
            if known is None or known.modified_at is None or raw.modified_at > known.modified_at:
                self.newest[raw.order_no] = raw

    def ship(self, order: CanonicalOrder) -> int:
        """Tell of a parcel until it is taken; return how many attempts that needed."""
        parcel = Shipment(
            order_no=order.order_no,
            lines=tuple(ShippedLine(line_id=one.line_id, qty=one.qty) for one in order.items),
            whole=True,
            carrier="SF",
            waybill_no=f"SF{order.order_no.replace('-', '')}",
            request_id="2f0c1d9e",
        )
        for attempt in range(1, ATTEMPTS_MAX):
            request = self.shipment(parcel)
            assert isinstance(request, HttpRequest)
            answer = self.tried(request)
            if answer is None:
                self.faults["cut"] += 1
                continue
            outcome = self.channel.read_shipment_answer(answer)
            if isinstance(outcome, Applied):
                return attempt
            assert isinstance(outcome, Retry), outcome
            self.faults[outcome.error.kind] += 1
        message = "the storm does not end"
        raise AssertionError(message)

    def hear(self) -> None:
        """Take what is pushed; every third posting is not received."""
        queue, push = self.simulation.pushes.get(self.shop.shop), self.channel.push
        if queue is None or push is None:
            return
        while batch := queue.take():
            received = queue.counts["postings"] % 3 != 1
            posting = queue.encode(batch[0].group, [one.content for one in batch])
            queue.settle(batch, accepted=received and queue.accepted(push.reply))
            request = pushed(posting, self.now)
            assert push.verify(self.credentials, request)
            if push.opened is not None:
                text = push.opened(self.credentials, request)
                assert text is not None
                request = msgspec.structs.replace(request, body=text)
            found = push.read(self.credentials, request)
            assert not isinstance(found, ChannelError)
            for one in found:
                assert isinstance(one, Hint)
                self.hints[one.message_id] += 1
                self.hinted.add(one.order_no)


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.fixture(params=ANSWERED, ids=lambda shop: shop.shop)
def merchant(request: pytest.FixtureRequest, keys: Keys) -> Stormed:
    shop: Shop = request.param
    urls = {shop.shop: "http://127.0.0.1:9/push"} if MARKETPLACES[shop.channel].push else {}
    weights = {shop.channel: 1}
    settings = Settings(
        faults="storm",
        odds={"slow": 0.0},
        push_urls=urls,
        mix=msgspec.structs.replace(RESTLESS, weights=weights),
    )
    return Stormed(Simulation(settings, ManualClock(1_800_000_000_000), keys), shop)


def read(merchant: Stormed, raw: RawOrder) -> Normalised:
    (found,) = merchant.channel.normalise(raw.body)
    return found


def pass_time(merchant: Stormed, by_ms: int) -> None:
    clock = merchant.simulation.clock
    assert isinstance(clock, ManualClock)
    clock.advance(by_ms)
    merchant.simulation.world.advance()


def orders_of(merchant: Stormed) -> list[Order]:
    return [
        order
        for order in merchant.simulation.world.records.orders.values()
        if order.shop == merchant.shop.shop
    ]


def test_every_order_arrives_with_its_newest_content_and_every_parcel_once(
    merchant: Stormed,
) -> None:
    shipped: dict[str, int] = {}
    for number in range(ORDERS):
        merchant.simulation.world.place()
        pass_time(merchant, 2_000)
        if number % 10 == 9:
            merchant.look()
            merchant.hear()
        if number % 5 == 4:
            for order in orders_of(merchant):
                good = order.state == "paid" and not order.refund_open and not order.contradiction
                if good and order.order_no not in shipped:
                    found = read(merchant, merchant.detail(order.order_no)).order
                    assert found is not None
                    shipped[order.order_no] = merchant.ship(found)
                    break
    # What buyers still had in mind happens first, then the platforms come to rest.
    pass_time(merchant, 60_000)
    pass_time(merchant, SETTLED_AFTER_MS)
    merchant.look()

    natives = {
        order.order_no: order
        for order in orders_of(merchant)
        # JD shows unpaid orders, and what became of them, by another call.
        if merchant.channel.name != "jd" or order.paid_at_ms
    }
    assert natives.keys() <= merchant.newest.keys()
    for order_no, native in natives.items():
        raw = merchant.newest[order_no]
        assert raw.modified_at is not None
        assert int(raw.modified_at.timestamp() * 1_000) == native.modified_at_ms
        found = read(merchant, raw).order
        if native.contradiction:
            continue
        assert found is not None
        # Pinduoduo's open refund comes before the parcel that has left.
        over = merchant.channel.name == "pdd" and native.state in {"shipped", "finished"}
        held = native.refund_open and (native.state == "paid" or over)
        assert (found.state is S.PAID_ON_HOLD) == held
        assert held or found.state in STATES[native.state]
        assert found.seller_memo == native.seller_memo
        waybills = [one.waybill for one in native.shipments]
        assert [parcel.waybill_no for parcel in found.parcels] == waybills

    assert len(shipped) > 5
    for order_no, attempts in shipped.items():
        (parcel,) = natives[order_no].shipments
        assert 1 <= parcel.count <= attempts
    assert merchant.faults[ErrorKind.THROTTLED] + merchant.faults[ErrorKind.RETRY] > 0


@pytest.mark.parametrize("merchant", PUSHING, ids=lambda shop: shop.shop, indirect=True)
def test_every_order_is_pushed_and_a_message_that_comes_again_says_so(merchant: Stormed) -> None:
    queue = merchant.simulation.pushes[merchant.shop.shop]
    for _ in range(ORDERS):
        merchant.simulation.world.place()
        pass_time(merchant, 1_000)
        merchant.hear()
    while len(queue):
        pass_time(merchant, 1_000)
        merchant.hear()
    assert {order.order_no for order in orders_of(merchant)} == merchant.hinted
    made = queue.counts["made"]
    assert len(merchant.hints) == made
    assert sum(merchant.hints.values()) > made
