"""Builders of the events orders listens to, and one order's life driven through the real fold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chassis.codec import codec
from chassis.processor import Folded, Kept, Known, Processor, Record, fold
from schemas.events.commands_orders import (
    CancelOrder,
    CloseUnpaid,
    HoldOrder,
    LiftHold,
    ReviewOrder,
)
from schemas.events.order_states import OrderStateChanged, OrderTransitionRefused
from schemas.events.orders import (
    MappedFrom,
    NoMatch,
    OrderAmended,
    OrderCancelled,
    OrderLine,
    OrderLinesMatched,
    OrderPaid,
    OrderPlaced,
)
from schemas.events.refunds import (
    RefundApproved,
    RefundLine,
    RefundRefused,
    RefundRequested,
    RefundSettled,
)
from schemas.events.shipments import (
    ParcelCancelled,
    ParcelCancelRefused,
    ParcelDelivered,
    ParcelShipped,
    WaybillIssued,
)
from schemas.events.stock import StockReleased, StockReserved, StockShort
from services.orders.app import processor
from services.orders.domain.audit import Entry
from services.orders.domain.model import Order
from services.orders.domain.states import State
from services.orders.store import OrderFacts, read_tables, wanted_receivers

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
TABLES = read_tables(Path(__file__).parents[3] / "rules")
PROCESSOR = processor(TABLES)
ORDER_ID = "TB2026111100001"


def placed(**changes: Any) -> OrderPlaced:
    """An order of two pieces for 129.00, which every rule lets pass."""
    fields: dict[str, Any] = {
        "order_id": ORDER_ID,
        "version": 0,
        "occurred_at": NOON,
        "channel": "taobao",
        "shop": "shop-1",
        "channel_order_no": "3300000000001",
        "channel_state": "WAIT_BUYER_PAY",
        "accepted_at": NOON,
        "lines": (
            OrderLine(
                line_no=1,
                channel_line_id="L1",
                channel_sku_id="C1",
                sku="SKU-1",
                title="马克杯",
                quantity=2,
                unit_price_fen=6450,
                discount_fen=0,
                paid_fen=12900,
                is_gift=False,
            ),
        ),
        "payable_fen": 12900,
        "freight_fen": 0,
        "discount_fen": 0,
        "currency": "CNY",
        "promotions": (),
        "province": "浙江省",
        "city": "杭州市",
        "district": "西湖区",
        "personal": b"sealed",
        "personal_kind": "plain",
        "receiver_key": "receiver-1",
        "address_vague": False,
        "hold": "",
        "problems": (),
        "ship_by": None,
    }
    return OrderPlaced(**fields | changes)


def paid(**changes: Any) -> OrderPaid:
    fields: dict[str, Any] = {
        "order_id": ORDER_ID,
        "version": 0,
        "occurred_at": NOON + timedelta(minutes=1),
        "paid_fen": 12900,
    }
    return OrderPaid(**fields | changes)


def amended(*changed: str, **changes: Any) -> OrderAmended:
    fields: dict[str, Any] = {
        "order_id": ORDER_ID,
        "version": 0,
        "occurred_at": NOON + timedelta(minutes=2),
        "changed": changed,
        "channel_state": "WAIT_SELLER_SEND_GOODS",
        "province": "浙江省",
        "city": "杭州市",
        "district": "西湖区",
        "personal": b"sealed",
        "personal_kind": "plain",
        "receiver_key": "receiver-1",
        "address_vague": False,
        "hold": "",
    }
    return OrderAmended(**fields | changes)


def moved() -> OrderAmended:
    """The receiver moved to another province."""
    return amended("personal", "region", province="江苏省", receiver_key="receiver-2")


def unmatched(**changes: Any) -> OrderPlaced:
    """The order with its line waiting for a SKU."""
    (line,) = placed().lines
    no_match = NoMatch(reason="unknown_sku", merchant_code="MUG-2")
    return placed(lines=(replace(line, sku="", unmatched=no_match),), **changes)


def lines_matched() -> OrderLinesMatched:
    """Its line turns out to be a bundle of two SKUs."""
    (line,) = placed().lines
    origin = MappedFrom(channel_line_no=1, merchant_code="MUG-2", quantity=2, mapping_id=7)
    return OrderLinesMatched(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON + timedelta(minutes=3),
        lines=(
            replace(line, sku="MUG", quantity=4, paid_fen=10000, mapped=origin),
            replace(line, line_no=2, sku="BOX", paid_fen=2900, mapped=origin),
        ),
        discount_fen=0,
    )


def cancelled_by_channel() -> OrderCancelled:
    return OrderCancelled(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON,
        reason="cancelled_on_channel",
        refunded_by_channel=False,
    )


def reserved() -> StockReserved:
    return StockReserved(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON,
        warehouse="HZ",
        lines=(),
        expires_at=None,
        generation=1,
        rule="sourcing/default@1#near",
    )


def short() -> StockShort:
    return StockShort(order_id=ORDER_ID, version=0, occurred_at=NOON, lines=())


def released(reason: str) -> StockReleased:
    return StockReleased(order_id=ORDER_ID, version=0, occurred_at=NOON, reason=reason)


def waybill() -> WaybillIssued:
    return WaybillIssued(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON,
        parcel_id="P1",
        carrier="sf",
        waybill_no="SF1",
    )


def shipped(parcels_left: int | None = None) -> ParcelShipped:
    return ParcelShipped(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON,
        parcel_id="P1",
        warehouse="HZ",
        carrier="sf",
        waybill_no="SF1",
        lines=(),
        actor="station-1",
        parcels_left=parcels_left,
    )


def delivered(parcels_left: int | None = None) -> ParcelDelivered:
    return ParcelDelivered(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON,
        parcel_id="P1",
        waybill_no="SF1",
        place="杭州",
        parcels_left=parcels_left,
    )


def parcel_cancelled() -> ParcelCancelled:
    return ParcelCancelled(
        order_id=ORDER_ID, version=0, occurred_at=NOON, parcel_id="P1", reason="intercepted"
    )


def parcel_cancel_refused() -> ParcelCancelRefused:
    return ParcelCancelRefused(order_id=ORDER_ID, version=0, occurred_at=NOON, reason="handed_over")


def refund(quantity: int, amount_fen: int, refund_id: str = "R1") -> RefundRequested:
    return RefundRequested(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON,
        refund_id=refund_id,
        kind="refund_only",
        amount_fen=amount_fen,
        freight_fen=0,
        lines=(RefundLine(line_no=1, sku="SKU-1", quantity=quantity, amount_fen=amount_fen),),
        reason="not_wanted",
        tier="auto",
        approvals_needed=(),
        rule="refund-tier/default@1#auto",
        actor="buyer",
    )


def whole_refund() -> RefundRequested:
    return refund(2, 12900)


def part_refund() -> RefundRequested:
    return refund(1, 6450)


def refund_approved(*, complete: bool = True) -> RefundApproved:
    return RefundApproved(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON,
        refund_id="R1",
        actor="客服主管",
        role="supervisor",
        complete=complete,
        reason="凭证齐全",
    )


def refund_refused() -> RefundRefused:
    return RefundRefused(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON,
        refund_id="R1",
        reason="withdrawn",
        actor="buyer",
    )


def refund_settled(**changes: Any) -> RefundSettled:
    return replace(_settled(), **changes)


def _settled() -> RefundSettled:
    return RefundSettled(
        order_id=ORDER_ID,
        version=0,
        occurred_at=NOON,
        refund_id="R1",
        amount_fen=6450,
        gateway="alipay",
        gateway_request_no="refund-1",
        restock=(),
        order_fully_refunded=False,
        shipped=True,
    )


def cancel(command_id: str = "c-cancel") -> CancelOrder:
    return CancelOrder(
        order_id=ORDER_ID,
        command_id=command_id,
        issued_at=NOON,
        actor="客服01",
        reason="买家不要了",
    )


def close_unpaid() -> CloseUnpaid:
    return CloseUnpaid(
        order_id=ORDER_ID, command_id="c-close", issued_at=NOON, actor="timer:unpaid"
    )


def hold(reason: str = "核对发票", command_id: str = "c-hold") -> HoldOrder:
    return HoldOrder(
        order_id=ORDER_ID, command_id=command_id, issued_at=NOON, actor="客服01", reason=reason
    )


def lift(command_id: str = "c-lift") -> LiftHold:
    return LiftHold(
        order_id=ORDER_ID, command_id=command_id, issued_at=NOON, actor="客服01", reason="已核对"
    )


def review(*, passed: bool) -> ReviewOrder:
    return ReviewOrder(
        order_id=ORDER_ID,
        command_id="c-review",
        issued_at=NOON,
        actor="风控01",
        passed=passed,
        reason="已电话确认",
    )


class Life:
    """One order under the real fold: each event is a batch of its own."""

    processor: Processor[Order] = PROCESSOR

    def __init__(self, *events: Struct) -> None:
        self.kept: dict[str, Kept[Order]] = {}
        self.versions: dict[str, int] = {}
        self.settled: dict[str, Any] = {}
        self.events: list[Any] = []
        self.entries: list[Entry] = []
        self.records: list[Record] = []
        self.now = NOON
        for event in events:
            self.take(event)

    @property
    def order(self) -> Order:
        kept = self.kept.get(ORDER_ID)
        return (kept.state if kept else None) or Order()

    @property
    def state(self) -> State:
        return self.order.state

    def take(self, event: Any) -> list[Any]:
        """Applies an event as the next of its topic; returns what was emitted for it."""
        version = 0
        if not hasattr(event, "command_id"):
            version = self.versions[event.TOPIC] = self.versions.get(event.TOPIC, 0) + 1
        return self.replay(
            Record(
                source=event.TOPIC,
                partition=0,
                offset=len(self.records),
                key=event.order_id,
                version=version,
                event=event,
                raw=b"",
            )
        )

    def replay(self, record: Record) -> list[Any]:
        """Applies a record as it is."""
        self.records.append(record)
        self.now += timedelta(seconds=1)
        receivers, _ = wanted_receivers([record], self.kept)
        facts = OrderFacts(TABLES, receivers, self.kept)
        known = Known(facts=facts, kept=self.kept, settled=self.settled)
        folded: Folded = fold(self.processor, codec(), [record], known, self.now)
        assert not folded.dead
        emitted = [codec().decode(out.value) for out in folded.emitted]
        self.events += emitted
        self.entries += facts.entries
        return emitted

    def answer(self, command: Any) -> tuple[str, str]:
        """Outcome and result of a command."""
        self.take(command)
        settled = self.settled[command.command_id]
        return settled.outcome, settled.result_id

    def refused(self) -> list[tuple[str, str]]:
        """(attempted, reason) of every refusal so far."""
        return [
            (event.attempted, event.reason)
            for event in self.events
            if isinstance(event, OrderTransitionRefused)
        ]

    def path(self) -> list[tuple[str, str]]:
        """(from, to) of every move so far."""
        return [
            (event.from_state, event.to_state)
            for event in self.events
            if isinstance(event, OrderStateChanged)
        ]


def awaiting_print(*more: Struct) -> Life:
    """A plain order at 待打单."""
    return Life(placed(), reserved(), paid(), *more)
