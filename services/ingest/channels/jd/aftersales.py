"""JD's refund requests before shipping (refundapply): about whole orders; JD pays after approval."""

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
    beijing_text,
    beijing_time,
    clean,
    fen,
    read_json,
    text_of,
    yuan,
)
from services.ingest.channels.jd import gateway
from services.ingest.domain.model import LineRefundState, Problem

R = LineRefundState
PAGE_SIZE = 50
# 0 waiting, 1 approved, 2 not approved, 3 paid, 4 payment not approved, 5 approved by hand,
# 6 and 7 intercepted and refunded, 8 interception failed, 9 closed by force and refunded,
# 10 waiting for the carrier, 11 withdrawn by the buyer, 18 closed by agreement.
STATES = {
    "0": R.REQUESTED,
    "1": R.RETURNING,
    "2": R.REFUSED,
    "3": R.REFUNDED,
    "4": R.REFUSED,
    "5": R.RETURNING,
    "6": R.REFUNDED,
    "7": R.REFUNDED,
    "8": R.REFUSED,
    "9": R.REFUNDED,
    "10": R.RETURNING,
    "11": R.WITHDRAWN,
    "18": R.WITHDRAWN,
}
APPROVED, DISAPPROVED = "1", "2"
NOT_SHIPPED = "2"


class _Refund(msgspec.Struct):
    id: Id = None
    orderId: Id = None  # noqa: N815 — the wire's names, here and below
    status: Id = None
    applyRefundSum: Amount = None  # noqa: N815
    applyTime: Text = None  # noqa: N815
    checkTime: Text = None  # noqa: N815
    reason: Text = None


class _Result(gateway.ApiResult):
    result: list[msgspec.Raw] | None = None
    totalCount: int | None = None  # noqa: N815


class _Query(msgspec.Struct):
    queryResult: _Result | None = None  # noqa: N815


class _ListAnswer(gateway.Envelope):
    jingdong_pop_afs_soa_refundapply_queryPageList_responce: _Query | None = None  # noqa: N815


class _Reply(msgspec.Struct):
    replyResult: gateway.ApiResult | None = None  # noqa: N815


class _ReplyAnswer(gateway.Envelope):
    jingdong_pop_afs_soa_refundapply_replyRefund_responce: _Reply | None = None  # noqa: N815


_decode_refund = msgspec.json.Decoder(_Refund).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_reply = msgspec.json.Decoder(_ReplyAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for refund requests made in the window (JD filters by the time of asking)."""
    business = {
        "applyTimeStart": beijing_text(window.since),
        "applyTimeEnd": beijing_text(window.until),
        "pageIndex": str(page.number if page else 1),
        "pageSize": str(PAGE_SIZE),
    }
    return gateway.call(
        credentials, "jingdong.pop.afs.soa.refundapply.queryPageList", business, now
    )


def read_page(answer: HttpAnswer, page: PageToken | None) -> AftersalePage | ChannelError:
    """Read one page of refund requests."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    query = found.jingdong_pop_afs_soa_refundapply_queryPageList_responce
    if query is None or query.queryResult is None:
        return calls.no_answer("queryResult")
    result = query.queryResult
    if not result.well:
        return gateway.result_fault(result)
    raws = result.result or []
    next_page = calls.page_below(page, total=result.totalCount or 0, size=PAGE_SIZE, first=1)
    return calls.aftersale_page(raws, _aftersale, next_page)


def _aftersale(raw: msgspec.Raw) -> Aftersale | None:
    row = read_json(_decode_refund, bytes(raw))
    if isinstance(row, Problem) or row.id is None or row.orderId is None:
        return None
    problems: list[Problem] = []
    # Older documents give the sum in fen; a text with a point can only be yuan.
    money = row.applyRefundSum
    in_yuan = isinstance(money, float) or (isinstance(money, str) and "." in money)
    amount_fen = (yuan if in_yuan else fen)(money, "applyRefundSum", problems)
    asked_at = beijing_time(row.applyTime, "applyTime", problems)
    checked_at = beijing_time(row.checkTime, "checkTime", problems)
    if problems or amount_fen < 0:
        return None
    status = text_of(row.status)
    return Aftersale(
        refund_no=text_of(row.id),
        order_no=text_of(row.orderId),
        line_id="",
        state=STATES.get(status, R.UNKNOWN),
        raw_state=status,
        amount_fen=amount_fen,
        goods_come_back=False,
        reason=clean(row.reason),
        modified_at=checked_at or asked_at,
        version="",
        phase="onsale",
    )


def detail_request(credentials: Credentials, refund_no: str, now: datetime) -> HttpRequest:
    """Ask for one request, whenever it was made."""
    business = {"ids": refund_no, "pageIndex": "1", "pageSize": str(PAGE_SIZE)}
    return gateway.call(
        credentials, "jingdong.pop.afs.soa.refundapply.queryPageList", business, now
    )


def read_detail(answer: HttpAnswer) -> Aftersale | ChannelError:
    """Read one request: a page of one."""
    page = read_page(answer, None)
    if isinstance(page, ChannelError):
        return page
    return page.aftersales[0] if len(page.aftersales) == 1 else calls.no_answer("one request")


def agree_request(
    credentials: Credentials, aftersale: Aftersale, now: datetime
) -> HttpRequest | Unsupported:
    """Approve one request; a second call is refused by JD as already handled."""
    return _reply(credentials, aftersale, APPROVED, "同意退款", now)


def refuse_request(
    credentials: Credentials, aftersale: Aftersale, reason: str, now: datetime
) -> HttpRequest | Unsupported:
    """Disapprove one request; a second call is refused by JD as already handled."""
    return _reply(credentials, aftersale, DISAPPROVED, reason, now)


def _reply(
    credentials: Credentials, aftersale: Aftersale, status: str, remark: str, now: datetime
) -> HttpRequest:
    business = {
        "id": aftersale.refund_no,
        "status": status,
        "checkUserName": "danshu",
        "remark": remark,
        "outWareStatus": NOT_SHIPPED,
    }
    return gateway.call(credentials, "jingdong.pop.afs.soa.refundapply.replyRefund", business, now)


def read_reply_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to an approval or a disapproval."""
    found = gateway.opened(answer, _decode_reply)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    reply = found.jingdong_pop_afs_soa_refundapply_replyRefund_responce
    if reply is None or reply.replyResult is None:
        return Retry(error=calls.no_answer("replyResult"))
    if reply.replyResult.well:
        return Applied()
    fault = gateway.result_fault(reply.replyResult)
    if gateway.worth_another_try(fault):
        return Retry(error=fault)
    return Refused(code=fault.code, reason=fault.detail)


AFTERSALES = Aftersales(
    poll_request=poll_request,
    read_page=read_page,
    listed_by_asking=True,
    pays_after_agreeing=True,
    detail_request=detail_request,
    read_detail=read_detail,
    agree_request=agree_request,
    read_agree_answer=read_reply_answer,
    refuse_request=refuse_request,
    read_refuse_answer=read_reply_answer,
)
