"""Taobao and Tmall over TOP: lists are hints, each trade's fullinfo answer is the evidence.

Sources: TOP documentation as quoted by public SDKs (samzong/taobao-openapi, bububa/opentaobao).
"""

import re
from datetime import datetime, timedelta

import msgspec

from chassis.signatures import SignatureVector
from services.ingest.channels import (
    Applied,
    Channel,
    ChannelError,
    Credentials,
    HttpAnswer,
    HttpRequest,
    NewWaybill,
    Page,
    PageToken,
    PartialRow,
    PollWindow,
    RawOrder,
    Refused,
    Retry,
    Shipment,
    ToldParcel,
    Unsupported,
    Waybills,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import (
    Id,
    Moment,
    Text,
    beijing_text,
    beijing_time,
    read_json,
    sliced,
    text_of,
)
from services.ingest.channels.taobao import gateway
from services.ingest.channels.taobao.aftersales import AFTERSALES
from services.ingest.channels.taobao.extension import TaobaoExtension
from services.ingest.channels.taobao.orders import normalise
from services.ingest.channels.taobao.stock import STOCK
from services.ingest.domain.model import Problem

# Left to its default the list leaves presale (step) and some other trades out.
TRADE_TYPES = (
    "fixed,auction,guarantee_trade,auto_delivery,ec,cod,step,o2o_offlinetrade,tmall_i18n,"
    "independent_simple_trade,independent_shop_trade,game_equipment,fenxiao,netcn_trade"
)
LIST_FIELDS = "tid,status,payment,modified,created,type"
DETAIL_FIELDS = (
    "tid,tid_str,status,type,step_trade_status,step_paid_fee,payment,post_fee,total_fee,adjust_fee,"
    "created,pay_time,modified,consign_time,end_time,est_con_time,seller_nick,buyer_open_uid,"
    "receiver_name,receiver_mobile,receiver_phone,receiver_state,receiver_city,receiver_district,"
    "receiver_town,receiver_address,oaid,buyer_message,seller_memo,seller_flag,promotion_details,"
    "orders,trade_from,o2o_guide_id,platform_subsidy_fee,coupon_fee"
)
CARRIERS = {
    "SF": "SF",
    "YTO": "YTO",
    "ZTO": "ZTO",
    "STO": "STO",
    "YUNDA": "YUNDA",
    "EMS": "EMS",
    "JD": "JD",
    "JT": "HTKY",
}
_ALREADY = re.compile(r"已经发货|已发货|重复发货|:B04\b")


class _Row(msgspec.Struct):
    tid: Id = None
    tid_str: Text = None
    modified: Moment = None


class _Rows(msgspec.Struct):
    trade: msgspec.Raw = msgspec.Raw()


class _Listed(msgspec.Struct):
    total_results: int | None = None
    has_next: bool | None = None
    trades: _Rows | None = None


class _ListAnswer(gateway.Envelope):
    trades_sold_increment_get_response: _Listed | None = None


class _Detail(msgspec.Struct):
    trade: _Row | None = None


class _DetailAnswer(gateway.Envelope):
    trade_fullinfo_get_response: _Detail | None = None


class _Shipping(msgspec.Struct):
    is_success: bool | None = None


class _Sent(msgspec.Struct):
    shipping: _Shipping | None = None


class _SentAnswer(gateway.Envelope):
    logistics_online_send_response: _Sent | None = None
    logistics_consign_resend_response: _Sent | None = None


_decode_row = msgspec.json.Decoder(_Row).decode
_decode_list = msgspec.json.Decoder(_ListAnswer).decode
_decode_detail = msgspec.json.Decoder(_DetailAnswer).decode
_decode_sent = msgspec.json.Decoder(_SentAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for trades modified in the window; the first call wants the total to page backwards."""
    business = {
        "fields": LIST_FIELDS,
        "start_modified": beijing_text(window.since),
        "end_modified": beijing_text(window.until),
        "type": TRADE_TYPES,
        "page_no": str(page.number if page else 1),
        "page_size": str(gateway.PAGE_SIZE),
        "use_has_next": "false",
    }
    return gateway.call(credentials, "taobao.trades.sold.increment.get", business, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Read a list page: its rows are partial, so each trade is to be fetched."""
    found = gateway.opened(answer, _decode_list)
    if isinstance(found, ChannelError):
        return found
    listed = found.trades_sold_increment_get_response
    if listed is None or (listed.trades is None and listed.total_results is None):
        # An empty page leaves `trades` out, but says that it found nothing.
        return calls.no_answer("page")
    needed: dict[str, PartialRow] = {}
    lost: list[RawOrder] = []
    for raw in (listed.trades and sliced(listed.trades.trade)) or ():
        row = read_json(_decode_row, raw)
        number = "" if isinstance(row, Problem) else row.tid_str or text_of(row.tid)
        if number and not isinstance(row, Problem):
            needed[number] = PartialRow(
                order_no=number, modified_at=beijing_time(row.modified, "modified", [])
            )
        else:
            lost.append(RawOrder(order_no="", modified_at=None, body=raw))
    next_page = calls.below_or_beyond(
        page,
        total=listed.total_results,
        has_next=listed.has_next,
        size=gateway.PAGE_SIZE,
        first=1,
    )
    if isinstance(next_page, ChannelError):
        return next_page
    return Page(orders=tuple(lost), detail_needed=tuple(needed.values()), next_page=next_page)


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one whole trade; a missing oaid is an error rather than a silent gap."""
    business = {"tid": order_no, "fields": DETAIL_FIELDS, "include_oaid": "true"}
    return gateway.call(credentials, "taobao.trade.fullinfo.get", business, now)


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence; only its number and modified time are looked at."""
    found = gateway.opened(answer, _decode_detail)
    if isinstance(found, ChannelError):
        return found
    detail = found.trade_fullinfo_get_response
    row = detail.trade if detail is not None else None
    if row is None:
        return calls.no_answer("trade")
    return RawOrder(
        order_no=row.tid_str or text_of(row.tid),
        modified_at=beijing_time(row.modified, "modified", []),
        body=answer.body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | Unsupported:
    """Ship the order, or some of its sub-orders; a line is told with the first of its pieces."""
    return _consignment(credentials, "taobao.logistics.online.send", shipment, now)


def _consignment(
    credentials: Credentials, method: str, parcel: ToldParcel, now: datetime
) -> HttpRequest | Unsupported:
    carrier = parcel.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {parcel.carrier} has no code here")
    business = {
        "tid": parcel.order_no,
        "out_sid": parcel.waybill_no,
        "company_code": carrier,
    }
    if not parcel.whole:
        lines = calls.lines_first_told(parcel)
        if isinstance(lines, Unsupported):
            return lines
        business["is_split"] = "1"
        business["sub_tid"] = ",".join([line.line_id for line in lines])
    return gateway.call(credentials, method, business, now)


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read a send's answer; "already shipped" is applied: a repeat after a lost first answer."""
    found = gateway.opened(answer, _decode_sent)
    if isinstance(found, ChannelError):
        return calls.outcome(found, _ALREADY)
    sent = found.logistics_online_send_response
    if sent is None or sent.shipping is None or sent.shipping.is_success is None:
        return Retry(error=calls.no_answer("shipping"))
    if sent.shipping.is_success:
        return Applied()
    return Refused(code="is_success", reason="false")


def waybill_request(
    credentials: Credentials, change: NewWaybill, now: datetime
) -> HttpRequest | WriteBack:
    """Give the order's parcel, or that of some sub-orders, another number; told again it is the same."""
    return _consignment(credentials, "taobao.logistics.consign.resend", change, now)


def read_waybill_answer(answer: HttpAnswer) -> WriteBack:
    """Read the answer to another number."""
    found = gateway.opened(answer, _decode_sent)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    sent = found.logistics_consign_resend_response
    if sent is None or sent.shipping is None or sent.shipping.is_success is None:
        return Retry(error=calls.no_answer("shipping"))
    return Applied() if sent.shipping.is_success else Refused(code="is_success", reason="false")


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a request vector; TOP has no push to verify."""
    return gateway.sign(vector.secret, dict(vector.fields))


CHANNEL = Channel(
    name="taobao",
    abbreviation="TB",
    title_zh="淘宝/天猫",
    currency="CNY",
    extension=TaobaoExtension,
    backward_paging=True,
    window_max=timedelta(minutes=30),
    window_overlap=timedelta(minutes=5),
    history_max=timedelta(days=90),
    poll_request=poll_request,
    read_page=read_page,
    detail_request=detail_request,
    read_detail=read_detail,
    push=None,
    normalise=normalise,
    shipment_request=shipment_request,
    read_shipment_answer=read_shipment_answer,
    aftersales=AFTERSALES,
    recompute=recompute,
    stock=STOCK,
    waybills=Waybills(request=waybill_request, read_answer=read_waybill_answer),
    carriers=CARRIERS,
)
