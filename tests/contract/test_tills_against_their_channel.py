"""What tills upload, the channel takes in: every receipt once, however often and in whatever batch."""

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.ingest.channels import PushRequest, RawOrder
from services.ingest.channels.pos.extension import PosExtension
from services.ingest.domain.model import CanonicalOrder, Normalised, OrderSnapshotState
from simulators.clock import ManualClock
from simulators.marketplaces.pos.payloads import return_no
from simulators.orders import Order
from simulators.registry import MARKETPLACES
from simulators.simulation import Simulation
from tests.contract.merchants import Merchant, pushed
from tests.contract.own_shops import URL, later, order_of, simulation_of

(SHOP,) = MARKETPLACES["pos"].shops
S = OrderSnapshotState


class Store:
    """Takes in what its till uploads."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.merchant = Merchant(simulation, SHOP)
        self.queue = simulation.pushes[SHOP.shop]
        self.found: dict[str, Normalised] = {}
        self.contents: dict[str, set[str]] = {}
        self.sizes: list[int] = []

    def upload(self, *, answered: bool = True) -> PushRequest | None:
        """Let the till upload what is due; `answered` is False when it never hears of it."""
        push = self.merchant.channel.push
        assert push is not None
        batch = self.queue.take()
        if not batch:
            return None
        posting = self.queue.encode(SHOP.shop, [one.content for one in batch])
        request = pushed(posting, self.merchant.now)
        assert push.verify(self.merchant.credentials, request)
        read = push.read(self.merchant.credentials, request)
        assert isinstance(read, tuple)
        assert len(read) == len({one.content.receipt["receipt_no"] for one in batch})
        self.sizes.append(len(batch))
        for one in read:
            assert isinstance(one, RawOrder)
            self._take_in(one)
        self.queue.settle(batch, accepted=answered and self.queue.accepted(push.reply))
        return request

    def _take_in(self, raw: RawOrder) -> None:
        (normalised,) = self.merchant.channel.normalise(raw.body)
        self.found[raw.order_no] = normalised
        extension = order_of(normalised).extensions
        assert isinstance(extension, PosExtension)
        self.contents.setdefault(raw.order_no, set()).add(extension.content_hash)

    def order(self, number: str) -> CanonicalOrder:
        return order_of(self.found[number])

    def rung_up(self) -> dict[str, Order]:
        """Return the orders of which there is a receipt."""
        return {
            order.order_no: order
            for order in self.simulation.world.records.orders.values()
            if order.channel == "pos" and (order.paid_at_ms or order.state == "cancelled")
        }

    def returns(self) -> set[str]:
        return {
            return_no(one)
            for one in self.simulation.world.records.after_sales.values()
            if one.channel == "pos"
        }


@pytest.fixture
def store() -> Store:
    return Store(simulation_of("none", ManualClock(1_800_000_000_000), 120))


def test_every_receipt_arrives_once_with_its_money(store: Store) -> None:
    while store.upload():
        pass
    native = store.rung_up()
    assert set(store.found) == set(native) | store.returns()
    assert Counter(p.code for one in store.found.values() for p in one.problems) == Counter()
    states: Counter[OrderSnapshotState] = Counter()
    for number, truth in native.items():
        order = store.order(number)
        states[order.state] += 1
        assert order.payable_fen == truth.paid_fen
        assert order.paid_fen == (truth.paid_fen if truth.paid_at_ms else 0)
        assert order.freight_fen == 0
        assert [item.qty for item in order.items] == [line.quantity for line in truth.lines]
        assert [item.payable_fen for item in order.items] == [line.paid_fen for line in truth.lines]
    assert states[S.COMPLETED] > states[S.AWAITING_SHIPMENT] > 5
    assert states[S.CANCELLED] > 0


def test_goods_over_the_scales_are_one_piece_at_their_price(store: Store) -> None:
    while store.upload():
        pass
    weighed = [
        one for number in store.rung_up() for one in extension_of(store.order(number)).weighed
    ]
    assert len(weighed) > 5
    assert {one.unit for one in weighed} == {"kg"}
    assert all(one.quantity.startswith("0.") for one in weighed)


def extension_of(order: CanonicalOrder) -> PosExtension:
    assert isinstance(order.extensions, PosExtension)
    return order.extensions


def test_what_comes_back_is_a_receipt_of_its_own(store: Store) -> None:
    world = store.simulation.world
    sold = next(order for order in store.rung_up().values() if order.state == "finished")
    (claim,) = world.claim(sold)
    later(store.merchant)
    while store.upload():
        pass
    back = store.order(return_no(claim))
    assert back.state is S.CLOSED_REFUNDED
    assert back.paid_fen == sum(line.paid_fen for line in sold.lines)
    assert extension_of(back).original_receipt_no == sold.order_no
    assert store.order(sold.order_no).state is S.COMPLETED


def test_after_a_lost_answer_the_same_receipts_come_again(store: Store) -> None:
    first = store.upload(answered=False)
    assert store.upload() is None
    later(store.merchant)
    again = store.upload()
    assert first is not None
    assert again is not None
    assert again.body == first.body
    assert again.headers["x-pos-signature"] != first.headers["x-pos-signature"]
    assert {len(contents) for contents in store.contents.values()} == {1}


def test_what_a_till_rings_up_without_a_line_is_uploaded_at_once_later() -> None:
    clock = ManualClock(1_800_000_000_000)
    simulation = simulation_of("none", clock, 0)
    simulation.subscribe({SHOP.shop: ""})
    for _ in range(50):
        simulation.world.place(channel="pos")
        clock.advance(1_000)
        simulation.world.advance()
    store = Store(simulation)
    assert store.upload() is None
    simulation.subscribe({SHOP.shop: URL})
    assert store.upload() is not None
    assert store.upload() is None
    assert store.sizes[0] > 20
    assert set(store.found) == set(store.rung_up()) | store.returns()


def test_an_upload_is_believed_from_its_store_and_for_a_while_only(store: Store) -> None:
    push, credentials = store.merchant.channel.push, store.merchant.credentials
    assert push is not None
    request = store.upload()
    assert request is not None

    def believed(*, secret: str = credentials.app_secret, **changed: Any) -> bool:
        told = msgspec.structs.replace(request, **changed)
        return push.verify(msgspec.structs.replace(credentials, app_secret=secret), told)

    assert believed()
    assert not believed(secret="another store's")
    assert not believed(body=request.body + b" ")
    assert believed(at=request.at + timedelta(minutes=4))
    assert not believed(at=request.at + timedelta(minutes=6))
    moved = dict(request.headers)
    moved["x-pos-timestamp"] = str(int(moved["x-pos-timestamp"]) + 1)
    assert not believed(headers=moved)


def test_in_a_storm_every_receipt_arrives_and_none_has_two_contents() -> None:
    clock = ManualClock(1_800_000_000_000)
    store = Store(simulation_of("storm", clock, 120))
    for turn in range(200):
        store.upload(answered=turn % 3 != 0)
        clock.advance(1_000)
        store.simulation.world.advance()
    assert len(store.queue) == 0
    native = store.rung_up()
    assert set(store.found) == set(native) | store.returns()
    assert {len(contents) for contents in store.contents.values()} == {1}
    counts = store.simulation.plan.counts
    assert counts[f"{store.queue.name}:offline"] > 0
    assert store.queue.counts["duplicates_sent"] > 0
    assert store.queue.counts["redelivered"] > 0
    # What was never paid has no receiver, and cannot lack one.
    paid = {number: order for number, order in native.items() if order.paid_at_ms}
    contradictory = {number for number, order in paid.items() if order.contradiction}
    assert contradictory
    for number in paid:
        named = bool(store.found[number].problems) or "UNKNOWN-" in str(store.order(number).items)
        assert named is (number in contradictory), (number, native[number].contradiction)
