"""Taobao's refund requests: one per sub-order; the platform pays, the seller agrees."""

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
    read_json,
    text_of,
    yuan,
)
from services.ingest.channels.taobao import gateway
from services.ingest.channels.taobao.orders import refund_state
from services.ingest.domain.model import Problem

FIELDS = (
    "refund_id,tid,oid,status,has_good_return,refund_fee,modified,reason,refund_phase,"
    "refund_version"
)


class _Refund(msgspec.Struct):
    refund_id: Id = None
    tid: Id = None
    oid: Id = None
    status: Text = None
    has_good_return: bool | None = None
    refund_fee: Amount = None
    modified: Text = None
    reason: Text = None
    refund_phase: Text = None
    refund_version: Id = None


class _Refunds(msgspec.Struct):
    refund: list[msgspec.Raw] | None = None


class _Listed(msgspec.Struct):
    total_results: int | None = None
    has_next: bool | None = None
    refunds: _Refunds | None = None


class _ListAnswer(gateway.Envelope):
    refunds_receive_get_response: _Listed | None = None


class _Mapped(msgspec.Struct):
    message: Text = None


class _Results(msgspec.Struct):
    refund_mapping_result: list[_Mapped] | None = None


class _Agreed(msgspec.Struct):
    succ: bool | None = None
    msg_code: Text = None
    message: Text = None
    results: _Results | None = None


class _AgreeAnswer(gateway.Envelope):
    rp_refunds_agree_response: _Agreed | None = None


class _Refused(msgspec.Struct):
    is_success: bool | None = None
    refund: _Refund | None = None


class _RefuseAnswer(gateway.Envelope):
    refund_refuse_response: _Refused | None = None


_decode_refund = msgspec.json.Decoder(_Refund).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_agreed = msgspec.json.Decoder(_AgreeAnswer).decode
_decode_refused = msgspec.json.Decoder(_RefuseAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for refund requests modified in the window, paging like trades."""
    business = {
        "fields": FIELDS,
        "start_modified": beijing_text(window.since),
        "end_modified": beijing_text(window.until),
        "page_no": str(page.number if page else 1),
        "page_size": str(gateway.PAGE_SIZE),
        "use_has_next": "false",
    }
    return gateway.call(credentials, "taobao.refunds.receive.get", business, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> AftersalePage | ChannelError:
    """Read one page of refund requests."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    listed = found.refunds_receive_get_response
    if listed is None:
        return calls.no_answer("refunds")
    raws = (listed.refunds and listed.refunds.refund) or []
    next_page = calls.below_or_beyond(
        page,
        total=listed.total_results,
        has_next=listed.has_next,
        size=gateway.PAGE_SIZE,
        first=1,
    )
    return calls.aftersale_page(raws, _aftersale, next_page)


def _aftersale(raw: msgspec.Raw) -> Aftersale | None:
    row = read_json(_decode_refund, bytes(raw))
    if isinstance(row, Problem) or not row.refund_id or not row.tid:
        return None
    problems: list[Problem] = []
    amount_fen = yuan(row.refund_fee, "refund_fee", problems)
    modified_at = beijing_time(row.modified, "modified", problems)
    if problems or amount_fen < 0:
        return None
    return Aftersale(
        refund_no=text_of(row.refund_id),
        order_no=text_of(row.tid),
        line_id=text_of(row.oid),
        state=refund_state(row.status),
        raw_state=clean(row.status),
        amount_fen=amount_fen,
        goods_come_back=bool(row.has_good_return),
        reason=clean(row.reason),
        modified_at=modified_at,
        version=text_of(row.refund_version),
        phase=clean(row.refund_phase),
    )


def agree_request(
    credentials: Credentials, aftersale: Aftersale, now: datetime
) -> HttpRequest | Unsupported:
    """Agree to one refund, repeating its amount in fen, its version and its phase.

    A second call with the same version is refused by TOP once the refund has moved on.
    """
    if not aftersale.version:
        return Unsupported(reason="the refund carries no version")
    parts = (
        aftersale.refund_no,
        str(aftersale.amount_fen),
        aftersale.version,
        aftersale.phase,
    )
    business = {"refund_infos": "|".join([part for part in parts if part])}
    return gateway.call(credentials, "taobao.rp.refunds.agree", business, now)


def read_agree_answer(answer: HttpAnswer) -> WriteBack:
    """Read an agreement's answer."""
    found = gateway.opened(answer, _decode_agreed)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    agreed = found.rp_refunds_agree_response
    if agreed is None or agreed.succ is None:
        return Retry(error=calls.no_answer("result"))
    if agreed.succ:
        return Applied()
    mapped = (agreed.results and agreed.results.refund_mapping_result) or ()
    reasons = [clean(agreed.message), *(clean(one.message) for one in mapped)]
    return Refused(code=clean(agreed.msg_code), reason=" ".join(filter(None, reasons)))


def refuse_request(
    credentials: Credentials, aftersale: Aftersale, reason: str, now: datetime
) -> HttpRequest | Unsupported:
    """Refuse one refund with a message; TOP takes no refusal before the goods have left."""
    business = {
        "refund_id": aftersale.refund_no,
        "refuse_message": reason,
        "tid": aftersale.order_no,
        "oid": aftersale.line_id,
        "refund_phase": aftersale.phase,
        "refund_version": aftersale.version,
        "refuse_reason_id": credentials.refusal_code,
    }
    given = {name: value for name, value in business.items() if value}
    return gateway.call(credentials, "taobao.refund.refuse", given, now)


def read_refuse_answer(answer: HttpAnswer) -> WriteBack:
    """Read a refusal's answer: the refund, or no more than that it was refused."""
    found = gateway.opened(answer, _decode_refused)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    refused = found.refund_refuse_response
    if refused is None or (refused.is_success is None and refused.refund is None):
        return Retry(error=calls.no_answer("refund"))
    if refused.is_success is False:
        return Refused(code="is_success", reason="false")
    return Applied()


AFTERSALES = Aftersales(
    poll_request=poll_request,
    read_page=read_page,
    agree_request=agree_request,
    read_agree_answer=read_agree_answer,
    refuse_request=refuse_request,
    read_refuse_answer=read_refuse_answer,
)
