"""打款核实: a signed-in person has the gateway asked again about a payout that was given up, or says that the money went back by hand."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from schemas.events.commands_refunds import EndRefund, ResumePayout
from services.console.pressing import KEY_CHARS_MAX, AForm, Press, answered

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

BY_HAND: Final = Press(
    door="console.paid_by_hand",
    command=EndRefund,
    said_as="refund_no",
    wanted="店铺后台的退款单号",
    chars_max=KEY_CHARS_MAX,
    purpose="byhand",
    done="已记为人工退款，结果会出现在时间轴上。",
    refused="没有记下",
    refusals=MappingProxyType({}),
    # Of any other payout money may have left: that is for the gateway, or for who settles a double refund, to say.
    fits=lambda detail, refund_id: refund_id in detail.payouts_by_hand,
    misfit="只有支付渠道不收币种、没有发出的退款，才能记为人工退款",
)

router = APIRouter(include_in_schema=False)


@router.post("/payouts/look-again")
async def look_again(form: AForm) -> Response:
    """The order's page with what became of it. The same `press` again gets the first answer."""
    return await answered(form, LOOK_AGAIN)


@router.post("/payouts/paid-by-hand")
async def paid_by_hand(form: AForm) -> Response:
    """The order's page with what became of it. The same `press` again gets the first answer."""
    return await answered(form, BY_HAND, outcome="refunded")
