"""Behind a shop that throttles, stalls, fails and shows what has passed, nothing is lost or done twice."""

import asyncio
from datetime import datetime, timedelta

import pytest

from services.ingest.channels import (
    Applied,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
    Page,
    PageToken,
    PollWindow,
    Retry,
    Shipment,
    WriteBack,
)
from services.ingest.domain.model import Normalised
from services.ingest.domain.snapshots import rank_of
from simulators.clock import ManualClock
from simulators.doors import Door, Severed
from simulators.orders import Order, Shop
from simulators.registry import MARKETPLACES
from simulators.simulation import Simulation
from tests.contract.merchants import Merchant, call_of
from tests.contract.own_shops import POLLED, later, order_of, sent, simulation_of, told


class StormyMerchant(Merchant):
    """A merchant behind a shop that throttles, stalls, fails and shows what has passed."""

    def __init__(self, simulation: Simulation, shop: Shop) -> None:
        super().__init__(simulation, shop)
        self._door = Door(
            shop.channel,
            throttled=MARKETPLACES[shop.channel].throttled,
            plan=simulation.plan,
            hold_s=0.0,
        )

    def send(self, request: HttpRequest) -> HttpAnswer:
        server = self.simulation.servers[self.shop.channel]
        answer = asyncio.run(self._door.pass_through(lambda: server.answer(call_of(request))))
        if isinstance(answer, Severed):
            return HttpAnswer(status=504, headers={}, body=b"")
        return HttpAnswer(
            status=answer.status_code,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=bytes(answer.body),
        )

    def insist(self, window: PollWindow, token: PageToken | None) -> Page:
        assert self.channel.poll_request is not None
        for _ in range(300):
            request = self.channel.poll_request(self.credentials, window, token, self.now)
            page = self.channel.read_page(self.send(request), token)
            if isinstance(page, Page):
                return page
            assert page.kind in {ErrorKind.THROTTLED, ErrorKind.RETRY}
            later(self)
        message = "the storm does not end"
        raise AssertionError(message)


@pytest.mark.parametrize("shop", POLLED, ids=lambda shop: shop.shop)
def test_in_a_storm_every_order_arrives_with_its_newest_content(shop: Shop) -> None:
    simulation = simulation_of("storm", ManualClock(1_800_000_000_000), 60)
    merchant = StormyMerchant(simulation, shop)
    newest: dict[str, Normalised] = {}
    for _ in range(3):
        simulation.world.advance()
        window = PollWindow(since=merchant.now - timedelta(minutes=29), until=merchant.now)
        token: PageToken | None = None
        while True:
            page = merchant.insist(window, token)
            for raw in page.orders:
                (read,) = merchant.channel.normalise(raw.body)
                before = newest.get(raw.order_no, read)
                newest[raw.order_no] = max(before, read, key=standing)
            token = page.next_page
            if token is None:
                break
        clock = simulation.clock
        assert isinstance(clock, ManualClock)
        clock.advance(10_000)
    native = sent(merchant)
    assert set(newest) == set(native)
    contradictory = {number for number, order in native.items() if order.contradiction}
    assert contradictory
    for number, normalised in newest.items():
        modified_at = order_of(normalised).times.modified
        assert modified_at is not None
        assert modified_at.timestamp() * 1_000 == native[number].modified_at_ms
        named = bool(normalised.problems) or "UNKNOWN-" in str(order_of(normalised).items)
        assert named is (number in contradictory), number
    tally = simulation.plan.counts
    assert tally[f"{shop.channel}:stale_snapshot"] + tally[f"{shop.channel}:duplicate_row"] > 0


def standing(one: Normalised) -> datetime:
    return rank_of(order_of(one), "").modified_at


def told_until_answered(merchant: Merchant, order: Order) -> WriteBack:
    parcel = Shipment(
        order_no=order.order_no,
        lines=(),
        whole=True,
        carrier="SF",
        waybill_no=f"SF{order.serial}",
        request_id="2f0c1d9e",
    )
    for _ in range(100):
        answer = told(merchant, parcel)
        if not isinstance(answer, Retry):
            return answer
        later(merchant)
    message = "the storm does not end"
    raise AssertionError(message)


@pytest.mark.parametrize("shop", POLLED, ids=lambda shop: shop.shop)
def test_a_parcel_told_in_a_storm_is_applied_once(shop: Shop) -> None:
    simulation = simulation_of("storm", ManualClock(1_800_000_000_000), 60)
    merchant = StormyMerchant(simulation, shop)
    paid = [
        order
        for order in sent(merchant).values()
        if order.state == "paid" and not order.contradiction and not order.refund_open
    ]
    assert len(paid) > 10
    for order in paid:
        assert isinstance(told_until_answered(merchant, order), Applied)
        shipped = simulation.world.records.orders[order.key]
        assert [one.waybill for one in shipped.shipments] == [f"SF{order.serial}"]
