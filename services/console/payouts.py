"""打款核实: a signed-in person has the gateway asked again about a payout that was given up.

Guarantees: the command bears the session's user and a reason, and its id comes from the press, so that a form
sent twice is one decision. Whether there is anything to look at is for the refund's own service to say.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from chassis import metrics
from chassis.commands import StillPending
from chassis.ids import request_id
from chassis.producer import DeliveryFailed
from schemas.events.commands_refunds import ResumePayout
from services.console import words
from services.console.pages import order_page
from services.console.web import AtDesk, Desk, SignedIn

REASON_CHARS_MAX: Final = 200
KEY_CHARS_MAX: Final = 64
DOOR: Final = "console.look_again"
REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "refund_unknown": "没有这个退款单",
        "already_ended": "退款单已结束",
        "not_paying": "退款单不在打款中",
        "payout_not_given_up": "正在打款或核实，不需要人工",
        "payout_answered": "支付渠道已有答复，正在入账",
        "resumed_without_reason": "请写明操作人和理由",
    }
)
"""What the refund's service refuses, as it says it itself."""

router = APIRouter(include_in_schema=False)


@router.post("/payouts/look-again")
async def look_again(
    request: Request,
    desk: AtDesk,
    session: SignedIn,
    *,
    order_id: Annotated[str, Form(max_length=KEY_CHARS_MAX)],
    refund_id: Annotated[str, Form(max_length=KEY_CHARS_MAX)],
    press: Annotated[str, Form(min_length=1, max_length=KEY_CHARS_MAX)],
    reason: Annotated[str, Form()] = "",
    form_token: Annotated[str, Form()] = "",
) -> Response:
    """The order's page with what became of it. The same `press` again gets the first answer."""
    if not hmac.compare_digest(form_token.encode(), session.form_token.encode()):
        raise HTTPException(403, "页面已过期，请刷新后再试")
    why = reason.strip()
    if not why or len(why) > REASON_CHARS_MAX:
        told = f"请写明理由，不超过 {REASON_CHARS_MAX} 字。"
        metrics.DOOR_REQUESTS.labels(DOOR, "malformed").inc()
        return await order_page(request, desk, session, order_id, told=told, status=422)
    if await desk.views.order(order_id) is None:
        raise HTTPException(404)
    command = ResumePayout(
        order_id=order_id,
        command_id=request_id("resume", order_id, refund_id, session.user, press),
        issued_at=desk.views.now(),
        actor=session.user,
        refund_id=refund_id,
        reason=why,
    )
    status, told = await _told(desk, command)
    return await order_page(request, desk, session, order_id, told=told, status=status)


async def _told(desk: Desk, command: ResumePayout) -> tuple[int, str]:
    """HTTP status, and what the page says."""
    try:
        result = await desk.ask(command, desk.settings.answer_timeout_s)
    except DeliveryFailed:
        metrics.DOOR_REQUESTS.labels(DOOR, "unavailable").inc()
        raise HTTPException(503, "暂时不可用，请稍后再试") from None
    if isinstance(result, StillPending):
        metrics.DOOR_REQUESTS.labels(DOOR, "pending").inc()
        return 202, "已受理，售后系统还没有答复，结果会出现在时间轴上。"
    metrics.DOOR_REQUESTS.labels(DOOR, result.outcome).inc()
    if result.outcome == "refused":
        return 409, f"没有重新核实：{REFUSALS.get(result.reason) or words.say(result.reason)}。"
    return 200, "已重新核实打款，结果会出现在时间轴上。"
