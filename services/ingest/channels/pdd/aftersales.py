"""Pinduoduo's after-sales: one at a time per order, amounts as text; the platform pays."""

from datetime import datetime, timedelta

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
from services.ingest.channels.pdd import gateway
from services.ingest.channels.pdd.orders import aftersale_state
from services.ingest.domain.model import LineRefundState, Problem

WINDOW_MAX = timedelta(minutes=30)
ALL = "1"  # after_sales_status and after_sales_type
REFUND_ONLY, RETURN_GOODS = "2", "3"  # after_sales_type; the others give no money back
_ASKED_TO_REFUND = "2"  # after_sales_status


class _Refund(msgspec.Struct):
    id: Id = None
    order_sn: Id = None
    after_sales_status: Id = None
    after_sales_type: Id = None
    after_sale_reason: Text = None
    refund_amount: Amount = None
    updated_time: Text = None


class _Listed(msgspec.Struct):
    refund_list: msgspec.Raw = msgspec.Raw()
    total_count: int | None = None


class _ListAnswer(gateway.Envelope):
    refund_increment_get_response: _Listed | None = None


class _Result(msgspec.Struct):
    succ: bool | None = None
    message: Text = None


class _Agreed(msgspec.Struct):
    result: _Result | None = None


class _AgreeAnswer(gateway.Envelope):
    response: _Agreed | None = None


_decode_refund = msgspec.json.Decoder(_Refund).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_agreed = msgspec.json.Decoder(_AgreeAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for requests updated in the window, or in the half hour at its end if it is longer."""
    since = max(window.since, window.until - WINDOW_MAX)
    business = {
        "start_updated_at": str(int(since.timestamp())),
        "end_updated_at": str(int(window.until.timestamp())),
        "after_sales_status": ALL,
        "after_sales_type": ALL,
        "page": str(page.number if page else 1),
        "page_size": str(gateway.PAGE_SIZE),
    }
    return gateway.call(credentials, "pdd.refund.list.increment.get", business, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> AftersalePage | ChannelError:
    """Read one page of requests."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    listed = found.refund_increment_get_response
    if listed is None:
        return calls.no_answer("refund_list")
    raws = sliced(listed.refund_list) or ()
    next_page = calls.page_below(
        page, total=listed.total_count or 0, size=gateway.PAGE_SIZE, first=1
    )
    return calls.aftersale_page(raws, _aftersale, next_page)


def _aftersale(raw: bytes) -> Aftersale | None:
    row = read_json(_decode_refund, raw)
    if isinstance(row, Problem) or not row.id or not row.order_sn:
        return None
    problems: list[Problem] = []
    amount_fen = yuan(row.refund_amount, "refund_amount", problems)
    modified_at = beijing_time(row.updated_time, "updated_time", problems)
    if problems or amount_fen < 0:
        return None
    status, kind = text_of(row.after_sales_status), text_of(row.after_sales_type)
    return Aftersale(
        refund_no=text_of(row.id),
        order_no=text_of(row.order_sn),
        # One line an order as a rule, and lines without numbers: the request is about the order.
        line_id="",
        state=aftersale_state(status) if status else LineRefundState.UNKNOWN,
        raw_state=status,
        amount_fen=amount_fen,
        goods_come_back=kind == RETURN_GOODS,
        reason=clean(row.after_sale_reason),
        modified_at=modified_at,
        version="",
        phase=kind,
    )


def agree_request(
    credentials: Credentials, aftersale: Aftersale, now: datetime
) -> HttpRequest | Unsupported:
    """Agree to give money back for goods that stay; a second call is refused by the platform."""
    if aftersale.phase != REFUND_ONLY or aftersale.raw_state != _ASKED_TO_REFUND:
        return Unsupported(reason=f"after-sales type {aftersale.phase} needs a return address")
    business = {
        "request": msgspec.json.encode(
            {
                "after_sales_id": aftersale.refund_no,
                "order_sn": aftersale.order_no,
            }
        ).decode()
    }
    return gateway.call(credentials, "pdd.refund.agree", business, now)


def read_agree_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to an agreement or a refusal."""
    found = gateway.opened(answer, _decode_agreed)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    result = found.response.result if found.response is not None else None
    if result is None or result.succ is None:
        return Retry(error=calls.no_answer("result"))
    return Applied() if result.succ else Refused(code="succ", reason=clean(result.message))


def refuse_request(
    credentials: Credentials, aftersale: Aftersale, reason: str, now: datetime
) -> HttpRequest | Unsupported:
    """Refuse a request that waits for the seller; told again it is refused, or taken once more."""
    business = {
        "request": msgspec.json.encode(
            {
                "after_sales_id": aftersale.refund_no,
                "order_sn": aftersale.order_no,
                "refuse_reason": reason,
            }
        ).decode()
    }
    return gateway.call(credentials, "pdd.refund.refuse", business, now)


AFTERSALES = Aftersales(
    poll_request=poll_request,
    read_page=read_page,
    agree_request=agree_request,
    read_agree_answer=read_agree_answer,
    refuse_request=refuse_request,
    read_refuse_answer=read_agree_answer,
)
