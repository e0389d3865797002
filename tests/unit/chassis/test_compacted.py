"""What compaction took is not waited for; what came late is not taken back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chassis.codec import codec
from chassis.processor import Decision, Kept, Known, Processor, Record, fold
from schemas.events.stock_levels import StockLevelChanged

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)


def level(version: int, on_hand: int) -> Record:
    event = StockLevelChanged(
        level_key="HZ|A",
        version=version,
        occurred_at=NOON,
        warehouse="HZ",
        sku="A",
        on_hand=on_hand,
        reserved=0,
    )
    return Record("stock-levels", 0, version, "HZ|A", version, event, b"")


@pytest.mark.parametrize(
    ("compacted", "versions", "state", "parked", "duplicates"),
    [
        (True, (7,), 7, 0, 0),
        (True, (3, 9, 9, 5, 12), 12, 0, 2),
        (False, (7,), None, 1, 0),
        (False, (1, 3), 1, 1, 0),
    ],
)
def test_a_gap_is_waited_for_unless_compaction_made_it(
    *, compacted: bool, versions: tuple[int, ...], state: int | None, parked: int, duplicates: int
) -> None:
    processor: Processor[StockLevelChanged] = Processor(
        name="levels",
        table="",
        state=StockLevelChanged,
        handlers={StockLevelChanged: lambda _known, event, *_: Decision(state=event)},
        compacted=compacted,
    )
    known = Known(kept={})
    folded = fold(processor, codec(), [level(one, one) for one in versions], known, NOON)
    kept: Kept[StockLevelChanged] = known.kept["HZ|A"]
    assert (kept.state.on_hand if kept.state else None) == state
    assert (len(folded.parked), folded.duplicates) == (parked, duplicates)
