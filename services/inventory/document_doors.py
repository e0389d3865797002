"""Inventory's doors for documents: each POST is a command to the single writer and answers with its result.

Bearer token at each. The same document with the same content again changes nothing and answers as before; its
number with another content is refused (409). `actor` is the caller's word: whoever holds the token vouches for it.
GET /documents/{document_no} shows a document as it stands.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import Clock
from chassis.commands import CommandDesk, StillPending
from chassis.errors import Unavailable
from chassis.http import Problem, as_json, problem_response, read_body
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Pool
from services.inventory.domain.model import Hold
from services.inventory.doors import BATCH_REFUSALS, BODY_BYTES_MAX, guarded
from services.inventory.papers import DOORS, Written
from services.inventory.purchase_papers import PURCHASE_DOORS
from services.inventory.rebuild import decode_kept
from services.inventory.store import SQL

T = TypeVar("T")
REFUSALS = {
    **BATCH_REFUSALS,
    "already_booked": "单据号已用过，内容不同",
    "already_decided": "单据已审核、已驳回或已入账",
    "below_reserved": "可用库存不足：先释放占用它的订单",
    "campaign_over": "活动已结束",
    "campaign_overlaps": "同一时间同一渠道，这一行已有活动",
    "empty": "没有商品行",
    "ends_before_it_begins": "活动结束时间不晚于开始时间",
    "more_than_in_transit": "到货多于在途",
    "needs_approval": "超过直接入账的件数，要另一人审核",
    "negative_quantity": "盘点数不能为负",
    "no_channel": "没有写参加活动的渠道",
    "no_pieces": "没有可用的商品行",
    "no_reason": "没有写原因",
    "not_free": "可留的件数不够（仓库 SKU 可留/要留）",
    "not_in_campaign": "活动里没有这一行",
    "not_ordered": "采购单上没有这个 SKU",
    "not_all_counted": "还有 SKU 没有盘点数",
    "not_counted_meanwhile": "清点时刻要在开单之后、现在之前",
    "nothing_to_repair": "账本一致，无需修账",
    "other_warehouse": "仓库与单据不符",
    "over_receipt": "到货超过采购单允许的数量",
    "oversold": "预占超过实物，先释放订单再修账",
    "purchase_cancelled": "采购单已取消",
    "reserved_document_no": "单据号不能以 rsv- 开头",
    "several_groups": "这些渠道分属几个硬配额组，请每组开一个活动",
    "same_person": "申请人或盘点人不能自己审核",
    "same_warehouse": "调出仓和调入仓相同",
    "too_many": "数量过大",
    "unknown_channel": "没有这个渠道",
    "unknown_document": "没有这张单据",
    "unusable_code": "编码含不可用字符",
    "unusable_tolerance": "允许超收的百分比要在 0 到 100 之间",
}

STATUSES = {"unknown_document": 404, "unknown_channel": 422}
"""Of refusals; of any other 409."""


class Settled(Struct, frozen=True, kw_only=True):
    """What came of a document; `pending` = not decided yet, ask again with the same."""

    outcome: Literal["done", "pending"] = "done"
    document_no: str
    state: str
    """Of the document now; empty while pending."""


async def read_paper(request: Request, kind: type[T]) -> T | Response:
    """The body as a paper of this kind, or the problem that it is not."""
    body = await read_body(request, BODY_BYTES_MAX)
    if body is None:
        return problem_response(Problem(status=413, code="too_large", title="内容过大"))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        return problem_response(
            Problem(status=422, code="malformed", title="单据内容有误", detail=str(error))
        )


async def settled(
    desk: CommandDesk, clock: Clock, written: Written, answer_timeout_s: float
) -> Response:
    """Asks the single writer and answers with what came of it."""
    answer = await desk.ask(written.command(clock), answer_timeout_s)
    if isinstance(answer, StillPending):
        pending = Settled(outcome="pending", document_no=written.document_no, state="")
        return as_json(pending, 202)
    if answer.outcome != "done":
        title = REFUSALS.get(answer.reason, "未能入账")
        return problem_response(
            Problem(
                status=STATUSES.get(answer.reason, 409),
                code=answer.reason,
                title=title,
                detail=f"{title} {answer.result_id}".strip(),
            )
        )
    return as_json(Settled(document_no=written.document_no, state=answer.result_id))


def document_routes(
    pool: Pool, desk: CommandDesk, clock: Clock, *, token: str, answer_timeout_s: float
) -> list[Route]:
    """The doors, one a kind of paper, and the one that shows them."""

    def door(kind: type[Written]) -> Any:
        async def post(request: Request) -> Response:
            written = await read_paper(request, kind)
            if isinstance(written, Response):
                return written
            return await settled(desk, clock, written, answer_timeout_s)

        return guarded(post, token)

    async def show(request: Request) -> Response:
        try:
            async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                document = await connection.fetchval(
                    SQL["document"], request.path_params["document_no"]
                )
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
        state = None if document is None else decode_kept(document).state
        if state is None or isinstance(state, Hold):
            return problem_response(
                Problem(status=404, code="unknown_document", title=REFUSALS["unknown_document"])
            )
        return as_json(state)

    return [
        *(
            Route(path, door(kind), methods=["POST"])
            for path, kind in {**DOORS, **PURCHASE_DOORS}.items()
        ),
        Route("/documents/{document_no:path}", guarded(show, token)),
    ]
