"""Own stores, tills and group-buys against their channels: where the shop's own people pay back.

What the shops say, the channels understand, and the other way round; no socket.
"""

import sys
from collections import Counter

import msgspec
import pytest

from services.ingest.channels import (
    Applied,
    ChannelError,
    ErrorKind,
    HintKind,
    HttpAnswer,
    HttpRequest,
    NewWaybill,
    Page,
    RawOrder,
    Refused,
    Shipment,
    ShippedLine,
    Unsupported,
)
from services.ingest.domain.model import (
    CanonicalOrder,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
)
from simulators.app import build
from simulators.clock import ManualClock
from simulators.orders import Shop
from simulators.registry import MARKETPLACES
from simulators.settings import Settings
from simulators.simulation import Simulation
from tests.contract.merchants import Merchant, call_of, pushed, server_behind
from tests.contract.own_shops import (
    POLLED,
    PUSHING,
    later,
    order_of,
    sent,
    simulation_of,
    told,
)

TOLD = {"shopify", "woocommerce"}
"""These push whole orders."""
NO_PARTS = {"woocommerce"}
"""These ship whole orders only."""
ORDERS = 150
S = OrderSnapshotState


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulation_of("none", ManualClock(1_800_000_000_000), ORDERS)


@pytest.fixture(params=POLLED, ids=lambda shop: shop.shop)
def merchant(request: pytest.FixtureRequest, simulation: Simulation) -> Merchant:
    shop: Shop = request.param
    merchant = Merchant(simulation, shop)
    # A call of the very same moment would have the nonce of the one before.
    later(merchant)
    return merchant


def latest(merchant: Merchant, order_no: str) -> CanonicalOrder:
    """Return an order as its detail tells it, or its list where there is no detail."""
    if merchant.channel.detail_request is None:
        return order_of(merchant.poll()[order_no])
    return merchant.order(order_no)


def test_every_order_arrives_once_with_its_money(merchant: Merchant) -> None:
    found, native = merchant.poll(), sent(merchant)
    assert set(found) == set(native)
    assert len(found) > 50
    # What a store's own people paid back, it may not say for which line.
    problems = Counter(p.code for normalised in found.values() for p in normalised.problems)
    assert problems == Counter()
    for number, normalised in found.items():
        order, truth = order_of(normalised), native[number]
        assert order.currency == merchant.shop.currency
        assert order.freight_fen == truth.freight_fen
        assert order.payable_fen == truth.paid_fen
        assert order.paid_fen == (truth.paid_fen if truth.paid_at_ms else 0)
        assert [item.qty for item in order.items] == [line.quantity for line in truth.lines]
        assert [item.merchant_sku for item in order.items] == [
            line.sku.code for line in truth.lines
        ]
        assert [item.payable_fen for item in order.items] == [line.paid_fen for line in truth.lines]


def with_small_pages(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = f"services.ingest.channels.{merchant.channel.name}"
    for module in (
        sys.modules[name] for name in (channel, f"{channel}.gateway") if name in sys.modules
    ):
        monkeypatch.setattr(module, "PAGE_SIZE", 30, raising=False)


def test_a_page_of_the_smallest_size_leads_on_to_the_last_order(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {raw.order_no for raw in merchant.raws()}
    with_small_pages(merchant, monkeypatch)
    numbers = [raw.order_no for raw in merchant.raws()]
    assert len(whole) > 60
    assert set(numbers) == whole
    first_page_again = 30 if merchant.channel.backward_paging else 0
    assert len(numbers) - len(whole) <= first_page_again


@pytest.mark.parametrize("shop", POLLED, ids=lambda shop: shop.shop)
def test_orders_that_leave_the_window_between_its_pages_hide_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(1_800_000_000_000)
    merchant = Merchant(simulation_of("none", clock, ORDERS), shop)
    with_small_pages(merchant, monkeypatch)
    window, records = merchant.window, merchant.simulation.world.records
    clock.advance(60_000)
    listed = list(sent(merchant))
    changed: set[str] = set()
    found: set[str] = set()
    token = None
    for _ in range(len(listed)):
        page = merchant.page(token, window)
        found |= {one.order_no for one in page.orders}
        found |= {one.order_no for one in page.detail_needed}
        token = page.next_page
        if token is None:
            break
        for number in listed[len(changed) : len(changed) + 2]:
            order = records.orders[shop.channel, number]
            records.store(order, "memo_changed", at_ms=clock())
            changed.add(number)
        clock.advance(1_000)
    assert token is None
    assert len(changed) >= 4
    assert set(listed) - changed <= found


def parcel_of(order: CanonicalOrder, places: slice, *, whole: bool) -> Shipment:
    return Shipment(
        order_no=order.order_no,
        lines=tuple(
            ShippedLine(line_id=item.line_id, qty=item.qty) for item in order.items[places]
        ),
        whole=whole,
        carrier="SF",
        waybill_no=f"SF{order.order_no.replace('-', '')}{places.start or 0}",
        request_id="2f0c1d9e",
    )


def first(merchant: Merchant, state: OrderSnapshotState, *, lines_min: int = 1) -> CanonicalOrder:
    return next(
        order
        for normalised in merchant.poll().values()
        if (order := order_of(normalised)).state is state
        and sum(not item.is_gift for item in order.items) >= lines_min
        and not any(item.refunded_qty for item in order.items)
    )


def test_a_shipment_told_twice_is_applied_once(merchant: Merchant) -> None:
    order = first(merchant, S.AWAITING_SHIPMENT)
    parcel = parcel_of(order, slice(None), whole=True)
    assert told(merchant, parcel) == Applied()
    later(merchant)
    # A store that says no more than that it is completed says so again.
    repeated = merchant.channel.name not in NO_PARTS
    assert told(merchant, parcel) == Applied(repeated=repeated)
    native = merchant.simulation.world.records.orders[merchant.channel.name, order.order_no]
    assert [one.waybill for one in native.shipments] == [parcel.waybill_no]
    later(merchant)
    shipped = latest(merchant, order.order_no)
    if merchant.channel.name in NO_PARTS:
        assert shipped.state is S.COMPLETED
        return
    assert shipped.state is S.SHIPPED
    assert [item.shipped_qty for item in shipped.items] == [item.qty for item in order.items]
    assert [one.waybill_no for one in shipped.parcels] == [parcel.waybill_no]


def test_a_shop_that_knows_no_parts_is_told_with_the_last_of_them(merchant: Merchant) -> None:
    if merchant.channel.name not in NO_PARTS:
        return
    order = first(merchant, S.AWAITING_SHIPMENT, lines_min=2)
    last = msgspec.structs.replace(
        parcel_of(order, slice(1, None), whole=False), additional=True, completes=True
    )
    assert told(merchant, last) == Applied()
    later(merchant)
    assert latest(merchant, order.order_no).state is S.COMPLETED


def test_a_parcel_gets_another_number_once(merchant: Merchant) -> None:
    channel = merchant.channel
    if channel.waybills is None:
        assert channel.name == "groupbuy"
        return
    order = first(merchant, S.AWAITING_SHIPMENT)
    parcel = parcel_of(order, slice(None), whole=True)
    change = NewWaybill(
        order_no=order.order_no,
        lines=parcel.lines,
        whole=True,
        carrier="YTO",
        waybill_no=f"YT{order.order_no}",
        former_waybill_no=parcel.waybill_no,
        request_id="7a1b",
    )
    assert told(merchant, parcel) == Applied()
    for _ in range(2):
        later(merchant)
        request = merchant.waybill(change)
        assert isinstance(request, HttpRequest)
        assert channel.waybills.read_answer(merchant.send(request)) == Applied()
    native = merchant.simulation.world.records.orders[channel.name, order.order_no]
    [one] = native.shipments
    assert (one.waybill, one.changes) == (change.waybill_no, 1)
    assert isinstance(merchant.waybill(msgspec.structs.replace(change, carrier="?")), Unsupported)


def test_an_order_leaves_part_by_part_where_the_shop_can(merchant: Merchant) -> None:
    order = first(merchant, S.AWAITING_SHIPMENT, lines_min=2)
    states = []
    for places in (slice(0, 1), slice(1, None)):
        answer = told(merchant, parcel_of(order, places, whole=False))
        if merchant.channel.name in NO_PARTS:
            assert isinstance(answer, Unsupported)
            return
        assert answer == Applied()
        later(merchant)
        states.append(latest(merchant, order.order_no).state)
    assert states == [S.PARTLY_SHIPPED, S.SHIPPED]
    assert len(latest(merchant, order.order_no).parcels) == 2


def test_an_unpaid_order_cannot_be_shipped(merchant: Merchant) -> None:
    unpaid = next(
        order
        for order in merchant.simulation.world.records.orders.values()
        if order.shop == merchant.shop.shop and order.state == "unpaid"
    )
    parcel = Shipment(
        order_no=unpaid.order_no,
        lines=(),
        whole=True,
        carrier="SF",
        waybill_no="SF1",
        request_id="2f0c1d9e",
    )
    assert isinstance(told(merchant, parcel), Refused)


@pytest.mark.parametrize("state", ["unpaid", "paid"])
def test_an_order_that_we_closed_is_closed_there_once_and_keeps_its_money(
    merchant: Merchant, state: str
) -> None:
    calls = merchant.channel.cancelling
    if calls is None:
        return
    native = next(
        order
        for order in merchant.simulation.world.records.orders.values()
        if (order.shop, order.state) == (merchant.shop.shop, state)
        if not order.refunds and not order.contradiction
    )
    for repeated in (False, merchant.channel.name not in NO_PARTS):
        later(merchant)
        request = calls.request(merchant.credentials, native.order_no, merchant.now)
        assert calls.read_answer(merchant.send(request)) == Applied(repeated=repeated)
    later(merchant)
    closed = latest(merchant, native.order_no)
    assert (closed.state, closed.paid_fen) == (
        S.CANCELLED,
        native.paid_fen if state == "paid" else 0,
    )


def test_an_order_that_has_left_is_not_closed(merchant: Merchant) -> None:
    calls = merchant.channel.cancelling
    if calls is None:
        return
    order = first(merchant, S.AWAITING_SHIPMENT)
    assert told(merchant, parcel_of(order, slice(None), whole=True)) == Applied()
    later(merchant)
    request = calls.request(merchant.credentials, order.order_no, merchant.now)
    assert isinstance(calls.read_answer(merchant.send(request)), Refused)
    later(merchant)
    assert latest(merchant, order.order_no).state in {S.SHIPPED, S.COMPLETED}


def test_what_the_shop_paid_back_before_shipping_never_ships(merchant: Merchant) -> None:
    world, name = merchant.simulation.world, merchant.channel.name
    whole = first(merchant, S.AWAITING_SHIPMENT)
    later(merchant)
    part = first(merchant, S.AWAITING_SHIPMENT, lines_min=2)
    line_no = part.items[0].line_id
    assert world.claim(world.records.orders[name, part.order_no], line_nos=(line_no,))
    if whole.order_no != part.order_no:
        assert world.act((name, whole.order_no), "cancel_paid")
    for _ in range(10):
        later(merchant)
        world.advance()
    if whole.order_no != part.order_no:
        closed = latest(merchant, whole.order_no)
        assert closed.state is S.CLOSED_REFUNDED
        assert isinstance(
            told(merchant, parcel_of(whole, slice(None), whole=True)), (Refused, Applied)
        )
        assert world.records.orders[name, whole.order_no].shipments == ()
    left = latest(merchant, part.order_no)
    if name in NO_PARTS:
        assert (left.state, left.hold) == (S.PAID_ON_HOLD, "refunded_line_unknown")
        return
    assert left.items[0].refund_state is LineRefundState.REFUNDED
    assert left.items[1].refund_state is LineRefundState.NONE
    assert left.state is S.AWAITING_SHIPMENT


def test_what_members_ask_for_is_read_and_left_to_the_leader(simulation: Simulation) -> None:
    (shop,) = MARKETPLACES["groupbuy"].shops
    merchant, world = Merchant(simulation, shop), simulation.world
    aftersales = merchant.channel.aftersales
    assert aftersales is not None
    order = first(merchant, S.AWAITING_SHIPMENT)
    (claim,) = world.claim(world.records.orders["groupbuy", order.order_no])
    assert latest(merchant, order.order_no).state is S.PAID_ON_HOLD
    (asked,) = (one for one in merchant.asked(aftersales) if one.order_no == order.order_no)
    assert (asked.refund_no, asked.state) == (claim.after_sale_id, LineRefundState.REQUESTED)
    assert asked.amount_fen == order.paid_fen
    answer = aftersales.agree_request(merchant.credentials, asked, merchant.now)
    assert isinstance(answer, Unsupported)
    refusal = aftersales.refuse_request(merchant.credentials, asked, "团长处理", merchant.now)
    assert isinstance(refusal, Unsupported)
    for _ in range(10):
        later(merchant)
        world.advance()
    (settled,) = (one for one in merchant.asked(aftersales) if one.order_no == order.order_no)
    assert settled.state is LineRefundState.REFUNDED
    assert latest(merchant, order.order_no).state is S.CLOSED_REFUNDED


def test_what_went_wrong_is_never_an_empty_page_and_has_its_kind(merchant: Merchant) -> None:
    channel, given = merchant.channel, merchant.credentials
    assert channel.poll_request is not None

    def poll(**changed: str) -> Page | ChannelError:
        credentials = msgspec.structs.replace(given, **changed)
        request = channel.poll_request(credentials, merchant.window, None, merchant.now)  # type: ignore[misc]
        return channel.read_page(merchant.send(request), None)

    kinds = {
        name: found.kind if isinstance(found := poll(**{name: "long gone"}), ChannelError) else None
        for name in ("access_token", "app_secret", "app_key")
    }
    assert kinds == KINDS[channel.name]
    throttled = MARKETPLACES[channel.name].throttled
    answer = HttpAnswer(status=throttled.status, headers=throttled.headers, body=throttled.body)
    found = channel.read_page(answer, None)
    assert isinstance(found, ChannelError)
    assert found.kind is ErrorKind.THROTTLED
    assert found.retry_after_ms == (2_000 if "retry-after" in throttled.headers else 0)


KINDS = {
    # Calls carry nothing but a token.
    "shopify": {"access_token": ErrorKind.TOKEN, "app_secret": None, "app_key": None},
    "groupbuy": {
        "access_token": ErrorKind.TOKEN,
        "app_secret": ErrorKind.REFUSED,
        "app_key": ErrorKind.REFUSED,
    },
    # There is no token; a wrong key or secret is what a wrong token is elsewhere.
    "woocommerce": {
        "access_token": None,
        "app_secret": ErrorKind.TOKEN,
        "app_key": ErrorKind.TOKEN,
    },
}


def test_the_same_call_is_answered_twice_in_a_second(merchant: Merchant) -> None:
    clock = merchant.simulation.clock
    assert isinstance(clock, ManualClock)
    first_page = merchant.page(None)
    clock.advance(1)
    assert merchant.page(None) == first_page


def test_calls_find_their_shop_by_their_path(merchant: Merchant) -> None:
    channel, now = merchant.channel, merchant.now
    assert channel.poll_request is not None
    parcel = parcel_of(first(merchant, S.AWAITING_SHIPMENT), slice(None), whole=True)
    app = build(Settings(faults="none"), clock=merchant.simulation.clock)
    asked = channel.poll_request(merchant.credentials, merchant.window, None, now)
    prepare = channel.prepare_shipment or channel.shipment_request
    told_of = prepare(merchant.credentials, parcel, now)
    for request in (asked, told_of):
        assert isinstance(request, HttpRequest)
        found = server_behind(app, call_of(request))
        assert found is app.state.simulation.servers[channel.name]


def test_an_order_nobody_placed_is_refused_not_invented(merchant: Merchant) -> None:
    if merchant.channel.detail_request is None:
        assert "4000000000000007" not in merchant.poll()
        return
    request = merchant.channel.detail_request(
        merchant.credentials, "4000000000000007", merchant.now
    )
    found = merchant.channel.read_detail(merchant.send(request))
    assert isinstance(found, ChannelError)
    assert found.kind is ErrorKind.REFUSED


@pytest.mark.parametrize(
    "shop", [shop for shop in PUSHING if shop.channel in TOLD], ids=lambda shop: shop.shop
)
def test_webhooks_are_genuine_and_carry_the_whole_order(shop: Shop, simulation: Simulation) -> None:
    merchant, queue = Merchant(simulation, shop), simulation.pushes[shop.shop]
    push = merchant.channel.push
    assert push is not None
    world = simulation.world
    while (order := world.place(channel=shop.channel)).shop != shop.shop or not order.paid_at_ms:
        pass
    world.claim(order)
    read: dict[str, Normalised] = {}
    hinted: set[str] = set()
    while batch := queue.take():
        posting = queue.encode(batch[0].group, [one.content for one in batch])
        queue.settle(batch, accepted=queue.accepted(push.reply))
        request = pushed(posting, merchant.now)
        assert push.verify(merchant.credentials, request)
        forged = msgspec.structs.replace(request, body=request.body + b" ")
        assert request.body.startswith(b"webhook_id=") or not push.verify(
            merchant.credentials, forged
        )
        assert not push.verify(
            msgspec.structs.replace(merchant.credentials, app_secret="x", push_token="x"), forged
        )
        found = push.read(merchant.credentials, request)
        assert not isinstance(found, ChannelError)
        for one in found:
            if isinstance(one, RawOrder):
                (read[one.order_no],) = merchant.channel.normalise(one.body)
            elif one.kind is not HintKind.PROBE:
                assert one.message_id
                hinted.add(one.order_no)
    assert queue.counts["failed_postings"] == 0
    told_of = order_of(read[order.order_no])
    assert told_of.paid_fen == order.paid_fen
    assert order.order_no in hinted or told_of.state is S.CLOSED_REFUNDED
