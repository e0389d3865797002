"""A dispatcher on the real journal, its commands caught before Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from msgspec import Struct

from chassis.clock import SystemClock
from chassis.outgoing import Outgoing
from chassis.postgres import Pool
from schemas.events.commands_refunds import RecordPayout
from services.refunds.dispatch import Dispatcher
from services.refunds.domain.payout import Limits
from services.refunds.gateways import Credentials, alipay
from services.refunds.store import Journal

CALL_TIMEOUT_S = 0.3
QUIET_TIMEOUT_S = 60
ENDS = {"settled", "refused", "needs_person"}


class Issued:
    """Commands as they would go to Kafka."""

    def __init__(self) -> None:
        self.commands: list[RecordPayout] = []

    async def __call__(self, commands: Sequence[Struct]) -> None:
        self.commands += [command for command in commands if isinstance(command, RecordPayout)]

    def outcomes(self) -> dict[str, set[str]]:
        """Refund id → every outcome told."""
        told: dict[str, set[str]] = {}
        for command in self.commands:
            told.setdefault(command.refund_id, set()).add(command.outcome)
        return told


def dispatcher(
    pool: Pool, credentials: Credentials, issued: Issued, limits: Limits | None = None
) -> Dispatcher:
    """As the service builds it, with little patience."""
    return Dispatcher(
        journal=Journal(pool),
        gateway=alipay.GATEWAY,
        credentials=credentials,
        limits=limits or Limits(query_wait_s=0.02, sends_max=4, asks_max=4),
        clock=SystemClock(),
        issue=issued,
        outgoing=Outgoing(),
        lease_s=0.6,
        calls_max=8,
        idle_s=0.02,
    )


async def run_until_quiet(working: Dispatcher, pool: Pool) -> None:
    """Runs until every payout's outcome was told or a person is waited for."""
    told = working.issue.outcomes  # type: ignore[attr-defined]
    quick = Outgoing(timeout_s=CALL_TIMEOUT_S)
    running = asyncio.create_task(replace(working, outgoing=quick).run())
    try:
        async with asyncio.timeout(QUIET_TIMEOUT_S):
            while not running.done():
                stages = [
                    row["stage"] for row in await pool.fetch("SELECT stage FROM refunds.payouts")
                ]
                decided = [stage for stage in stages if stage in {"settled", "refused"}]
                if set(stages) <= ENDS and len(decided) <= len(told()):
                    break
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
