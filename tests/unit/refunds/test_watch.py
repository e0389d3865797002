"""The gauges of what waits for people, whatever the dispatcher is busy with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from chassis.clock import ManualClock
from chassis.errors import Unavailable
from chassis.service import Context
from services.refunds import metrics
from services.refunds.app import build
from services.refunds.settings import RefundsSettings
from services.refunds.store import Journal
from services.refunds.watch import Watch
from tests.unit.refunds.desk import NOON
from tests.unit.refunds.test_start import GATEWAYS


def gauges() -> tuple[float, float]:
    """Payouts that need a person, and refunds that may have gone twice."""
    payouts, doubts = (
        next(sample.value for metric in gauge.collect() for sample in metric.samples)
        for gauge in (metrics.NEEDS_PERSON, metrics.DOUBLE_REFUNDS)
    )
    return payouts, doubts


class Journalled:
    """Counts that change from look to look; the second time nobody answers."""

    def __init__(self) -> None:
        self._answers = iter([(1, 0), None, (2, 5)])
        self.seen: list[tuple[float, float]] = []
        self.over = asyncio.Event()

    async def waiting_for_people(self) -> tuple[int, int]:
        self.seen.append(gauges())
        answer = next(self._answers, (0, 0))
        if len(self.seen) == 4:
            self.over.set()
        if answer is None:
            raise Unavailable("Postgres")
        return answer


async def test_gauges_stand_still_while_postgres_is_away_and_go_on_afterwards() -> None:
    metrics.NEEDS_PERSON.set(0)
    metrics.DOUBLE_REFUNDS.set(0)
    journal = Journalled()
    watching = asyncio.create_task(Watch(journal=cast("Journal", journal), interval_s=0).run())
    async with asyncio.timeout(10):
        await journal.over.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert journal.seen[:4] == [(0, 0), (1, 0), (1, 0), (2, 5)]


class Busy:
    """Postgres, where the dispatcher never finds rest."""

    def __init__(self) -> None:
        self.counted = asyncio.Event()

    @asynccontextmanager
    async def acquire(self, **_patience: float) -> AsyncIterator[Busy]:
        yield self

    async def fetch(self, *_asked: object) -> list[Any]:
        await asyncio.Event().wait()
        return []

    async def fetchrow(self, *_asked: object) -> dict[str, int]:
        self.counted.set()
        return {"payouts": 3, "doubts": 2}


async def test_a_service_counts_also_while_its_dispatcher_is_busy() -> None:
    samples = json.loads((GATEWAYS / "wechatpay.json").read_text(encoding="utf-8"))["credentials"]
    settings = RefundsSettings(
        gateway="wechatpay",
        gateway_url=samples["url"],
        gateway_app_id=samples["app_id"],
        gateway_private_key=samples["private_key"],
        gateway_public_key=samples["gateway_key"],
        gateway_key_serial="5157F09E",
        gateway_public_key_id="PUB_KEY_ID_01",
    )
    busy = Busy()
    desk = SimpleNamespace(issue=None)
    given = SimpleNamespace(settings=settings, pool=busy, desk=desk, clock=ManualClock(NOON))
    parts = await build(cast("Context[RefundsSettings]", given))
    tasks = [asyncio.ensure_future(task()) for task in parts.tasks]
    async with asyncio.timeout(10):
        await busy.counted.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert gauges() == (3, 2)
