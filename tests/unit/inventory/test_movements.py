"""What papers move is told with the decision that books it, and nothing else is."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.events.commands_inventory import ReceiptLine, ReceiveStock, RepairStock
from schemas.events.stock_movements import MovedLine, StockMoved
from services.inventory.domain.model import Off
from tests.unit.inventory.test_documents import (
    ASKED,
    COUNTED,
    NOW,
    PARTLY,
    SENT,
    Shelf,
    adjust,
    approve,
    arrival,
    decide,
    open_count,
    record,
    reject,
    say,
    transfer,
)

THERE = 20
"""On every shelf."""
RECEIPT = say(
    ReceiveStock,
    warehouse="HZ",
    lines=(ReceiptLine(sku="A", quantity=5), ReceiptLine(sku="B", quantity=1)),
    cause="receipt",
)


@pytest.mark.parametrize(
    ("state", "command", "warehouse", "kind", "entry_no", "moved"),
    [
        (None, RECEIPT, "HZ", "receipt", "d", {"A": 5, "B": 1}),
        (None, transfer(("A", 5)), "HZ", "transfer_out", "d", {"A": -5}),
        (SENT, arrival("a1", ("A", 3)), "GZ", "transfer_in", "d/a1", {"A": 3}),
        (PARTLY, arrival("a2", ("B", 1), warehouse="HZ"), "HZ", "transfer_in", "d/a2", {"B": 1}),
        (None, adjust(("A", -2)), "HZ", "adjustment", "d", {"A": -2}),
        (ASKED, approve(), "HZ", "adjustment", "d", {"A": -12}),
        (COUNTED, approve(), "HZ", "count", "d", {"A": -1, "B": 1}),
    ],
)
def test_what_is_booked_is_told(
    state: Any, command: Any, warehouse: str, kind: str, entry_no: str, moved: dict[str, int]
) -> None:
    (event,) = decide(state, command).events
    assert isinstance(event, StockMoved)
    assert (event.document_no, event.entry_no, event.occurred_at) == ("d", entry_no, NOW)
    assert (event.warehouse, event.kind, event.actor) == (warehouse, kind, command.actor)
    assert event.lines == tuple(
        MovedLine(sku=sku, quantity=pieces, balance_after=THERE + pieces)
        for sku, pieces in moved.items()
    )


def test_a_repair_tells_the_entry_and_what_lies_there() -> None:
    command = say(RepairStock, warehouse="HZ", sku="A", reason="restored")
    off = Off(entry=-7, reserved=2, broken_entry=0)
    (event,) = decide(None, command, Shelf(off=off)).events
    assert isinstance(event, StockMoved)
    assert (event.kind, event.reason) == ("repair", "restored")
    assert event.lines == (MovedLine(sku="A", quantity=-7, balance_after=THERE),)


@pytest.mark.parametrize(
    ("state", "command"),
    [
        (decide(None, RECEIPT).state, RECEIPT),
        (None, adjust()),
        (None, open_count("A")),
        (COUNTED, record(("A", 3), at=NOW - timedelta(minutes=1))),
        (ASKED, reject()),
        (decide(ASKED, approve()).state, approve()),
    ],
)
def test_what_books_nothing_tells_nothing(state: Any, command: Any) -> None:
    assert decide(state, command).events == ()
