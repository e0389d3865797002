"""The doors for emergency imports. All want our bearer token, and batches of `import/1` documents.

POST /imports/check says of each order what would become of it and writes nothing. PUT /imports/{id} opens an import,
or finds it where it stopped. POST /imports/{id}/orders takes the batch that begins where the import stands: what the
normaliser could not work with is refused with every reason, the rest is sealed and answered when Kafka has it. The
same batch again, after an answer that was lost, is not taken again. If the progress itself was lost, it is: then the
normaliser knows each order already, and nothing is doubled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.http import Problem, problem_response, read_body, unauthorised
from chassis.log import logger
from chassis.metrics import DOOR_REQUESTS, DOOR_SECONDS
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from chassis.producer import DeliveryFailed
from schemas.events.channel_payloads import PayloadReceived
from services.ingest import metrics
from services.ingest.imports import document, reader
from services.ingest.imports.document import ImportedOrder
from services.ingest.shared import Shared
from services.ingest.shops import Shop, source_key

BATCH_ORDERS_MAX = 200
BATCH_BYTES_MAX = 8 * 2**20

Name = Annotated[str, Meta(min_length=1, max_length=200)]
ImportId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]

TOO_LARGE = Problem(status=413, code="too_large", title="内容过大")
UNKNOWN_SHOP = Problem(status=404, code="unknown_shop", title="没有这个店铺")
UNKNOWN_IMPORT = Problem(status=404, code="unknown_import", title="没有这次导入")
OUT_OF_STEP = Problem(status=409, code="out_of_step", title="这一批不是接着上一批的")
UNAVAILABLE = Problem(status=503, code="unavailable", title="暂时不可用，请稍后再试")
RETRY = {"retry-after": "2"}

OPEN = """
INSERT INTO ingest.imports AS old
  (import_id, channel, shop, file_name, preset, actor, started_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (import_id) DO UPDATE SET actor = excluded.actor, changed_at = excluded.changed_at,
  orders_done = CASE WHEN $8 THEN old.orders_done ELSE 0 END,
  fresh = CASE WHEN $8 THEN old.fresh ELSE 0 END,
  known = CASE WHEN $8 THEN old.known ELSE 0 END,
  refused = CASE WHEN $8 THEN old.refused ELSE 0 END,
  finished_at = CASE WHEN $8 THEN old.finished_at END
RETURNING orders_done, fresh, known, refused, finished_at IS NOT NULL AS finished
"""
ADVANCE = """
UPDATE ingest.imports SET orders_done = orders_done + $3, fresh = fresh + $4, known = known + $5,
  refused = refused + $6, changed_at = $7::timestamptz,
  finished_at = CASE WHEN $8 THEN $7::timestamptz END
WHERE import_id = $1 AND orders_done = $2
"""
READ = """
SELECT channel, shop, orders_done, fresh, known, refused, finished_at IS NOT NULL AS finished
FROM ingest.imports WHERE import_id = $1
"""
KNOWN = "SELECT key FROM ingest.orders WHERE key = ANY($1::text[]) AND order_id IS NOT NULL"


class Opening(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be imported. `resume`: go on where it stopped; else from the start."""

    channel: Name
    shop: Name
    file_name: Name
    preset: Name
    actor: Name
    resume: bool = False


class Progress(Struct, frozen=True, kw_only=True):
    """How far an import came: orders worked through, and what became of them."""

    orders_done: int
    fresh: int
    known: int
    refused: int
    finished: bool


class Checking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders to say of what would become of them."""

    channel: Name
    shop: Name
    orders: Annotated[tuple[ImportedOrder, ...], Meta(max_length=BATCH_ORDERS_MAX)]


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`at`: orders worked through before it. `passed_over`: of these, refused by whoever read the file.

    `last`: the import is finished with it.
    """

    at: Annotated[int, Meta(ge=0)]
    orders: Annotated[tuple[ImportedOrder, ...], Meta(max_length=BATCH_ORDERS_MAX)]
    passed_over: Annotated[int, Meta(ge=0)] = 0
    last: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of one order: new, known or refused. Reasons are codes with their details, without persons."""

    order_no: str
    outcome: str
    reasons: tuple[str, ...] = ()


class Answer(Struct, frozen=True, kw_only=True):
    """What became of a batch. `outcomes` is empty for one that was taken before."""

    progress: Progress
    outcomes: tuple[Outcome, ...]


Asked = TypeVar("Asked", bound=Struct)


class _Refused(Exception):
    """The request ends here with this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class ImportDoor:
    """The doors of one process; any of several may take any batch."""

    def __init__(self, shared: Shared, *, token: str) -> None:
        self._shared = shared
        self._token = token

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route("/imports/check", self._guarded(self._check), methods=["POST"]),
            Route("/imports/{import_id}", self._guarded(self._open), methods=["PUT"]),
            Route("/imports/{import_id}/orders", self._guarded(self._take), methods=["POST"]),
        ]

    def _guarded(
        self, endpoint: Callable[[Request], Awaitable[Struct]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            with DOOR_SECONDS.labels(document.DOOR).time():
                response, outcome = await self._answered(endpoint, request)
            DOOR_REQUESTS.labels(document.DOOR, outcome).inc()
            return response

        return guarded

    async def _answered(
        self, endpoint: Callable[[Request], Awaitable[Struct]], request: Request
    ) -> tuple[Response, str]:
        if (refused := unauthorised(request, self._token)) is not None:
            return refused, "unauthorised"
        try:
            found = await endpoint(request)
        except _Refused as refusal:
            return problem_response(refusal.problem), refusal.problem.code
        except (*AWAY, DeliveryFailed) as away:
            logger.warning("waiting", part="imports", why=type(away).__name__)
            return problem_response(UNAVAILABLE, RETRY), UNAVAILABLE.code
        body = msgspec.json.encode(found)
        return Response(body, media_type="application/json"), "accepted"

    async def _check(self, request: Request) -> Answer:
        asked = await _body(request, Checking)
        shop = self._shop(asked.channel, asked.shop)
        outcomes = await self._judged(shop, asked.orders)
        progress = _counted(outcomes, 0)
        return Answer(progress=progress, outcomes=tuple(outcomes))

    async def _open(self, request: Request) -> Progress:
        asked = await _body(request, Opening)
        shop = self._shop(asked.channel, asked.shop)
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            row = await connection.fetchrow(
                OPEN,
                _import_id(request),
                shop.channel,
                shop.shop,
                asked.file_name,
                asked.preset,
                asked.actor,
                self._shared.clock.now(),
                asked.resume,
            )
        return _progress(row)

    async def _take(self, request: Request) -> Answer:
        import_id = _import_id(request)
        asked = await _body(request, Batch)
        row = await self._read(import_id)
        shop = self._shop(row["channel"], row["shop"])
        if asked.at < row["orders_done"] or row["finished"]:
            return Answer(progress=_progress(row), outcomes=())
        if asked.at > row["orders_done"]:
            raise _Refused(OUT_OF_STEP)
        outcomes = await self._judged(shop, asked.orders)
        now = self._shared.clock.now()
        await self._shared.publish_payloads(
            [
                self._payload(shop, order, now)
                for order, found in zip(asked.orders, outcomes, strict=True)
                if found.outcome != "refused"
            ]
        )
        brought = _counted(outcomes, asked.passed_over)
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await connection.execute(
                ADVANCE,
                import_id,
                asked.at,
                brought.orders_done,
                brought.fresh,
                brought.known,
                brought.refused,
                now,
                asked.last,
            )
        for found in outcomes:
            metrics.IMPORTED.labels(shop.channel, found.outcome).inc()
        return Answer(progress=_progress(await self._read(import_id)), outcomes=tuple(outcomes))

    async def _read(self, import_id: str) -> Any:
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            row: Any = await connection.fetchrow(READ, import_id)
        if row is None:
            raise _Refused(UNKNOWN_IMPORT)
        return row

    async def _judged(self, shop: Shop, orders: Sequence[ImportedOrder]) -> list[Outcome]:
        keys = [source_key(shop.channel, shop.shop, order.order_no) for order in orders]
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows = await connection.fetch(KNOWN, keys)
        known = {row["key"] for row in rows}
        found = []
        for key, order in zip(keys, orders, strict=True):
            problems = reader.normalised(order, shop.channel).problems
            reasons = tuple(f"{one.code}: {one.detail}" for one in problems if one.blocks)
            outcome = "refused" if reasons else "known" if key in known else "new"
            found.append(Outcome(order_no=order.order_no, outcome=outcome, reasons=reasons))
        return found

    def _shop(self, channel: str, shop: str) -> Shop:
        found = self._shared.shops.get((channel, shop))
        if found is None:
            own = sorted(one for on, one in self._shared.shops if on == channel)
            detail = f"{channel} 上的店铺有：{'、'.join(own)}" if own else f"{channel} 上没有店铺"
            raise _Refused(msgspec.structs.replace(UNKNOWN_SHOP, detail=detail))
        return found

    def _payload(self, shop: Shop, order: ImportedOrder, now: datetime) -> PayloadReceived:
        return PayloadReceived(
            source_key=source_key(shop.channel, shop.shop, order.order_no),
            channel=shop.channel,
            shop=shop.shop,
            channel_order_no=order.order_no,
            door=document.DOOR,
            accepted_at=now,
            body=self._shared.payloads.seal_payload(document.encode(order)),
        )


def _import_id(request: Request) -> str:
    try:
        return msgspec.convert(request.path_params["import_id"], ImportId)
    except msgspec.ValidationError:
        raise _Refused(UNKNOWN_IMPORT) from None


async def _body(request: Request, kind: type[Asked]) -> Asked:
    try:
        body = await read_body(request, BATCH_BYTES_MAX)
        if body is None:
            raise _Refused(TOO_LARGE)
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        problem = Problem(status=422, code="malformed", title="内容有误", detail=str(error))
        raise _Refused(problem) from None
    except ClientDisconnect:
        raise _Refused(Problem(status=400, code="broken_off", title="请求没有发完")) from None


def _counted(outcomes: Sequence[Outcome], passed_over: int) -> Progress:
    counts = {
        name: sum(one.outcome == name for one in outcomes) for name in ("new", "known", "refused")
    }
    return Progress(
        orders_done=len(outcomes) + passed_over,
        fresh=counts["new"],
        known=counts["known"],
        refused=counts["refused"] + passed_over,
        finished=False,
    )


def _progress(row: Any) -> Progress:
    return Progress(
        orders_done=row["orders_done"],
        fresh=row["fresh"],
        known=row["known"],
        refused=row["refused"],
        finished=row["finished"],
    )
