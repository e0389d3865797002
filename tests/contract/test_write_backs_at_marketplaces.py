"""What the channels tell the simulated marketplaces arrives once: parcels, their numbers, answers to claims."""

import msgspec
import pytest

from services.ingest.channels import (
    Applied,
    HttpRequest,
    NewWaybill,
    Refused,
    Shipment,
    Unsupported,
)
from services.ingest.domain.model import (
    OPEN_REFUNDS,
    CanonicalOrder,
    LineRefundState,
    OrderSnapshotState,
)
from simulators.payments.alipay import Keys
from simulators.simulation import Simulation
from tests.contract.calm_marketplaces import first, is_single, opened, shipment
from tests.contract.merchants import ANSWERED, Merchant

# The first parcel flips the whole order; JD knows no second one.
FLIPS = {"jd", "pdd", "kuaishou"}
# A parcel keeps the number it was told with.
KEEPS_WAYBILL = {"jd", "youzan"}
S = OrderSnapshotState


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return opened(Keys())


@pytest.fixture(params=ANSWERED, ids=lambda shop: shop.shop)
def merchant(request: pytest.FixtureRequest, simulation: Simulation) -> Merchant:
    return Merchant(simulation, request.param)


def test_a_shipment_told_twice_is_applied_once(merchant: Merchant) -> None:
    order = first(merchant, S.AWAITING_SHIPMENT)
    parcel = shipment(order, slice(None), whole=True)
    request = merchant.shipment(parcel)
    assert isinstance(request, HttpRequest)
    read = merchant.channel.read_shipment_answer
    assert read(merchant.send(request)) == Applied()
    assert read(merchant.send(request)) == Applied(repeated=True)
    shipped = merchant.order(order.order_no)
    assert shipped.state is S.SHIPPED
    assert [item.shipped_qty for item in shipped.items] == [item.qty for item in order.items]
    assert [one.waybill_no for one in shipped.parcels] == [parcel.waybill_no]
    native = merchant.simulation.world.records.orders[merchant.channel.name, order.order_no]
    assert [one.count for one in native.shipments] == [2]


def test_an_order_leaves_parcel_by_parcel_each_told_once(merchant: Merchant) -> None:
    order = first(merchant, S.AWAITING_SHIPMENT, lines_min=1 if is_single(merchant) else 2)
    channel, states = merchant.channel, []
    for places in (slice(0, 1), slice(1, None)):
        parcel = shipment(order, places, whole=False, additional=places.start == 1)
        request = merchant.shipment(parcel)
        if channel.name == "jd" and parcel.additional:
            assert isinstance(request, Unsupported)
            break
        assert isinstance(request, HttpRequest)
        assert channel.read_shipment_answer(merchant.send(request)) == Applied()
        again = channel.read_shipment_answer(merchant.send(request))
        assert isinstance(again, Applied)
        states.append(merchant.order(order.order_no).state)
    flips = channel.name in FLIPS
    assert states[0] is (S.SHIPPED if flips else S.PARTLY_SHIPPED)
    assert states[-1] is S.SHIPPED
    native = merchant.simulation.world.records.orders[channel.name, order.order_no]
    assert [one.count for one in native.shipments] == [2] * len(states)
    assert [bool(one.line_nos) for one in native.shipments] == [True, not flips][: len(states)]


def test_lines_that_went_before_are_not_told_again(merchant: Merchant) -> None:
    order = first(merchant, S.AWAITING_SHIPMENT)
    whole = shipment(order, slice(None), whole=False, additional=True)
    rest = msgspec.structs.replace(
        whole,
        lines=tuple(msgspec.structs.replace(line, again=True, qty=0) for line in whole.lines),
    )
    request = merchant.shipment(rest)
    if merchant.channel.name in {"pdd", "kuaishou"}:
        # A parcel more, whatever it holds.
        assert isinstance(request, HttpRequest)
    else:
        assert isinstance(request, Unsupported)


def new_waybill(order: CanonicalOrder, former: Shipment, number: str) -> NewWaybill:
    return NewWaybill(
        order_no=order.order_no,
        lines=former.lines,
        whole=former.whole,
        additional=former.additional,
        carrier="YTO",
        waybill_no=number,
        former_waybill_no=former.waybill_no,
        request_id="7a1b",
        carrier_code="",
    )


def test_a_parcel_told_as_a_whole_gets_another_number_once(merchant: Merchant) -> None:
    channel = merchant.channel
    if channel.name in KEEPS_WAYBILL:
        assert channel.waybills is None
        return
    assert channel.waybills is not None
    order = first(merchant, S.AWAITING_SHIPMENT)
    parcel = shipment(order, slice(None), whole=True)
    change = new_waybill(order, parcel, f"YT{order.order_no.replace('-', '')}")
    if channel.name == "kuaishou":
        change = msgspec.structs.replace(change, carrier="SF")
    early = merchant.waybill(change)
    assert isinstance(early, HttpRequest)
    assert isinstance(channel.waybills.read_answer(merchant.send(early)), Refused)

    request = merchant.shipment(parcel)
    assert isinstance(request, HttpRequest)
    assert channel.read_shipment_answer(merchant.send(request)) == Applied()
    for _ in range(2):
        request = merchant.waybill(change)
        assert isinstance(request, HttpRequest)
        assert channel.waybills.read_answer(merchant.send(request)) == Applied()

    native = merchant.simulation.world.records.orders[channel.name, order.order_no]
    [told] = native.shipments
    assert (told.waybill, told.changes) == (change.waybill_no, 1)
    assert {line.waybill for line in native.lines} == {change.waybill_no}
    shown = merchant.order(order.order_no)
    assert shown.state is S.SHIPPED
    assert [one.waybill_no for one in shown.parcels] == [change.waybill_no]


def test_one_of_several_parcels_gets_another_number_where_the_platform_can(
    merchant: Merchant,
) -> None:
    channel = merchant.channel
    if channel.waybills is None or is_single(merchant):
        return
    order = first(merchant, S.AWAITING_SHIPMENT, lines_min=2)
    parcels = [
        shipment(order, places, whole=False, additional=places.start == 1)
        for places in (slice(0, 1), slice(1, None))
    ]
    for parcel in parcels:
        request = merchant.shipment(parcel)
        assert isinstance(request, HttpRequest)
        assert channel.read_shipment_answer(merchant.send(request)) == Applied()
    change = new_waybill(order, parcels[1], f"YT{order.order_no.replace('-', '')}9")
    request = merchant.waybill(change)
    if channel.name in {"pdd", "wechat_channels"}:
        assert isinstance(request, Unsupported)
        return
    assert isinstance(request, HttpRequest)
    assert channel.waybills.read_answer(merchant.send(request)) == Applied()
    native = merchant.simulation.world.records.orders[channel.name, order.order_no]
    assert [one.waybill for one in native.shipments] == [parcels[0].waybill_no, change.waybill_no]
    # What was told and not heard is told again without harm.
    again = merchant.waybill(change)
    if isinstance(again, HttpRequest):
        assert channel.waybills.read_answer(merchant.send(again)) == Applied()
    else:
        assert again == Applied(repeated=True)


def test_a_parcel_nobody_told_gets_no_number(merchant: Merchant) -> None:
    channel = merchant.channel
    if channel.waybills is None:
        return
    order = first(merchant, S.AWAITING_SHIPMENT)
    parcel = shipment(order, slice(None), whole=True)
    change = msgspec.structs.replace(new_waybill(order, parcel, "YT99887766"), carrier="SF")
    request = merchant.waybill(change)
    assert isinstance(request, HttpRequest)
    assert isinstance(channel.waybills.read_answer(merchant.send(request)), Refused)
    odd = msgspec.structs.replace(change, carrier="PIGEON")
    assert isinstance(merchant.waybill(odd), Unsupported)


def test_an_unpaid_order_cannot_be_shipped(merchant: Merchant) -> None:
    records = merchant.simulation.world.records.orders.values()
    unpaid = next(
        one for one in records if one.shop == merchant.shop.shop and one.state == "unpaid"
    )
    order = merchant.order(unpaid.order_no)
    parcel = shipment(order, slice(None), whole=True)
    request = merchant.shipment(parcel)
    assert isinstance(request, HttpRequest)
    assert isinstance(merchant.channel.read_shipment_answer(merchant.send(request)), Refused)


def test_a_refund_is_asked_for_holds_the_order_and_is_agreed_to(merchant: Merchant) -> None:
    aftersales = merchant.channel.aftersales
    assert aftersales is not None
    order = first(merchant, S.AWAITING_SHIPMENT)
    world = merchant.simulation.world
    assert world.act((merchant.channel.name, order.order_no), "cancel_paid")
    assert merchant.order(order.order_no).state is S.PAID_ON_HOLD
    mine = [one for one in merchant.asked(aftersales) if one.order_no == order.order_no]
    assert {one.state for one in mine} == {LineRefundState.REQUESTED}
    assert sum(one.amount_fen for one in mine) == order.paid_fen
    assert {one.line_id for one in mine} <= {"", *(item.line_id for item in order.items)}
    for one in mine:
        request = aftersales.agree_request(merchant.credentials, one, merchant.now)
        assert isinstance(request, HttpRequest)
        assert aftersales.read_agree_answer(merchant.send(request)) == Applied()
    assert merchant.order(order.order_no).state is S.CLOSED_REFUNDED
    again = [one for one in merchant.asked(aftersales) if one.order_no == order.order_no]
    assert LineRefundState.REQUESTED not in {one.state for one in again}


def test_a_withdrawn_claim_is_listed_as_one_and_the_parcel_is_taken(merchant: Merchant) -> None:
    aftersales, world = merchant.channel.aftersales, merchant.simulation.world
    assert aftersales is not None
    order = first(merchant, S.AWAITING_SHIPMENT)
    key = (merchant.channel.name, order.order_no)
    assert world.act(key, "cancel_paid")
    parcel = merchant.shipment(shipment(order, slice(None), whole=True))
    assert isinstance(parcel, HttpRequest)
    assert isinstance(merchant.channel.read_shipment_answer(merchant.send(parcel)), Refused)
    assert world.act(key, "withdraw")
    mine = [one for one in merchant.asked(aftersales) if one.order_no == order.order_no]
    assert {one.state for one in mine} == {LineRefundState.WITHDRAWN}
    if aftersales.detail_request is not None and aftersales.read_detail is not None:
        ask = aftersales.detail_request(merchant.credentials, mine[0].refund_no, merchant.now)
        assert aftersales.read_detail(merchant.send(ask)) == mine[0]
    assert merchant.order(order.order_no).state is S.AWAITING_SHIPMENT
    assert merchant.channel.read_shipment_answer(merchant.send(parcel)) == Applied()


def test_a_claim_over_one_line_of_a_shipped_order_is_agreed_to(merchant: Merchant) -> None:
    aftersales, world = merchant.channel.aftersales, merchant.simulation.world
    assert aftersales is not None
    placed = first(merchant, S.AWAITING_SHIPMENT, lines_min=1 if is_single(merchant) else 2)
    key = (merchant.channel.name, placed.order_no)
    world.ship(key, waybill=f"1{placed.order_no}", company="44")
    native = world.records.orders[key]
    (claim,) = world.claim(native, line_nos=(native.lines[0].line_no,))
    (one,) = [found for found in merchant.asked(aftersales) if found.order_no == placed.order_no]
    assert (one.state, one.amount_fen) == (LineRefundState.REQUESTED, claim.amount_fen)
    assert one.line_id in {"", placed.items[0].line_id}
    # For Pinduoduo an open refund comes before the parcel.
    pending = S.PAID_ON_HOLD if merchant.channel.name == "pdd" else S.SHIPPED
    assert merchant.order(placed.order_no).state is pending
    request = aftersales.agree_request(merchant.credentials, one, merchant.now)
    assert isinstance(request, HttpRequest)
    assert aftersales.read_agree_answer(merchant.send(request)) == Applied()
    whole = world.records.orders[key].state == "closed"
    after = merchant.order(placed.order_no)
    assert after.state is (S.CLOSED_REFUNDED if whole else S.SHIPPED)
    if not whole and one.line_id:
        states = [item.refund_state for item in after.items]
        assert states[0] is LineRefundState.REFUNDED
        assert {*states[1:]} == {LineRefundState.NONE}


def test_a_claim_that_is_refused_stays_refused_however_often_it_is_told(merchant: Merchant) -> None:
    aftersales, world = merchant.channel.aftersales, merchant.simulation.world
    assert aftersales is not None
    placed = first(merchant, S.AWAITING_SHIPMENT)
    key = (merchant.channel.name, placed.order_no)
    world.ship(key, waybill=f"2{placed.order_no}", company="44")
    native = world.records.orders[key]
    (claim,) = world.claim(native, line_nos=(native.lines[0].line_no,))
    (one,) = [found for found in merchant.asked(aftersales) if found.order_no == placed.order_no]
    counts, name = merchant.simulation.tally.counts, f"{merchant.channel.name}:refuse"
    before = counts[f"{name}:applied"]

    request = aftersales.refuse_request(merchant.credentials, one, "商品已拆封", merchant.now)
    assert isinstance(request, HttpRequest)
    assert aftersales.read_refuse_answer(merchant.send(request)) == Applied()
    again = aftersales.read_refuse_answer(merchant.send(request))
    assert isinstance(again, Applied | Refused)

    assert counts[f"{name}:applied"] == before + 1
    assert world.records.after_sales[claim.after_sale_id].status == "refused"
    mine = [found for found in merchant.asked(aftersales) if found.order_no == placed.order_no]
    assert {found.state for found in mine} & OPEN_REFUNDS == set()
    if aftersales.detail_request is not None and aftersales.read_detail is not None:
        ask = aftersales.detail_request(merchant.credentials, one.refund_no, merchant.now)
        assert merchant.ask(ask, aftersales.read_detail).state is LineRefundState.REFUSED
    late = aftersales.agree_request(merchant.credentials, one, merchant.now)
    assert isinstance(late, HttpRequest)
    assert isinstance(aftersales.read_agree_answer(merchant.send(late)), Refused)


def test_a_refusal_that_is_forged_or_names_no_claim_refuses_nothing(merchant: Merchant) -> None:
    aftersales, world = merchant.channel.aftersales, merchant.simulation.world
    assert aftersales is not None
    placed = first(merchant, S.AWAITING_SHIPMENT)
    key = (merchant.channel.name, placed.order_no)
    world.ship(key, waybill=f"3{placed.order_no}", company="44")
    (claim,) = world.claim(world.records.orders[key])[:1]
    one = next(found for found in merchant.asked(aftersales) if found.order_no == placed.order_no)
    nobody = msgspec.structs.replace(one, refund_no=str(int(claim.after_sale_id) + 10**6))
    forger = msgspec.structs.replace(
        merchant.credentials, app_secret="somebody's own", access_token="somebody's own"
    )
    for credentials, asked in ((merchant.credentials, nobody), (forger, one)):
        request = aftersales.refuse_request(credentials, asked, "商品已拆封", merchant.now)
        assert isinstance(request, HttpRequest)
        assert not isinstance(aftersales.read_refuse_answer(merchant.send(request)), Applied)
    assert world.records.after_sales[claim.after_sale_id].status == "open"
