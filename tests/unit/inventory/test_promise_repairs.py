"""Whatever was written past the service into the books of promises, one repair makes them agree."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.events.commands_inventory import RepairStock
from services.inventory.domain.model import Hold, Off, Purchase
from services.inventory.domain.presale import ExpectedLine
from services.inventory.domain.promise import OF_SHELF, ExpectedKey, PromiseOff
from services.inventory.domain.repairs import Repair
from tests.unit.inventory.house import NOW
from tests.unit.inventory.presold import DAY, Presold

ROW = ("HZ", "A")
NOTHING = ExpectedLine()


def off(house: Presold) -> Off:
    """What verify finds of the row."""
    live: dict[ExpectedKey, int] = {}
    ordered: dict[ExpectedKey, Any] = {}
    for number, state in house.states.items():
        if isinstance(state, Hold):
            for one in state.promises:
                live[one.key] = live.get(one.key, 0) + one.quantity
        elif isinstance(state, Purchase):
            ordered["A", "HZ", number] = (dict(state.outstanding).get("A", 0), state.expected_at)
    lines = house.facts.expected.lines
    promises = []
    for key in sorted(lines.keys() | live.keys() | ordered.keys()):
        line, (pieces, expected_at) = lines.get(key, NOTHING), ordered.get(key, (0, None))
        missing = (live.get(key, 0) - line.promised, pieces - line.outstanding)
        if any(missing):
            promises.append(PromiseOff(key[2], *missing, expected_at))
    came = sum(line.came for line in lines.values())
    aside = came - house.book.aside.get(ROW, 0)
    return Off(entry=0, reserved=0, broken_entry=0, promises=tuple(promises), aside=aside)


def repair(house: Presold) -> Any:
    found = house.facts.differing[ROW] = off(house)
    decision = house.say(RepairStock, warehouse="HZ", sku="A", reason="disk")
    if not decision.refusal:
        assert isinstance(decision.state, Repair)
        assert (decision.state.promises, decision.state.aside) == (found.promises, found.aside)
    return decision


def presold() -> Presold:
    """Three orders wait for what lies there and for two receipts, of which one came in part."""
    house = Presold()
    house.receive(None, 3)
    house.buy("p", 10, 5)
    house.wants("o1", ("A", 4))
    house.wants("o2", ("A", 2))
    house.buy("q", 10, 9)
    house.wants("o3", ("A", 8))
    house.came("p", "r1", 2)
    house.sound()
    return house


SPOILT = st.none() | st.builds(
    lambda outstanding, promised, came: ExpectedLine(
        outstanding=outstanding,
        promised=promised,
        came=min(came, promised),
        uncarried=max(0, promised - min(came, promised) - outstanding * 90 // 100),
        percent=90,
        expected_at=NOW + 5 * DAY,
    ),
    *(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12)),
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(("p", "q", OF_SHELF)), SPOILT), st.integers(0, 5))
def test_one_repair_makes_promises_agree_and_nobody_keeps_one_that_nothing_carries(
    spoilt: dict[str, ExpectedLine | None], aside: int
) -> None:
    house = presold()
    lines = house.facts.expected.lines
    for number, line in spoilt.items():
        key = ("A", "HZ", number)
        lines.pop(key)
        if line is not None:
            lines[key] = line
    house.book.aside[ROW] = aside
    agreed = off(house) == Off(entry=0, reserved=0, broken_entry=0)
    assert (repair(house).refusal == "nothing_to_repair") == agreed
    house.sound()
    assert repair(house).refusal == "nothing_to_repair"
    for order_id in ("o1", "o2", "o3"):
        house.review(order_id)
    house.sound()
    assert all(not line.uncarried for line in house.facts.expected.lines.values())


def test_a_repair_says_in_the_ledger_who_and_why_and_moves_nothing() -> None:
    house = presold()
    key = ("A", "HZ", "p")
    line = house.line("p")
    house.facts.expected.lines[key] = replace(line, promised=line.promised - 1)
    before = house.book.rows[ROW].copy()
    effects = repair(house).effects
    assert effects[0].promises == (PromiseOff("p", 1, 0, NOW + 5 * DAY),)
    entry = house.book.entries[-1]
    assert (entry.kind, entry.quantity, entry.actor, entry.reason) == ("repair", 0, "li", "disk")
    assert house.book.rows[ROW] == before


def test_what_is_set_aside_for_nobody_is_no_reason_to_refuse_held_goods() -> None:
    house = Presold()
    house.receive(None, 5)
    house.book.aside[ROW] = 5
    house.facts.differing[ROW] = Off(entry=0, reserved=5, broken_entry=0, aside=-5)
    assert house.say(RepairStock, warehouse="HZ", sku="A", reason="disk").refusal == ""
    assert (house.book.rows[ROW], house.book.aside[ROW]) == ([5, 5], 0)
