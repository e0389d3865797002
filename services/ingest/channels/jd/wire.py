"""JD's order as it stands on the wire: the fields we read, nothing else. Numbers are text here."""

# ruff: noqa: N815 — the names are the wire's

import msgspec

from services.ingest.channels._wire import Amount, Id, Moment, Text, sliced
from services.ingest.channels.jd.gateway import ApiResult, ErrorResponse


class Consignee(msgspec.Struct):
    """Who gets the parcel; ciphers in most shops."""

    fullname: Text = None
    mobile: Text = None
    telephone: Text = None
    fullAddress: Text = None
    province: Text = None
    city: Text = None
    county: Text = None
    town: Text = None
    oaid: Text = None


class Item(msgspec.Struct):
    """One line; JD gives it no number."""

    skuId: Id = None
    outerSkuId: Text = None
    productNo: Text = None
    skuName: Text = None
    jdPrice: Amount = None
    itemTotal: Amount = None


class Coupon(msgspec.Struct):
    """One discount; no `skuId` means the whole order."""

    couponType: Text = None
    couponPrice: Amount = None
    skuId: Id = None


class Order(msgspec.Struct):
    """One order."""

    orderId: Id = None
    venderId: Id = None
    orderType: Id = None
    payType: Text = None
    deliveryType: Id = None
    idSopShipmenttype: Id = None
    orderTotalPrice: Amount = None
    orderSellerPrice: Amount = None
    orderPayment: Amount = None
    freightPrice: Amount = None
    sellerDiscount: Amount = None
    balanceUsed: Amount = None
    orderState: Text = None
    orderRemark: Text = None
    venderRemark: Text = None
    venderRemarkLevelFlag: Id = None
    orderStartTime: Moment = None
    paymentConfirmTime: Moment = None
    orderEndTime: Moment = None
    modified: Moment = None
    consigneeInfo: Consignee | None = None
    itemInfoList: list[Item] | Item | None = None
    couponDetailList: list[Coupon] | Coupon | None = None
    waybill: Text = None
    logisticsId: Id = None
    parentOrderId: Id = None
    directParentOrderId: Id = None
    orderSource: Text = None
    storeOrder: Text = None
    openIdBuyer: Text = None
    xidBuyer: Text = None
    oaid: Text = None


class SearchResult(msgspec.Struct):
    """One page."""

    apiResult: ApiResult | None = None
    orderInfoList: msgspec.Raw = msgspec.Raw()

    def rows(self) -> tuple[bytes, ...] | None:
        """The orders' bytes; None where the answer has no list at all."""
        return sliced(self.orderInfoList)


class Search(msgspec.Struct):
    """A search answer."""

    code: Id = None
    searchorderinfo_result: SearchResult | None = None


class Detail(msgspec.Struct):
    """A single order's result."""

    apiResult: ApiResult | None = None
    orderInfo: Order | None = None


class Get(msgspec.Struct):
    """A single order's answer."""

    code: Id = None
    orderDetailInfo: Detail | None = None


class Answer(Order):
    """Any answer, or a bare order: read in one pass."""

    jingdong_pop_order_search_responce: Search | None = None
    jingdong_pop_order_enSearch_responce: Search | None = None
    jingdong_pop_order_get_responce: Get | None = None
    jingdong_pop_order_enGet_responce: Get | None = None
    error_response: ErrorResponse | None = None
