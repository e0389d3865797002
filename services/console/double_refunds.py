"""核实重复退款: a signed-in person says what became of money that may have gone back twice."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form
from starlette.responses import Response

from schemas.events.commands_refunds import ResolveDoubleRefund
from services.console.pressing import AForm, Press, answered

RESOLVE: Final = Press(
    door="console.resolve_double_refund",
    command=ResolveDoubleRefund,
    purpose="resolve",
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
async def resolve(
    form: AForm,
    outcome: Annotated[Literal["only_ours", "only_channel", "recovered", "written_off"], Form()],
) -> Response:
    """The order's page with what became of it. The same `press` again gets the first answer."""
    return await answered(form, RESOLVE, outcome=outcome)
