"""Orders that several warehouses hold: the real facts and decisions over a book, without servers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chassis.errors import Invalid, StartRefused
from chassis.processor import Kept, Record
from schemas.events.stock import PartLine, StockDeducted, StockReserved, StockReturned
from services.inventory.domain.counters import Arrival, Counters, Target, arrive, settle
from services.inventory.domain.model import (
    Aggregate,
    Held,
    Hold,
    Line,
    Part,
    Release,
    Row,
    Short,
)
from services.inventory.domain.parts import held_by, let_go, parts_of, with_part
from services.inventory.domain.reservations import ReserveGoods
from services.inventory.domain.rules import Book
from services.inventory.facts import StockFacts
from services.inventory.foreseen import foresee
from services.inventory.rebuild import decode_kept
from services.inventory.sourcing import Sourcing, read_sourcing
from services.inventory.targets import hold_target
from tests.unit.inventory.events import cancelled, paid, placed, refunded, shipped
from tests.unit.inventory.house import (
    APPROVALS,
    LEASES,
    QUOTAS,
    RULES,
    SHELF_LIFE,
    House,
    splitting,
)

GOODS = (("A", 2), ("B", 1))
LEVELS = {("HZ", "A"): 2, ("HF", "B"): 1, ("GZ", "A"): 1}
ROWS = [(warehouse, sku) for warehouse in ("HZ", "HF", "GZ") for sku in "AB"]


class SplittingHouse(House):
    """A house whose table lets orders be split, with what LEVELS say on the shelves."""

    def __init__(self, sourcing: Sourcing, levels: dict[Row, int] | None = None) -> None:
        super().__init__()
        self.sourcing = sourcing
        self.missed: set[Row] = set()
        there = LEVELS if levels is None else levels
        self.facts.book = Book({row: (there.get(row, 0), 0) for row in ROWS})

    def take(self, event: Any, key: str, days_later: int = 0) -> Any:
        """One event, foreseen for itself."""
        kept: dict[str, Kept[Aggregate]] = {
            known: Kept(state=state) for known, state in self.states.items()
        }
        record = Record("", 0, 0, key, 1, event, raw=b"")
        self.facts = self.asked([record], kept)
        return super().take(event, key, days_later)

    def asked(self, records: Sequence[Record], kept: dict[str, Kept[Aggregate]]) -> StockFacts:
        """The facts of a batch, with every row locked that was foreseen."""
        facts = StockFacts(
            foresee(records, kept, self.sourcing),
            kept,
            self.sourcing,
            LEASES,
            self.missed.update,
            approvals=APPROVALS,
            shelf_life=SHELF_LIFE,
            quotas=QUOTAS,
        )
        facts.book = self.facts.book
        for plan in facts.foreseen.plans.values():
            plan.locked = plan.choice.warehouses
        assert facts.foreseen.rows <= facts.book.rows.keys()
        return facts

    def reserved(self) -> dict[Row, int]:
        return {row: numbers[1] for row, numbers in self.book.rows.items() if numbers[1]}

    def on_hand(self) -> dict[Row, int]:
        return {row: numbers[0] for row, numbers in self.book.rows.items() if numbers[0]}


@pytest.fixture
def house() -> SplittingHouse:
    return SplittingHouse(splitting(2))


def test_an_order_no_warehouse_has_whole_is_held_by_two(house: SplittingHouse) -> None:
    order = placed("o1", [("A", 1), ("B", 1), ("A", 1)])
    decision = house.take(order, "o1")
    hold = decision.state
    assert (hold.state, hold.warehouse, hold.held) == ("held", "", GOODS)
    assert hold.parts == (
        Part(warehouse="HZ", goods=(("A", 2),), held=(("A", 2),)),
        Part(warehouse="HF", goods=(("B", 1),), held=(("B", 1),)),
    )
    assert house.reserved() == {("HZ", "A"): 2, ("HF", "B"): 1}
    (told,) = decision.events
    assert isinstance(told, StockReserved)
    assert told.warehouse == "HZ"
    assert [line.quantity for line in told.lines] == [1, 1, 1]
    assert [(part.warehouse, part.lines) for part in told.parts or ()] == [
        (
            "HZ",
            (PartLine(line_no=1, sku="A", quantity=1), PartLine(line_no=3, sku="A", quantity=1)),
        ),
        ("HF", (PartLine(line_no=2, sku="B", quantity=1),)),
    ]
    assert [(one.warehouse, one.sku, one.why) for one in told.passed_over or ()] == [
        ("GZ", "B", "more_parcels")
    ]


def test_one_line_may_come_from_two_warehouses(house: SplittingHouse) -> None:
    decision = house.take(placed("o1", [("A", 3)]), "o1")
    parts = decision.events[0].parts
    assert [(part.warehouse, part.lines) for part in parts] == [
        ("HZ", (PartLine(line_no=1, sku="A", quantity=2),)),
        ("GZ", (PartLine(line_no=1, sku="A", quantity=1),)),
    ]


def test_without_the_tables_word_it_is_short() -> None:
    house = SplittingHouse(splitting(1))
    assert not house.sourcing.splits
    decision = house.take(placed("o1", GOODS), "o1")
    assert decision.state.state == "short"
    assert house.reserved() == {}


def test_all_or_none_over_all_warehouses(house: SplittingHouse) -> None:
    decision = house.take(placed("o1", [("A", 2), ("B", 2)]), "o1")
    assert (decision.state.state, decision.state.parts) == ("short", ())
    assert house.reserved() == {}


def test_each_parcel_takes_its_own_part_and_the_last_one_ends_the_hold(
    house: SplittingHouse,
) -> None:
    house.take(placed("o1", GOODS), "o1")
    house.take(paid("o1"), "o1")
    first = house.take(shipped("o1", "HF", [("B", 1)]), "o1")
    assert (first.state.state, first.state.held, first.state.shipped) == (
        "held",
        (("A", 2),),
        (("B", 1),),
    )
    assert house.reserved() == {("HZ", "A"): 2}
    last = house.take(shipped("o1", "HZ", [("A", 2)], version=2), "o1")
    assert (last.state.state, last.state.held, last.state.shipped) == ("shipped", (), GOODS)
    assert house.on_hand() == {("GZ", "A"): 1}
    events = [*first.events, *last.events]
    assert [one.warehouse for one in events if isinstance(one, StockDeducted)] == ["HF", "HZ"]


@pytest.mark.parametrize(
    ("warehouse", "goods", "code"),
    [
        ("HZ", GOODS, "shipped_more_than_held"),
        ("GZ", (("A", 1),), "shipped_without_hold"),
        ("HF", (("A", 1),), "shipped_more_than_held"),
    ],
)
def test_a_parcel_of_what_its_warehouse_does_not_hold_is_a_dead_letter(
    house: SplittingHouse, warehouse: str, goods: tuple[tuple[str, int], ...], code: str
) -> None:
    house.take(placed("o1", GOODS), "o1")
    with pytest.raises(Invalid, match=code):
        house.take(shipped("o1", warehouse, goods), "o1")


def test_a_part_whose_parcel_left_holds_nothing_more(house: SplittingHouse) -> None:
    house.take(placed("o1", GOODS), "o1")
    house.take(shipped("o1", "HF", [("B", 1)]), "o1")
    with pytest.raises(Invalid, match="shipped_without_hold"):
        house.take(shipped("o1", "HF", [("B", 1)], version=2), "o1")


@pytest.mark.parametrize("leaves_first", [False, True])
def test_a_cancelled_order_gives_all_its_warehouses_what_is_still_there(
    house: SplittingHouse, leaves_first: bool
) -> None:
    house.take(placed("o1", GOODS), "o1")
    if leaves_first:
        house.take(shipped("o1", "HF", [("B", 1)]), "o1")
    decision = house.take(cancelled("o1"), "o1")
    assert (decision.state.state, decision.state.held) == ("cancelled", ())
    assert house.reserved() == {}
    assert all(isinstance(one, Release) and one.partly == leaves_first for one in decision.effects)
    assert house.facts.mended == leaves_first, "Valkey is written anew"


def test_what_comes_back_comes_back_to_where_it_came_from(house: SplittingHouse) -> None:
    house.take(placed("o1", [("A", 3)]), "o1")
    house.take(shipped("o1", "HZ", [("A", 2)]), "o1")
    house.take(shipped("o1", "GZ", [("A", 1)], version=2), "o1")
    decision = house.take(refunded("o1", [("A", 3)]), "o1")
    assert decision.state.shipped == ()
    assert house.on_hand() == {("HZ", "A"): 2, ("GZ", "A"): 1, ("HF", "B"): 1}
    told = [one for one in decision.events if isinstance(one, StockReturned)]
    assert [(one.warehouse, one.lines[0].quantity) for one in told] == [("HZ", 2), ("GZ", 1)]


def test_a_return_that_overtook_its_parcels_waits_for_all_of_them(house: SplittingHouse) -> None:
    house.take(placed("o1", GOODS), "o1")
    early = house.take(refunded("o1", GOODS), "o1")
    assert early.state.early_returns
    house.take(shipped("o1", "HF", [("B", 1)]), "o1")
    last = house.take(shipped("o1", "HZ", [("A", 2)], version=2), "o1")
    assert (last.state.early_returns, last.state.shipped) == ((), ())
    assert house.on_hand() == LEVELS


def test_a_buyer_has_one_hold_however_many_parcels(house: SplittingHouse) -> None:
    house.take(replace(placed("o1", GOODS), receiver_key="li"), "o1")
    assert house.facts.buyer_holds == {"li": 1}


def test_what_others_of_the_batch_were_promised_is_not_split_off(house: SplittingHouse) -> None:
    order = placed("o1", GOODS)
    record = Record("", 0, 0, "o1", 1, order, raw=b"")
    facts = house.asked([record], {})
    facts.promised = {("HZ", "A"): 1}
    hold = Hold(state="short", lines=(Line(1, "A", 2), Line(2, "B", 1)))
    assert isinstance(facts.offer("o1", hold, GOODS), Short)
    facts.promised = {("HZ", "A"): 0}
    assert isinstance(facts.offer("o1", hold, GOODS), Held)


def test_a_till_is_never_served_by_two_warehouses(house: SplittingHouse) -> None:
    asked = ReserveGoods(
        reservation_id="rsv-1",
        digest="d",
        reference="till-1",
        warehouse="",
        channel="",
        province="浙江省",
        lines=(Line(1, "A", 2), Line(2, "B", 1)),
        partial=False,
        hold_s=60,
    )
    plan = foresee([Record("", 0, 0, "rsv-1", 0, asked, raw=b"")], {}, house.sourcing).plans[
        "rsv-1"
    ]
    assert (plan.choice.warehouses, plan.choice.parcels_max) == (("HZ", "HF", "GZ"), 1)


def test_what_may_be_split_is_noted_in_valkey_before_it_is_held(house: SplittingHouse) -> None:
    record = Record("", 0, 0, "o1", 1, placed("o1", GOODS), raw=b"")
    assert foresee([record], {}, house.sourcing).notes() == ["o:o1"]
    assert foresee([record], {}, splitting(1)).notes() == []


# ---- Valkey ------------------------------------------------------------------------------------------

HELD = held_by(
    Hold(state="held", generation=1, lines=(Line(1, "A", 2), Line(2, "B", 1))),
    (("HZ", (("A", 2),)), ("HF", (("B", 1),))),
)
PARTLY = with_part(HELD, Part(warehouse="HF", goods=(("B", 1),), held=(), shipped=(("B", 1),)))
GONE = replace(
    with_part(PARTLY, Part(warehouse="HZ", goods=(("A", 2),), held=(), shipped=(("A", 2),))),
    state="shipped",
)
BACK = with_part(GONE, Part(warehouse="HZ", goods=(("A", 2),), held=(), shipped=()))
FREED = replace(let_go(HELD), state="cancelled")

States = tuple[Hold, ...]


@pytest.mark.parametrize(
    "told",
    [
        (HELD, PARTLY, GONE),
        (PARTLY, GONE),
        (GONE,),
        (HELD, GONE),
        (HELD, PARTLY, PARTLY, GONE, GONE),
        (HELD, PARTLY, GONE, BACK),
        (BACK,),
    ],
)
def test_whatever_valkey_has_heard_of_on_the_way_it_ends_at_the_same_numbers(told: States) -> None:
    before = {("HZ", "A"): 5, ("HF", "B"): 3}
    counters = Counters(available=dict(before), records={}, documents=set())
    for state in told:
        settle(counters, hold_target("o1", state, 1))
    assert counters.available == {("HZ", "A"): 3, ("HF", "B"): 2}


def test_a_split_that_ends_gives_every_row_back() -> None:
    counters = Counters(available={("HZ", "A"): 5, ("HF", "B"): 3}, records={}, documents=set())
    settle(counters, hold_target("o1", HELD, 1))
    settle(counters, hold_target("o1", FREED, 1))
    assert counters.available == {("HZ", "A"): 5, ("HF", "B"): 3}
    assert hold_target("o1", FREED, 1) == Target("o1", 2, "freed", "", ())


def test_a_document_that_brings_goods_to_two_warehouses_is_counted_once_in_both() -> None:
    counters = Counters(available={}, records={}, documents=set())
    both = (Arrival("f1", "HZ", (("A", 2),)), Arrival("f1", "HF", (("B", 1),)))
    arrive(counters, *both)
    arrive(counters, *both)
    assert counters.available == {("HZ", "A"): 2, ("HF", "B"): 1}


# ---- what is stored, what is read --------------------------------------------------------------------


def test_what_was_stored_before_orders_were_split_is_read_as_one_part() -> None:
    stored = (
        '{"state":{"kind":"hold","state":"held","generation":1,"lines":[[1,"A",2]],'
        '"warehouse":"HZ","held":[["A",2]]}}'
    )
    hold = decode_kept(stored).state
    assert isinstance(hold, Hold)
    goods = (("A", 2),)
    assert parts_of(hold) == (Part(warehouse="HZ", goods=goods, held=goods),)


def test_one_warehouses_hold_is_stored_as_before() -> None:
    hold = Hold(state="held", warehouse="HZ", held=(("A", 2),))
    assert b"parts" not in msgspec.json.encode(hold)


@pytest.mark.parametrize(
    ("parcels", "refusal"), [("0", "is 0, not 1 to 8"), ("9", "is 9, not 1 to 8"), ("two", "int")]
)
def test_a_table_that_makes_no_sense_is_refused_with_the_row(parcels: str, refusal: str) -> None:
    with pytest.raises(StartRefused, match=refusal):
        splitting(parcels)


def test_a_table_without_the_column_splits_nothing(tmp_path: Path) -> None:
    text = (RULES / "sourcing" / "default.yaml").read_text(encoding="utf-8")
    text = text.replace(", parcels_max: 1", "").replace(
        "  parcels_max: {type: int, label: 最多几个包裹}\n", ""
    )
    (tmp_path / "sourcing").mkdir()
    (tmp_path / "sourcing" / "default.yaml").write_text(text, encoding="utf-8")
    sourcing = read_sourcing(tmp_path)
    assert (sourcing.splits, sourcing.choice("taobao", "浙江省", 1).parcels_max) == (False, 1)
