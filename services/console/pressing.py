"""What a signed-in person asks for on an order's page: one form, one command, one answer in words.

Guarantees: the command bears the session's user and a reason, and its id comes from the press, so that a form
sent twice is one decision. Whether there is anything to do is for the refund's own service to say.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Form, HTTPException
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from chassis import metrics
from chassis.commands import StillPending
from chassis.ids import request_id
from chassis.producer import DeliveryFailed
from chassis.texts import WORDS
from services.console import words
from services.console.pages import order_page
from services.console.signin import Session
from services.console.views import OrderDetail
from services.console.web import AtDesk, Desk, SignedIn

REASON_CHARS_MAX = 200
KEY_CHARS_MAX = 64
PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""`chassis.texts.NAME` for pydantic, whose patterns know no look-ahead and whose `$` lets no line's end follow."""


class Press(Struct, frozen=True, kw_only=True):
    """One kind of form. `door` names it in the metrics; `done` and `refused` are what the page says."""

    door: str
    command: type[Struct]
    """About a refund, by a person with a reason."""
    said_as: str = "reason"
    """The command's field for what the person says."""
    wanted: str = "理由"
    """What the person has to say."""
    chars_max: int = REASON_CHARS_MAX
    purpose: str
    """What the command's id is for."""
    done: str
    refused: str
    refusals: Mapping[str, str]
    """What the refund's service refuses, as it says it itself."""
    fits: Callable[[OrderDetail, str], bool] | None = None
    """Whether this order's refund is one for this form, where its service would not refuse another."""
    misfit: str = ""


class Pressed(Struct, frozen=True, kw_only=True):
    """A form that a signed-in person has sent about a refund."""

    request: Request
    desk: Desk
    session: Session
    order_id: str
    refund_id: str
    press: str
    reason: str
    form_token: str


_Key: TypeAlias = Annotated[str, Form(min_length=1, max_length=KEY_CHARS_MAX, pattern=PLAIN)]


async def _form(
    request: Request,
    desk: AtDesk,
    session: SignedIn,
    *,
    order_id: _Key,
    refund_id: _Key,
    press: _Key,
    reason: Annotated[str, Form()] = "",
    form_token: Annotated[str, Form()] = "",
) -> Pressed:
    return Pressed(
        request=request,
        desk=desk,
        session=session,
        order_id=order_id,
        refund_id=refund_id,
        press=press,
        reason=reason.strip(),
        form_token=form_token,
    )


AForm: TypeAlias = Annotated[Pressed, Depends(_form)]


async def answered(form: Pressed, press: Press, **more: Any) -> Response:
    """The order's page with what became of it. `more`: what this kind of command has beside refund, person and reason."""
    request, desk, session = form.request, form.desk, form.session
    if not hmac.compare_digest(form.form_token.encode(), session.form_token.encode()):
        raise HTTPException(403, "页面已过期，请刷新后再试")
    if not 0 < len(form.reason) <= press.chars_max or re.search(WORDS, form.reason) is None:
        told = f"请写明{press.wanted}，不超过 {press.chars_max} 字，不含控制字符。"
        metrics.DOOR_REQUESTS.labels(press.door, "malformed").inc()
        return await order_page(request, desk, session, form.order_id, told=told, status=422)
    detail = await desk.views.order(form.order_id)
    if detail is None:
        raise HTTPException(404)
    if press.fits is not None and not press.fits(detail, form.refund_id):
        metrics.DOOR_REQUESTS.labels(press.door, "refused").inc()
        told = f"{press.refused}：{press.misfit}。"
        return await order_page(request, desk, session, form.order_id, told=told, status=409)
    command = press.command(
        order_id=form.order_id,
        command_id=request_id(
            press.purpose, form.order_id, form.refund_id, session.user, form.press
        ),
        issued_at=desk.views.now(),
        actor=session.user,
        refund_id=form.refund_id,
        **{press.said_as: form.reason},
        **more,
    )
    status, told = await _told(desk, press, command)
    return await order_page(request, desk, session, form.order_id, told=told, status=status)


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
