"""打款核实: a signed-in person has the gateway asked again about a payout that was given up."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from schemas.events.commands_refunds import ResumePayout
from services.console.pressing import AForm, Press, answered

LOOK_AGAIN: Final = Press(
    door="console.look_again",
    command=ResumePayout,
    purpose="resume",
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
async def look_again(form: AForm) -> Response:
    """The order's page with what became of it. The same `press` again gets the first answer."""
    return await answered(form, LOOK_AGAIN)
