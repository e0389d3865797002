"""快团团's after-sales requests: read by time of change; the leader answers by hand.

Source: PddKttAfterSalesIncrementListResponse of Pinduoduo's Java SDK, misspelt name included.
"""

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
    epoch_ms_time,
    fen,
    read_json,
    several,
    sliced,
    text_of,
)
from services.ingest.channels.groupbuy import gateway
from services.ingest.channels.groupbuy.orders import AFTERSALES as STATES
from services.ingest.domain.model import LineRefundState, Problem

_RETURN_GOODS = "1"


class _Part(msgspec.Struct):
    refund_amount: Amount = None
    sub_order_sn: Id = None


class _Apply(msgspec.Struct):
    description: Text = None
    reason: Text = None
    refund_amount: Amount = None
    sub_extensions: list[_Part] | _Part | None = None


class _Request(msgspec.Struct):
    after_sales_biz_sn: Id = None
    after_sales_status: Id = None
    apply_type: Id = None
    order_sn: Id = None
    updated_at: Id = None
    apply_extension: _Apply | None = None


class _Listed(msgspec.Struct):
    has_next: bool | None = None
    rows: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="list")


class _ListAnswer(gateway.Envelope):
    ktt_after_sales_incermet_list_response: _Listed | None = None


_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_request = msgspec.json.Decoder(_Request).decode
_decode_answer = msgspec.json.Decoder(gateway.Envelope).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for requests updated in the window."""
    business = {
        "start_updated_at": gateway.milliseconds(window.since),
        "end_updated_at": gateway.milliseconds(window.until),
        "page_number": str(page.number if page else 1),
        "page_size": str(gateway.PAGE_SIZE),
    }
    return gateway.call(credentials, "pdd.ktt.after.sales.increment.list", business, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> AftersalePage | ChannelError:
    """Read one page of requests; there is no total, so pages are read forwards."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    listed = found.ktt_after_sales_incermet_list_response
    raws = sliced(listed.rows) if listed is not None else None
    if listed is None or (raws is None and listed.has_next is None):
        return calls.no_answer("list")
    raws = raws or ()
    number = page.number if page else 1
    next_page = PageToken(number=number + 1) if listed.has_next else None
    return calls.aftersale_page(raws, _aftersale, next_page)


def _aftersale(body: bytes) -> Aftersale | None:
    asked = read_json(_decode_request, body)
    if isinstance(asked, Problem):
        return None
    problems: list[Problem] = []
    apply = asked.apply_extension or _Apply()
    amount_fen = fen(apply.refund_amount, "refund_amount", problems)
    refund_no, order_no = text_of(asked.after_sales_biz_sn), text_of(asked.order_sn)
    modified_at = _moment(asked.updated_at, problems)
    if problems or not refund_no or not order_no or amount_fen < 0:
        return None
    parts = several(apply.sub_extensions)
    status = text_of(asked.after_sales_status)
    return Aftersale(
        refund_no=refund_no,
        order_no=order_no,
        line_id=text_of(parts[0].sub_order_sn) if len(parts) == 1 else "",
        state=STATES.get(status or "?", LineRefundState.UNKNOWN),
        raw_state=status,
        amount_fen=amount_fen,
        goods_come_back=text_of(asked.apply_type) == _RETURN_GOODS,
        reason=clean(apply.reason) or clean(apply.description),
        modified_at=modified_at,
        version="",
        phase="",
    )


def _moment(value: Id, problems: list[Problem]) -> datetime | None:
    """Read a time which the documents call text: milliseconds, or a date of Beijing."""
    text = text_of(value)
    if "-" in text:
        return beijing_time(text, "updated_at", problems)
    return epoch_ms_time(text, "updated_at", problems)


def agree_request(
    credentials: Credentials, aftersale: Aftersale, now: datetime
) -> HttpRequest | Unsupported:
    """Refuse: 快团团 has no call with which to agree."""
    del credentials, aftersale, now
    return Unsupported(reason="the leader agrees in the app")


def refuse_request(
    credentials: Credentials, aftersale: Aftersale, reason: str, now: datetime
) -> HttpRequest | Unsupported:
    """Refuse: 快团团 has no call with which to answer a request."""
    del credentials, aftersale, reason, now
    return Unsupported(reason="the leader answers in the app")


def read_agree_answer(answer: HttpAnswer) -> WriteBack:
    """Read an answer to what cannot be asked."""
    found = gateway.opened(answer, _decode_answer)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    return Retry(error=calls.no_answer("agreement"))


AFTERSALES = Aftersales(
    poll_request=poll_request,
    read_page=read_page,
    agree_request=agree_request,
    read_agree_answer=read_agree_answer,
    refuse_request=refuse_request,
    read_refuse_answer=read_agree_answer,
)
