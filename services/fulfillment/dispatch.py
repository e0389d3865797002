"""The dispatcher: asks for the labels of planned parcels and voids those of cancelled ones.

What is due is in the parcels (`dispatch_due_at`); results go back as commands, so nothing here writes a
parcel. One dispatcher works at a time, however many processes run.
"""

from __future__ import annotations

import asyncio
from collections import deque

from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.crypto import PersonalSeal
from chassis.log import logger
from chassis.outgoing import Outgoing
from chassis.postgres import AWAY, Connection, Pool, leading
from services.fulfillment.calls import Caller, Peer
from services.fulfillment.pacing import Job, Pace, jobs_of
from services.fulfillment.store import ParcelReader, due

LOCK = 5_101_337
"""Advisory lock of the one active dispatcher. The number is arbitrary and ours."""
LEASE_RETRY_S = 2.0
IDLE_S = 0.1
LOOK_AHEAD_CALLS = 4
"""Looking up costs a query with all that rests; a parcel held or cancelled since is a label voided later."""


class Dispatcher:
    """Runs until cancelled; an exception other than "Postgres is away" ends the process."""

    def __init__(
        self,
        *,
        pool: Pool,
        desk: CommandDesk,
        clock: Clock,
        peer: Peer,
        seal: PersonalSeal,
        calls_max: int,
    ) -> None:
        self._pool = pool
        self._desk = desk
        self._clock = clock
        self._peer = peer
        self._seal = seal
        self._calls_max = calls_max

    async def run(self) -> None:
        """Takes the lease and dispatches; waits while another process has it."""
        while True:
            try:
                async with leading(self._pool, LOCK) as lease:
                    if lease is not None:
                        await self._lead(lease)
            except AWAY as error:
                logger.warning(
                    "dispatcher waits for Postgres", why=f"{type(error).__name__}: {error}"
                )
            await asyncio.sleep(LEASE_RETRY_S)

    async def _lead(self, lease: Connection) -> None:
        pace = Pace(self._calls_max)
        waiting: deque[Job] = deque()
        running: set[asyncio.Task[None]] = set()
        async with Outgoing() as outgoing:
            caller = Caller(
                reader=ParcelReader(self._pool),
                desk=self._desk,
                clock=self._clock,
                peer=self._peer,
                seal=self._seal,
                outgoing=outgoing,
                pace=pace,
            )
            try:
                while True:
                    for job in await self._next_jobs(lease, pace, waiting, len(running)):
                        pace.begin(parcel.parcel_id for parcel in job.parcels)
                        running.add(asyncio.create_task(caller.do(job)))
                    if not running:
                        await asyncio.sleep(IDLE_S)
                        continue
                    done, running = await asyncio.wait(
                        running, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED
                    )
                    for ended in done:
                        ended.result()
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    async def _next_jobs(
        self, lease: Connection, pace: Pace, waiting: deque[Job], running: int
    ) -> list[Job]:
        """As many jobs as there is room for. What is looked up at once lasts for several rounds."""
        now_ms = self._clock.monotonic_ms()
        room = pace.room(running, now_ms)
        if room and not waiting:
            per_call_max = self._peer.calls.per_call_max
            limit = LOOK_AHEAD_CALLS * self._calls_max * per_call_max
            dues = await due(lease, pace.resting(now_ms), limit)
            waiting.extend(jobs_of(dues, pace.alone(), per_call_max))
        return [waiting.popleft() for _ in range(min(room, len(waiting)))]
