"""WeChat shop's after-sales: a list names requests, each is fetched; status is a word."""

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
    epoch_time,
    fen,
    text_of,
)
from services.ingest.channels.wechat_channels import gateway
from services.ingest.channels.wechat_channels.orders import line_key, numbers
from services.ingest.domain.model import LineRefundState, Problem

R = LineRefundState
REFUND_ONLY, RETURN_GOODS = "REFUND", "RETURN"
STATES = {
    "USER_CANCELD": R.WITHDRAWN,
    "MERCHANT_PROCESSING": R.REQUESTED,
    "MERCHANT_REJECT_REFUND": R.REFUSED,
    "MERCHANT_REJECT_RETURN": R.REFUSED,
    "USER_WAIT_RETURN": R.RETURNING,
    "RETURN_CLOSED": R.WITHDRAWN,
    "MERCHANT_WAIT_RECEIPT": R.RETURNING,
    "MERCHANT_OVERDUE_REFUND": R.REQUESTED,
    "MERCHANT_REFUND_SUCCESS": R.REFUNDED,
    "MERCHANT_RETURN_SUCCESS": R.REFUNDED,
    "PLATFORM_REFUNDING": R.RETURNING,
    "PLATFORM_REFUND_FAIL": R.REQUESTED,
    "USER_WAIT_CONFIRM": R.REQUESTED,
    "MERCHANT_REFUND_RETRY_FAIL": R.WITHDRAWN,
    "MERCHANT_FAIL": R.WITHDRAWN,
    "USER_WAIT_CONFIRM_UPDATE": R.REQUESTED,
    "USER_WAIT_HANDLE_MERCHANT_AFTER_SALE": R.REQUESTED,
    "WAIT_PACKAGE_INTERCEPT": R.RETURNING,
    "MERCHANT_REJECT_EXCHANGE": R.REFUSED,
    "MERCHANT_REJECT_RESHIP": R.REFUSED,
    "USER_WAIT_RECEIPT": R.EXCHANGING,
    "MERCHANT_EXCHANGE_SUCCESS": R.EXCHANGED,
}
_ASKED = "MERCHANT_PROCESSING"


class _ListAnswer(gateway.Envelope):
    after_sale_order_id_list: list[int | str] | int | str | None = None
    has_more: bool | None = None
    next_key: Text = None


class _Product(msgspec.Struct):
    product_id: Id = None
    sku_id: Id = None


class _RefundInfo(msgspec.Struct):
    amount: Amount = None


class _Asked(msgspec.Struct):
    after_sale_order_id: Id = None
    order_id: Id = None
    status: Text = None
    type: Text = None
    reason_text: Text = None
    update_time: Seconds = None
    product_info: _Product | None = None
    refund_info: _RefundInfo | None = None


class _DetailAnswer(gateway.Envelope):
    after_sale_order: _Asked | None = None


_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_answer = msgspec.json.Decoder(gateway.Envelope).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for requests updated in the window; the same filters stay on every page."""
    parameters: dict[str, int | str] = {
        "begin_update_time": int(window.since.timestamp()),
        "end_update_time": int(window.until.timestamp()),
    }
    if page is not None:
        parameters["next_key"] = page.cursor
    return gateway.call(credentials, "aftersale/getaftersalelist", parameters, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> AftersalePage | ChannelError:
    """Read one page, which names its requests only."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    if found.after_sale_order_id_list is None:
        return calls.no_answer("after_sale_order_id_list")
    next_page = page_after(page, next_key=found.next_key, has_more=found.has_more)
    if isinstance(next_page, ChannelError):
        return next_page
    return AftersalePage(
        aftersales=(),
        unreadable=0,
        next_page=next_page,
        detail_needed=tuple(filter(None, numbers(found.after_sale_order_id_list))),
    )


def page_after(
    asked: PageToken | None, *, next_key: Text, has_more: bool | None
) -> PageToken | ChannelError | None:
    """Return the next page; more without a new key would be read for ever."""
    if not has_more:
        return None
    key = clean(next_key)
    if not key or (asked is not None and asked.cursor == key):
        return calls.no_answer("new next_key")
    return PageToken(number=(asked.number if asked else 1) + 1, cursor=key)


def detail_request(credentials: Credentials, refund_no: str, now: datetime) -> HttpRequest:
    """Ask for one request."""
    parameters = {"after_sale_order_id": refund_no}
    return gateway.call(credentials, "aftersale/getaftersaleorder", parameters, now)


def read_detail(answer: HttpAnswer) -> Aftersale | ChannelError:
    """Read one request."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    asked = found.after_sale_order
    if asked is None or not asked.after_sale_order_id or not asked.order_id:
        return calls.no_answer("after_sale_order")
    problems: list[Problem] = []
    amount = asked.refund_info.amount if asked.refund_info is not None else None
    amount_fen = fen(amount, "refund_info.amount", problems)
    modified_at = epoch_time(asked.update_time, "update_time", problems)
    if problems or amount_fen < 0:
        return calls.no_answer("readable after_sale_order")
    product = asked.product_info
    return Aftersale(
        refund_no=text_of(asked.after_sale_order_id),
        order_no=text_of(asked.order_id),
        # The first line of this SKU: a second one of the same SKU cannot be told apart.
        line_id=f"{line_key(product.product_id, product.sku_id)}-1" if product else "",
        state=STATES.get(clean(asked.status), R.UNKNOWN),
        raw_state=clean(asked.status),
        amount_fen=amount_fen,
        goods_come_back=clean(asked.type) == RETURN_GOODS,
        reason=clean(asked.reason_text),
        modified_at=modified_at,
        version="",
        phase=clean(asked.type),
    )


def agree_request(
    credentials: Credentials, aftersale: Aftersale, now: datetime
) -> HttpRequest | Unsupported:
    """Agree to give money back for goods that stay; a return needs an address, an exchange goods."""
    if aftersale.phase != REFUND_ONLY or aftersale.raw_state != _ASKED:
        return Unsupported(reason=f"after-sales type {aftersale.phase} needs a return address")
    parameters = {"after_sale_order_id": aftersale.refund_no}
    return gateway.call(credentials, "aftersale/acceptapply", parameters, now)


def read_agree_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to an agreement or a refusal."""
    return calls.applied(gateway.opened(answer, _decode_answer))


def refuse_request(
    credentials: Credentials, aftersale: Aftersale, reason: str, now: datetime
) -> HttpRequest | Unsupported:
    """Refuse a request that waits for the seller."""
    if aftersale.raw_state != _ASKED:
        return Unsupported(reason=f"a request in {aftersale.raw_state} is past refusing")
    parameters: dict[str, int | str] = {
        "after_sale_order_id": aftersale.refund_no,
        "reject_reason": reason,
    }
    if credentials.refusal_code.isdecimal():
        parameters["reject_reason_type"] = int(credentials.refusal_code)
    return gateway.call(credentials, "aftersale/rejectapply", parameters, now)


AFTERSALES = Aftersales(
    poll_request=poll_request,
    read_page=read_page,
    agree_request=agree_request,
    read_agree_answer=read_agree_answer,
    refuse_request=refuse_request,
    read_refuse_answer=read_agree_answer,
    names_only=True,
    detail_request=detail_request,
    read_detail=read_detail,
)
