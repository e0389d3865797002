"""What a signed-in person asks for on an order's page: one form, one command, one answer in words.

Guarantees: the command bears the session's user and a reason, and its id comes from the press, so that a form
sent twice is one decision. Whether there is anything to do is for the refund's own service to say.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from fastapi import HTTPException
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from chassis import metrics
from chassis.commands import StillPending
from chassis.producer import DeliveryFailed
from services.console import words
from services.console.pages import order_page
from services.console.signin import Session
from services.console.web import Desk

REASON_CHARS_MAX = 200
KEY_CHARS_MAX = 64


class Press(Struct, frozen=True, kw_only=True):
    """One kind of form. `door` names it in the metrics; `done` and `refused` are what the page says."""

    door: str
    done: str
    refused: str
    refusals: Mapping[str, str]
    """What the refund's service refuses, as it says it itself."""


async def pressed(  # noqa: PLR0917 — all that a form is made of
    request: Request,
    desk: Desk,
    session: Session,
    press: Press,
    form: tuple[str, str, str],
    command_of: Callable[[str], Struct],
) -> Response:
    """The order's page with what became of it. `form`: order id, reason and token; `command_of` gets the reason."""
    order_id, reason, form_token = form
    if not hmac.compare_digest(form_token.encode(), session.form_token.encode()):
        raise HTTPException(403, "页面已过期，请刷新后再试")
    why = reason.strip()
    if not why or len(why) > REASON_CHARS_MAX:
        told = f"请写明理由，不超过 {REASON_CHARS_MAX} 字。"
        metrics.DOOR_REQUESTS.labels(press.door, "malformed").inc()
        return await order_page(request, desk, session, order_id, told=told, status=422)
    if await desk.views.order(order_id) is None:
        raise HTTPException(404)
    status, told = await _told(desk, press, command_of(why))
    return await order_page(request, desk, session, order_id, told=told, status=status)


async def _told(desk: Desk, press: Press, command: Struct) -> tuple[int, str]:
    """HTTP status, and what the page says."""
    try:
        result = await desk.ask(command, desk.settings.answer_timeout_s)
    except DeliveryFailed:
        metrics.DOOR_REQUESTS.labels(press.door, "unavailable").inc()
        raise HTTPException(503, "暂时不可用，请稍后再试") from None
    if isinstance(result, StillPending):
        metrics.DOOR_REQUESTS.labels(press.door, "pending").inc()
        return 202, "已受理，售后系统还没有答复，结果会出现在时间轴上。"
    metrics.DOOR_REQUESTS.labels(press.door, result.outcome).inc()
    if result.outcome == "refused":
        return (
            409,
            f"{press.refused}：{press.refusals.get(result.reason) or words.say(result.reason)}。",
        )
    return 200, press.done
