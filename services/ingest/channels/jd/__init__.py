"""JD's POP stores over JOS: search pages carry whole orders, one entry each is the evidence.

Sources: JOS documentation as quoted by public SDKs (pifeifei/jingdong-jos-api-sdk) and ERPs.
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
    Page,
    PageToken,
    PollWindow,
    RawOrder,
    Refused,
    Retry,
    Shipment,
    Unsupported,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import (
    Id,
    Moment,
    beijing_text,
    beijing_time,
    read_json,
    sliced,
    text_of,
)
from services.ingest.channels.jd import gateway
from services.ingest.channels.jd.aftersales import AFTERSALES
from services.ingest.channels.jd.extension import JdExtension
from services.ingest.channels.jd.orders import normalise
from services.ingest.channels.jd.stock import STOCK
from services.ingest.domain.model import Problem

# Unpaid orders have a call of their own; the search does not know them.
SEARCHED_STATES = (
    "NOT_PAY,WAIT_SELLER_STOCK_OUT,WAIT_SELLER_DELIVERY,WAIT_GOODS_RECEIVE_CONFIRM,FINISHED_L,"
    "TRADE_CANCELED,PARENT_TRADE_CANCELED,LOCKED,PAUSE,POP_ORDER_PAUSE"
)
# JD leaves out every field which is not named.
FIELDS = (
    "orderId,venderId,orderType,payType,deliveryType,idSopShipmenttype,"
    "orderTotalPrice,orderSellerPrice,orderPayment,"
    "freightPrice,sellerDiscount,balanceUsed,orderState,orderStateRemark,orderRemark,venderRemark,"
    "venderRemarkLevelFlag,orderStartTime,paymentConfirmTime,orderEndTime,modified,consigneeInfo,"
    "itemInfoList,couponDetailList,waybill,logisticsId,parentOrderId,directParentOrderId,"
    "orderSource,storeOrder,openIdBuyer,xidBuyer,oaid"
)
BY_MODIFIED = "0"
NEWEST_FIRST = "1"
# JD's numbers of logistics companies, as integrations use them; the full list is not public.
CARRIERS = {
    "SF": "467",
    "YTO": "463",
    "ZTO": "1499",
    "STO": "470",
    "YUNDA": "1327",
    "EMS": "465",
    "JD": "2087",
}
_ALREADY = re.compile(r"已出库|已发货|重复出库|重复发货")


class _Row(msgspec.Struct):
    orderId: Id = None  # noqa: N815 — the wire's names, here and below
    modified: Moment = None


class _SearchResult(msgspec.Struct):
    apiResult: gateway.ApiResult | None = None  # noqa: N815
    orderInfoList: msgspec.Raw = msgspec.Raw()  # noqa: N815
    orderTotal: int | None = None  # noqa: N815


class _Search(msgspec.Struct):
    searchorderinfo_result: _SearchResult | None = None


class _SearchAnswer(gateway.Envelope):
    jingdong_pop_order_search_responce: _Search | None = None


class _Detail(msgspec.Struct):
    apiResult: gateway.ApiResult | None = None  # noqa: N815
    orderInfo: _Row | None = None  # noqa: N815


class _Get(msgspec.Struct):
    orderDetailInfo: _Detail | None = None  # noqa: N815


class _GetAnswer(gateway.Envelope):
    jingdong_pop_order_get_responce: _Get | None = None


class _Shipped(msgspec.Struct):
    sopjosshipment_result: gateway.ApiResult | None = None


class _ShipmentAnswer(gateway.Envelope):
    jingdong_pop_order_shipment_responce: _Shipped | None = None


_decode_row = msgspec.json.Decoder(_Row).decode
_decode_search = msgspec.json.Decoder(_SearchAnswer).decode
_decode_get = msgspec.json.Decoder(_GetAnswer).decode
_decode_shipment = msgspec.json.Decoder(_ShipmentAnswer).decode


def poll_request(
    credentials: Credentials, window: PollWindow, page: PageToken | None, now: datetime
) -> HttpRequest:
    """Ask for orders modified in the window."""
    business = {
        "start_date": beijing_text(window.since),
        "end_date": beijing_text(window.until),
        "order_state": SEARCHED_STATES,
        "optional_fields": FIELDS,
        "page": str(page.number if page else 1),
        "page_size": str(gateway.PAGE_SIZE),
        "sortType": NEWEST_FIRST,
        "dateType": BY_MODIFIED,
    }
    return gateway.call(credentials, "jingdong.pop.order.search", business, now)


def read_page(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    """Slice a search page into its orders; code "0" with success=false is an error, not a page."""
    found = gateway.opened(answer, _decode_search)
    if isinstance(found, ChannelError):
        return found
    search = found.jingdong_pop_order_search_responce
    result = search.searchorderinfo_result if search is not None else None
    if result is None or result.apiResult is None:
        return calls.no_answer("apiResult")
    if not result.apiResult.well:
        return gateway.result_fault(result.apiResult)
    rows = sliced(result.orderInfoList)
    if rows is None and result.orderTotal is None:
        return calls.no_answer("orderInfoList")
    next_page = calls.page_below(
        page, total=result.orderTotal or 0, size=gateway.PAGE_SIZE, first=1
    )
    if isinstance(next_page, ChannelError):
        return next_page
    bodies = tuple(_raw_order(body) for body in rows or ())
    return Page(orders=bodies, detail_needed=(), next_page=next_page)


def _raw_order(body: bytes) -> RawOrder:
    row = read_json(_decode_row, body)
    if isinstance(row, Problem):
        return RawOrder(order_no="", modified_at=None, body=body)
    return RawOrder(
        order_no=text_of(row.orderId),
        modified_at=beijing_time(row.modified, "modified", []),
        body=body,
    )


def detail_request(credentials: Credentials, order_no: str, now: datetime) -> HttpRequest:
    """Ask for one order."""
    business = {"order_id": order_no, "optional_fields": FIELDS}
    return gateway.call(credentials, "jingdong.pop.order.get", business, now)


def read_detail(answer: HttpAnswer) -> RawOrder | ChannelError:
    """Keep the whole answer as evidence."""
    found = gateway.opened(answer, _decode_get)
    if isinstance(found, ChannelError):
        return found
    got = found.jingdong_pop_order_get_responce
    detail = got.orderDetailInfo if got is not None else None
    if detail is None:
        return calls.no_answer("orderDetailInfo")
    if detail.apiResult is not None and not detail.apiResult.well:
        return gateway.result_fault(detail.apiResult)
    if detail.orderInfo is None:
        return calls.no_answer("orderInfo")
    return RawOrder(
        order_no=text_of(detail.orderInfo.orderId),
        modified_at=beijing_time(detail.orderInfo.modified, "modified", []),
        body=answer.body,
    )


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | Unsupported:
    """Ship the order: JD's call flips all of it with the first parcel, and knows no second one."""
    carrier = shipment.carrier_in(CARRIERS)
    if carrier is None:
        return Unsupported(reason=f"carrier {shipment.carrier} has no code here")
    if shipment.additional:
        return Unsupported(reason="JD took the whole order as shipped with its first parcel")
    business = {
        "orderId": shipment.order_no,
        "logiCoprId": carrier,
        "logiNo": shipment.waybill_no,
    }
    return gateway.call(credentials, "jingdong.pop.order.shipment", business, now)


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read a shipment's answer; "already out" is applied: a repeat after a lost first answer."""
    found = gateway.opened(answer, _decode_shipment)
    if isinstance(found, ChannelError):
        return calls.outcome(found)
    shipped = found.jingdong_pop_order_shipment_responce
    result = shipped.sopjosshipment_result if shipped is not None else None
    if result is None or result.success is None:
        return Retry(error=calls.no_answer("sopjosshipment_result"))
    if result.well:
        return Applied()
    fault = gateway.result_fault(result)
    if _ALREADY.search(fault.detail):
        return Applied(repeated=True)
    if gateway.worth_another_try(fault):
        return Retry(error=fault)
    return Refused(code=fault.code, reason=fault.detail)


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a request vector; JOS has no push to verify."""
    return gateway.sign(vector.secret, vector.fields)


CHANNEL = Channel(
    name="jd",
    abbreviation="JD",
    title_zh="京东",
    currency="CNY",
    extension=JdExtension,
    backward_paging=True,
    window_max=timedelta(days=1),
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
    carriers=CARRIERS,
)
