"""What a batch foresees, what it refuses to guess, and what it tells Valkey."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

import chassis
from chassis.errors import StartRefused, Unavailable
from chassis.processor import Kept, Record
from schemas.events.commands_inventory import OpenPurchase, PurchaseLine, RecallBatch
from services.inventory.approvals import read_approvals
from services.inventory.domain.counters import Arrival, Target
from services.inventory.domain.model import (
    Aggregate,
    Held,
    Hold,
    Receive,
    Reserve,
    Returned,
    Short,
)
from services.inventory.domain.quotas import Shares, Sharing
from services.inventory.domain.rules import Book
from services.inventory.facts import StockFacts
from services.inventory.foreseen import Foreseen, foresee
from services.inventory.leases import read_leases
from services.inventory.locked import Unlocked
from services.inventory.quotas import read_quotas
from services.inventory.shelf_life import read_shelf_life
from services.inventory.sourcing import Sourcing, read_sourcing
from services.inventory.targets import hold_target
from tests.unit.inventory.events import (
    NOW,
    cancelled,
    paid,
    placed,
    receipt,
    refunded,
    shipped,
    unmatched,
)
from tests.unit.inventory.test_handlers import (
    EXPIRED,
    GOODS,
    HELD,
    MATCHED,
    PAID,
    SENT,
    SHORT,
    UNMATCHED,
)

RULES = Path(chassis.__path__[0]).parent / "rules"


@pytest.fixture(scope="module")
def sourcing() -> Sourcing:
    return read_sourcing(RULES)


def record(event: Struct, key: str = "o1") -> Record:
    return Record(source="", partition=0, offset=0, key=key, version=1, event=event, raw=b"")


def known(state: Aggregate | None) -> dict[str, Kept[Any]]:
    return {} if state is None else {"o1": Kept(state)}


@pytest.mark.parametrize(
    ("province", "total", "expected"),
    [
        ("浙江省", 1, ("HZ", "HF", "GZ")),
        ("广西壮族自治区", 3, ("GZ", "HZ", "HF")),
        ("湖北", 1, ("HF", "HZ", "GZ")),
        ("", 1, ("HZ", "HF", "GZ")),
    ],
)
def test_candidates_come_from_the_table_and_name_their_rule(
    sourcing: Sourcing, province: str, total: int, expected: tuple[str, ...]
) -> None:
    choice = sourcing.choice("taobao", province, total)
    assert choice.warehouses == expected
    assert choice.rule.startswith("sourcing/default@")
    assert sourcing.choice("taobao", province, total) is choice


def test_without_its_table_inventory_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="sourcing/default"):
        read_sourcing(tmp_path)


@pytest.mark.parametrize(
    ("state", "event", "generation"),
    [
        (None, placed("o1", [("A", 2), ("B", 1)]), 1),
        (SHORT, paid("o1"), 2),
        (EXPIRED, paid("o1"), 3),
        (HELD, placed("o1", [("A", 2)]), None),
        (HELD, paid("o1"), None),
        (None, paid("o1"), None),
        (SENT, cancelled("o1"), None),
        (None, placed("o1", [("A\0", 1)]), None),
        (None, placed("o1", [("A", -1)]), None),
    ],
)
def test_only_orders_that_may_ask_for_goods_are_planned(
    sourcing: Sourcing, state: Hold | None, event: Struct, generation: int | None
) -> None:
    foreseen = foresee([record(event)], known(state), sourcing)
    if generation is None:
        assert not foreseen.plans
    else:
        plan = foreseen.plans["o1"]
        assert (plan.generation, plan.goods) == (generation, GOODS)


ROWS = {("HZ", "A"), ("HZ", "B")}


@pytest.mark.parametrize(
    ("state", "event", "rows", "notes"),
    [
        (HELD, cancelled("o1"), ROWS, {"o:o1"}),
        (PAID, shipped("o1", "HZ", [("A", 2)]), ROWS, {"o:o1"}),
        (SENT, refunded("o1", [("A", 1)]), {("HZ", "A")}, {"d:Fo1-1"}),
        (
            replace(PAID, early_returns=(Returned("F9", (("A", 1),)),)),
            shipped("o1", "HZ", [("A", 2)]),
            ROWS,
            {"o:o1", "d:F9"},
        ),
        (SHORT, cancelled("o1"), set(), set()),
        (SENT, refunded("o1", []), set(), set()),
        (SENT, refunded("o1", [("A\0", 1)]), set(), {"d:Fo1-1"}),
    ],
)
def test_rows_that_may_change_are_foreseen_and_noted(
    sourcing: Sourcing, state: Hold, event: Struct, rows: set[tuple[str, str]], notes: set[str]
) -> None:
    foreseen = foresee([record(event)], known(state), sourcing)
    assert foreseen.rows == rows
    assert set(foreseen.notes()) == notes


def test_rows_of_a_receipt_may_be_new(sourcing: Sourcing) -> None:
    foreseen = foresee([record(receipt("r1", "HZ", [("Z", 1)]), "r1")], {}, sourcing)
    assert foreseen.new_rows == {("HZ", "Z")}
    assert foreseen.notes() == ["d:r1"]


def test_codes_that_cannot_be_written_are_never_looked_for(sourcing: Sourcing) -> None:
    foreseen = foresee([record(receipt("r1", "HZ", [("Z\0", 1)]), "r1")], {}, sourcing)
    assert foreseen.new_rows == set()


def test_a_recall_locks_its_row_and_makes_none(sourcing: Sourcing) -> None:
    recall = RecallBatch(
        document_no="d1",
        command_id="c1",
        issued_at=NOW,
        actor="li",
        warehouse="HZ",
        sku="A",
        batch="b1",
        reason="glass",
    )
    foreseen = foresee([record(recall, "d1")], {}, sourcing)
    assert (foreseen.rows, foreseen.new_rows) == ({("HZ", "A")}, set())
    assert (foreseen.batches, foreseen.notes()) == ({("A", "b1")}, ["d:d1"])
    unwritable = foresee([record(replace(recall, batch="b\0"), "d1")], {}, sourcing)
    assert (unwritable.rows, unwritable.batches) == (set(), set())


def facts_of(
    sourcing: Sourcing, foreseen: Foreseen, state: Aggregate | None
) -> tuple[StockFacts, set[tuple[str, str]]]:
    remembered: set[tuple[str, str]] = set()
    facts = StockFacts(
        foreseen,
        known(state),
        sourcing,
        read_leases(RULES, timedelta(minutes=30)),
        remembered.update,
        approvals=read_approvals(RULES),
        shelf_life=read_shelf_life(RULES),
        quotas=read_quotas(RULES),
    )
    return facts, remembered


def test_a_row_nobody_foresaw_is_asked_for_and_never_guessed(sourcing: Sourcing) -> None:
    facts, remembered = facts_of(sourcing, Foreseen(), None)
    with pytest.raises(Unlocked):
        facts.offer("o1", SHORT, GOODS)
    assert len(remembered) == 6, "three warehouses, two SKUs"
    with pytest.raises(Unlocked):
        facts.apply(Receive("XX", (("A", 1),), "receipt", "r1"))
    assert ("XX", "A") in remembered
    with pytest.raises(Unlocked):
        facts.spare("YY", "A")
    assert issubclass(Unlocked, Unavailable), "so that the batch is taken again"


KEPT = Target("o1", 1, "held", "HZ", GOODS)
FREED = Target("o1", 1, "freed", "", ())


@pytest.mark.parametrize(
    ("state", "promised", "confirmed", "targets"),
    [
        (HELD, "HZ", [KEPT], []),
        (HELD, "GZ", [], [KEPT]),
        (HELD, "", [], [KEPT]),
        (replace(HELD, held=(("A", 1),)), "HZ", [], [replace(KEPT, goods=(("A", 1),))]),
        (SHORT, "HZ", [], [FREED]),
        (SHORT, "", [], []),
        (None, "HZ", [], [FREED]),
        (Hold(state="cancelled"), "HZ", [], [FREED]),
        (SENT, "HZ", [], [replace(KEPT, ending="spent")]),
    ],
)
def test_valkey_is_told_what_postgres_decided_about_each_promise(
    sourcing: Sourcing,
    state: Hold | None,
    promised: str,
    confirmed: list[Target],
    targets: list[Target],
) -> None:
    foreseen = foresee([record(placed("o1", [("A", 2), ("B", 1)]))], {}, sourcing)
    foreseen.plans["o1"].promised = promised
    facts, _ = facts_of(sourcing, foreseen, state)
    facts.conclude()
    assert (facts.confirmed, facts.targets) == (confirmed, targets)


def test_an_order_of_goods_with_a_quota_is_left_to_postgres_and_takes_no_promise_from_others(
    sourcing: Sourcing,
) -> None:
    foreseen = foresee([record(placed("o1", [("A", 2), ("B", 1)]))], {}, sourcing)
    foreseen.set_apart(lambda sku: sku == "B")
    assert (foreseen.asks(), foreseen.notes()) == ([], ["o:o1"])
    assert foreseen.rows == {(w, sku) for w in ("HZ", "HF", "GZ") for sku in "AB"}
    facts, _ = facts_of(sourcing, foreseen, HELD)
    numbers = dict.fromkeys(foreseen.rows, (2, 0))
    of_b = {
        row: Shares(Sharing({"stores": 50}, {"pos": "stores"}), {})
        for row in numbers
        if row[1] == "B"
    }
    facts.book = Book(numbers, None, of_b)
    facts.promised = {("HZ", "A"): 2}
    answer = facts.offer("o1", SHORT, GOODS)
    assert isinstance(answer, Held)
    assert answer.warehouse == "HF", "those of HZ are promised to somebody else"
    facts.book.reserve("HF", (("B", 1),), "taobao")
    facts.book.reserve("GZ", (("B", 1),), "taobao")
    refused = facts.offer("o1", SHORT, GOODS)
    assert isinstance(refused, Short)
    assert [(one.sku, one.available) for one in refused.missing] == [("B", 0)]
    assert refused.missing[0].quota == "shared"
    facts.conclude()
    assert facts.targets == [KEPT]


def test_a_hold_that_ended_and_was_asked_for_again_in_one_batch_is_told(
    sourcing: Sourcing,
) -> None:
    foreseen = foresee([record(cancelled("o1"))], known(HELD), sourcing)
    facts, _ = facts_of(sourcing, foreseen, replace(SHORT, generation=3))
    facts.book = Book({(w, sku): (0, 0) for w in ("HZ", "HF", "GZ") for sku in "AB"})
    facts.offer("o1", EXPIRED, GOODS)
    facts.conclude()
    assert facts.targets == [Target("o1", 3, "freed", "", ())]


def test_goods_that_came_in_are_told_and_noted_documents_without_goods_are_forgotten(
    sourcing: Sourcing,
) -> None:
    foreseen = Foreseen(documents={"r1", "r2"})
    facts, _ = facts_of(sourcing, foreseen, None)
    facts.book = Book({("HZ", "A"): (0, 0), ("HZ", "B"): (0, 0)})
    facts.apply(Receive("HZ", (("A", 1), ("B", 2)), "receipt", "r1"))
    facts.apply(Reserve("HZ", (("A", 1),)))
    facts.conclude()
    assert facts.arrivals == [Arrival("r1", "HZ", (("A", 1), ("B", 2)))]
    assert facts.forgotten == [("d:r2", 0.0)]


@pytest.mark.parametrize("state", [EXPIRED, replace(EXPIRED, state="cancelled"), SHORT])
def test_an_order_without_a_hold_has_none_in_valkey(state: Hold) -> None:
    assert hold_target("o1", state, 0, 5.0) == Target("o1", state.generation, "freed", "", (), 5.0)
    assert hold_target("o1", state, 3) == Target("o1", 3, "freed", "", ())


@pytest.mark.parametrize(
    ("state", "event", "asks"),
    [
        (None, unmatched("o1"), False),
        (UNMATCHED, MATCHED, True),
        (HELD, MATCHED, False),
    ],
)
def test_goods_of_an_order_are_foreseen_once_all_of_them_are_known(
    sourcing: Sourcing, state: Aggregate | None, event: Struct, asks: bool
) -> None:
    foreseen = foresee([record(event)], known(state), sourcing)
    assert [plan.goods for plan in foreseen.plans.values()] == ([GOODS] if asks else [])


def test_what_is_ordered_has_a_row_of_stock_from_then_on(sourcing: Sourcing) -> None:
    lines = (PurchaseLine(sku="NEW", quantity=5), PurchaseLine(sku="a\0b", quantity=5))
    named: dict[str, Any] = {"command_id": "c", "issued_at": NOW, "actor": "li", "supplier": "S1"}
    more: dict[str, Any] = {
        "lines": lines,
        "over_receipt_percent": 0,
        "reason": "spring",
        "expected_at": None,
    }
    for warehouse, rows in (("HZ", {("HZ", "NEW")}), ("", set())):
        opened = OpenPurchase(document_no="P1", warehouse=warehouse, **named, **more)
        foreseen = foresee([Record("", 0, 0, "P1", 1, opened, raw=b"")], {}, sourcing)
        assert (foreseen.new_rows, foreseen.documents) == (rows, set())
