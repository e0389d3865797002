"""Xiaohongshu's after-sales: amounts in yuan as JSON numbers, times in milliseconds."""

from datetime import datetime, timedelta

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
    read_json,
    sliced,
    text_of,
    yuan,
)
from services.ingest.channels.xiaohongshu import gateway
from services.ingest.domain.model import OPEN_REFUNDS, LineRefundState, Problem

R = LineRefundState
BY_UPDATE = 2
WINDOW_MAX = timedelta(minutes=30)
PAGE_SIZE = 50
AGREE, REFUSE = 1, 3
RETURN_GOODS, EXCHANGE = "1", "2"
_REFUND_ONLY = frozenset({"3", "4", "5"})
STATES = {
    "1": R.REQUESTED,
    "2": R.RETURNING,
    "3": R.RETURNING,
    "4": R.REFUNDED,
    "5": R.WITHDRAWN,
    "6": R.WITHDRAWN,
    "9": R.REFUSED,
    "9001": R.REFUSED,
    "11": R.REQUESTED,
    "12": R.EXCHANGING,
    "13": R.EXCHANGING,
    "14": R.REQUESTED,
}
_ASKED = "1"


class _Asked(msgspec.Struct):
    returnsId: Id = None  # noqa: N815 — the wire's names, here and below
    orderId: Id = None  # noqa: N815
    returnType: Id = None  # noqa: N815
    status: Id = None
    reasonNameZh: Text = None  # noqa: N815
    updatedAt: Seconds = None  # noqa: N815
    expectedRefundAmountYuan: Amount = None  # noqa: N815


class _Listed(msgspec.Struct):
    afterSaleBasicInfos: msgspec.Raw = msgspec.Raw()  # noqa: N815
    totalCount: int | None = None  # noqa: N815


class _ListAnswer(gateway.Envelope):
    data: _Listed | None = None


_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_answer = msgspec.json.Decoder(gateway.Envelope).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for requests updated in the window, or in the half hour at its end if it is longer."""
    since = max(window.since, window.until - WINDOW_MAX)
    parameters: dict[str, gateway.Parameter] = {
        "pageNo": page.number if page else 1,
        "pageSize": PAGE_SIZE,
        "startTime": int(since.timestamp()) * 1000,
        "endTime": int(window.until.timestamp()) * 1000,
        "timeType": BY_UPDATE,
    }
    return gateway.call(credentials, "afterSale.listAfterSaleInfos", parameters, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> AftersalePage | ChannelError:
    """Read one page of requests."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    if found.data is None:
        return calls.no_answer("afterSaleBasicInfos")
    raws = sliced(found.data.afterSaleBasicInfos) or ()
    next_page = calls.page_below(page, total=found.data.totalCount or 0, size=PAGE_SIZE, first=1)
    return calls.aftersale_page(raws, _aftersale, next_page)


def _aftersale(raw: bytes) -> Aftersale | None:
    row = read_json(_decode_asked, raw)
    if isinstance(row, Problem) or not row.returnsId or not row.orderId:
        return None
    problems: list[Problem] = []
    # What is asked for; what is given back the platform decides.
    amount_fen = yuan(row.expectedRefundAmountYuan, "expectedRefundAmountYuan", problems)
    modified_at = epoch_ms_time(row.updatedAt, "updatedAt", problems)
    if problems or amount_fen < 0:
        return None
    kind, status = text_of(row.returnType), text_of(row.status)
    return Aftersale(
        refund_no=text_of(row.returnsId),
        order_no=text_of(row.orderId),
        line_id="",
        state=aftersale_state(status, kind),
        raw_state=status,
        amount_fen=amount_fen,
        goods_come_back=kind == RETURN_GOODS,
        reason=clean(row.reasonNameZh),
        modified_at=modified_at,
        version="",
        phase=kind,
    )


def aftersale_state(status: str, kind: str) -> LineRefundState:
    """Return where a request stands; an unknown status counts as open."""
    state = STATES.get(status, R.UNKNOWN)
    if kind != EXCHANGE or state is R.UNKNOWN:
        return state
    if state is R.REFUNDED:
        return R.EXCHANGED
    return R.EXCHANGING if state in OPEN_REFUNDS else state


def agree_request(
    credentials: Credentials, aftersale: Aftersale, now: datetime
) -> HttpRequest | Unsupported:
    """Agree to give money back for goods that stay; a second call finds it no longer waiting."""
    if aftersale.phase not in _REFUND_ONLY or aftersale.raw_state != _ASKED:
        return Unsupported(reason=f"after-sales type {aftersale.phase} needs a return address")
    parameters: dict[str, gateway.Parameter] = {"returnsId": aftersale.refund_no, "action": AGREE}
    return gateway.call(credentials, "afterSale.auditReturns", parameters, now)


def read_agree_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to an agreement or a refusal."""
    return calls.applied(gateway.opened(answer, _decode_answer))


def refuse_request(
    credentials: Credentials, aftersale: Aftersale, reason: str, now: datetime
) -> HttpRequest | Unsupported:
    """Refuse a request that waits for the seller, by a reason of the platform's list and in words."""
    if aftersale.raw_state != _ASKED:
        return Unsupported(reason=f"a request in status {aftersale.raw_state} is past refusing")
    number = calls.refusal_number(credentials)
    if isinstance(number, Unsupported):
        return number
    parameters: dict[str, gateway.Parameter] = {
        "returnsId": aftersale.refund_no,
        "action": REFUSE,
        "reason": number,
        "description": reason,
    }
    return gateway.call(credentials, "afterSale.auditReturns", parameters, now)


AFTERSALES = Aftersales(
    poll_request=poll_request,
    read_page=read_page,
    agree_request=agree_request,
    read_agree_answer=read_agree_answer,
    refuse_request=refuse_request,
    read_refuse_answer=read_agree_answer,
)
