"""Douyin's after-sales requests: list by update time, agree one at a time; the platform pays."""

from datetime import datetime

import msgspec

from services.ingest.channels import (
    Aftersale,
    AftersalePage,
    Aftersales,
    Applied,
    ChannelError,
    Credentials,
    HttpAnswer,
    HttpRequest,
    PageToken,
    PollWindow,
    Refused,
    Unsupported,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import (
    Amount,
    Id,
    Seconds,
    Text,
    clean,
    epoch_time,
    fen,
    read_json,
    text_of,
)
from services.ingest.channels.douyin import gateway
from services.ingest.channels.douyin.orders import refund_state
from services.ingest.domain.model import LineRefundState, Problem

RETURN_GOODS = "0"
# What "agree" means depends on the kind of request and on how far it has come. Public SDKs show
# 201 for a refund without a return; 101 and 111 are the two consents of a return.
_AGREE_REFUND = 201
_AGREE_RETURN = 101
_AGREE_RETURNED = 111
# Their refusals.
_REFUSE_REFUND = 202
_REFUSE_RETURN = 102
_REFUSE_RETURNED = 112
_REFUND_ONLY = frozenset({"1", "2"})
_GOODS_ARE_BACK = "11"


class _Info(msgspec.Struct):
    aftersale_id: Id = None
    aftersale_type: Id = None
    aftersale_status: Id = None
    related_id: Id = None
    update_time: Seconds = None
    refund_amount: Amount = None


class _SkuOrder(msgspec.Struct):
    sku_order_id: Id = None


class _OrderInfo(msgspec.Struct):
    shop_order_id: Id = None
    related_order_info: list[_SkuOrder] | _SkuOrder | None = None


class _Item(msgspec.Struct):
    aftersale_info: _Info | None = None
    order_info: _OrderInfo | None = None


class _Listed(msgspec.Struct):
    items: list[msgspec.Raw] | None = None
    total: int | None = None


class _ListAnswer(gateway.Envelope):
    data: _Listed | None = None


class _Operated(msgspec.Struct):
    status_code: Id = None
    status_msg: Text = None


class _OperatedList(msgspec.Struct):
    items: list[_Operated] | None = None


class _OperateAnswer(gateway.Envelope):
    data: _OperatedList | None = None


_decode_item = msgspec.json.Decoder(_Item).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_answer = msgspec.json.Decoder(_OperateAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for requests updated in the window."""
    parameters: dict[str, gateway.Parameter] = {
        "update_start_time": int(window.since.timestamp()),
        "update_end_time": int(window.until.timestamp()),
        "order_by": ["update_time asc"],
        "page": page.number if page else 0,
        "size": gateway.PAGE_SIZE,
    }
    return gateway.call(credentials, "afterSale.List", parameters, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> AftersalePage | ChannelError:
    """Read one page of requests."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    if found.data is None:
        return calls.no_answer("data")
    raws = found.data.items or []
    next_page = calls.page_below(page, total=found.data.total or 0, size=gateway.PAGE_SIZE, first=0)
    return calls.aftersale_page(raws, _aftersale, next_page)


def _aftersale(raw: msgspec.Raw) -> Aftersale | None:
    item = read_json(_decode_item, bytes(raw))
    if isinstance(item, Problem) or item.aftersale_info is None or item.order_info is None:
        return None
    asked = item.aftersale_info
    order_no = text_of(item.order_info.shop_order_id)
    refund_no = text_of(asked.aftersale_id)
    problems: list[Problem] = []
    amount_fen = fen(asked.refund_amount, "refund_amount", problems)
    modified_at = epoch_time(asked.update_time, "update_time", problems)
    if problems or not order_no or not refund_no or amount_fen < 0:
        return None
    related = item.order_info.related_order_info
    first = related[0] if isinstance(related, list) and related else related
    line_id = text_of(first.sku_order_id) if isinstance(first, _SkuOrder) else ""
    kind, status = text_of(asked.aftersale_type), text_of(asked.aftersale_status)
    return Aftersale(
        refund_no=refund_no,
        order_no=order_no,
        line_id=line_id or text_of(asked.related_id),
        state=refund_state(status=status, kind=kind) if status else LineRefundState.UNKNOWN,
        raw_state=status,
        amount_fen=amount_fen,
        goods_come_back=kind == RETURN_GOODS,
        reason="",
        modified_at=modified_at,
        version="",
        phase=kind,
    )


def agree_request(
    credentials: Credentials, aftersale: Aftersale, now: datetime
) -> HttpRequest | Unsupported:
    """Agree to one request; a second call is refused, as its status has moved on."""
    if aftersale.phase in _REFUND_ONLY:
        operation = _AGREE_REFUND
    elif aftersale.phase == RETURN_GOODS:
        back = aftersale.raw_state == _GOODS_ARE_BACK
        operation = _AGREE_RETURNED if back else _AGREE_RETURN
    else:
        return Unsupported(reason=f"after-sales type {aftersale.phase} gives no money back")
    parameters: dict[str, gateway.Parameter] = {
        "type": operation,
        "items": [{"aftersale_id": aftersale.refund_no}],
    }
    return gateway.call(credentials, "afterSale.operate", parameters, now)


def read_agree_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to an agreement or a refusal: well as a whole, the one request in it may still be refused."""
    found = gateway.opened(answer, _decode_answer)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    for operated in (found.data and found.data.items) or ():
        code = text_of(operated.status_code)
        if code not in {"", "0", gateway.OK}:
            return Refused(code=code, reason=clean(operated.status_msg))
    return Applied()


def refuse_request(
    credentials: Credentials, aftersale: Aftersale, reason: str, now: datetime
) -> HttpRequest | Unsupported:
    """Refuse one request by a reason of the platform's list, with a remark the buyer reads."""
    if aftersale.phase in _REFUND_ONLY:
        operation = _REFUSE_REFUND
    elif aftersale.phase == RETURN_GOODS:
        back = aftersale.raw_state == _GOODS_ARE_BACK
        operation = _REFUSE_RETURNED if back else _REFUSE_RETURN
    else:
        return Unsupported(reason=f"after-sales type {aftersale.phase} gives no money back")
    number = calls.refusal_number(credentials)
    if isinstance(number, Unsupported):
        return number
    refusal: dict[str, gateway.Parameter] = {
        "aftersale_id": aftersale.refund_no,
        "reason": reason,
        "remark": reason,
        "reject_reason_code": number,
    }
    parameters: dict[str, gateway.Parameter] = {"type": operation, "items": [refusal]}
    return gateway.call(credentials, "afterSale.operate", parameters, now)


AFTERSALES = Aftersales(
    poll_request=poll_request,
    read_page=read_page,
    agree_request=agree_request,
    read_agree_answer=read_agree_answer,
    refuse_request=refuse_request,
    read_refuse_answer=read_agree_answer,
)
