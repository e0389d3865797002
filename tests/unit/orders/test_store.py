"""What stands beside the document."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chassis.processor import Kept, encode_document
from services.orders.domain.model import Order
from services.orders.store import COLUMNS, ReadOrder
from services.orders.views import view
from services.orders.watchdogs import closing
from tests.unit.orders import life
from tests.unit.orders.life import NOON, ORDER_ID, Life, awaiting_print


def row(order: Order | None) -> dict[str, Any]:
    return {column.name: column.value(order) for column in COLUMNS}


def test_an_order_shows_its_columns() -> None:
    order = Life(life.placed(hold="paid_on_hold", closable=True), life.part_refund())
    assert row(order.order) == {
        "state": "awaiting_payment",
        "channel": "taobao",
        "shop": "shop-1",
        "channel_order_no": "3300000000001",
        "placed_at": NOON,
        "paid_at": None,
        "unpaid_since": NOON,
        "receiver_key": "receiver-1",
        "waiting_for": "payment stock hold_channel",
        "held": "channel",
        "after_sale": True,
    }


@pytest.mark.parametrize("order", [None, Life(life.reserved()).order])
def test_facts_without_an_order_show_no_columns(order: Order | None) -> None:
    assert set(row(order).values()) == {None}


def test_an_order_comes_back_from_its_document_as_it_was() -> None:
    order = awaiting_print(life.hold(), life.cancel(), life.part_refund()).order
    document = encode_document(Kept(state=order, seen={"orders": 2}, emitted={}))
    assert msgspec.json.decode(document, type=Kept[Order]).state == order


def test_people_see_the_order_without_its_personal_block() -> None:
    order = awaiting_print(life.hold())
    shown = view(ReadOrder(order_id=ORDER_ID, order=order.order, entries=tuple(order.entries)))
    assert (shown.state_title, shown.audit_fault) == ("待打单", "")
    assert [reason.title for reason in shown.waiting_for] == ["等待取面单号", "人工挂起"]
    text = msgspec.json.encode(shown).decode()
    assert "c2VhbGVk" not in text  # base64 of the sealed block
    assert "receiver-1" not in text


def test_a_chain_that_was_touched_is_shown_as_such() -> None:
    order = awaiting_print()
    read = ReadOrder(order_id=ORDER_ID, order=order.order, entries=tuple(order.entries[:-1]))
    assert view(read).audit_fault == "第 3 条：末尾与订单记录不一致"


def test_closing_the_same_order_twice_is_one_command() -> None:
    first, again = closing([ORDER_ID], NOON), closing([ORDER_ID], NOON)
    assert first[0].command_id == again[0].command_id
    assert closing(["TB2"], NOON)[0].command_id != first[0].command_id
