"""What the simulated marketplaces say, the channels understand, and the other way round.

Both sides were written from the platforms' documents by different hands, so agreement is evidence.
No socket: requests go straight into the marketplaces' own check of signatures and parameters.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from chassis.plugins import load
from services.ingest.channels import AftersalePage as Asked
from services.ingest.channels import (
    Aftersales,
    Applied,
    Channel,
    Credentials,
    HttpAnswer,
    HttpRequest,
    Page,
    PageToken,
    PollWindow,
    RawOrder,
    Shipment,
)
from services.ingest.domain.model import (
    CanonicalOrder,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
)
from simulators.clock import ManualClock
from simulators.doors import Call
from simulators.orders import Shop
from simulators.payments.alipay import Keys
from simulators.registry import SHOPS
from simulators.settings import Settings
from simulators.simulation import Simulation

CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)
ORDERS = 300
# How these share an order's discounts out among its lines, they do not say.
STATES_NO_SHARES = {"jd"}
S = OrderSnapshotState


class Merchant:
    """One shop of a simulated marketplace, reached through its channel."""

    def __init__(self, simulation: Simulation, shop: Shop, now: datetime) -> None:
        self.simulation = simulation
        self.shop = shop
        self.channel = CHANNELS[shop.channel]
        self.now = now
        # What is done to an order in the very moment gets the seconds after it, one each.
        self.window = PollWindow(
            since=now - timedelta(minutes=30), until=now + timedelta(seconds=30)
        )
        self.credentials = Credentials(
            app_key=shop.app_key,
            app_secret=shop.app_secret,
            access_token=shop.access_token,
            base_url="http://127.0.0.1:1",
        )

    def send(self, request: HttpRequest) -> HttpAnswer:
        url = urlsplit(request.url)
        call = Call(
            method=request.method,
            path=unquote(url.path),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in request.headers},
            body=request.body,
        )
        answer = self.simulation.servers[self.shop.channel].answer(call)
        return HttpAnswer(status=answer.status, headers=answer.headers, body=answer.body)

    def detail(self, order_no: str) -> RawOrder:
        assert self.channel.detail_request is not None
        request = self.channel.detail_request(self.credentials, order_no, self.now)
        raw = self.channel.read_detail(self.send(request))
        assert isinstance(raw, RawOrder), raw
        return raw

    def poll(self) -> dict[str, Normalised]:
        """Read all pages, fetch what they only name, and return every order by number."""
        found: dict[str, Normalised] = {}
        token: PageToken | None = None
        for _ in range(50):
            assert self.channel.poll_request is not None
            request = self.channel.poll_request(self.credentials, self.window, token, self.now)
            page = self.channel.read_page(self.send(request), token)
            assert isinstance(page, Page), page
            raws = [*page.orders, *(self.detail(row.order_no) for row in page.detail_needed)]
            for raw in raws:
                (found[raw.order_no],) = self.channel.normalise(raw.body)
            token = page.next_page
            if token is None:
                return found
        pytest.fail("paging does not end")

    def order(self, order_no: str) -> CanonicalOrder:
        (found,) = self.channel.normalise(self.detail(order_no).body)
        assert found.order is not None
        return found.order


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    clock = ManualClock(1_800_000_000_000)
    simulation = Simulation(Settings(faults="none"), clock, Keys())
    for _ in range(ORDERS):
        simulation.world.place()
        clock.advance(500)
        simulation.world.advance()
    return simulation


@pytest.fixture(params=SHOPS, ids=lambda shop: shop.shop)
def merchant(request: pytest.FixtureRequest, simulation: Simulation) -> Merchant:
    now = datetime.fromtimestamp(simulation.clock() / 1000, UTC)
    return Merchant(simulation, request.param, now)


def test_every_order_arrives_once_without_contradiction_and_with_its_money(
    merchant: Merchant,
) -> None:
    found = merchant.poll()
    sent = {
        order.order_no: order
        for order in merchant.simulation.world.records.orders.values()
        if order.shop == merchant.shop.shop
        # JD shows unpaid orders, and what became of them, by another call.
        and (merchant.channel.name != "jd" or order.paid_at_ms or order.order_no in found)
    }
    assert set(found) == set(sent)
    assert len(found) > 20
    problems = Counter(p.code for normalised in found.values() for p in normalised.problems)
    assert problems == Counter()
    for number, normalised in found.items():
        order, native = normalised.order, sent[number]
        assert order is not None
        assert order.freight_fen == native.freight_fen
        assert [item.qty for item in order.items] == [line.quantity for line in native.lines]
        goods = [item.payable_fen for item in order.items]
        shares = [line.paid_fen for line in native.lines]
        assert sum(goods) == sum(shares)
        if merchant.channel.name not in STATES_NO_SHARES:
            assert goods == shares


def first(merchant: Merchant, state: OrderSnapshotState) -> CanonicalOrder:
    return next(
        found.order
        for found in merchant.poll().values()
        if found.order is not None and found.order.state is state
    )


def test_a_shipment_told_twice_is_applied_once(merchant: Merchant) -> None:
    order = first(merchant, S.AWAITING_SHIPMENT)
    request = merchant.channel.shipment_request(
        merchant.credentials,
        Shipment(
            order_no=order.order_no,
            lines=(),
            whole=True,
            carrier="SF",
            waybill_no=f"SF{order.order_no}",
            request_id="2f0c1d9e",
        ),
        merchant.now,
    )
    assert isinstance(request, HttpRequest)
    read = merchant.channel.read_shipment_answer
    assert read(merchant.send(request)) == Applied()
    assert read(merchant.send(request)) == Applied(repeated=True)
    shipped = merchant.order(order.order_no)
    assert shipped.state is S.SHIPPED
    assert [item.shipped_qty for item in shipped.items] == [item.qty for item in order.items]
    assert [parcel.waybill_no for parcel in shipped.parcels] == [f"SF{order.order_no}"]


def asked(merchant: Merchant, aftersales: Aftersales) -> Asked:
    request = aftersales.poll_request(merchant.credentials, merchant.window, None, merchant.now)
    page = aftersales.read_page(merchant.send(request), None)
    assert isinstance(page, Asked), page
    return page


def test_a_refund_is_asked_for_holds_the_order_and_is_agreed_to(merchant: Merchant) -> None:
    aftersales = merchant.channel.aftersales
    assert aftersales is not None
    order = first(merchant, S.AWAITING_SHIPMENT)
    world = merchant.simulation.world
    assert world.act((merchant.channel.name, order.order_no), "cancel_paid")
    assert merchant.order(order.order_no).state is S.PAID_ON_HOLD
    page = asked(merchant, aftersales)
    assert page.unreadable == 0
    mine = [one for one in page.aftersales if one.order_no == order.order_no]
    assert {one.state for one in mine} == {LineRefundState.REQUESTED}
    assert sum(one.amount_fen for one in mine) == order.paid_fen
    for one in mine:
        request = aftersales.agree_request(merchant.credentials, one, merchant.now)
        assert isinstance(request, HttpRequest)
        assert aftersales.read_agree_answer(merchant.send(request)) == Applied()
    assert merchant.order(order.order_no).state is S.CLOSED_REFUNDED
    again = [
        one for one in asked(merchant, aftersales).aftersales if one.order_no == order.order_no
    ]
    assert LineRefundState.REQUESTED not in {one.state for one in again}
