"""Kuaishou's order as it stands on the wire: the fields we read. Money is fen, times milliseconds."""

# ruff: noqa: N815 — the names are the wire's

import msgspec

from services.ingest.channels._wire import Amount, Id, Seconds, Text, sliced


class Base(msgspec.Struct):
    """The head of an order."""

    oid: Id = None
    status: Id = None
    sellerOpenId: Id = None
    sellerNick: Text = None
    buyerOpenId: Id = None
    totalFee: Amount = None
    expressFee: Amount = None
    discountFee: Amount = None
    createTime: Seconds = None
    payTime: Seconds = None
    updateTime: Seconds = None
    sendTime: Seconds = None
    recvTime: Seconds = None
    refundTime: Seconds = None
    promiseTimeStampOfDelivery: Seconds = None
    validPromiseShipmentTimeStamp: Seconds = None
    remark: Text = None
    cpsType: Id = None
    preSale: Id = None
    riskCode: Id = None
    coType: Id = None
    activityType: Id = None
    payChannel: Text = None
    disableDeliveryReasonCode: list[Id] | Id = None


class Item(msgspec.Struct):
    """What was bought; an order has one."""

    orderItemId: Id = None
    itemId: Id = None
    skuId: Id = None
    skuNick: Id = None
    goodsCode: Id = None
    itemTitle: Text = None
    num: Amount = None
    price: Amount = None
    discountFee: Amount = None


class Address(msgspec.Struct):
    """Who gets the parcel: clear texts, ciphers and masks have fields of their own."""

    province: Text = None
    city: Text = None
    district: Text = None
    town: Text = None
    consignee: Text = None
    mobile: Text = None
    address: Text = None
    encryptedConsignee: Text = None
    encryptedMobile: Text = None
    encryptedAddress: Text = None
    desensitiseConsignee: Text = None
    desensitiseMobile: Text = None
    desensitiseAddress: Text = None
    openAddressId: Id = None


class Cps(msgspec.Struct):
    """The influencer who sold it."""

    distributorId: Id = None
    distributorName: Text = None


class Logistics(msgspec.Struct):
    """One parcel."""

    expressNo: Id = None
    expressCode: Id = None


class Refund(msgspec.Struct):
    """One after-sales request."""

    refundId: Id = None
    refundStatus: Id = None
    handlingWay: Id = None


class Delivery(msgspec.Struct):
    """How it is delivered."""

    openAddressId: Id = None


class SellerNote(msgspec.Struct):
    """One remark of the seller."""

    note: Text = None


class Notes(msgspec.Struct):
    """What the seller remarked, as texts or as objects."""

    sellerNote: list[str | SellerNote] | str | None = None


class Order(msgspec.Struct):
    """One order."""

    orderBaseInfo: Base | None = None
    orderItemInfo: list[Item] | Item | None = None
    orderAddress: Address | None = None
    orderCpsInfo: Cps | None = None
    orderLogisticsInfo: list[Logistics] | Logistics | None = None
    orderRefundList: list[Refund] | Refund | None = None
    orderDeliveryInfo: Delivery | None = None
    orderNote: Notes | None = None


class Page(Order):
    """The inside of an answer: a page, or one order."""

    cursor: Text = None
    orderList: msgspec.Raw = msgspec.Raw()

    def rows(self) -> tuple[bytes, ...] | None:
        """The orders' bytes; None where the answer is no page at all."""
        found = sliced(self.orderList)
        return () if found is None and self.cursor is not None else found


class Message(msgspec.Struct):
    """One pushed message; `info` is JSON inside text."""

    eventId: Id = None
    event: Text = None
    openId: Id = None
    appKey: Text = None
    info: Text = None
    createTime: Seconds = None
    test: bool | None = None


class Info(msgspec.Struct):
    """What a message is about: claims name their order `orderId`, notes theirs `bizId`."""

    oid: Id = None
    orderId: Id = None
    bizId: Id = None
    refundId: Id = None
    status: Id = None
    updateTime: Seconds = None

    @property
    def order_no(self) -> int | str | None:
        """The order's number, whatever it is called."""
        return next((one for one in (self.oid, self.orderId, self.bizId) if one is not None), None)
