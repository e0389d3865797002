"""The timers of orders, and what each does without the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import asyncpg
import pytest

from chassis.clock import ManualClock
from chassis.commands import CommandDesk
from chassis.postgres import Pool
from schemas.events.commands_orders import CloseUnpaid
from services.orders import metrics
from services.orders.settings import OrdersSettings
from services.orders.store import QUERIES
from services.orders.watchdogs import look
from tests.unit.orders.life import NOON

TOO_LONG = asyncpg.QueryCanceledError("canceling statement due to statement timeout")
ROWS: dict[str, Any] = {
    "unpaid": [{"key": "TB1"}, {"key": "TB2"}],
    "overdue": 7,
    "unshipped": [{"state": "awaiting_payment", "orders": 2}],
}


@dataclass(kw_only=True)
class Behind:
    """Postgres, which answers all questions but these, and the topic of commands."""

    failing: dict[str, Exception] = field(default_factory=dict)
    issued: list[CloseUnpaid] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def acquire(self, **_patience: float) -> AsyncIterator[Behind]:
        yield self

    async def fetch(self, statement: str, *_given: object) -> Any:
        name = next(name for name in ROWS if QUERIES[name] == statement)
        self.asked.append(name)
        if name in self.failing:
            raise self.failing[name]
        return ROWS[name]

    fetchval = fetch

    async def issue(self, commands: Sequence[CloseUnpaid]) -> None:
        self.asked.append("issue")
        self.issued += commands


async def after_a_look(**failing: Exception) -> Behind:
    behind = Behind(failing=failing)
    metrics.UNSHIPPED_OVERDUE.set(0)
    metrics.IN_STATE.labels("awaiting_payment").set(0)
    await look(
        cast("Pool", behind), cast("CommandDesk", behind), ManualClock(NOON), OrdersSettings()
    )
    return behind


def gauges() -> tuple[float, float]:
    """Overdue orders, and those that await payment."""
    states = {
        sample.labels["state"]: sample.value
        for metric in metrics.IN_STATE.collect()
        for sample in metric.samples
    }
    [overdue] = [s.value for m in metrics.UNSHIPPED_OVERDUE.collect() for s in m.samples]
    return overdue, states["awaiting_payment"]


async def test_orders_are_closed_before_anything_is_counted() -> None:
    behind = await after_a_look()
    assert [command.order_id for command in behind.issued] == ["TB1", "TB2"]
    assert behind.asked == ["unpaid", "issue", "overdue", "unshipped"]
    assert gauges() == (7, 2)


@pytest.mark.parametrize(
    ("part", "closed", "told"),
    [("unshipped", 2, (7, 0)), ("overdue", 2, (0, 2)), ("unpaid", 0, (7, 2))],
)
async def test_a_part_that_takes_too_long_keeps_back_no_other(
    part: str, closed: int, told: tuple[float, float]
) -> None:
    behind = await after_a_look(**{part: TOO_LONG})
    assert len(behind.issued) == closed
    assert gauges() == told
