"""What a run comes to, moment by moment and at its end."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx2
from msgspec import Struct

from demo.checker import Report, check
from demo.platform import Platform
from demo.reading import read_inside, read_latency_ms, read_outside

MANY_ORDERS = 500
"""Of so many on all channels some are shipped, claimed and paid back, by far: a check that saw none of it is blind."""
PAUSE_S = 1.0
"""At least so long between two looks of the final report."""
LAG = """
SELECT processor, sum(next)::bigint AS taken FROM chassis.consumer_offsets GROUP BY processor
"""
RECENT = """
SELECT at, order_id, title_zh, detail_zh FROM console.timeline
WHERE kind IN ('PayloadQuarantined', 'StockShort', 'OrderHeld', 'WaybillRefused', 'RefundFailed',
               'WriteBackRefused', 'OrderTransitionRefused')
ORDER BY at DESC LIMIT 6
"""


class Moment(Struct, frozen=True, kw_only=True):
    """A look at a running platform."""

    placed: int
    funnel: dict[str, int]
    by_channel: dict[str, int]
    invariants: dict[str, int]
    refunds: dict[str, int]
    exceptions: tuple[tuple[str, str], ...]
    unpublished: int
    restarts: int


class Summary(Struct, frozen=True, kw_only=True):
    """The one JSON object a run ends with."""

    orders_sent: int
    orders_accepted: int
    orders_quarantined: int
    orders_shipped: int
    orders_completed: int
    orders_cancelled: int
    duplicates_sent: int
    duplicates_collapsed: int
    looked_at: dict[str, int]
    """How much each check of the final report looked at."""
    oversold_units: int
    refunds_requested: int
    refunds_settled: int
    refunds_settled_fen: int
    claims: dict[str, int]
    """The buyers' claims by what became of them (`demo.claims.Outcome`)."""
    withdrawal_heard_max_ms: int
    back_office_heard_max_ms: int
    paid_by_both_fen: int
    money_difference_fen: int
    dead_letters: int
    unaccounted_orders: int
    unfinished: int
    write_backs_applied: int
    write_backs_refused: int
    process_restarts: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    seconds: float
    findings: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Nothing oversold, lost or stuck, the money adds up, nothing else found, and of many orders everything seen."""
        return (
            not self.findings
            and (all(self.looked_at.values()) or self.orders_sent < MANY_ORDERS)
            and not self.unfinished
            and self.orders_sent > 0
            and not self.oversold_units
            and not self.unaccounted_orders
            and not self.money_difference_fen
        )


class Figures:
    """Reads a platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def moment(self) -> Moment:
        """Now. Raises httpx2.HTTPError or OSError while something is away."""
        platform = self._platform
        traffic = await self._get(f"{platform.simulators_url}/_sim/traffic")
        connection = await asyncpg.connect(platform.postgres_url, timeout=5)
        try:
            states = await connection.fetch(
                "SELECT coalesce(state, '') AS state, count(*) AS n FROM orders.orders GROUP BY state"
            )
            channels = await connection.fetch(
                "SELECT channel, count(*) AS n FROM ingest.orders GROUP BY channel"
            )
            recent = await connection.fetch(RECENT)
            unpublished = await connection.fetchval(
                "SELECT count(*) FROM chassis.outbox WHERE published_at IS NULL"
            )
        finally:
            await connection.close()
        return Moment(
            placed=traffic["orders"],
            funnel={row["state"]: row["n"] for row in states if row["state"]},
            by_channel={row["channel"]: row["n"] for row in channels},
            invariants=await self.invariants(),
            refunds=await self._get(f"{platform.door('refunds')}/totals"),
            exceptions=tuple(
                (row["order_id"], f"{row['title_zh']} {row['detail_zh']}") for row in recent
            ),
            unpublished=unpublished,
            restarts=platform.supervisor.restarts(),
        )

    async def invariants(self) -> dict[str, int]:
        """What inventory says of its own books: every figure must be 0."""
        found: dict[str, int] = await self._get(f"{self._platform.door('inventory')}/invariants")
        return found

    async def report(self) -> Report:
        """The checker's findings now."""
        platform = self._platform
        inside = await read_inside(
            platform.postgres_url, await self.invariants(), disturbances=platform.disturbed()
        )
        return check(await read_outside(platform.http, platform.simulators_url), inside)

    async def final_report(
        self, timeout_s: float, tell: Callable[[Report], None] = lambda _report: None
    ) -> Report:
        """The second of two reports in a row with nothing found and no work left, or the last one when `timeout_s` is over.

        Neither counts while the world outside has something to come: a buyer's late claim, a push told once more.
        `tell` hears of each report that has something left, once a second where there is little to look at.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout_s
        quiet_before = False
        while True:
            began = loop.time()
            try:
                quiet = not await self.pending()
                report = await self.report()
            except (httpx2.HTTPError, OSError, asyncpg.PostgresError):
                quiet_before = False
                if loop.time() > ends:
                    raise
            else:
                done = report.clean and not report.unfinished
                if (done and quiet and quiet_before) or loop.time() > ends:
                    return report
                quiet_before = done and quiet
                if not done:
                    tell(report)
            # A look at many orders is work, too: it must not keep those from theirs whom it waits for.
            await asyncio.sleep(max(PAUSE_S, 2 * (loop.time() - began)))

    async def pending(self) -> int:
        """How many things the world outside has still to do or to tell by itself."""
        totals = await self._get(f"{self._platform.simulators_url}/_sim/ledger/totals")
        return sum(totals["pending"].values())

    async def summary(self, report: Report, seconds: float) -> Summary:
        """Everything counted, once all is quiet."""
        platform = self._platform
        outside = await read_outside(platform.http, platform.simulators_url)
        inside = await read_inside(platform.postgres_url, {})
        pushes = await self._get(f"{platform.simulators_url}/_sim/ledger/pushes")
        totals = await self._get(f"{platform.simulators_url}/_sim/ledger/totals")
        repeated = sum(queue.get("duplicates_sent", 0) for queue in pushes.values())
        sent = repeated + totals["duplicate_rows"]
        ids = [o.order_id for o in inside.orders if o.order_id]
        doubled = len(ids) - len(set(ids))
        states: defaultdict[str, int] = defaultdict(int)
        for order in inside.orders:
            states[order.state] += 1
        settled = [r for r in inside.refunds if r.state == "settled"]
        told = await self._write_backs()
        latency = await read_latency_ms(platform.postgres_url)
        return Summary(
            orders_sent=len(outside.orders),
            orders_accepted=len(ids),
            orders_quarantined=sum(1 for o in inside.orders if not o.order_id and o.quarantined),
            orders_shipped=states["shipped"] + states["completed"],
            orders_completed=states["completed"],
            orders_cancelled=states["cancelled"],
            duplicates_sent=sent,
            duplicates_collapsed=sent - doubled,
            looked_at=dict(report.looked_at),
            oversold_units=report.oversold_units,
            refunds_requested=len(inside.refunds),
            refunds_settled=len(settled),
            refunds_settled_fen=sum(r.amount_fen for r in settled),
            claims={str(outcome): count for outcome, count in report.claims.items()},
            withdrawal_heard_max_ms=report.withdrawal_heard_max_ms,
            back_office_heard_max_ms=report.back_office_heard_max_ms,
            paid_by_both_fen=report.paid_by_both_fen,
            money_difference_fen=report.money_difference_fen,
            dead_letters=sum(inside.dead_letters.values()),
            unaccounted_orders=report.unaccounted_orders,
            unfinished=len(report.unfinished),
            write_backs_applied=told["applied"],
            write_backs_refused=told["refused"],
            process_restarts=platform.supervisor.restarts(),
            p50_ms=latency["p50"],
            p95_ms=latency["p95"],
            p99_ms=latency["p99"],
            seconds=round(seconds, 1),
            findings=(
                *(f"{f.check}: {f.detail}" for f in report.findings[:20]),
                *(f"unfinished: {work}" for work in report.unfinished[:20]),
            ),
        )

    async def _write_backs(self) -> dict[str, int]:
        text = await self._platform.metrics("ingest")
        found = {"applied": 0, "refused": 0}
        pattern = r'^danshu_ingest_write_backs_total\{.*result="(\w+)"\} ([\d.e+]+)$'
        for result, value in re.findall(pattern, text, flags=re.MULTILINE):
            found[result] += int(float(value))
        return found

    async def _get(self, url: str) -> Any:
        answer = await self._platform.http.get(url, headers=self._platform.authorised)
        answer.raise_for_status()
        return answer.json()
