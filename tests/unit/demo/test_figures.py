"""When a run is over, and whether it was good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from demo import figures
from demo.checker import Report, check
from demo.figures import MANY_ORDERS, Figures, Summary
from tests.unit.demo.worlds import INSIDE, OUTSIDE

CLEAN = check(OUTSIDE, INSIDE)
DIRTY = check(OUTSIDE, replace(INSIDE, units_on_hand=95))
BUSY = replace(CLEAN, unfinished=("refund-2 paying",))


class Looks(Figures):
    """Looks at what it is given, one after the other."""

    def __init__(self, reports: Sequence[Report], pending: Sequence[int] = ()) -> None:
        platform: Any = SimpleNamespace()
        super().__init__(platform)
        self._reports: Iterator[Report] = iter(reports)
        self._pending = iter((*pending, *[0] * len(reports)))
        self.seen = 0

    async def report(self) -> Report:
        """The next one."""
        self.seen += 1
        return next(self._reports)

    async def pending(self) -> int:
        """The next one."""
        return next(self._pending)


@pytest.mark.parametrize(
    ("reports", "pending", "looks"),
    [
        ([CLEAN, CLEAN], [], 2),
        ([CLEAN, DIRTY, DIRTY, CLEAN, CLEAN], [], 5),
        ([CLEAN, BUSY, CLEAN, CLEAN], [], 4),
        # A buyer is still to claim: what is found nothing in now may have work at the next look.
        ([CLEAN, CLEAN, CLEAN, CLEAN, CLEAN], [3, 1, 1], 5),
        ([CLEAN, CLEAN, CLEAN, CLEAN], [0, 2], 4),
    ],
)
async def test_a_run_is_over_when_two_looks_in_a_row_find_nothing_and_nothing_is_to_come(
    reports: list[Report], pending: list[int], looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "PAUSE_S", 0.0)
    told: list[Report] = []
    looking = Looks(reports, pending)

    assert await looking.final_report(60.0, told.append) is CLEAN
    assert looking.seen == looks
    assert told == [report for report in reports[:looks] if report is not CLEAN]


async def test_what_is_still_found_when_the_time_is_over_is_the_final_report() -> None:
    looking = Looks([DIRTY])
    assert await looking.final_report(-1.0) is DIRTY


def summary(orders_sent: int, claims_seen: int) -> Summary:
    kinds = {"looked_at": {"orders": orders_sent, "claims": claims_seen}}
    numbers = dict.fromkeys(Summary.__struct_fields__, 0)
    return Summary(
        **numbers | {"orders_sent": orders_sent, "claims": {}, "findings": ()} | kinds  # type: ignore[arg-type]
    )


def test_a_run_of_many_orders_is_good_only_where_each_check_has_looked_at_something() -> None:
    assert summary(MANY_ORDERS, 1).good
    assert not summary(MANY_ORDERS, 0).good
    assert summary(MANY_ORDERS - 1, 0).good
