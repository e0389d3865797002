"""What platforms push to the merchant, until the merchant says it was received.

Guarantees: a push is repeated with growing pauses until it is accepted or the platform loses patience;
what is due for one group goes out together, oldest first, up to the batch size; the queue is bounded and
what is dropped or given up is counted.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import msgspec

from simulators.clock import Clock
from simulators.faults import FaultPlan

ATTEMPTS_MAX = 40
RETRY_MS = (500, 1_000, 2_000, 4_000, 8_000, 15_000)
PENDING_MAX = 200_000
TIMEOUT_S = 5.0


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell; `group` things may go together, a `copy` is told on purpose twice."""

    group: str
    content: Any
    copy: bool = False
    attempts: int = 0


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP form of some pushes; `query` is what the platform adds to the URL."""

    headers: dict[str, str]
    body: bytes
    query: dict[str, str] = {}


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform asks a new URL before it pushes there, and the only right answer."""

    query: dict[str, str]
    answer: bytes


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a platform tries.

    A push is given up after `attempts_max` postings; after `failures_max` failed ones in a row nothing
    is pushed until the URL is set anew. An `outbox` keeps what cannot be sent: without a URL, and
    while whoever sends is offline.
    """

    attempts_max: int = ATTEMPTS_MAX
    failures_max: int | None = None
    outbox: bool = False


PATIENT = Patience()


class PushQueue:
    """Pushes to one door, in the order in which they are due."""

    def __init__(  # noqa: PLR0913 — what a platform's pushes differ in
        self,
        name: str,
        *,
        encode: Callable[[str, Sequence[Any]], Posting],
        accepted: Callable[[bytes], bool],
        batch_max: int,
        plan: FaultPlan,
        clock: Clock,
        greeting: Callable[[], Greeting] | None = None,
        patience: Patience = PATIENT,
        platform: str = "",
    ) -> None:
        self.name = name
        self._platform = platform
        self.url = ""
        self.greeted_url = ""
        self.greeting = greeting
        self.encode = encode
        self.accepted = accepted
        self.counts: Counter[str] = Counter()
        self.changed = asyncio.Event()
        self._batch_max = batch_max
        self._patience = patience
        self._failures = 0
        self._offline_until_ms = 0
        self._plan = plan
        self._clock = clock
        self._due: list[tuple[int, int, Push]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._due)

    def subscribe(self, url: str, ping: Push | None = None) -> None:
        """Post to this URL from now on ("" = nowhere), `ping` first."""
        self.url = url
        self._failures = 0
        if url and ping is not None:
            self._put(self._clock(), ping)
        self.changed.set()

    def add(self, group: str, content: object) -> None:
        """Queue something to tell, possibly late and possibly twice.

        Without a URL nobody listens, unless what is told waits in an outbox.
        """
        if not self.url and not self._patience.outbox:
            self.counts["unsubscribed"] += 1
            return
        self.counts["made"] += 1
        now_ms, plan = self._online_ms(), self._plan
        late_ms = plan.late_ms(self.name) if plan.hit("late_push", self.name) else 0
        self._put(now_ms + late_ms, Push(group=group, content=content))
        if plan.hit("duplicate_push", self.name):
            again_ms = now_ms + late_ms + plan.late_ms(self.name)
            self._put(again_ms, Push(group=group, content=content, copy=True))

    def take(self) -> tuple[Push, ...]:
        """Take what is due of one group, oldest first; empty when nothing is due or there is no URL."""
        if not self.url or self._plan.is_down(self._platform):
            return ()
        now_ms = self._clock()
        taken: list[Push] = []
        others: list[tuple[int, int, Push]] = []
        while self._due and self._due[0][0] <= now_ms and len(taken) < self._batch_max:
            row = heapq.heappop(self._due)
            if taken and row[2].group != taken[0].group:
                others.append(row)
                if len(others) > self._batch_max:
                    break
            else:
                taken.append(row[2])
        for row in others:
            heapq.heappush(self._due, row)
        return tuple(taken)

    def settle(self, batch: Sequence[Push], *, accepted: bool) -> None:
        """Record how a posting went; what was not accepted is due again later."""
        self.counts["postings"] += 1
        if accepted:
            copies = sum(push.copy for push in batch)
            self.counts["delivered"] += len(batch) - copies
            self.counts["duplicates_sent"] += copies
            self._failures = 0
            return
        self.counts["failed_postings"] += 1
        self._failures += 1
        if self._failures == self._patience.failures_max:
            self._switch_off()
            return
        now_ms = self._clock()
        for push in batch:
            attempts = push.attempts + 1
            if attempts >= self._patience.attempts_max:
                self.counts["given_up"] += 1
                continue
            self.counts["redelivered"] += 1
            pause_ms = RETRY_MS[min(push.attempts, len(RETRY_MS) - 1)]
            self._put(now_ms + pause_ms, msgspec.structs.replace(push, attempts=attempts))

    def _switch_off(self) -> None:
        self.counts["switched_off"] += 1
        self.counts["dropped"] += len(self._due)
        self._due.clear()
        self.url = ""

    def _online_ms(self) -> int:
        """Return when whoever sends is online: now, unless an outbox is without a line for a while."""
        now_ms = self._clock()
        online = now_ms >= self._offline_until_ms
        if self._patience.outbox and online and self._plan.hit("offline", self.name):
            self._offline_until_ms = now_ms + self._plan.offline_ms(self.name)
        return max(now_ms, self._offline_until_ms)

    def wait_s(self) -> float:
        """Return how long nothing will be due, at most a second."""
        if not self._due or not self.url:
            return 1.0
        return min(max(self._due[0][0] - self._clock(), 1) / 1_000, 1.0)

    def _put(self, due_ms: int, push: Push) -> None:
        if len(self._due) >= PENDING_MAX:
            self.counts["dropped"] += 1
            return
        self._number += 1
        heapq.heappush(self._due, (due_ms, self._number, push))
        self.changed.set()


async def deliver_for_ever(queue: PushQueue, client: httpx2.AsyncClient, workers: int) -> None:
    """Post what falls due, `workers` postings at a time, until cancelled."""
    slots = asyncio.Semaphore(workers)
    async with asyncio.TaskGroup() as postings:
        while True:
            await slots.acquire()
            batch = queue.take()
            if batch:
                postings.create_task(_post(queue, client, batch, slots))
                continue
            slots.release()
            queue.changed.clear()
            try:
                async with asyncio.timeout(queue.wait_s()):
                    await queue.changed.wait()
            except TimeoutError:
                pass


async def _post(
    queue: PushQueue, client: httpx2.AsyncClient, batch: Sequence[Push], slots: asyncio.Semaphore
) -> None:
    accepted = False
    try:
        if await _greeted(queue, client):
            posting = queue.encode(batch[0].group, [push.content for push in batch])
            response = await client.post(
                queue.url,
                params=posting.query or None,
                content=posting.body,
                headers=posting.headers,
                timeout=TIMEOUT_S,
            )
            accepted = response.is_success and queue.accepted(response.content)
    except httpx2.HTTPError:
        # Whoever does not answer has not received it.
        pass
    finally:
        queue.settle(batch, accepted=accepted)
        slots.release()


async def _greeted(queue: PushQueue, client: httpx2.AsyncClient) -> bool:
    """Ask a URL which has not answered before whether it knows the platform's word."""
    if queue.greeting is None or queue.greeted_url == queue.url:
        return True
    url, greeting = queue.url, queue.greeting()
    response = await client.get(url, params=greeting.query, timeout=TIMEOUT_S)
    if not response.is_success or response.content != greeting.answer:
        queue.counts["greetings_failed"] += 1
        return False
    queue.greeted_url = url
    return True
