"""Builders of orders and commands, and a ledger of parcels over the real fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from chassis.codec import codec
from chassis.processor import Folded, Known, Record, fold
from chassis.rules import Table, load_tables
from schemas.events.commands_fulfillment import (
    RecordTracking,
    RecordWaybill,
    RecordWaybillDiscarded,
    RecordWaybillRefused,
)
from schemas.events.order_states import (
    FulfilLine,
    FulfilPart,
    FulfilPartLine,
    OrderCancelRequested,
    OrderClosed,
    OrderHeld,
    OrderHoldLifted,
    OrderReadyToFulfil,
)
from services.fulfillment.domain.model import Parcel, TakeWaybill, parcel_id_of
from services.fulfillment.domain.rules import Step
from services.fulfillment.handlers import processor
from services.fulfillment.steps import replace_command, step_command
from services.fulfillment.store import BatchFacts, Carriers, carrier_table

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
ORDER = "TB2026111100001"
TABLE = carrier_table(load_tables(Path(__file__).parents[3] / "rules"))
PROCESSOR = processor(TABLE)


def line(sku: str = "CL01-01", quantity: int = 1, line_no: int = 1) -> FulfilLine:
    return FulfilLine(
        line_no=line_no,
        channel_line_id=f"40{line_no}",
        sku=sku,
        title="示例 纯棉T恤 雾蓝",
        quantity=quantity,
    )


def ready(order_id: str = ORDER, **changed: Any) -> OrderReadyToFulfil:
    given: dict[str, Any] = {
        "version": 0,
        "occurred_at": NOON,
        "channel": "taobao",
        "shop": "taobao-1",
        "channel_order_no": "4012345678900010001",
        "province": "浙江省",
        "city": "杭州市",
        "district": "余杭区",
        "warehouse": "HZ",
        "lines": (line(),),
        "paid_fen": 9_900,
        "personal": b"sealed",
        "ship_by": NOON + timedelta(hours=24),
        "rule": "sla/default@1#default",
    }
    return OrderReadyToFulfil(order_id=order_id, **(given | changed))


def part(warehouse: str, *lines: tuple[int, int]) -> FulfilPart:
    shared = tuple(FulfilPartLine(line_no=number, quantity=pieces) for number, pieces in lines)
    return FulfilPart(warehouse=warehouse, lines=shared)


def cancel_requested(order_id: str = ORDER) -> OrderCancelRequested:
    return OrderCancelRequested(
        order_id=order_id,
        version=0,
        occurred_at=NOON,
        reason="buyer_cancelled",
        actor="taobao",
        basis="b",
    )


def closed(order_id: str = ORDER) -> OrderClosed:
    return OrderClosed(
        order_id=order_id,
        version=0,
        occurred_at=NOON,
        reason="unpaid",
        actor="orders",
        basis="b",
    )


def held(code: str = "risk", order_id: str = ORDER) -> OrderHeld:
    return OrderHeld(
        order_id=order_id, version=0, occurred_at=NOON, code=code, reason="", actor="a", basis="b"
    )


def lifted(code: str = "risk", order_id: str = ORDER) -> OrderHoldLifted:
    return OrderHoldLifted(
        order_id=order_id, version=0, occurred_at=NOON, code=code, reason="", actor="a", basis="b"
    )


class Ledger:
    """Applies events to parcels through the fold, and keeps what was told."""

    def __init__(
        self, unit_weights_g: Mapping[str, int] | None = None, table: Table = TABLE
    ) -> None:
        self._known = Known(
            kept={}, facts=BatchFacts(Carriers(table), unit_weights_g or {"CL01-01": 300}, {})
        )
        self._offset = 0
        self.now = NOON
        self.told: list[Struct] = []

    def apply(self, event: Any) -> Folded:
        """One event or command. Each comes from its own place in its topic."""
        self._offset += 1
        record = Record(event.TOPIC, 0, self._offset, event.order_id, 0, event, b"")
        folded = fold(PROCESSOR, codec(), [record], self._known, self.now)
        self.told += [codec().decode(emitted.value) for emitted in folded.emitted]
        return folded

    def command(self, command: Any) -> str:
        """One command: "done" or the reason of its refusal."""
        settled = self.apply(command).settled[0]
        return settled.reason or settled.outcome

    def parcel(self, order_id: str = ORDER) -> Parcel | None:
        kept = self._known.kept.get(order_id)
        return kept.state if kept else None

    def let_go(self, waybill_no: str) -> None:
        """Nobody holds this number any more, as when whoever held it by mistake was given another."""
        self._known.facts.apply(TakeWaybill(waybill_no, ""))

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.told]

    # Commands in short; every call is a command of its own.

    def _envelope(self, order_id: str) -> dict[str, Any]:
        return {
            "order_id": order_id,
            "command_id": f"c{self._offset}",
            "issued_at": self.now,
            "actor": "测试仓管",
        }

    def step(self, wanted: Step, order_id: str = ORDER) -> str:
        return self.command(
            step_command(
                order_id, wanted, actor="测试仓管", command_id=f"c{self._offset}", issued_at=NOON
            )
        )

    def label(
        self,
        waybill_no: str = "750001",
        order_id: str = ORDER,
        asking: int | None = None,
        carrier: str = "",
    ) -> str:
        return self.command(
            RecordWaybill(
                **self._envelope(order_id),
                parcel_id=parcel_id_of(order_id),
                waybill_no=waybill_no,
                asking=asking,
                carrier=carrier or None,
            )
        )

    def replace(
        self,
        waybill_no: str,
        carrier: str = "ZTO",
        reason: str = "贴错面单",
        order_id: str = ORDER,
    ) -> str:
        return self.command(
            replace_command(
                order_id,
                carrier=carrier,
                waybill_no=waybill_no,
                reason=reason,
                actor="测试仓管",
                command_id=f"c{self._offset}",
                issued_at=NOON,
            )
        )

    def refuse_label(self, reason: str = "S20:余额不足", order_id: str = ORDER) -> str:
        return self.command(
            RecordWaybillRefused(
                **self._envelope(order_id), parcel_id=parcel_id_of(order_id), reason=reason
            )
        )

    def discard(self, waybill_no: str, order_id: str = ORDER, refusal: str = "") -> str:
        return self.command(
            RecordWaybillDiscarded(
                **self._envelope(order_id),
                parcel_id=parcel_id_of(order_id),
                waybill_no=waybill_no,
                refusal=refusal or None,
            )
        )

    def track(
        self, status: str, minute: int, waybill_no: str = "750001", order_id: str = ORDER
    ) -> str:
        return self.command(
            RecordTracking(
                **self._envelope(order_id),
                waybill_no=waybill_no,
                status=status,
                moved_at=NOON + timedelta(minutes=minute),
                place="浙江,杭州市",
                text="运输中",
            )
        )

    def bring_to(self, stage: str, order_id: str = ORDER) -> None:
        """Takes a fresh parcel to a stage by the shortest way."""
        self.apply(ready(order_id))
        match stage:
            case "waybill_refused":
                self.refuse_label(order_id=order_id)
                return
            case "cancelled":
                self.apply(cancel_requested(order_id))
                return
        order = ("planned", "labelled", "picked", "packed", "shipped", "delivered")
        ways: tuple[Callable[[], str], ...] = (
            lambda: self.label(order_id=order_id),
            lambda: self.step(Step.PICK, order_id),
            lambda: self.step(Step.PACK, order_id),
            lambda: self.step(Step.SHIP, order_id),
            lambda: self.track("delivered", 600, order_id=order_id),
        )
        for go in ways[: order.index(stage)]:
            assert go() == "done"
