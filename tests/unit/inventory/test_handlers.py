"""Rows of (state, event) → (state, events, effects)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from chassis.errors import Invalid
from chassis.processor import Decision, Moment, Record
from chassis.topics import consumed_by
from schemas.events.commands_inventory import (
    AllocateBackorder,
    ExpireHold,
    ReceiptLine,
    ReceiveStock,
)
from schemas.events.orders import Payment
from schemas.events.stock import (
    StockDeducted,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShort,
)
from services.inventory.domain.model import (
    Aggregate,
    Deduct,
    Goods,
    Held,
    Hold,
    Lease,
    Line,
    Missing,
    Places,
    Receipt,
    Receive,
    Release,
    Reserve,
    Returned,
    Short,
)
from services.inventory.handlers import HANDLERS
from tests.unit.inventory.batchless import NoBatches
from tests.unit.inventory.events import (
    cancelled,
    matched,
    paid,
    placed,
    refunded,
    shipped,
    unmatched,
)

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
LINES = (Line(1, "A", 2), Line(2, "B", 1))
GOODS: Goods = (("A", 2), ("B", 1))
HELD = Hold(
    state="held",
    generation=1,
    channel="taobao",
    province="浙江省",
    lines=LINES,
    warehouse="HZ",
    rule="t@1#r",
    held=GOODS,
    expires_at=NOW + timedelta(minutes=30),
)
PAID = replace(HELD, paid=True, expires_at=None)
SHORT = Hold(
    state="short", generation=1, channel="taobao", province="浙江省", lines=LINES, short_since=NOW
)
EXPIRED = replace(HELD, state="expired", generation=2, held=(), expires_at=None)
GIVEN_UP = replace(HELD, state="cancelled", generation=2, held=(), expires_at=None)
SENT = replace(PAID, state="shipped", held=(), shipped=GOODS)


class Shelf(NoBatches):
    """Stock that answers what it is told to."""

    kept = Lease(
        time=timedelta(minutes=30),
        rule="h@1#r",
        extension=timedelta(minutes=40),
        extensions_max=1,
    )

    def extension(self, hold: Hold) -> Lease:
        return self.kept

    def campaigns(self, channel: str, places: Places) -> tuple[str, ...]:
        return ()

    def own(self, order_id: str) -> tuple[str, Hold] | None:
        return None

    def promise(self, hold: Hold, goods: Goods, now: datetime) -> None:
        return None

    def lease(self, hold: Hold, warehouse: str, goods: Goods) -> Lease:
        return self.kept

    def __init__(self, answer: Held | Short | None = None, spare: int = 0) -> None:
        self.answer = answer
        self._spare = spare

    def offer(self, order_id: str, hold: Hold, goods: Goods) -> Held | Short:
        assert self.answer is not None, "nothing was to be asked for"
        assert goods == GOODS
        return self.answer

    def spare(self, warehouse: str, sku: str) -> int:
        return self._spare

    def on_hand(self, warehouse: str, sku: str) -> int:
        return self._spare

    def needs_second_person(self, warehouse: str, goods: Goods) -> bool:
        return False


YES = Shelf(Held(warehouse="GZ", rule="t@1#r"))
NO = Shelf(Short(missing=(Missing(sku="B", wanted=1, available=0),)))


def decide(state: Aggregate | None, event: Struct, shelf: Shelf | None = None) -> Decision[Any]:
    record = Record(source="", partition=0, offset=0, key="o1", version=1, event=event, raw=b"")
    return HANDLERS[type(event)](state, event, shelf or Shelf(), Moment(NOW, record))


ORDER = placed("o1", [("A", 2), ("B", 1)])
PAID_ORDER = replace(ORDER, payment=Payment(paid_at=NOW, paid_fen=3_000))


def expiry(generation: int = 1) -> ExpireHold:
    return ExpireHold(
        order_id="o1", command_id="c", issued_at=NOW, actor="timer", generation=generation
    )


def arrival(*lines: tuple[str, int], cause: str = "receipt", warehouse: str = "HZ") -> ReceiveStock:
    return ReceiveStock(
        document_no="r1",
        command_id="c",
        issued_at=NOW,
        actor="test",
        warehouse=warehouse,
        lines=tuple(ReceiptLine(sku=sku, quantity=quantity) for sku, quantity in lines),
        cause=cause,
    )


def test_every_event_is_one_the_topic_map_gives_inventory() -> None:
    assert {str(event.TOPIC) for event in HANDLERS} <= set(consumed_by("inventory"))  # type: ignore[attr-defined]


def test_a_new_order_is_held_until_it_must_be_paid() -> None:
    decision = decide(None, ORDER, YES)
    assert decision.state == replace(HELD, warehouse="GZ")
    assert decision.effects == (Reserve("GZ", GOODS, channel="taobao"),)
    (event,) = decision.events
    assert isinstance(event, StockReserved)
    assert event.expires_at == NOW + timedelta(minutes=30)
    assert [(line.line_no, line.sku, line.quantity) for line in event.lines] == [
        (1, "A", 2),
        (2, "B", 1),
    ]


UNMATCHED = Hold(state="unmatched", channel="taobao", province="浙江省")
MATCHED = matched("o1", [("A", 2), ("B", 1)])


def test_an_order_with_a_line_that_has_no_sku_asks_for_nothing() -> None:
    decision = decide(None, unmatched("o1"))
    assert (decision.state, decision.events, decision.effects) == (UNMATCHED, (), ())
    paid_for = decide(UNMATCHED, paid("o1"))
    assert (paid_for.state, paid_for.events) == (replace(UNMATCHED, paid=True), ())


def test_its_goods_are_held_when_its_lines_are_matched() -> None:
    decision = decide(replace(UNMATCHED, paid=True), MATCHED, YES)
    assert decision.state == replace(PAID, warehouse="GZ")
    assert decision.effects == (Reserve("GZ", GOODS, channel="taobao"),)


def test_who_has_too_much_unpaid_gets_it_once_it_is_paid() -> None:
    shelf = Shelf(YES.answer)
    shelf.kept = Lease(time=timedelta(0), rule="hold@1#budget")
    unpaid = replace(ORDER, receiver_key="k1")
    decision = decide(None, unpaid, shelf)
    withheld = decision.state
    assert isinstance(withheld, Hold)
    assert (withheld.state, withheld.generation, withheld.held) == ("short", 1, ())
    assert withheld.short_since is None, "nothing lacks"
    assert decision.effects == ()
    (event,) = decision.events
    assert isinstance(event, StockShort)
    assert (event.lines, event.withheld_by) == ((), "hold@1#budget")
    held = decide(withheld, paid("o1"), shelf).state
    assert isinstance(held, Hold)
    assert (held.state, held.buyer, held.expires_at) == ("held", "", None)


def test_an_unpaid_order_names_who_keeps_its_goods_and_by_which_rule_how_long() -> None:
    decision = decide(None, replace(ORDER, receiver_key="k1"), YES)
    assert decision.effects == (Reserve("GZ", GOODS, "k1", "taobao"),)
    assert isinstance(decision.state, Hold)
    assert decision.state.buyer == "k1"
    assert decision.events[0].hold_rule == "h@1#r"  # type: ignore[attr-defined]
    at_once = decide(None, replace(PAID_ORDER, receiver_key="k1"), YES)
    assert at_once.effects == (Reserve("GZ", GOODS, channel="taobao"),)
    assert at_once.events[0].hold_rule is None  # type: ignore[attr-defined]


def turn(generation: int = 1) -> AllocateBackorder:
    return AllocateBackorder(
        order_id="o1", command_id="c", issued_at=NOW, actor="timer", generation=generation
    )


def test_goods_that_came_are_held_for_a_paid_order_that_waits() -> None:
    decision = decide(replace(SHORT, paid=True), turn(), YES)
    assert decision.state == replace(PAID, warehouse="GZ", generation=2)
    assert decision.effects == (Reserve("GZ", GOODS, channel="taobao"),)
    (event,) = decision.events
    assert isinstance(event, StockReserved)
    assert (event.generation, event.expires_at) == (2, None)


def test_where_they_are_gone_again_it_waits_on_from_when_it_began() -> None:
    before = replace(SHORT, paid=True, short_since=NOW - timedelta(hours=5))
    decision = decide(before, turn(), NO)
    assert decision.state == replace(before, generation=2), "the next turn is another command"
    assert (decision.events, decision.effects, decision.refusal) == ((), (), "")


@pytest.mark.parametrize(
    ("state", "generation", "refusal"),
    [
        (None, 1, "unknown_order"),
        (SHORT, 1, "not_paid"),
        (replace(SHORT, paid=True), 2, "not_short"),
        (PAID, 1, "not_short"),
        (GIVEN_UP, 1, "not_short"),
        (SENT, 1, "not_short"),
    ],
)
def test_a_turn_that_is_over_changes_nothing(
    state: Hold | None, generation: int, refusal: str
) -> None:
    decision = decide(state, turn(generation))
    assert (decision.state, decision.refusal) == (state, refusal)
    assert (decision.events, decision.effects) == ((), ())


@pytest.mark.parametrize("state", [HELD, SHORT, GIVEN_UP, SENT, EXPIRED])
def test_lines_that_are_matched_when_nothing_waits_change_nothing(state: Hold) -> None:
    decision = decide(state, MATCHED)
    assert (decision.state, decision.events, decision.effects) == (state, (), ())


def test_one_that_was_cancelled_while_it_waited_lets_nothing_go() -> None:
    decision = decide(UNMATCHED, cancelled("o1"))
    assert (decision.state, decision.events) == (replace(UNMATCHED, state="cancelled"), ())


def test_a_shortage_holds_nothing_and_names_the_lines_that_lack() -> None:
    decision = decide(None, ORDER, NO)
    assert decision.state == SHORT
    assert decision.effects == ()
    (event,) = decision.events
    assert isinstance(event, StockShort)
    assert [(one.line_no, one.sku, one.wanted, one.available) for one in event.lines] == [
        (2, "B", 1, 0)
    ]


def test_an_order_that_is_paid_already_is_held_for_good_at_once() -> None:
    decision = decide(None, PAID_ORDER, YES)
    assert decision.state == replace(PAID, warehouse="GZ")
    (event,) = decision.events
    assert isinstance(event, StockReserved)
    assert event.expires_at is None
    assert decide(None, PAID_ORDER, NO).state == replace(SHORT, paid=True)


@pytest.mark.parametrize("state", [HELD, PAID, SHORT, EXPIRED, GIVEN_UP, SENT])
def test_an_order_is_placed_once(state: Hold) -> None:
    assert decide(state, ORDER) == Decision(state=state)


@pytest.mark.parametrize("line", [("A", 0), ("A", -1), ("A\0", 1)])
def test_lines_that_make_no_sense_are_a_dead_letter(line: tuple[str, int]) -> None:
    with pytest.raises(Invalid, match="lines_make_no_sense"):
        decide(None, placed("o1", [("B", 1), line]))


def test_payment_makes_a_hold_permanent_without_a_word() -> None:
    assert decide(HELD, paid("o1")) == Decision(state=PAID)


@pytest.mark.parametrize("state", [SHORT, EXPIRED])
def test_payment_after_shortage_or_expiry_asks_again_for_good(state: Hold) -> None:
    decision = decide(state, paid("o1"), YES)
    assert isinstance(decision.state, Hold)
    assert (decision.state.state, decision.state.generation) == ("held", state.generation + 1)
    assert decision.state.expires_at is None
    (event,) = decision.events
    assert isinstance(event, StockReserved)
    assert (event.generation, event.expires_at) == (decision.state.generation, None)


@pytest.mark.parametrize("state", [GIVEN_UP, SENT])
def test_payment_after_the_end_moves_no_stock(state: Hold) -> None:
    decision = decide(state, paid("o1"))
    assert (decision.events, decision.effects) == ((), ())
    assert isinstance(decision.state, Hold)
    assert (decision.state.paid, decision.state.state) == (True, state.state)


@pytest.mark.parametrize("state", [HELD, PAID])
def test_cancellation_lets_go_what_is_held(state: Hold) -> None:
    decision = decide(state, cancelled("o1"))
    assert decision.effects == (Release("HZ", GOODS, channel="taobao"),)
    (event,) = decision.events
    assert isinstance(event, StockReleased)
    assert event.reason == "cancelled"
    assert isinstance(decision.state, Hold)
    assert (decision.state.state, decision.state.held) == ("cancelled", ())


@pytest.mark.parametrize(
    ("state", "expected"),
    [(None, "cancelled"), (SHORT, "cancelled"), (EXPIRED, "cancelled"), (SENT, "shipped")],
)
def test_cancellation_where_nothing_is_held_moves_nothing(
    state: Hold | None, expected: str
) -> None:
    decision = decide(state, cancelled("o1"))
    assert (decision.events, decision.effects) == ((), ())
    assert isinstance(decision.state, Hold)
    assert decision.state.state == expected


def test_an_unpaid_hold_expires() -> None:
    decision = decide(HELD, expiry())
    assert decision.state == EXPIRED
    assert decision.effects == (Release("HZ", GOODS, channel="taobao"),)
    (event,) = decision.events
    assert isinstance(event, StockReleased)
    assert event.reason == "expired"


@pytest.mark.parametrize(
    ("state", "generation", "refusal"),
    [
        (None, 1, "unknown_order"),
        (Receipt(warehouse="HZ", cause="receipt", goods=()), 1, "unknown_order"),
        (HELD, 2, "not_held"),
        (EXPIRED, 1, "not_held"),
        (SENT, 1, "not_held"),
        (PAID, 1, "paid"),
    ],
)
def test_expiry_is_refused_where_there_is_nothing_to_end(
    state: Aggregate | None, generation: int, refusal: str
) -> None:
    assert decide(state, expiry(generation)) == Decision(state=state, refusal=refusal)


def test_a_parcel_takes_what_was_held() -> None:
    decision = decide(PAID, shipped("o1", "HZ", [("B", 1), ("A", 2)]))
    assert decision.state == SENT
    assert decision.effects == (Deduct("HZ", GOODS, "Po1-1", "o1", "test", channel="taobao"),)
    assert isinstance(decision.events[0], StockDeducted)


def test_a_part_may_leave_first() -> None:
    first = decide(PAID, shipped("o1", "HZ", [("A", 1)])).state
    assert isinstance(first, Hold)
    assert (first.state, first.held, first.shipped) == ("held", (("A", 1), ("B", 1)), (("A", 1),))
    second = decide(first, shipped("o1", "HZ", [("A", 1), ("B", 1)], version=2)).state
    assert second == SENT


@pytest.mark.parametrize(
    ("state", "warehouse", "goods", "code"),
    [
        (None, "HZ", [("A", 1)], "unknown_order"),
        (SHORT, "HZ", [("A", 1)], "shipped_without_hold"),
        (SENT, "HZ", [("A", 1)], "shipped_without_hold"),
        (PAID, "GZ", [("A", 1)], "shipped_without_hold"),
        (PAID, "HZ", [("A", 3)], "shipped_more_than_held"),
        (PAID, "HZ", [("C", 1)], "shipped_more_than_held"),
    ],
)
def test_goods_nobody_held_do_not_leave_the_books(
    state: Hold | None, warehouse: str, goods: list[tuple[str, int]], code: str
) -> None:
    with pytest.raises(Invalid, match=code):
        decide(state, shipped("o1", warehouse, goods))


def test_what_comes_back_is_booked_where_it_left() -> None:
    decision = decide(SENT, refunded("o1", [("A", 1)]))
    assert decision.effects == (
        Receive("HZ", (("A", 1),), "return", "Fo1-1", "o1", channel="taobao"),
    )
    assert isinstance(decision.events[0], StockReturned)
    assert isinstance(decision.state, Hold)
    assert decision.state.shipped == (("A", 1), ("B", 1))


@pytest.mark.parametrize("state", [PAID, GIVEN_UP, replace(SENT, shipped=(("A", 1),))])
def test_a_return_of_what_has_not_left_waits(state: Hold) -> None:
    decision = decide(state, refunded("o1", [("A", 2)]))
    assert (decision.events, decision.effects) == ((), ())
    assert isinstance(decision.state, Hold)
    assert decision.state.early_returns == (Returned("Fo1-1", (("A", 2),)),)


def test_a_waiting_return_is_booked_with_its_parcel() -> None:
    waiting = replace(
        PAID, early_returns=(Returned("F1", (("A", 2),)), Returned("F2", (("A", 1),)))
    )
    decision = decide(waiting, shipped("o1", "HZ", [("A", 2), ("B", 1)]))
    assert decision.effects == (
        Deduct("HZ", GOODS, "Po1-1", "o1", "test", channel="taobao"),
        Receive("HZ", (("A", 2),), "return", "F1", "o1", "test", channel="taobao"),
    )
    assert isinstance(decision.state, Hold)
    assert decision.state.early_returns == (Returned("F2", (("A", 1),)),)
    assert decision.state.shipped == (("B", 1),)


def test_a_refund_without_goods_moves_nothing() -> None:
    assert decide(None, refunded("o1", [])) == Decision(state=None)


def test_goods_that_come_in_are_booked() -> None:
    decision = decide(None, arrival(("B", 1), ("A", 2), ("B", 3)))
    goods: Goods = (("A", 2), ("B", 4))
    assert decision.state == Receipt(warehouse="HZ", cause="receipt", goods=goods)
    assert decision.effects == (Receive("HZ", goods, "receipt", "r1", actor="test"),)
    assert decision.result_id == "r1"


def test_an_adjustment_may_take_what_nobody_was_promised() -> None:
    decision = decide(None, arrival(("A", -2), cause="adjustment"), Shelf(spare=2))
    assert decision.effects == (Receive("HZ", (("A", -2),), "adjustment", "r1", actor="test"),)


@pytest.mark.parametrize(
    ("state", "command", "refusal"),
    [
        (Receipt(warehouse="HZ", cause="receipt", goods=()), arrival(("A", 1)), "already_booked"),
        (HELD, arrival(("A", 1)), "already_booked"),
        (None, arrival(), "empty"),
        (None, arrival(("A", 1), ("A", -1)), "empty"),
        (None, arrival(("A", 1), warehouse=""), "empty"),
        (None, arrival(("A", 1), cause="gift"), "unknown_cause"),
        (None, arrival(("A", -1)), "negative_quantity"),
        (None, arrival(("A", 1_000_000_001)), "too_many"),
        (None, arrival(("A\0", 1)), "unusable_code"),
        (None, arrival(("A", 1), warehouse="H\0Z"), "unusable_code"),
        (None, arrival(("A", 1), warehouse="H|Z"), "unusable_code"),
        (None, arrival(("A", -3), cause="adjustment"), "below_reserved"),
    ],
)
def test_a_receipt_that_cannot_be_is_refused(
    state: Aggregate | None, command: ReceiveStock, refusal: str
) -> None:
    decision = decide(state, command, Shelf(spare=2))
    assert (decision.state, decision.refusal, decision.effects) == (state, refusal, ())
