"""The simulators know which claims their merchant was told of, and how they stood: exactly what its channel has read."""

from collections.abc import Iterator

import pytest

from services.ingest.channels import Aftersales
from services.ingest.domain.model import OrderSnapshotState
from simulators import ledger
from simulators.ledger import LedgerClaim
from simulators.payments.alipay import Keys
from simulators.registry import MARKETPLACES
from simulators.simulation import Simulation
from tests.contract.calm_marketplaces import first, opened
from tests.contract.merchants import ANSWERED, Merchant

S = OrderSnapshotState


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
            yield ledger.ledger_claim(claim, records.shown_at_ms)


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
        assert (claim.shown_open_at_ms, claim.shown_withdrawn_at_ms) == (now_ms, 0)
    for order_no in (seen, unseen):
        assert world.act((merchant.channel.name, order_no), "withdraw")
    for claim in claims_of(merchant, unseen):
        assert (claim.shown_open_at_ms, claim.shown_withdrawn_at_ms) == (0, 0)
    merchant.asked(aftersales)
    told = {
        order_no: {
            (claim.shown_open_at_ms, claim.shown_withdrawn_at_ms)
            for claim in claims_of(merchant, order_no)
        }
        for order_no in (seen, unseen)
    }
    assert told == {seen: {(now_ms, now_ms)}, unseen: {(0, now_ms)}}


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
