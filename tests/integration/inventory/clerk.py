"""One process of inventory on real Postgres and Valkey whose batches are taken one by one.

It may die at a named point of any of them, its news for Valkey may be held back, and between Valkey's answer and
its locks another may do a whole batch. What it does is the loop of the service; only Kafka is a double.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal

from msgspec import Struct

from chassis import failpoints
from chassis.clock import Clock
from chassis.codec import codec
from chassis.errors import Unavailable
from chassis.failpoints import FailpointHit
from chassis.postgres import Pool
from chassis.processor import Record
from chassis.source import Batch
from chassis.storage import PostgresStorage
from chassis.testing.memory import MemoryBroker, MemoryPublisher, MemorySource
from chassis.valkey import connect
from chassis.worker import Worker, _Lost
from services.inventory.app import direct_worker, processor
from services.inventory.counters import ValkeyCounters
from services.inventory.domain.reservations import Answer
from services.inventory.presale import NO_PRESALE, Presale
from services.inventory.quotas import Quotas
from services.inventory.sourcing import Sourcing
from services.inventory.store import StockSource
from tests.integration.inventory.rig import Running

BEFORE_COMMIT = ("batch.after_load", "stock.admitted", "batch.before_commit")
AFTER_COMMIT = ("batch.after_commit", "stock.before_telling", "stock.after_telling")
REBUILDING = ("epoch.begun", "epoch.written", "epoch.opened")
BATCH_RECORDS = 50


class Taken(Struct, frozen=True, kw_only=True):
    """What became of a batch."""

    records: tuple[Record, ...] = ()
    """Those that were committed."""
    answers: tuple[Answer | None, ...] = ()
    """In the order of the questions; None for a question nobody answered."""
    died: bool = False


class SlowCounters(ValkeyCounters):
    """Valkey, with a caller who may be slow around it."""

    def __init__(self, client: Any, prefix: str) -> None:
        super().__init__(client, prefix)
        self.news_may_go = asyncio.Event()
        self.news_may_go.set()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.admitted = asyncio.Event()
        self.silent: Literal["", "at once", "after acting"] = ""
        """Whether the next call gets no answer."""

    async def reserve(self, *arguments: Any, **named: Any) -> Any:
        """The answer, once its caller wakes up."""
        answers = await self._heard(super().reserve(*arguments, **named))
        self.admitted.set()
        await self.may_go_on.wait()
        return answers

    async def settle(self, *arguments: Any, **named: Any) -> bool:
        """Tells; what a batch has to tell (it bears the time of its notes) once the news may go."""
        if named.get("noted_at"):
            await self.news_may_go.wait()
        told: bool = await self._heard(super().settle(*arguments, **named))
        return told

    async def _heard(self, call: Coroutine[Any, Any, Any]) -> Any:
        silent, self.silent = self.silent, ""
        if silent == "at once":
            call.close()
            raise Unavailable("no answer")
        answer = await call
        if silent:
            raise Unavailable("no answer")
        return answer


class Clerk:
    """The process. Clerks of one test share pool, broker and clock."""

    def __init__(
        self,
        pool: Pool,
        valkey_url: str,
        prefix: str,
        broker: MemoryBroker,
        clock: Clock,
        sourcing: Sourcing,
        quotas: Quotas,
        presale: Presale = NO_PRESALE,
    ) -> None:
        self.counters = SlowCounters(connect(valkey_url), prefix)
        self.running = Running(pool, self.counters, clock, sourcing, quotas, presale)
        inventory = processor(self.running.stock)
        storage: Any = PostgresStorage(pool, inventory, codec())
        publisher: Any = MemoryPublisher(broker)
        self._source = MemorySource(broker, storage, inventory, codec(), BATCH_RECORDS)
        self._stream = Worker(
            inventory,
            source=self._source,
            storage=storage,
            publisher=publisher,
            codec=codec(),
            clock=clock,
        )
        self._direct = direct_worker(
            self.running.desk,
            self.running.direct_stock,
            pool,
            publisher,
            codec=codec(),
            clock=clock,
        )

    async def take(self, point: str = "") -> Taken:
        """The next batch of the stream; one that another has taken is dropped, and the next one taken."""
        while (batch := await self._source.next_batch(0.0)) is not None:
            try:
                return await self._apply(self._stream, self.running.stock, batch, point)
            except _Lost:
                self._source.restart_from_stored()
        return Taken()

    async def serve(self, commands: Sequence[Any], point: str = "") -> Taken:
        """Questions about different reservations, as one batch."""
        asked = [asyncio.ensure_future(self.running.reservations.ask(one)) for one in commands]
        batch = await self.running.desk.next_batch(1.0)
        assert batch is not None
        taken = await self._apply(self._direct, self.running.direct_stock, batch, point)
        if not taken.died:
            await asyncio.gather(*asked)
        for one in asked:
            one.cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        told = tuple(None if isinstance(one, BaseException) else one for one in answers)
        return Taken(records=taken.records, answers=told, died=taken.died)

    async def look(self, point: str = "") -> bool:
        """Looks after the epoch; whether it died of it. A Valkey that is away is looked at another time."""
        try:
            with _armed(point), suppress(Unavailable):
                await self.running.keeper.look()
        except FailpointHit:
            return True
        return False

    async def sweep(self) -> int:
        """Settles notes; returns how many there were. A Valkey that is away is swept another time."""
        with suppress(Unavailable):
            return await self.running.sweeper(after_ms=0).look()
        return 0

    def hold_back(self) -> None:
        """News for Valkey stay here until the next batch of the same kind, or `let_go`."""
        self.counters.news_may_go.clear()

    async def let_go(self) -> None:
        """Valkey hears what was held back."""
        self.counters.news_may_go.set()
        await self.running.stock.told()
        await self.running.direct_stock.told()

    async def end(self) -> None:
        """Whatever was under way is lost."""
        for stock in (self.running.stock, self.running.direct_stock):
            if (telling := stock._telling) is not None:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
        await self.counters.close()

    async def _apply(self, worker: Worker, stock: StockSource, batch: Batch, point: str) -> Taken:
        if stock._telling is not None:
            with _armed(""):
                await self.let_go()
        try:
            with _armed(point):
                await worker._patiently(lambda: worker._apply(batch))
                if self.counters.news_may_go.is_set():
                    await stock.told()
        except FailpointHit as hit:
            committed = batch.records if str(hit) in AFTER_COMMIT else ()
            return Taken(records=committed, died=True)
        if not self.counters.news_may_go.is_set():
            with _armed(""):
                await asyncio.sleep(0)  # its telling begins, and waits to go
        return Taken(records=batch.records)


@contextmanager
def _armed(point: str) -> Iterator[None]:
    """The first pass of the point ends what passes it, as a kill would, but for this test's process.

    What another clerk does meanwhile is under its own point.
    """
    outside = failpoints._armed
    failpoints._armed = {point: ("raise", 1)} if point else {}
    failpoints._passes.clear()
    try:
        yield
    finally:
        failpoints._armed = outside
