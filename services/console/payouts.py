"""打款核实: a signed-in person has the gateway asked again about a payout that was given up."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import request_id
from schemas.events.commands_refunds import ResumePayout
from services.console.pressing import KEY_CHARS_MAX, Press, pressed
from services.console.web import AtDesk, SignedIn

LOOK_AGAIN: Final = Press(
    door="console.look_again",
    done="已重新核实打款，结果会出现在时间轴上。",
    refused="没有重新核实",
    refusals=MappingProxyType(
        {
            "refund_unknown": "没有这个退款单",
            "already_ended": "退款单已结束",
            "not_paying": "退款单不在打款中",
            "payout_not_given_up": "正在打款或核实，不需要人工",
            "payout_answered": "支付渠道已有答复，正在入账",
            "resumed_without_reason": "请写明操作人和理由",
        }
    ),
)

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

    def command(why: str) -> ResumePayout:
        return ResumePayout(
            order_id=order_id,
            command_id=request_id("resume", order_id, refund_id, session.user, press),
            issued_at=desk.views.now(),
            actor=session.user,
            refund_id=refund_id,
            reason=why,
        )

    form = (order_id, reason, form_token)
    return await pressed(request, desk, session, LOOK_AGAIN, form, command)
