"""Youzan's after-sales requests: search by update time, agree with the version last seen.

Source: Youzan's documentation of youzan.trade.refund.search and .agree, 3.0.1. Money is yuan; the
times asked for are seconds, those answered texts of Beijing.
"""

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
    Retry,
    Unsupported,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import (
    Amount,
    Id,
    Text,
    beijing_time,
    clean,
    read_json,
    sliced,
    text_of,
    yuan,
)
from services.ingest.channels.youzan import gateway
from services.ingest.domain.model import LineRefundState, Problem

R = LineRefundState
STATES = {
    "WAIT_SELLER_AGREE": R.REQUESTED,
    "WAIT_BUYER_RETURN_GOODS": R.RETURNING,
    "WAIT_SELLER_CONFIRM_GOODS": R.RETURNING,
    "SELLER_REFUSE_BUYER": R.REFUSED,
    "SELLER_REFUSE_BUYER_RETURN_GOODS": R.REFUSED,
    "CLOSED": R.WITHDRAWN,
    "SUCCESS": R.REFUNDED,
}
_EXCHANGE = "3"


class _Refund(msgspec.Struct):
    refund_id: Id = None
    tid: Id = None
    oid: Id = None
    status: Text = None
    return_goods: bool | None = None
    demand: Id = None
    refund_fee: Amount = None
    modified: Text = None
    reason: Id = None
    version: Id = None


class _Listed(msgspec.Struct):
    refunds: msgspec.Raw = msgspec.Raw()
    total: int | None = None


class _ListAnswer(gateway.Envelope):
    data: _Listed | None = None


class _DetailAnswer(gateway.Envelope):
    data: _Refund | None = None


class _Result(msgspec.Struct):
    is_success: bool | None = None


class _AgreeAnswer(gateway.Envelope):
    data: _Result | bool | None = None


_decode_refund = msgspec.json.Decoder(_Refund).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_agreed = msgspec.json.Decoder(_AgreeAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for requests updated in the window."""
    del now
    parameters = {
        "update_time_start": gateway.seconds(window.since),
        "update_time_end": gateway.seconds(window.until),
        "page_no": page.number if page else 1,
        "page_size": gateway.PAGE_SIZE,
    }
    return gateway.call(credentials, "youzan.trade.refund.search", "3.0.1", parameters)


def read_page(answer: HttpAnswer, page: PageToken | None) -> AftersalePage | ChannelError:
    """Read one page of requests."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    raws = sliced(found.data.refunds) if found.data is not None else None
    if found.data is None or (raws is None and found.data.total is None):
        return calls.no_answer("refunds")
    raws = raws or ()
    next_page = calls.page_below(page, total=found.data.total or 0, size=gateway.PAGE_SIZE, first=1)
    return calls.aftersale_page(raws, _aftersale, next_page)


def _aftersale(body: bytes) -> Aftersale | None:
    refund = read_json(_decode_refund, body)
    return None if isinstance(refund, Problem) else _read(refund)


def _read(refund: _Refund) -> Aftersale | None:
    problems: list[Problem] = []
    amount_fen = yuan(refund.refund_fee, "refund_fee", problems)
    modified_at = beijing_time(refund.modified, "modified", problems)
    refund_no, order_no = text_of(refund.refund_id), text_of(refund.tid)
    if problems or not refund_no or not order_no or amount_fen < 0:
        return None
    state = STATES.get(clean(refund.status), R.UNKNOWN)
    exchange = text_of(refund.demand) == _EXCHANGE
    if exchange and state in {R.REQUESTED, R.RETURNING}:
        state = R.EXCHANGING
    elif exchange and state is R.REFUNDED:
        state = R.EXCHANGED
    return Aftersale(
        refund_no=refund_no,
        order_no=order_no,
        line_id=text_of(refund.oid),
        state=state,
        raw_state=clean(refund.status),
        amount_fen=amount_fen,
        goods_come_back=bool(refund.return_goods),
        reason=text_of(refund.reason),
        modified_at=modified_at,
        version=text_of(refund.version),
        phase="",
    )


def detail_request(credentials: Credentials, refund_no: str, now: datetime) -> HttpRequest:
    """Ask for one request."""
    del now
    return gateway.call(credentials, "youzan.trade.refund.get", "3.0.0", {"refund_id": refund_no})


def read_detail(answer: HttpAnswer) -> Aftersale | ChannelError:
    """Read one request."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    return (found.data and _read(found.data)) or calls.no_answer("refund")


def agree_request(
    credentials: Credentials, aftersale: Aftersale, now: datetime
) -> HttpRequest | Unsupported:
    """Agree to pay back; a second call with the same version is refused once the request moved on.

    That goods may come back is another call, whose parameters are not documented publicly.
    """
    del now
    if not aftersale.version:
        return Unsupported(reason="the request carries no version")
    if aftersale.goods_come_back and aftersale.raw_state == "WAIT_SELLER_AGREE":
        return Unsupported(reason="agreeing to a return has no documented call")
    parameters: dict[str, object] = {
        "refund_id": aftersale.refund_no,
        "version": int(aftersale.version) if aftersale.version.isdecimal() else 0,
    }
    return gateway.call(credentials, "youzan.trade.refund.agree", "3.0.1", parameters)


def read_agree_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to an agreement or a refusal."""
    found = gateway.opened(answer, _decode_agreed)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    agreed = found.data.is_success if isinstance(found.data, _Result) else found.data
    if agreed is None:
        return Retry(error=calls.no_answer("is_success"))
    return Applied() if agreed else Refused(code="is_success", reason="false")


def refuse_request(
    credentials: Credentials, aftersale: Aftersale, reason: str, now: datetime
) -> HttpRequest | Unsupported:
    """Refuse to pay back, with the version last seen and a remark.

    A second call with the same version is refused once the request moved on.
    """
    del now
    if not aftersale.version.isdecimal():
        return Unsupported(reason="the request carries no version")
    parameters: dict[str, object] = {
        "refund_id": aftersale.refund_no,
        "version": int(aftersale.version),
        "remark": reason,
    }
    return gateway.call(credentials, "youzan.trade.refund.refuse", "3.0.0", parameters)


AFTERSALES = Aftersales(
    poll_request=poll_request,
    read_page=read_page,
    agree_request=agree_request,
    read_agree_answer=read_agree_answer,
    refuse_request=refuse_request,
    read_refuse_answer=read_agree_answer,
    detail_request=detail_request,
    read_detail=read_detail,
)
