"""Filling Valkey anew when its contents cannot be trusted: after a restart, a flush, a failover, a silence.

Guarantees: one process rebuilds at a time; the new contents are one state of Postgres, taken while no
reservation is under way, written under keys of their own and compared before they come into force; a rebuild
that fails half-way leaves nothing that anybody reads. Until then batches are decided from Postgres alone.
"""

from __future__ import annotations

import asyncio

import msgspec

from chassis.clock import Clock
from chassis.errors import Unavailable
from chassis.failpoints import failpoint
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool, leading
from chassis.processor import Kept
from services.inventory import metrics
from services.inventory.counters import Epoch, LiveHold, ValkeyCounters
from services.inventory.domain.model import Aggregate, Hold
from services.inventory.store import SQL, EpochInForce
from services.inventory.targets import hold_record

LOCK = 72_668_742
"""Advisory lock of the one who rebuilds. The number is arbitrary and ours."""
LOOK_EVERY_S = 1.0

decode_kept = msgspec.json.Decoder(Kept[Aggregate]).decode


class EpochKeeper:
    """Looks after the epoch: notices that Valkey is another one, and rebuilds."""

    def __init__(
        self, pool: Pool, counters: ValkeyCounters, epochs: EpochInForce, clock: Clock
    ) -> None:
        self._pool = pool
        self._counters = counters
        self._epochs = epochs
        self._clock = clock

    async def run(self) -> None:
        """Looks each second, and at once when a batch found Valkey wrong. Ends when cancelled."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                logger.warning("valkey is not in force", why=str(error))
                await asyncio.sleep(LOOK_EVERY_S)
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._epochs.rebuild_wanted.wait()
            except TimeoutError:
                continue

    async def look(self) -> bool:
        """Whether an epoch is in force now, rebuilding where it is not. Raises Unavailable."""
        self._epochs.rebuild_wanted.clear()
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                if await self._is_in_force(connection):
                    return True
            async with leading(self._pool, LOCK) as lead:
                if lead is None:
                    return False
                # Another process may have done it while we came here.
                if not await self._is_in_force(lead):
                    await self._rebuild(lead)
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
        return True

    async def _is_in_force(self, connection: Connection) -> bool:
        epoch = await self._epochs.read(connection)
        if epoch is None or await self._counters.in_force() != epoch:
            self._epochs.known = None
            return False
        metrics.EPOCH.set(epoch.number)
        return True

    async def _rebuild(self, connection: Connection) -> None:
        run_id = await self._counters.run_id()
        # Committed at once: a number is never used twice, so half-written keys are never met again.
        newest = await self._counters.newest_number()
        number = await connection.fetchval(SQL["begin_rebuild"], newest)
        failpoint("epoch.begun")
        # What attempts that failed have left would fill Valkey in the end, and then none can succeed.
        await self._counters.remove_earlier(number, but=newest)
        epoch = Epoch(number, run_id)
        async with connection.transaction():
            await connection.execute(SQL["exclude_counting"])
            started_ms = self._clock.monotonic_ms()
            levels = [
                (row["warehouse"], row["sku"], row["available"])
                for row in await connection.fetch(SQL["all_levels"])
            ]
            holds = [
                LiveHold(row["key"], state.generation, *hold_record(state))
                for row in await connection.fetch(SQL["live_holds"])
                if isinstance(state := decode_kept(row["document"]).state, Hold)
            ]
            await self._counters.load(number, levels, holds)
            await self._compare(number, levels, holds)
            failpoint("epoch.written")
            if not await self._counters.open(epoch):
                raise Unavailable("Valkey has a newer epoch")
            failpoint("epoch.opened")
            await connection.execute(SQL["finish_rebuild"], number, run_id)
        took_ms = self._clock.monotonic_ms() - started_ms
        self._epochs.known = epoch
        metrics.EPOCH.set(number)
        metrics.REBUILD_SECONDS.observe(took_ms / 1000)
        removed = await self._counters.remove_earlier(number)
        logger.info(
            "valkey rebuilt",
            epoch=number,
            levels=len(levels),
            holds=len(holds),
            took_ms=took_ms,
            old_keys_removed=removed,
        )

    async def _compare(
        self, number: int, levels: list[tuple[str, str, int]], holds: list[LiveHold]
    ) -> None:
        """Reads back what was written. Raises Unavailable when it is not the same."""
        there = await self._counters.levels(number)
        held = await self._counters.count_holds(number, [hold.order_id for hold in holds])
        if there != {(w, sku): pieces for w, sku, pieces in levels} or held != len(holds):
            raise Unavailable("Valkey did not keep what was written")
