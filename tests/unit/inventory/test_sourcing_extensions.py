"""What only a channel tells chooses warehouses where the table asks for it, and is kept nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chassis.errors import StartRefused
from schemas.events.orders import ChannelExtension, OrderAmended
from services.inventory.app import processor
from services.inventory.domain.model import Hold
from services.inventory.sourcing import Sourcing, read_sourcing
from tests.support.extensions import pdd, rules_asking
from tests.unit.inventory.events import matched, placed, unmatched
from tests.unit.inventory.house import SOURCING, House
from tests.unit.orders.life import amended

NEXT_DAY = {
    "id": "next-day",
    "when": {"channel": "pdd", "ext.next_day": True},
    "then": {"warehouses": ["GZ"], "parcels_max": 1},
}


@pytest.fixture
def sourcing(tmp_path: Path) -> Sourcing:
    return read_sourcing(rules_asking(tmp_path, "sourcing", {"ext.next_day": "bool"}, NEXT_DAY))


class Stocked(House):
    """A hundred pieces of A everywhere."""

    def __init__(self, sourcing: Sourcing = SOURCING) -> None:
        super().__init__(sourcing)
        self.book.rows |= {(warehouse, "A"): [100, 0] for warehouse in ("HZ", "HF", "GZ")}

    def hold(self, key: str = "o1") -> Hold:
        state = self.states[key]
        assert isinstance(state, Hold)
        return state


def order(extension: ChannelExtension | None, channel: str = "pdd") -> Any:
    return replace(placed("o1", [("A", 1)], channel=channel), extension=extension)


@pytest.mark.parametrize(
    ("channel", "extension", "warehouse", "row"),
    [
        ("pdd", pdd(next_day=True), "GZ", "next-day"),
        ("pdd", pdd(next_day=False), "HZ", "yangtze-delta"),
        ("pdd", None, "HZ", "error"),
        ("taobao", pdd(next_day=True), "HZ", "yangtze-delta"),
        ("taobao", None, "HZ", "yangtze-delta"),
    ],
)
def test_the_table_decides_by_it_and_guesses_nothing(
    sourcing: Sourcing,
    channel: str,
    extension: ChannelExtension | None,
    warehouse: str,
    row: str,
) -> None:
    house = Stocked(sourcing)
    house.take(order(extension, channel), "o1")
    held = house.hold()
    assert (held.warehouse, held.rule.rpartition("#")[2]) == (warehouse, row)


def test_an_order_that_waits_for_its_skus_is_sourced_by_what_its_channel_tells_by_then(
    sourcing: Sourcing,
) -> None:
    house = Stocked(sourcing)
    house.take(replace(unmatched("o1"), channel="pdd", extension=pdd(next_day=False)), "o1")
    assert house.hold().told == (("ext.next_day", False),)
    told: OrderAmended = amended("extension.next_day", extension=pdd(next_day=True))
    house.take(told, "o1")
    house.take(amended("hold"), "o1")
    house.take(matched("o1", [("A", 1)]), "o1")
    assert house.hold().warehouse == "GZ"


def test_a_table_that_asks_for_none_keeps_none_and_listens_to_no_amendments(
    sourcing: Sourcing,
) -> None:
    house = Stocked()
    house.take(order(pdd(next_day=True)), "o1")
    assert house.hold().told == ()
    for table, listens in ((SOURCING, False), (sourcing, True)):
        source: Any = type("Source", (), {"asks_extensions": bool(table.asked)})
        assert (OrderAmended in processor(source).handlers) is listens


def test_a_fact_that_no_channel_tells_is_refused_with_those_that_are_told(tmp_path: Path) -> None:
    row = {**NEXT_DAY, "when": {"ext.nextday": True}}
    rules = rules_asking(tmp_path, "sourcing", {"ext.nextday": "bool"}, row)
    with pytest.raises(StartRefused) as refused:
        read_sourcing(rules)
    why = str(refused.value)
    assert "ext.nextday: asks for bool, which is not given by the program; it gives ext." in why
    assert "ext.next_day, " in why
    assert "total_quantity" not in why
