"""Sends an import batch by batch: each waits for its answer, and is repeated until there is one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx2
import msgspec

from chassis.client import client
from chassis.clock import SystemClock
from services.ingest.imports import reader
from services.ingest.imports.document import ImportedOrder
from services.ingest.imports.door import BATCH_BYTES_MAX, BATCH_ORDERS_MAX, Answer, Progress
from services.ingest.imports.rows import RefusedOrder, Survey

CALL_TIMEOUT_S = 60.0
"""The door waits for Kafka up to half of it."""
PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
BODY_BYTES_MAX = BATCH_BYTES_MAX // 2

T = TypeVar("T")
OnProgress = Callable[[int], None]


class Stopped(Exception):
    """Ingest will not take this import, however often it is asked. The text is its answer."""


class Interrupted(Exception):
    """Ingest does not answer any more. What was sent is sent; the rest waits for --resume."""


class _Batch(msgspec.Struct):
    orders: list[ImportedOrder] = []
    passed_over: int = 0
    size: int = 0

    @property
    def entries(self) -> int:
        return len(self.orders) + self.passed_over


class Sender:
    """One import. `reasons`: why orders were refused, and how many for each. `sent`: whether any may have left, now or before."""

    def __init__(
        self,
        survey: Survey,
        *,
        import_id: str,
        channel: str,
        shop: str,
        actor: str,
        url: str,
        token: str,
    ) -> None:
        self._survey = survey
        self._import_id = import_id
        self._channel = channel
        self._shop = shop
        self._actor = actor
        self._url = url
        self._token = token
        self.sent = False
        self.reasons: Counter[str] = Counter()

    async def check(self, progress: OnProgress) -> Progress:
        """What would become of every order; nothing is sent but the question. Without a door all count as new."""
        total = Progress(orders_done=0, fresh=0, known=0, refused=0, finished=True)
        async with self._client() as http:
            for batch in self._batches(skip=0):
                found = self._judged_here(batch)
                if self._url:
                    asked = {"channel": self._channel, "shop": self._shop, "orders": batch.orders}
                    answer = await self._asked(http, "POST", "/imports/check", asked, Answer)
                    found = self._counted(batch, answer)
                total = Progress(
                    orders_done=total.orders_done + batch.entries,
                    fresh=total.fresh + found.fresh,
                    known=total.known + found.known,
                    refused=total.refused + found.refused,
                    finished=True,
                )
                progress(total.orders_done)
        return total

    async def send(self, progress: OnProgress, *, resume: bool) -> Progress:
        """Sends every order. With `resume` those that were sent before are left out.

        Raises Stopped or Interrupted.
        """
        opening = {
            "channel": self._channel,
            "shop": self._shop,
            "file_name": self._survey.sheet.path.name[-200:],
            "preset": self._survey.loaded.name[:200],
            "actor": self._actor[:200],
            "resume": resume,
        }
        path = f"/imports/{self._import_id}"
        async with self._client() as http:
            done = await self._asked(http, "PUT", path, opening, Progress)
            self.sent = done.orders_done > 0
            progress(done.orders_done)
            if done.finished:
                return done
            for batch in self._batches(skip=done.orders_done):
                done = await self._one(http, path, batch, done.orders_done, last=False)
                progress(done.orders_done)
            return await self._one(http, path, _Batch(), done.orders_done, last=True)

    async def _one(
        self, http: httpx2.AsyncClient, path: str, batch: _Batch, at: int, *, last: bool
    ) -> Progress:
        asked = {"at": at, "orders": batch.orders, "passed_over": batch.passed_over, "last": last}
        self.sent = True
        try:
            answer = await self._asked(http, "POST", f"{path}/orders", asked, Answer)
        except Stopped as refusal:
            raise Interrupted(str(refusal)) from None
        self._counted(batch, answer)
        return answer.progress

    def _batches(self, *, skip: int) -> Iterator[_Batch]:
        batch = _Batch(orders=[])
        for entry, one in enumerate(self._survey.orders(SystemClock().now())):
            if isinstance(one, RefusedOrder):
                for error in one.errors:
                    self.reasons[f"{error.column}：{error.why}" if error.column else error.why] += 1
            if entry < skip:
                continue
            size = 0
            if isinstance(one, ImportedOrder):
                size = len(msgspec.json.encode(one))
            full = len(batch.orders) == BATCH_ORDERS_MAX or batch.size + size > BODY_BYTES_MAX
            if batch.orders and full:
                yield batch
                batch = _Batch(orders=[])
            if isinstance(one, ImportedOrder):
                batch.orders.append(one)
                batch.size += size
            else:
                batch.passed_over += 1
        if batch.entries:
            yield batch

    def _counted(self, batch: _Batch, answer: Answer) -> Progress:
        for found in answer.outcomes:
            for reason in found.reasons:
                self.reasons[reason] += 1
        outcomes = Counter(found.outcome for found in answer.outcomes)
        return Progress(
            orders_done=batch.entries,
            fresh=outcomes["new"],
            known=outcomes["known"],
            refused=outcomes["refused"] + batch.passed_over,
            finished=False,
        )

    def _judged_here(self, batch: _Batch) -> Progress:
        refused = batch.passed_over
        for order in batch.orders:
            blocking = [p for p in reader.normalised(order, self._channel).problems if p.blocks]
            refused += bool(blocking)
            if not self._url:
                self.reasons.update(f"{one.code}: {one.detail}" for one in blocking)
        return Progress(
            orders_done=batch.entries,
            fresh=batch.entries - refused,
            known=0,
            refused=refused,
            finished=False,
        )

    def _client(self) -> httpx2.AsyncClient:
        """Raises Stopped."""
        try:
            return client(base_url=self._url, headers={"authorization": f"Bearer {self._token}"})
        except httpx2.InvalidURL as error:
            raise Stopped(f"{self._url} 不是网址（{error}）") from None

    async def _asked(
        self, http: httpx2.AsyncClient, method: str, path: str, body: Any, kind: type[T]
    ) -> T:
        why = ""
        for pause_s in (*PAUSES_S, None):
            try:
                answer = await http.request(
                    method, path, content=msgspec.json.encode(body), timeout=CALL_TIMEOUT_S
                )
            except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
                raise Stopped(f"{self._url} 不是网址（{error}）") from None
            except httpx2.TransportError as error:
                why = f"ingest 没有回应（{type(error).__name__}）"
            else:
                if answer.status_code < 400:
                    return _read(answer, kind)
                why = _said(answer)
                if answer.status_code < 500:
                    raise Stopped(why)
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        raise Interrupted(why)


def _read(answer: httpx2.Response, kind: type[T]) -> T:
    """Raises Stopped: something else than ingest may answer at an address."""
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Stopped(f"{answer.url} 的回答读不懂，那里也许不是 ingest（{error}）") from None


def _said(answer: httpx2.Response) -> str:
    try:
        problem = msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError):
        problem = {}
    detail = f"：{problem['detail']}" if problem.get("detail") else ""
    return f"ingest 说 {answer.status_code} {problem.get('title', '')}{detail}"
