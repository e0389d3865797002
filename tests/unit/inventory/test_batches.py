"""Batches: rows of what leaves first and what is refused, and the books under any sequence of movements."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.processor import Decision
from schemas.events.commands_inventory import (
    AdjustmentLine,
    AdjustStock,
    ArrivedLine,
    InspectBatch,
    JudgeBatch,
    ReceiptLine,
    ReceiveStock,
    ReceiveTransfer,
    TransferLine,
    TransferStock,
)
from services.inventory.domain.batches import (
    Batch,
    Portion,
    Shelf,
    first_expired,
    moved,
    taken_back,
)
from services.inventory.domain.model import BatchOff, Hold, Mend
from services.inventory.domain.rules import Book
from tests.unit.inventory.events import refunded, shipped
from tests.unit.inventory.house import NOW, SHELF_LIFE, TODAY, House


def batch(number: str, on_hand: int, days: int | None = 200, **more: Any) -> Batch:
    expires_on = None if days is None else TODAY + timedelta(days=days)
    return Batch(number=number, on_hand=on_hand, expires_on=expires_on, **more)


def shelf(*batches: Batch) -> Shelf:
    return {one.number: one for one in batches}


@pytest.mark.parametrize(
    ("batches", "on_hand", "wanted", "taken"),
    [
        ((batch("late", 5, 300), batch("soon", 5, 100)), 10, 7, [("soon", 5), ("late", 2)]),
        (
            (batch("dated", 5, 300), batch("undated", 5, None)),
            10,
            6,
            [("dated", 5), ("undated", 1)],
        ),
        ((batch("b", 5),), 8, 4, [("b", 1)]),
        ((batch("b", 5),), 8, 3, []),
        ((batch("gone", 0, 10), batch("b", 5)), 5, 1, [("b", 1)]),
        ((batch("off", 5, 10, standing="off_sale"), batch("b", 5)), 10, 6, [("b", 5), ("off", 1)]),
        ((batch("held", 5, 10, held=3), batch("b", 5)), 10, 7, [("held", 2), ("b", 5)]),
        ((batch("held", 5, 10, held=3), batch("b", 5)), 10, 8, [("held", 3), ("b", 5)]),
        (
            (
                batch("bad", 5, 10, standing="recalled"),
                batch("off", 1, 90, standing="off_sale"),
                batch("held", 1, held=1),
            ),
            7,
            3,
            [("held", 1), ("off", 1), ("bad", 1)],
        ),
    ],
)
def test_what_expires_first_leaves_first_and_what_is_not_for_sale_leaves_last(
    batches: tuple[Batch, ...], on_hand: int, wanted: int, taken: list[tuple[str, int]]
) -> None:
    portions = first_expired("A", shelf(*batches), on_hand, wanted)
    assert [(one.batch, -one.quantity) for one in portions] == taken


@pytest.mark.parametrize(
    ("portion", "there"),
    [
        (Portion("A", "b", -2), (3, 3)),
        (Portion("A", "b", -4), (1, 1)),
        (Portion("A", "b", 2), (7, 3)),
        (Portion("A", "b", 2, 2), (7, 5)),
        (Portion("A", "b", 0, -3), (5, 0)),
        (Portion("A", "b", -1, -1), (4, 2)),
        (Portion("A", "b", -6), None),
        (Portion("A", "b", 0, -4), None),
    ],
)
def test_free_pieces_leave_before_those_that_wait_for_an_inspection(
    portion: Portion, there: tuple[int, int] | None
) -> None:
    before = batch("b", 5, held=3)
    if there is None:
        with pytest.raises(ValueError, match="A b"):
            moved(before, portion)
    else:
        after = moved(before, portion)
        assert (after.on_hand, after.held) == there


def test_of_a_parcel_what_expires_first_is_taken_to_come_back() -> None:
    sent = (Portion("A", "soon", 2), Portion("A", "late", 3), Portion("B", "x", 1))
    back, out = taken_back(sent, (("A", 3), ("C", 9)))
    assert back == (Portion("A", "soon", 2), Portion("A", "late", 1))
    assert out == (Portion("A", "late", 2), Portion("B", "x", 1))


def test_a_receipt_brings_a_batch_and_an_old_one_is_there_and_not_for_sale() -> None:
    house = House()
    assert not house.receive("fresh", 10).refusal
    assert not house.receive("old", 5, days=30).refusal
    assert house.shelf() == {"fresh": (10, 0), "old": (5, 5)}
    assert house.book.available(("HZ", "A")) == 10
    assert [(e.kind, e.quantity, e.batch, e.withheld) for e in house.book.entries] == [
        ("receipt", 10, "fresh", 0),
        ("receipt", 5, "old", 0),
        ("withhold", 0, "old", 5),
    ]
    house.check()


@pytest.mark.parametrize(
    ("number", "line", "refusal"),
    [
        (None, {}, "batch_needed"),
        ("c1", {"expires_on": "2026-11-10"}, "already_expired"),
        ("c1", {"expires_on": "2026-11-11"}, ""),
        ("c1", {"produced_on": "2026-11-12"}, "produced_in_future"),
        (
            "c1",
            {"produced_on": "2026-11-11", "expires_on": "2026-11-10"},
            "expires_before_production",
        ),
        ("c1", {"expires_on": "2026-02-30"}, "no_such_day"),
        ("b1", {"expires_on": "2027-01-01"}, "other_dates"),
        ("b1", {"expires_on": None}, ""),
        ("c\0", {}, "unusable_code"),
        ("c1", {"quantity": -1}, "negative_quantity"),
        ("c1", {"sku": "B"}, ""),
    ],
)
def test_a_receipt_that_cannot_be_names_the_reason_and_changes_nothing(
    number: str | None, line: dict[str, Any], refusal: str
) -> None:
    house = House()
    house.receive("b1", 10)
    before = ({row: [*n] for row, n in house.book.rows.items()}, house.shelf())
    decision = house.receive(number, **{"quantity": 3} | line)
    assert decision.refusal == refusal
    if refusal:
        assert decision.result_id in {"A", ""}
        assert ({**house.book.rows}, house.shelf()) == before
    house.check()


def test_an_order_gets_what_expires_first_and_its_return_goes_back_to_that_batch() -> None:
    house = House()
    house.receive("late", 5, days=300)
    house.receive("soon", 3, days=100)
    house.order("o1", 4)
    house.take(shipped("o1", "HZ", [("A", 4)]), "o1")
    state = house.states["o1"]
    assert isinstance(state, Hold)
    assert state.batches == (Portion("A", "soon", 3), Portion("A", "late", 1))
    assert house.shelf() == {"late": (4, 0), "soon": (0, 0)}
    house.take(refunded("o1", [("A", 3)]), "o1")
    assert house.shelf() == {"late": (4, 0), "soon": (3, 0)}, "100 days are enough to be sold again"
    state = house.states["o1"]
    assert isinstance(state, Hold)
    assert state.batches == (Portion("A", "late", 1),)
    house.check()


@pytest.mark.parametrize(
    ("days_later", "shelf", "kinds"),
    [
        (0, (3, 0), ["return"]),
        (20, (3, 3), ["return"]),
        (101, (0, 0), ["return", "write_off"]),
    ],
)
def test_what_becomes_of_a_return_says_the_table(
    days_later: int, shelf: tuple[int, int], kinds: list[str]
) -> None:
    house = House()
    house.receive("b1", 3, days=100)
    house.order("o1", 3)
    house.take(shipped("o1", "HZ", [("A", 3)]), "o1")
    house.take(refunded("o1", [("A", 3)]), "o1", days_later)
    assert house.shelf() == {"b1": shelf}
    assert [one.kind for one in house.book.entries if one.document_no == "Fo1-1"] == kinds
    house.check()


def test_an_inspection_puts_good_pieces_on_sale_and_writes_bad_ones_off_once() -> None:
    house = House()
    house.receive("b1", 5, days=100)
    house.order("o1", 5)
    house.take(shipped("o1", "HZ", [("A", 5)]), "o1")
    house.take(refunded("o1", [("A", 5)]), "o1", 20)
    fields: dict[str, Any] = {"warehouse": "HZ", "sku": "A", "batch": "b1", "reason": "opened"}
    assert house.say(InspectBatch, good=4, bad=2, **fields).refusal == "more_than_held"
    assert house.say(InspectBatch, good=0, bad=0, **fields).refusal == "no_pieces"
    assert house.say(InspectBatch, good=-1, bad=2, **fields).refusal == "no_pieces"
    assert (
        house.say(InspectBatch, good=1, bad=0, **fields | {"batch": "x"}).refusal == "unknown_batch"
    )
    for _ in range(2):
        assert house.say(InspectBatch, key="i1", good=3, bad=1, **fields).result_id == "inspected"
        assert house.shelf() == {"b1": (4, 1)}
    assert house.say(InspectBatch, key="i1", good=2, bad=2, **fields).refusal == "already_booked"
    house.check()


def test_time_takes_a_batch_off_sale_and_holds_that_end_do_not_put_it_back() -> None:
    house = House()
    house.receive("b1", 5, days=61)
    house.order("o1", 4)
    judge = JudgeBatch(
        document_no="j1",
        command_id="j1",
        issued_at=NOW,
        actor="timer",
        warehouse="HZ",
        sku="A",
        batch="b1",
    )
    assert house.take(judge, "j0").refusal == "as_it_is"
    assert house.take(judge, "j1", days_later=17).result_id == "off_sale"
    assert house.book.available(("HZ", "A")) == -4, "promised before it left sale"
    house.book.release("HZ", (("A", 4),))
    assert house.book.available(("HZ", "A")) == 0
    with pytest.raises(ValueError, match="for sale"):
        house.book.reserve("HZ", (("A", 1),))
    house.check()


def test_a_recall_blocks_what_remains_what_comes_back_and_what_comes_in() -> None:
    house = House()
    house.receive("b1", 5)
    house.order("o1", 2)
    house.take(shipped("o1", "HZ", [("A", 2)]), "o1")
    assert house.recall("b2").refusal == "unknown_batch"
    assert house.recall("b1").result_id == "recalled"
    assert house.recall("b1").refusal == "already_recalled"
    assert house.shelf() == {"b1": (3, 3)}
    house.take(refunded("o1", [("A", 2)]), "o1")
    house.receive("b1", 4)
    assert house.shelf() == {"b1": (9, 9)}
    judged = house.say(JudgeBatch, warehouse="HZ", sku="A", batch="b1")
    assert judged.refusal == "as_it_is", "a table does not lift a recall"
    house.facts.recalled.add(("A", "b1"))
    line = ReceiptLine(sku="A", quantity=7, batch="b1", produced_on=None, expires_on=None)
    house.say(ReceiveStock, warehouse="GZ", cause="receipt", lines=(line,))
    assert house.shelf("GZ") == {"b1": (7, 7)}, "recalled here is recalled everywhere"
    house.check()


def adjust(house: House, *lines: tuple[str | None, int], **more: Any) -> Decision[Any]:
    written = tuple(AdjustmentLine(sku="A", quantity=n, batch=number) for number, n in lines)
    return house.say(AdjustStock, warehouse="HZ", lines=written, reason="found", **more)


@pytest.mark.parametrize(
    ("lines", "refusal", "there"),
    [
        (((None, 1),), "batch_needed", {"a": (5, 0), "b": (5, 0)}),
        (((None, -1),), "batch_needed", {"a": (5, 0), "b": (5, 0)}),
        ((("x", 1),), "unknown_batch", {"a": (5, 0), "b": (5, 0)}),
        ((("a", -6),), "below_batch", {"a": (5, 0), "b": (5, 0)}),
        ((("a", -5), ("b", -2)), "below_reserved", {"a": (5, 0), "b": (5, 0)}),
        ((("a", -2), ("b", 2)), "", {"a": (3, 0), "b": (7, 0)}),
        ((("a", 1),), "", {"a": (6, 0), "b": (5, 0)}),
    ],
)
def test_an_adjustment_names_its_batch(
    lines: tuple[tuple[str | None, int], ...], refusal: str, there: dict[str, tuple[int, int]]
) -> None:
    house = House()
    house.receive("a", 5)
    house.receive("b", 5)
    house.order("o1", 4)
    assert adjust(house, *lines).refusal == refusal
    assert house.shelf() == there
    house.check()


def transfer(house: House, *lines: tuple[str | None, int], to: str = "HZ-NEAR") -> Decision[Any]:
    written = tuple(TransferLine(sku="A", quantity=n, batch=number) for number, n in lines)
    return house.say(
        TransferStock, key="t1", warehouse="HZ", to_warehouse=to, lines=written, reason="near"
    )


def arrive(house: House, arrival: str, *lines: tuple[str | None, int], at: str) -> Decision[Any]:
    written = tuple(ArrivedLine(sku="A", quantity=n, batch=number) for number, n in lines)
    return house.say(ReceiveTransfer, key="t1", arrival_no=arrival, warehouse=at, lines=written)


def test_near_expiry_goods_are_for_sale_again_in_the_clearance_warehouse() -> None:
    house = House()
    house.receive("near", 5, days=30)
    house.receive("fresh", 5)
    assert house.shelf()["near"] == (5, 5)
    assert transfer(house, (None, 6)).refusal == "below_reserved", "five are for sale"
    assert transfer(house, ("near", 6)).refusal == "below_batch"
    assert transfer(house, ("near", 5)).result_id == "in_transit"
    assert transfer(house, ("near", 5)).result_id == "in_transit", "once"
    assert transfer(house, (None, 5)).refusal == "already_booked"
    house.check()
    assert arrive(house, "a1", ("fresh", 1), at="HZ-NEAR").refusal == "more_than_in_transit"
    assert arrive(house, "a1", ("near", 2), at="HZ-NEAR").result_id == "in_transit"
    assert arrive(house, "a1", ("near", 2), at="HZ-NEAR").result_id == "in_transit", "once"
    assert arrive(house, "a2", (None, 1), at="HZ").result_id == "in_transit"
    assert arrive(house, "a3", (None, 2), at="HZ-NEAR").result_id == "received"
    assert house.shelf("HZ-NEAR") == {"near": (4, 0)}
    assert house.book.available(("HZ-NEAR", "A")) == 4
    assert house.shelf() == {"near": (1, 1), "fresh": (5, 0)}
    there = house.book.shelves["HZ-NEAR", "A"]["near"]
    assert there.expires_on == TODAY + timedelta(days=30), "batches travel with their dates"
    house.check()


def test_unnamed_goods_of_a_transfer_leave_by_expiry() -> None:
    house = House()
    house.receive(None, 2)
    house.receive("late", 5, days=300)
    house.receive("soon", 5, days=100)
    transfer(house, (None, 8), to="GZ")
    assert house.shelf() == {"late": (4, 0), "soon": (0, 0)}
    arrive(house, "a1", (None, 8), at="GZ")
    assert house.shelf("GZ") == {"soon": (5, 0), "late": (1, 0)}
    assert house.book.rows["GZ", "A"] == [8, 0]
    house.check()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("receive", "order", "ship", "refund", "adjust", "recall", "judge", "inspect")
        ),
        st.sampled_from(("a", "b", "c")),
        st.integers(1, 6),
        st.integers(-10, 320),
    ),
    max_size=25,
)


@given(STEPS)
def test_the_books_close_per_batch_after_any_sequence_of_movements(
    steps: list[tuple[str, str, int, int]],
) -> None:
    house = House()
    orders: list[tuple[str, int]] = []
    sent: list[tuple[str, int]] = []
    for at, (step, number, pieces, days) in enumerate(steps):
        spare = house.book.available(("HZ", "A"))
        there = house.book.shelves.get(("HZ", "A"), {})
        if step == "receive":
            house.receive(number, pieces, days)
        elif step == "order" and spare >= pieces:
            house.order(f"o{at}", pieces)
            orders.append((f"o{at}", pieces))
        elif step == "ship" and orders:
            _ship_first_expired(house, *orders[0])
            sent.append(orders.pop(0))
        elif step == "refund" and sent:
            house.take(refunded(sent[0][0], [("A", sent[0][1])]), sent.pop(0)[0], max(0, days))
        elif step == "adjust":
            adjust(house, (number, pieces if days % 2 else -pieces))
        elif step == "recall":
            house.recall(number)
        elif step == "judge":
            judge = {"warehouse": "HZ", "sku": "A", "batch": number}
            named = {"document_no": f"j{at}", "command_id": "c", "issued_at": NOW, "actor": "t"}
            house.take(JudgeBatch(**judge, **named), f"j{at}", max(0, days))  # type: ignore[arg-type]
        elif step == "inspect" and number in there:
            bad = min(there[number].held, pieces // 2)
            house.say(
                InspectBatch,
                warehouse="HZ",
                sku="A",
                batch=number,
                reason="r",
                good=max(0, there[number].held - bad),
                bad=bad,
            )
        house.check()


def _ship_first_expired(house: House, key: str, pieces: int) -> None:
    """Ships an order, and holds what left against what was for sale by expiry."""
    before = dict(house.book.shelves.get(("HZ", "A"), {}))
    house.take(shipped(key, "HZ", [("A", pieces)]), key)
    after = house.book.shelves.get(("HZ", "A"), {})
    left = {number: one.on_hand - after[number].on_hand for number, one in before.items()}
    for_sale = {number: one.on_hand - one.withheld for number, one in before.items()}
    for number, one in before.items():
        for other, later in before.items():
            sooner = (one.expires_on or date.max) < (later.expires_on or date.max)
            if sooner and left[other] and for_sale[number]:
                assert left[number] >= for_sale[number], "what expires sooner was left behind"
        if left[number] > for_sale[number]:
            assert all(left[other] >= spare for other, spare in for_sale.items())


def test_a_repair_makes_up_for_whatever_was_done_to_a_batch() -> None:
    """The row says 9, its batches 4 and 3; the ledger 8, 5 and 1."""
    book = Book({("HZ", "A"): (9, 0)}, {("HZ", "A"): shelf(batch("a", 4), batch("b", 3))})
    off = (BatchOff("a", -1, 0), BatchOff("b", 2, 0))
    book.mend(Mend("HZ", "A", 1, 0, "r1", "li", "lost", off))
    assert [(e.batch, e.quantity, e.balance_after) for e in book.entries] == [
        ("a", -1, 7),
        ("b", 2, 9),
        ("", 0, 9),
    ]


@pytest.mark.parametrize("days", [-400, -1, 0, 44, 59, 400])
def test_what_is_past_its_last_day_is_never_for_sale(days: int) -> None:
    for life in (10, 89, 90, 365, None):
        expires_on = TODAY + timedelta(days=days)
        produced_on = None if life is None else expires_on - timedelta(days=life)
        one = replace(batch("b", 1), produced_on=produced_on, expires_on=expires_on)
        for warehouse in ("HZ", "HZ-NEAR"):
            verdict = SHELF_LIFE.selling(warehouse, one, TODAY)
            assert verdict.rule.startswith("batch-selling/default@")
            assert days >= 0 or verdict.standing == "off_sale"
