"""The simulators know which claims their merchant was told of, and how they stood: exactly what its channel has read."""

from collections.abc import Iterator

import pytest

from services.ingest.channels import (
    Aftersale,
    Aftersales,
    Applied,
    HttpRequest,
    Refused,
)
from services.ingest.domain.model import LineRefundState, OrderSnapshotState
from simulators import ledger
from simulators.clock import ManualClock
from simulators.ledger import LedgerClaim
from simulators.marketplaces.jd.payloads import PAYS_AFTER_MS
from simulators.payments.alipay import Keys
from simulators.registry import MARKETPLACES
from simulators.simulation import Simulation
from tests.contract.calm_marketplaces import first, opened
from tests.contract.merchants import ANSWERED, Merchant

S = OrderSnapshotState
SETTLED_MS = 10 * PAYS_AFTER_MS
"""What changes in one moment is dated seconds ahead; by then it has passed."""


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return opened(Keys())


@pytest.fixture(params=ANSWERED, ids=lambda shop: shop.shop)
def merchant(request: pytest.FixtureRequest, simulation: Simulation) -> Merchant:
    return Merchant(simulation, request.param)


@pytest.fixture
def aftersales(merchant: Merchant) -> Aftersales:
    assert merchant.channel.aftersales is not None
    return merchant.channel.aftersales


def claims_of(merchant: Merchant, order_no: str) -> Iterator[LedgerClaim]:
    records = merchant.simulation.world.records
    for claim in records.after_sales.values():
        if claim.order_no == order_no:
            yield ledger.ledger_claim(claim, records)


def test_a_claim_is_shown_open_and_then_withdrawn_as_it_is_read(
    merchant: Merchant, aftersales: Aftersales
) -> None:
    world = merchant.simulation.world
    seen = first(merchant, S.AWAITING_SHIPMENT).order_no
    assert world.act((merchant.channel.name, seen), "cancel_paid")
    merchant.asked(aftersales)
    unseen = first(merchant, S.AWAITING_SHIPMENT).order_no
    assert world.act((merchant.channel.name, unseen), "cancel_paid")
    now_ms = merchant.simulation.clock()
    for claim in claims_of(merchant, seen):
        assert (claim.shown_open_at_ms, claim.shown_ended_at_ms) == (now_ms, 0)
    for order_no in (seen, unseen):
        assert world.act((merchant.channel.name, order_no), "withdraw")
    for claim in claims_of(merchant, unseen):
        assert (claim.shown_open_at_ms, claim.shown_ended_at_ms) == (0, 0)
    merchant.asked(aftersales)
    told = {
        order_no: {
            (claim.shown_open_at_ms, claim.shown_ended_at_ms)
            for claim in claims_of(merchant, order_no)
        }
        for order_no in (seen, unseen)
    }
    assert told == {seen: {(now_ms, now_ms)}, unseen: {(0, now_ms)}}


def asked_for(merchant: Merchant, aftersales: Aftersales) -> tuple[str, list[Aftersale]]:
    """A buyer's order, and what is asked for it now; of an earlier test it may have had claims before."""
    order_no = first(merchant, S.AWAITING_SHIPMENT).order_no
    assert merchant.simulation.world.act((merchant.channel.name, order_no), "cancel_paid")
    mine = [one for one in merchant.asked(aftersales) if one.order_no == order_no]
    return order_no, [one for one in mine if one.state is LineRefundState.REQUESTED]


def stand(merchant: Merchant, order_no: str, asked: list[Aftersale]) -> list[LedgerClaim]:
    numbers = {one.refund_no for one in asked}
    return [claim for claim in claims_of(merchant, order_no) if claim.claim_no in numbers]


def test_a_claim_is_shown_as_paid_back_when_it_is_and_not_before(
    merchant: Merchant, aftersales: Aftersales
) -> None:
    """JD approves first and pays later; whoever read it in between was told of no money."""
    world, clock = merchant.simulation.world, merchant.simulation.clock
    assert isinstance(clock, ManualClock)
    order_no, asked = asked_for(merchant, aftersales)
    assert world.act((merchant.channel.name, order_no), "settle")
    states = []
    for wait_ms in (SETTLED_MS, 0):
        numbers = {one.refund_no for one in asked}
        read = [one for one in merchant.asked(aftersales) if one.refund_no in numbers]
        paid_back = {one.state is LineRefundState.REFUNDED for one in read}
        claims = stand(merchant, order_no, asked)
        assert {bool(claim.shown_ended_at_ms) for claim in claims} == paid_back
        states.append(paid_back)
        clock.advance(wait_ms)
    assert states == [{merchant.channel.name != "jd"}, {True}]
    assert {claim.answered_by for claim in stand(merchant, order_no, asked)} == {"shop"}


def test_whoever_agrees_to_what_is_agreed_to_is_refused_and_counted(
    merchant: Merchant, aftersales: Aftersales
) -> None:
    world, clock = merchant.simulation.world, merchant.simulation.clock
    assert isinstance(clock, ManualClock)
    for by_clerk, answers in ((True, [Refused]), (False, [Applied, Refused])):
        order_no, asked = asked_for(merchant, aftersales)
        if by_clerk:
            assert world.act((merchant.channel.name, order_no), "settle")
        for one in asked:
            request = aftersales.agree_request(merchant.credentials, one, merchant.now)
            assert isinstance(request, HttpRequest)
            told = [aftersales.read_agree_answer(merchant.send(request)) for _ in answers]
            assert [type(answer) for answer in told] == answers
        claims = stand(merchant, order_no, asked)
        assert {claim.agreements_heard for claim in claims} == {len(answers)}
        assert {claim.answered_by for claim in claims} == {"shop" if by_clerk else "merchant"}
    clock.advance(SETTLED_MS)


def test_nothing_is_shown_beyond_the_page_that_was_answered(
    merchant: Merchant, aftersales: Aftersales
) -> None:
    world, number = merchant.simulation.world, MARKETPLACES[merchant.channel.name].claim_no
    for order in list(world.records.orders.values()):
        if order.shop == merchant.shop.shop:
            world.act(order.key, "cancel_paid")
    world.records.shown_at_ms.clear()
    asked = aftersales.poll_request(merchant.credentials, merchant.window, None, merchant.now)
    page = merchant.ask(asked, lambda answer: aftersales.read_page(answer, None))
    shown = {number(world.records.after_sales[one]) for one, _ in world.records.shown_at_ms}
    assert shown == {one.refund_no for one in page.aftersales}
    # Where a list only names them, nothing was told of any.
    assert bool(shown) is not bool(page.detail_needed)
