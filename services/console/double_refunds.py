"""核实重复退款: a signed-in person says what became of money that may have gone back twice."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import request_id
from schemas.events.commands_refunds import ResolveDoubleRefund
from services.console.pressing import KEY_CHARS_MAX, Press, pressed
from services.console.web import AtDesk, SignedIn

RESOLVE: Final = Press(
    door="console.resolve_double_refund",
    done="已记下结论，疑似重复退款的标记会消失，结果在时间轴上。",
    refused="没有记下结论",
    refusals=MappingProxyType(
        {
            "not_suspected": "没有疑似重复退款",
            "already_resolved": "已经核实过，结论不同",
            "payout_in_doubt": "我方打款还在向支付渠道核实，等有结果或停下再下结论",
            "payout_answered": "支付渠道已有答复，正在入账",
            "payout_confirmed": "支付渠道已确认我方打款到账，不能认定只有平台退款",
            "resolved_without_reason": "请写明操作人和理由",
        }
    ),
)

router = APIRouter(include_in_schema=False)


@router.post("/double-refunds/resolve")
async def resolve(  # noqa: PLR0913 — each is a field of the form
    request: Request,
    desk: AtDesk,
    session: SignedIn,
    *,
    order_id: Annotated[str, Form(max_length=KEY_CHARS_MAX)],
    refund_id: Annotated[str, Form(max_length=KEY_CHARS_MAX)],
    press: Annotated[str, Form(min_length=1, max_length=KEY_CHARS_MAX)],
    outcome: Annotated[Literal["only_ours", "only_channel", "recovered", "written_off"], Form()],
    reason: Annotated[str, Form()] = "",
    form_token: Annotated[str, Form()] = "",
) -> Response:
    """The order's page with what became of it. The same `press` again gets the first answer."""

    def command(why: str) -> ResolveDoubleRefund:
        return ResolveDoubleRefund(
            order_id=order_id,
            command_id=request_id("resolve", order_id, refund_id, session.user, press),
            issued_at=desk.views.now(),
            actor=session.user,
            refund_id=refund_id,
            outcome=outcome,
            reason=why,
        )

    form = (order_id, reason, form_token)
    return await pressed(request, desk, session, RESOLVE, form, command)
