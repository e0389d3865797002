"""An order that is paid at the door says so, and why it gets no label."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from schemas.events.orders import OrderPaid, OrderPlaced, Payment
from schemas.events.shipments import WaybillRefused
from services.fulfillment.calls import COLLECTION_UNSUPPORTED
from tests.browser.story import NOON, Story
from tests.unit.console.test_handlers import project


def detail(event: Struct) -> str:
    """What its line of the timeline says."""
    _, facts = project([event])
    (line,) = facts.entries
    return str(line[6])


def test_what_is_to_be_collected_is_told_in_place_of_what_is_paid() -> None:
    placed, *_ = Story("DS1").placed()
    assert isinstance(placed, OrderPlaced)
    payment = Payment(paid_at=NOON, paid_fen=0, collect_fen=22590)
    assert detail(replace(placed, payment=payment)).endswith(" · 货到付款，待收 ¥225.90")
    paid = OrderPaid(order_id="DS1", version=1, occurred_at=NOON, paid_fen=0, collect_fen=22590)
    assert detail(paid) == "货到付款，待收 ¥225.90"
    assert detail(replace(paid, paid_fen=22590, collect_fen=None)) == "¥225.90"


def test_a_label_that_was_refused_for_it_is_told_in_business_words() -> None:
    refused = WaybillRefused(
        order_id="DS1",
        version=1,
        occurred_at=NOON,
        parcel_id="DS1-1",
        carrier="SF",
        reason=COLLECTION_UNSUPPORTED,
    )
    assert detail(refused) == "货到付款，承运商接口暂不支持代收，请人工处理"
