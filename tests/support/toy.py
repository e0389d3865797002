"""A toy processor over the real event types: it counts what it saw of an order and answers each event.

It stands for any service in tests of the chassis.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chassis.errors import Invalid
from chassis.processor import Column, Decision, Moment, Processor
from schemas.events.commands_orders import HoldOrder
from schemas.events.order_states import OrderHeld, OrderStateChanged
from schemas.events.orders import OrderPaid, OrderPlaced

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)

MIGRATION = """
CREATE SCHEMA IF NOT EXISTS toy;
CREATE TABLE IF NOT EXISTS toy.orders (key text PRIMARY KEY, document json NOT NULL, placed int NOT NULL);
"""


class ToyOrder(Struct, frozen=True, kw_only=True):
    """How often each event was applied."""

    placed: int = 0
    paid: int = 0


def _changed(order_id: str, to_state: str, moment: Moment) -> OrderStateChanged:
    return OrderStateChanged(
        order_id=order_id,
        version=0,
        occurred_at=moment.now,
        from_state="",
        to_state=to_state,
        reason="",
        actor=moment.actor,
        basis=moment.basis,
        rule="",
    )


def decide_placed(
    state: ToyOrder | None, event: OrderPlaced, _facts: Any, moment: Moment
) -> Decision[ToyOrder]:
    """Counts, and answers with one event. A shop named `poison` cannot be worked with."""
    if event.shop == "poison":
        raise Invalid("poison_shop")
    order = state or ToyOrder()
    return Decision(
        state=replace(order, placed=order.placed + 1),
        events=(_changed(event.order_id, "placed", moment),),
    )


def decide_paid(
    state: ToyOrder | None, event: OrderPaid, _facts: Any, moment: Moment
) -> Decision[ToyOrder]:
    """Counts, and answers with two events."""
    order = state or ToyOrder()
    return Decision(
        state=replace(order, paid=order.paid + 1),
        events=(
            _changed(event.order_id, "paid", moment),
            _changed(event.order_id, "done", moment),
        ),
    )


def decide_hold(
    state: ToyOrder | None, command: HoldOrder, _facts: Any, moment: Moment
) -> Decision[ToyOrder]:
    """Refuses an order nobody placed."""
    if state is None or not state.placed:
        return Decision(state=state, refusal="unknown_order")
    held = OrderHeld(
        order_id=command.order_id,
        version=0,
        occurred_at=moment.now,
        code="manual",
        reason=command.reason,
        actor=moment.actor,
        basis=moment.basis,
    )
    return Decision(state=state, events=(held,), result_id=command.order_id)


TOY: Processor[ToyOrder] = Processor(
    name="toy",
    table="toy.orders",
    state=ToyOrder,
    handlers={OrderPlaced: decide_placed, OrderPaid: decide_paid, HoldOrder: decide_hold},
    columns=(Column("placed", "int", lambda order: order.placed if order else 0),),
    sources=("orders", "commands-orders"),
)


def placed(order_id: str, version: int = 1, shop: str = "shop-1") -> OrderPlaced:
    """A small order."""
    return OrderPlaced(
        order_id=order_id,
        version=version,
        occurred_at=NOON,
        channel="taobao",
        shop=shop,
        channel_order_no="40" + order_id,
        channel_state="WAIT_SELLER_SEND_GOODS",
        accepted_at=NOON,
        lines=(),
        payable_fen=100,
        freight_fen=0,
        discount_fen=0,
        currency="CNY",
        promotions=(),
        province="浙江省",
        city="杭州市",
        district="余杭区",
        personal=b"",
        personal_kind="absent",
        receiver_key="",
        address_vague=False,
        hold="",
        problems=(),
    )


def paid(order_id: str, version: int = 2) -> OrderPaid:
    """Its payment."""
    return OrderPaid(order_id=order_id, version=version, occurred_at=NOON, paid_fen=100)


def hold(order_id: str, command_id: str) -> HoldOrder:
    """A command for it."""
    return HoldOrder(
        order_id=order_id, command_id=command_id, issued_at=NOON, actor="测试", reason="试"
    )
