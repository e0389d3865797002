"""What time does to batches: the timer that looks which of them the table puts somewhere else today.

Guarantees: it only asks (commands with derived ids), opens tasks and sets gauges. Every batch is looked at when a day
begins where the goods lie, each hour, and again while something was found; several processes may look.
"""

from __future__ import annotations

from collections import Counter
from datetime import date

from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.ids import request_id
from chassis.postgres import Connection, Pool
from schemas.events.commands_inventory import JudgeBatch
from services.inventory import metrics
from services.inventory.domain.batches import Batch, business_day
from services.inventory.domain.model import Row
from services.inventory.shelf_life import KEEPS, ShelfLife, Verdict
from services.inventory.shelves import SQL, batch_of
from services.inventory.timers import LEAD_SHELF_LIFE, leading

SHELF_LIFE_EVERY_MS = 60_000
LOOK_AGAIN_AFTER_MS = 3_600_000
PAGE = 500
ACTOR = "timer:shelf-life"
SELLING = ("sell", "clear", "hold", "scrap")


class ShelfLifeWatch:
    """Asks that batches be judged whose standing is not today's."""

    def __init__(self, pool: Pool, desk: CommandDesk, clock: Clock, shelf_life: ShelfLife) -> None:
        self._pool = pool
        self._desk = desk
        self._clock = clock
        self._shelf_life = shelf_life
        self._seen_day: date | None = None
        self._seen_ms = 0

    async def look(self) -> int:
        """Looks at all batches when it is time to; returns for how many it asked. Raises Unavailable."""
        today, now_ms = business_day(self._clock.now()), self._clock.monotonic_ms()
        if self._seen_day == today and now_ms - self._seen_ms < LOOK_AGAIN_AFTER_MS:
            return 0
        async with leading(self._pool, LEAD_SHELF_LIFE) as connection:
            if connection is None:
                return 0
            asked = await self._look_at_all(connection, today)
        self._seen_day, self._seen_ms = (None if asked else today), now_ms
        return asked

    async def _look_at_all(self, connection: Connection, today: date) -> int:
        asked, alarms = 0, 0
        pieces = Counter(dict.fromkeys(SELLING, 0))
        after = ("", "", "")
        while rows := await connection.fetch(SQL["page"], *after, PAGE):
            commands = []
            for found in rows:
                row, batch = (found["warehouse"], found["sku"]), batch_of(found)
                verdict = self._shelf_life.selling(row[0], batch, today)
                if verdict is not KEEPS:
                    pieces[verdict.selling] += batch.on_hand
                alarms += verdict.alarm or found["recalled"]
                if verdict.alarm:
                    await _open_task(connection, row, batch, verdict, today)
                target = "recalled" if found["recalled"] else verdict.standing
                if batch.standing not in {target, "recalled"}:
                    commands.append(self._command(row, batch))
            await self._desk.issue(commands)
            asked += len(commands)
            after = (rows[-1]["warehouse"], rows[-1]["sku"], rows[-1]["batch"])
        for selling, count in pieces.items():
            metrics.BATCH_UNITS.labels(selling).set(count)
        metrics.BATCH_ALARMS.set(alarms)
        metrics.PROMISED_WITHHELD.set(await connection.fetchval(SQL["promised_withheld"]))
        return asked

    def _command(self, row: Row, batch: Batch) -> JudgeBatch:
        now = self._clock.now()
        named = request_id("judge", *row, batch.number, now.isoformat())
        return JudgeBatch(
            document_no=named,
            command_id=named,
            issued_at=now,
            actor=ACTOR,
            warehouse=row[0],
            sku=row[1],
            batch=batch.number,
        )


async def _open_task(
    connection: Connection, row: Row, batch: Batch, verdict: Verdict, today: date
) -> None:
    """Once for each thing the table says about a batch, however often it is looked at."""
    warehouse, sku = row
    what = verdict.rule.partition("#")[2]
    task_id = request_id("task", "batch", warehouse, sku, batch.number, what)
    reason = (
        f"{sku} 批次 {batch.number}，{batch.on_hand} 件，到期 {batch.expires_on}：{verdict.reason}"
    )
    opened = await connection.fetchval(SQL["keep_task"], task_id, warehouse, today, reason)
    if opened:
        metrics.TASKS.labels("batch").inc()
