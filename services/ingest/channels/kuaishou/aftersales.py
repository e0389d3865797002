"""Kuaishou's after-sales: a cursor list with whole requests; the platform pays."""

from datetime import datetime

import msgspec

from services.ingest.channels import (
    Aftersale,
    AftersalePage,
    Aftersales,
    ChannelError,
    Credentials,
    HttpAnswer,
    HttpRequest,
    PageToken,
    PollWindow,
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
    epoch_ms_time,
    fen,
    read_json,
    sliced,
    text_of,
)
from services.ingest.channels.kuaishou import gateway
from services.ingest.channels.kuaishou.orders import refund_state
from services.ingest.domain.model import Problem

ALL = 9
PAGE_SIZE = 100
RETURN_GOODS, REFUND_ONLY = "1", "10"  # handlingWay; 3 is an exchange
_DESCRIPTION = "同意退款"


class _Refund(msgspec.Struct):
    refundId: Id = None  # noqa: N815 — the wire's names, here and below
    oid: Id = None
    status: Id = None
    handlingWay: Id = None  # noqa: N815
    refundFee: Amount = None  # noqa: N815
    refundReasonDesc: Text = None  # noqa: N815
    updateTime: Seconds = None  # noqa: N815
    negotiateStatus: Id = None  # noqa: N815


class _Listed(msgspec.Struct):
    refundOrderInfoList: msgspec.Raw = msgspec.Raw()  # noqa: N815
    pcursor: Text = None


class _ListAnswer(gateway.Envelope):
    data: _Listed | None = None


_decode_refund = msgspec.json.Decoder(_Refund).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_answer = msgspec.json.Decoder(gateway.Envelope).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for requests updated in the window."""
    parameters: dict[str, int | str] = {
        "type": ALL,
        "queryType": 2,
        "beginTime": int(window.since.timestamp()) * 1000,
        "endTime": int(window.until.timestamp()) * 1000,
        "pageSize": PAGE_SIZE,
        "currentPage": page.number if page else 1,
        "pcursor": page.cursor if page else "",
    }
    return gateway.call(credentials, "open.seller.order.refund.pcursor.list", parameters, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> AftersalePage | ChannelError:
    """Read one page of requests."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    if found.data is None or found.data.pcursor is None:
        return calls.no_answer("refundOrderInfoList")
    raws = sliced(found.data.refundOrderInfoList) or ()
    next_page = gateway.page_beyond(found.data.pcursor, page)
    return calls.aftersale_page(raws, _aftersale, next_page)


def _aftersale(raw: bytes) -> Aftersale | None:
    row = read_json(_decode_refund, raw)
    if isinstance(row, Problem) or not row.refundId or not row.oid:
        return None
    problems: list[Problem] = []
    amount_fen = fen(row.refundFee, "refundFee", problems)
    modified_at = epoch_ms_time(row.updateTime, "updateTime", problems)
    if problems or amount_fen < 0:
        return None
    status, way = text_of(row.status), text_of(row.handlingWay)
    return Aftersale(
        refund_no=text_of(row.refundId),
        order_no=text_of(row.oid),
        line_id="",  # one item an order
        state=refund_state(status, way),
        raw_state=status,
        amount_fen=amount_fen,
        goods_come_back=way == RETURN_GOODS,
        reason=clean(row.refundReasonDesc),
        modified_at=modified_at,
        version=text_of(row.negotiateStatus),
        phase=way,
    )


def agree_request(
    credentials: Credentials, aftersale: Aftersale, now: datetime
) -> HttpRequest | Unsupported:
    """Agree to give money back for goods that stay, repeating the request's amount and status."""
    numbers = (aftersale.refund_no, aftersale.raw_state)
    if aftersale.phase != REFUND_ONLY or not all(text.isdecimal() for text in numbers):
        return Unsupported(reason=f"after-sales way {aftersale.phase} needs a return address")
    parameters: dict[str, int | str] = {
        "refundId": int(aftersale.refund_no),
        "desc": _DESCRIPTION,
        "refundAmount": aftersale.amount_fen,
        "status": int(aftersale.raw_state),
        "refundHandingWay": int(aftersale.phase),
    }
    if aftersale.version.isdecimal():
        parameters["negotiateStatus"] = int(aftersale.version)
    return gateway.call(
        credentials, "open.seller.order.refund.approve", parameters, now, writes=True
    )


def read_agree_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to an agreement or a refusal."""
    return calls.applied(gateway.opened(answer, _decode_answer))


def refuse_request(
    credentials: Credentials, aftersale: Aftersale, reason: str, now: datetime
) -> HttpRequest | Unsupported:
    """Refuse one request, by a reason of the platform's list and in words."""
    number = calls.refusal_number(credentials)
    if isinstance(number, Unsupported):
        return number
    if not aftersale.refund_no.isdecimal():
        return Unsupported(reason="the request's number is none")
    parameters: dict[str, int | str] = {
        "refundId": int(aftersale.refund_no),
        "reasonCode": number,
        "rejectDesc": reason,
    }
    return gateway.call(credentials, "open.refund.reject", parameters, now, writes=True)


AFTERSALES = Aftersales(
    poll_request=poll_request,
    read_page=read_page,
    agree_request=agree_request,
    read_agree_answer=read_agree_answer,
    refuse_request=refuse_request,
    read_refuse_answer=read_agree_answer,
)
