"""Youzan's order as it stands on the wire: the fields we read, nothing else. Money is yuan."""

import msgspec

from services.ingest.channels._wire import Amount, Id, Text, several, text_of
from services.ingest.channels.youzan.gateway import GatewayError


class Tags(msgspec.Struct):
    """Marks of an order."""

    is_fenxiao_order: bool | None = None


class Extra(msgspec.Struct):
    """Fields of some kinds of orders."""

    cashier_id: Id = None
    cashier_name: Id = None


class OrderInfo(msgspec.Struct):
    """What the order is and where it stands."""

    tid: Id = None
    status: Text = None
    type: Id = None
    team_type: Id = None
    activity_type: Id = None
    close_type: Id = None
    express_type: Id = None
    pay_type_str: Text = None
    refund_state: Id = None
    created: Text = None
    update_time: Text = None
    pay_time: Text = None
    consign_time: Text = None
    success_time: Text = None
    node_kdt_id: Id = None
    root_kdt_id: Id = None
    order_tags: Tags | None = None
    order_extra: Extra | None = None


class Address(msgspec.Struct):
    """Where it goes; `self_fetch_info` is JSON inside text."""

    receiver_name: Text = None
    receiver_tel: Id = None
    delivery_province: Text = None
    delivery_city: Text = None
    delivery_district: Text = None
    delivery_address: Text = None
    self_fetch_info: Text = None


class Point(msgspec.Struct):
    """A pick-up point, and who fetches from it."""

    name: Text = None
    province: Text = None
    city: Text = None
    county: Text = None
    address_detail: Text = None
    user_name: Text = None
    user_tel: Id = None


class Phase(msgspec.Struct):
    """One payment of a presale; a transaction number says that it was made."""

    real_price: Amount = None
    outer_transaction_no: Id = None
    inner_transaction_no: Id = None


class PayInfo(msgspec.Struct):
    """`payment` is what the buyer pays in all, `total_fee` the goods at list price."""

    total_fee: Amount = None
    post_fee: Amount = None
    payment: Amount = None
    phase_payments: list[Phase] | Phase | None = None


class Buyer(msgspec.Struct):
    """The buyer's pseudonym."""

    yz_open_id: Text = None


class Remark(msgspec.Struct):
    """What buyer and seller wrote; stars are the seller's flag."""

    buyer_message: Text = None
    trade_memo: Text = None
    star: Id = None


class Source(msgspec.Struct):
    """Where it was sold."""

    is_offline_order: bool | None = None
    order_mark: Text = None


class Line(msgspec.Struct):
    """One line. `payment` is its share of what is paid for goods, with up to six decimals."""

    oid: Id = None
    item_id: Id = None
    sku_id: Id = None
    outer_item_id: Id = None
    outer_sku_id: Id = None
    title: Text = None
    price: Amount = None
    num: Amount = None
    payment: Amount = None
    is_present: bool | None = None


class FullOrder(msgspec.Struct):
    """The whole of an order but its promotions, refunds and parcels."""

    order_info: OrderInfo | None = None
    address_info: Address | None = None
    pay_info: PayInfo | None = None
    buyer_info: Buyer | None = None
    remark_info: Remark | None = None
    source_info: Source | None = None
    orders: list[Line] | Line | None = None


class Discount(msgspec.Struct):
    """One discount; those of the order and those of lines name their amount differently."""

    promotion_title: Text = None
    promotion_type_name: Text = None
    discount_fee: Amount = None
    decrease: Amount = None


class LineDiscounts(msgspec.Struct):
    """The discounts of one line."""

    promotions: list[Discount] | Discount | None = None


class Promotions(msgspec.Struct):
    """All discounts of an order."""

    order_discount_fee: Amount = None
    item_discount_fee: Amount = None
    adjust_fee: Amount = None
    order: list[Discount] | Discount | None = None
    item: list[LineDiscounts] | LineDiscounts | None = None


class Named(msgspec.Struct):
    """One line by its number."""

    oid: Id = None


# The platform's documents name lines both ways.
LineIds = list[Named | int | str] | Named | int | str | None


def line_ids(named: LineIds) -> tuple[str, ...]:
    """Return the numbers of the lines which a claim or a delivery names."""
    listed: tuple[Named | int | str, ...] = several(named)
    found = (text_of(one.oid if isinstance(one, Named) else one) for one in listed)
    return tuple(filter(None, found))


class Refund(msgspec.Struct):
    """One after-sales request of an order; its states are numbers of their own."""

    refund_state: Id = None
    refund_fee: Amount = None
    oids: LineIds = None


class Express(msgspec.Struct):
    """The courier of a parcel."""

    express_id: Id = None
    express_no: Id = None


class Dispatch(msgspec.Struct):
    """One parcel of a delivery."""

    express_info: Express | None = None


class Delivery(msgspec.Struct):
    """Lines that went together. `express_state` 1: they went."""

    express_state: Id = None
    oids: LineIds = None
    dists: list[Dispatch] | Dispatch | None = None


class Trade(msgspec.Struct):
    """One order with all around it: the data of a detail, or an entry of a list."""

    full_order_info: FullOrder | None = None
    order_promotion: Promotions | None = None
    refund_order: list[Refund] | Refund | None = None
    delivery_order: list[Delivery] | Delivery | None = None


class Found(Trade):
    """The data of an answer: a detail or a page."""

    full_order_info_list: msgspec.Raw = msgspec.Raw()
    total_results: Id = None


class Answer(Trade):
    """Any answer, an entry of a list, or a push: read in one pass."""

    gw_err_resp: GatewayError | None = None
    code: Id = None
    success: bool | None = None
    message: Text = None
    data: msgspec.Raw = msgspec.Raw()
    # Of a push:
    msg: msgspec.Raw = msgspec.Raw()
    type: Text = None
    kdt_id: Id = None
    test: bool | None = None
    # Of the inner part alone:
    order_info: OrderInfo | None = None
    orders: msgspec.Raw = msgspec.Raw()
