"""Documents: rows of (state, command) → (state, goods, answer)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decision, Moment, Record
from schemas.events.commands_inventory import (
    AdjustmentLine,
    AdjustStock,
    ApproveStockDocument,
    ArrivedLine,
    CountedLine,
    OpenCount,
    ReceiptLine,
    ReceiveStock,
    ReceiveTransfer,
    RecordCount,
    RejectStockDocument,
    RepairStock,
    TransferLine,
    TransferStock,
)
from services.inventory.domain.model import (
    Adjustment,
    Aggregate,
    Goods,
    Held,
    Hold,
    Lease,
    Mend,
    Off,
    Receive,
    Short,
    StockCount,
    Transfer,
)
from services.inventory.handlers import HANDLERS
from tests.unit.inventory.batchless import NoBatches

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
AGREE = Off(entry=0, reserved=0, broken_entry=0)


class Shelf(NoBatches):
    """20 pieces of everything on hand, 15 of them free; an hour ago there were 30."""

    def __init__(self, spare: int = 15, off: Off = AGREE, second: bool = False) -> None:  # noqa: FBT002 — a test's switch
        self._spare = spare
        self._off = off
        self._second = second

    def offer(self, order_id: str, hold: Hold, goods: Goods) -> Held | Short:
        raise AssertionError("documents ask for no goods")

    def lease(self, hold: Hold, warehouse: str, goods: Goods) -> Lease:
        raise AssertionError("documents keep nothing for anybody")

    def spare(self, warehouse: str, sku: str) -> int:
        return self._spare

    def on_hand(self, warehouse: str, sku: str) -> int:
        return 20

    def book_at(self, warehouse: str, sku: str, at: datetime, batch: str | None = None) -> int:
        return 30 if at == EARLIER else 20

    def needs_second_person(self, warehouse: str, goods: Goods) -> bool:
        return self._second

    def off(self, warehouse: str, sku: str) -> Off:
        return self._off


def decide(
    state: Aggregate | None, command: Struct, shelf: Shelf | None = None
) -> Decision[Aggregate]:
    record = Record(source="", partition=0, offset=0, key="d", version=0, event=command, raw=b"")
    decision: Decision[Aggregate] = HANDLERS[type(command)](
        state, command, shelf or Shelf(), Moment(NOW, record)
    )
    return decision


def say(kind: type[Struct], **fields: Any) -> Any:
    return kind(**{"document_no": "d", "command_id": "c", "issued_at": NOW, "actor": "li"} | fields)


def transfer(*lines: tuple[str, int], to: str = "GZ", **fields: Any) -> TransferStock:
    goods = tuple(TransferLine(sku=sku, quantity=quantity) for sku, quantity in lines)
    stated = {"warehouse": "HZ", "to_warehouse": to, "lines": goods, "reason": "balance"}
    return say(TransferStock, **stated | fields)  # type: ignore[no-any-return]


def arrival(
    arrival_no: str, *lines: tuple[str, int], warehouse: str = "GZ", **fields: Any
) -> ReceiveTransfer:
    goods = tuple(ArrivedLine(sku=sku, quantity=quantity) for sku, quantity in lines)
    return say(  # type: ignore[no-any-return]
        ReceiveTransfer, arrival_no=arrival_no, warehouse=warehouse, lines=goods, **fields
    )


def adjust(*lines: tuple[str, int], **fields: Any) -> AdjustStock:
    goods = tuple(AdjustmentLine(sku=sku, quantity=quantity) for sku, quantity in lines)
    stated = {"warehouse": "HZ", "lines": goods, "reason": "broken jars"}
    return say(AdjustStock, **stated | fields)  # type: ignore[no-any-return]


def open_count(*skus: str, **fields: Any) -> OpenCount:
    stated = {"warehouse": "HZ", "skus": skus, "reason": "month's end"}
    return say(OpenCount, **stated | fields)  # type: ignore[no-any-return]


def record(*lines: tuple[str, int], at: datetime = NOW, **fields: Any) -> RecordCount:
    goods = tuple(CountedLine(sku=sku, quantity=quantity) for sku, quantity in lines)
    stated = {"warehouse": "HZ", "counted_at": at, "lines": goods}
    return say(RecordCount, **stated | fields)  # type: ignore[no-any-return]


def approve(actor: str = "wang") -> ApproveStockDocument:
    return say(ApproveStockDocument, actor=actor)  # type: ignore[no-any-return]


def reject(actor: str = "wang", reason: str = "count again") -> RejectStockDocument:
    return say(RejectStockDocument, actor=actor, reason=reason)  # type: ignore[no-any-return]


SENT = decide(None, transfer(("A", 5), ("B", 2))).state
PARTLY = decide(SENT, arrival("a1", ("A", 3))).state
ASKED = decide(None, adjust(("A", -12)), Shelf(second=True)).state
LATE = replace(decide(None, open_count("A", "B")).state, opened_at=EARLIER)  # type: ignore[type-var]
COUNTED = decide(decide(LATE, record(("A", 19))).state, record(("B", 31), at=EARLIER)).state


def test_a_transfer_leaves_is_in_transit_and_arrives_in_parts() -> None:
    sent = decide(None, transfer(("B", 2), ("A", 4), ("A", 1)))
    assert sent.effects == (
        Receive("HZ", (("A", -5), ("B", -2)), "transfer_out", "d", "", "li", "balance"),
    )
    assert sent.result_id == "in_transit"
    first = decide(sent.state, arrival("a1", ("A", 3)))
    assert first.effects == (
        Receive("GZ", (("A", 3),), "transfer_in", "d/a1", "", "li", "balance"),
    )
    assert isinstance(first.state, Transfer)
    assert (first.state.state, first.state.in_transit) == ("in_transit", (("A", 2), ("B", 2)))
    rest = decide(first.state, arrival("a2", ("A", 2), ("B", 1)))
    back = decide(rest.state, arrival("a3", ("B", 1), warehouse="HZ"))
    assert isinstance(back.state, Transfer)
    assert (back.state.state, back.state.in_transit, back.result_id) == ("received", (), "received")


def test_a_small_adjustment_is_booked_at_once_a_large_one_by_a_second_person() -> None:
    small = decide(None, adjust(("A", -2)))
    entry = Receive("HZ", (("A", -2),), "adjustment", "d", "", "li", "broken jars")
    assert (small.effects, small.result_id) == ((entry,), "booked")
    large = decide(None, adjust(("A", -12)), Shelf(second=True))
    assert (large.effects, large.result_id) == ((), "requested")
    booked = decide(large.state, approve())
    entry = Receive("HZ", (("A", -12),), "adjustment", "d", "", "wang", "broken jars")
    assert (booked.effects, booked.result_id) == ((entry,), "booked")
    direct = ReceiveStock(
        document_no="d",
        command_id="c",
        issued_at=NOW,
        actor="li",
        warehouse="HZ",
        lines=(ReceiptLine(sku="A", quantity=-12),),
        cause="adjustment",
    )
    assert decide(None, direct, Shelf(second=True)).refusal == "needs_approval"


def test_a_count_is_compared_with_the_book_of_the_moment_it_was_taken() -> None:
    assert isinstance(LATE, StockCount)
    assert LATE.frozen == (("A", 20), ("B", 20))
    booked = decide(COUNTED, approve())
    assert booked.effects == (
        Receive("HZ", (("A", -1), ("B", 1)), "count", "d", "", "wang", "month's end"),
    )
    again = decide(COUNTED, record(("A", 0), ("Z", 1), ("Z", 1)))
    assert isinstance(again.state, StockCount)
    assert [(one.sku, one.quantity, one.book) for one in again.state.counted] == [
        ("A", 0, 20),
        ("B", 31, 30),
        ("Z", 2, 20),
    ]


@pytest.mark.parametrize(
    ("state", "command", "answer"),
    [
        (SENT, transfer(("A", 5), ("B", 2)), "in_transit"),
        (PARTLY, arrival("a1", ("A", 3)), "in_transit"),
        (ASKED, adjust(("A", -12)), "requested"),
        (decide(ASKED, approve()).state, approve(), "booked"),
        (decide(ASKED, reject()).state, reject(), "rejected"),
        (LATE, open_count("B", "A", "A"), "open"),
    ],
)
def test_the_same_document_again_changes_nothing(
    state: Aggregate, command: Struct, answer: str
) -> None:
    decision = decide(state, command)
    assert decision == Decision(state=state, result_id=answer)


DONE = decide(COUNTED, approve()).state


@pytest.mark.parametrize(
    ("state", "command", "why", "sku"),
    [
        (SENT, transfer(("A", 6), ("B", 2)), "already_booked", ""),
        (SENT, adjust(("A", 1)), "already_booked", ""),
        (None, transfer(("A", 5), to="HZ"), "same_warehouse", ""),
        (None, transfer(("A", 0)), "no_pieces", ""),
        (None, transfer(), "no_pieces", ""),
        (None, transfer(("A", 5), ("B", 16)), "below_reserved", "B"),
        (None, transfer(("A", 5), to="G\0"), "unusable_code", ""),
        (None, transfer(("A", 5), to=""), "unusable_code", ""),
        (None, transfer(("A", 5), warehouse="HZ|A"), "unusable_code", ""),
        (None, open_count("A", warehouse=""), "unusable_code", ""),
        (None, arrival("a1", ("A", 3)), "unknown_document", ""),
        (PARTLY, arrival("a1", ("A", 2)), "already_booked", ""),
        (PARTLY, arrival("a2", ("A", 3)), "more_than_in_transit", "A"),
        (PARTLY, arrival("a2", ("C", 1)), "more_than_in_transit", "C"),
        (PARTLY, arrival("a2", ("A", 1), warehouse="HF"), "other_warehouse", ""),
        (PARTLY, arrival("a2", ("A", -1)), "no_pieces", ""),
        (None, adjust(("A", 1), ("A", -1)), "empty", ""),
        (None, adjust(("A", 1), reason=" "), "no_reason", ""),
        (None, adjust(("A", 2_000_000_000)), "too_many", ""),
        (None, adjust(("A\0", 1)), "unusable_code", ""),
        (None, adjust(("A", 1), warehouse=""), "unusable_code", ""),
        (None, adjust(("A", -16)), "below_reserved", "A"),
        (ASKED, adjust(("A", -12), actor="zhao"), "already_booked", ""),
        (ASKED, approve(" LI "), "same_person", ""),
        (ASKED, reject(reason=""), "no_reason", ""),
        (decide(ASKED, approve()).state, approve("zhao"), "already_decided", ""),
        (decide(ASKED, approve()).state, reject(), "already_decided", ""),
        (decide(ASKED, reject()).state, approve(), "already_decided", ""),
        (None, approve(), "unknown_document", ""),
        (SENT, approve(), "unknown_document", ""),
        (None, open_count(), "empty", ""),
        (LATE, open_count("A"), "already_booked", ""),
        (None, record(("A", 1)), "unknown_document", ""),
        (LATE, record(("A", -1)), "negative_quantity", "A"),
        (LATE, record(("A", 2_000_000_000)), "too_many", ""),
        (LATE, record(), "empty", ""),
        (LATE, record(("A", 1), warehouse="GZ"), "other_warehouse", ""),
        (LATE, record(("A", 1), at=NOW + timedelta(seconds=1)), "not_counted_meanwhile", ""),
        (LATE, record(("A", 1), at=EARLIER - timedelta(1)), "not_counted_meanwhile", ""),
        (decide(LATE, record(("A", 1))).state, approve(), "not_all_counted", "B"),
        (COUNTED, approve("Li"), "same_person", ""),
        (DONE, record(("A", 1)), "already_decided", ""),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(
    state: Aggregate | None, command: Struct, why: str, sku: str
) -> None:
    decision = decide(state, command)
    assert (decision.refusal, decision.result_id, decision.effects) == (why, sku, ())


@pytest.mark.parametrize(
    "command",
    [
        transfer(("A", 1)),
        adjust(("A", 1)),
        say(OpenCount, warehouse="HZ", skus=("A",), reason="yearly"),
        say(RepairStock, warehouse="HZ", sku="A", reason="found"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_no_document_may_be_numbered_like_a_reservation(command: Any) -> None:
    shelf = Shelf(off=Off(entry=1, reserved=0, broken_entry=0))
    decision = decide(None, replace(command, document_no="rsv-1"), shelf)
    assert (decision.state, decision.effects) == (None, ())
    assert decision.refusal == "reserved_document_no"
    assert decide(None, command, shelf).refusal == ""


def test_what_is_promised_cannot_be_counted_or_adjusted_away() -> None:
    for state in (ASKED, decide(LATE, record(("A", 1), ("B", 20))).state):
        decision = decide(state, approve(), Shelf(spare=5))
        assert (decision.refusal, decision.result_id) == ("below_reserved", "A")


@pytest.mark.parametrize(
    ("off", "spare", "why"),
    [
        (AGREE, 15, "nothing_to_repair"),
        (Off(entry=0, reserved=16, broken_entry=0), 15, "oversold"),
        (Off(entry=-3, reserved=15, broken_entry=0), 15, ""),
        (Off(entry=0, reserved=0, broken_entry=7), 15, ""),
    ],
)
def test_a_repair_books_what_is_missing(off: Off, spare: int, why: str) -> None:
    command = say(RepairStock, warehouse="HZ", sku="A", reason="disk")
    decision = decide(None, command, Shelf(spare=spare, off=off))
    assert decision.refusal == why
    if not why:
        assert decision.effects == (Mend("HZ", "A", off.entry, off.reserved, "d", "li", "disk"),)
        assert decide(decision.state, command) == Decision(state=decision.state, result_id="booked")


def test_an_adjustment_keeps_who_asked_and_who_decided() -> None:
    ended = decide(ASKED, reject()).state
    assert isinstance(ended, Adjustment)
    assert (ended.state, ended.requested_by, ended.decided_by, ended.decision_reason) == (
        "rejected",
        "li",
        "wang",
        "count again",
    )
