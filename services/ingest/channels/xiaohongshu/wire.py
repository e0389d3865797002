"""Xiaohongshu's order as it stands on the wire: the fields we read. Money is fen, times milliseconds."""

# ruff: noqa: N815 — the names are the wire's

import msgspec

from services.ingest.channels._wire import Amount, Id, Seconds, Text, count, sliced


class Component(msgspec.Struct):
    """One component of a line: the line itself, or the parts of a bundle."""

    skuId: Id = None
    quantity: Amount = None
    pricePerSku: Amount = None
    depositAmountPerSku: Amount = None


class Sku(msgspec.Struct):
    """One line; it has no number. Its totals are of the whole line."""

    skuId: Id = None
    skuName: Text = None
    erpcode: Id = None
    skuQuantity: Amount = None
    skuDetailList: list[Component] | Component | None = None
    totalPaidAmount: Amount = None
    totalMerchantDiscount: Amount = None
    totalRedDiscount: Amount = None
    skuTag: Id = None


class Delivery(msgspec.Struct):
    """One parcel of a split order."""

    expressTrackingNo: Id = None
    expressCompanyCode: Id = None
    skuIdList: list[Id] | None = None


class Order(msgspec.Struct):
    """One order. `totalShippingFree` is what is paid for shipping."""

    orderId: Id = None
    orderType: Id = None
    orderStatus: Id = None
    orderAfterSalesStatus: Id = None
    cancelStatus: Id = None
    createdTime: Seconds = None
    paidTime: Seconds = None
    updateTime: Seconds = None
    deliveryTime: Seconds = None
    cancelTime: Seconds = None
    finishTime: Seconds = None
    promiseLastDeliveryTime: Seconds = None
    receiverProvinceName: Text = None
    receiverCityName: Text = None
    receiverDistrictName: Text = None
    receiverTownName: Text = None
    receiverName: Text = None
    receiverPhone: Text = None
    receiverAddress: Text = None
    openAddressId: Id = None
    customerRemark: Text = None
    sellerRemark: Text = None
    sellerRemarkFlag: Id = None
    originalOrderId: Id = None
    totalPayAmount: Amount = None
    totalShippingFree: Amount = None
    totalDepositAmount: Amount = None
    totalMerchantDiscount: Amount = None
    totalRedDiscount: Amount = None
    merchantActualReceiveAmount: Amount = None
    paymentType: Id = None
    userId: Id = None
    expressTrackingNo: Id = None
    expressCompanyCode: Id = None
    logistics: Text = None
    simpleDeliveryOrderList: list[Delivery] | Delivery | None = None
    skuList: list[Sku] | Sku | None = None


class Data(Order):
    """The inside of an answer: one order, a page, or receivers."""

    orderList: msgspec.Raw = msgspec.Raw()
    receiverInfos: list[Order] | Order | None = None
    total: Id = None

    def rows(self) -> tuple[bytes, ...] | None:
        """The rows' bytes; None where the answer has no list at all."""
        rows = sliced(self.orderList)
        return () if rows is None and count(self.total) == 0 else rows


class Message(msgspec.Struct):
    """One pushed message; `data` is JSON inside text, or an object."""

    msgTag: Text = None
    sellerId: Id = None
    data: msgspec.Raw = msgspec.Raw()
