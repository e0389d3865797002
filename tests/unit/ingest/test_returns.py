"""A receipt of taking back is no order: it is kept once, for its sale, or set aside with its reason."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decision, Moment, Record
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.commands_refunds import PaidBackGoods
from schemas.events.orders import OrderPlaced
from schemas.events.quarantine import PayloadQuarantined
from schemas.events.refunds import RefundSettled
from services.ingest.domain.evidence import Evidence
from services.ingest.domain.matching import TRUSTING, Catalogue, Component, SkuMapping
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import NormaliserFacts
from services.ingest.handlers import HANDLERS
from services.ingest.returns import Returned, goods_of
from services.ingest.writeback import decide_settled
from tests.unit.ingest.channels.builders import NOW, Native, encoded
from tests.unit.ingest.channels.natives import pos_batch, pos_line, pos_receipt
from tests.unit.ingest.test_normalise import PAYLOADS, READER

KEY = "pos|S001|S001-R1"


def taken_back(*lines: Native, **changes: Any) -> Native:
    """A receipt by which two pieces of a sale came back."""
    given = {
        "receipt_no": "S001-R1", "type": "RETURN", "original_receipt_no": "S001-000001",
        "total_fen": -5000, "payments": [{"method": "CASH", "amount_fen": -5000}], "discount_fen": 0,
    }  # fmt: skip
    line = pos_line(qty="-2", amount_fen=-5000, discount_fen=0)
    return pos_receipt(*(lines or (line,)), **given | changes)


class Till:
    """One number's uploads, one after another."""

    def __init__(self) -> None:
        self.known: KnownOrder | None = None
        self.entries: dict[str, Any] = {}
        self.offset = 0

    def upload(self, receipt: Native) -> Decision[KnownOrder]:
        self.offset += 1
        payload = PayloadReceived(
            source_key=KEY, channel="pos", shop="S001", channel_order_no="S001-R1", door="push",
            accepted_at=NOW, body=PAYLOADS.seal_payload(encoded(pos_batch(receipt))),
        )  # fmt: skip
        record = Record("channel-payloads", 0, self.offset, KEY, 0, payload, b"")
        arrivals = {(0, self.offset): READER.arrival(payload)}
        facts = NormaliserFacts(READER, arrivals, [1], {}, self.entries)
        decision: Decision[KnownOrder] = HANDLERS[PayloadReceived](
            self.known, payload, facts, Moment(NOW, record)
        )
        for effect in decision.effects:
            facts.apply(effect)
        self.entries |= facts.changed
        self.known = decision.state
        return decision


def effects(decision: Decision[KnownOrder], kind: type[Struct]) -> list[Any]:
    return [effect for effect in decision.effects if isinstance(effect, kind)]


def test_a_return_is_kept_once_and_is_no_order() -> None:
    till = Till()
    first = till.upload(taken_back())
    assert first.events == ()
    (kept,) = effects(first, Returned)
    assert (kept.key, kept.return_no, kept.sale_no) == (KEY, "S001-R1", "S001-000001")
    assert [(one.quantity, one.discount_fen) for one in kept.lines] == [(2, 5000)]
    assert [one.outcome for one in effects(first, Evidence)] == ["returned"]
    assert till.known is not None
    assert (till.known.order_id, till.known.returns) == ("", "S001-000001")
    again = till.upload(taken_back())
    assert (again.events, effects(again, Returned), again.state) == ((), [], first.state)
    assert [one.outcome for one in effects(again, Evidence)] == ["stale"]


@pytest.mark.parametrize(
    ("receipt", "code", "before"),
    [
        (taken_back(original_receipt_no=""), "sale_missing", False),
        (taken_back(original_receipt_no=None), "sale_missing", False),
        (taken_back(cashier="C09"), "order_no_reused", True),
        (pos_receipt(pos_line(), receipt_no="S001-R1"), "order_no_reused", True),
    ],
)
def test_what_cannot_be_worked_with_is_set_aside_with_its_reason(
    receipt: Native, code: str, before: bool
) -> None:
    till = Till()
    if before:
        till.upload(taken_back())
    decision = till.upload(receipt)
    (event,) = decision.events
    assert isinstance(event, PayloadQuarantined)
    assert code in [problem.code for problem in event.problems]
    assert effects(decision, Returned) == []
    assert (till.known is not None and bool(till.known.returns)) is before


def test_a_return_from_before_returns_were_kept_stays_the_order_it_became() -> None:
    till = Till()
    till.upload(taken_back())
    assert till.known is not None
    till.known = replace(till.known, order_id="PO1", returns="", cancelled=True)
    decision = till.upload(taken_back())
    assert effects(decision, Returned) == []
    assert not [event for event in decision.events if isinstance(event, OrderPlaced)]


def test_what_came_back_is_goods_of_ours_with_all_of_its_money() -> None:
    (kept,) = effects(Till().upload(taken_back()), Returned)
    (line,) = kept.lines
    key = ("pos", "S001", line.channel_sku_id, "")
    box = SkuMapping(
        mapping_id=7,
        components=(Component(sku="A", quantity=2, weight=3), Component(sku="B", weight=1)),
    )
    opened = goods_of(Catalogue(mappings={key: box}), "pos", "S001", kept.lines)
    assert opened == (
        PaidBackGoods(sku="A", quantity=4, amount_fen=4286),
        PaidBackGoods(sku="B", quantity=2, amount_fen=714),
    )
    twice = goods_of(TRUSTING, "pos", "S001", (line, line))
    assert twice == (PaidBackGoods(sku=line.merchant_code, quantity=4, amount_fen=10_000),)
    nameless = replace(line, merchant_code="")
    assert goods_of(TRUSTING, "pos", "S001", (line, nameless)) is None


@pytest.mark.parametrize(
    ("gateway", "told"), [("counter", False), ("channel", False), ("alipay", True)]
)
def test_a_store_is_not_told_what_it_paid_itself(gateway: str, told: bool) -> None:
    event = RefundSettled(
        order_id="PO1", version=1, occurred_at=NOW, refund_id="R1", amount_fen=5, gateway=gateway,
        gateway_request_no="", restock=(), order_fully_refunded=True, shipped=True,
    )  # fmt: skip
    moment = Moment(NOW, Record("refunds", 0, 0, "PO1", 1, event, b""))
    assert bool(decide_settled(None, event, None, moment).state) is told
