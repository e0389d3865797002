"""Pinduoduo's order as it stands on the wire: the fields we read. Money is yuan as a JSON number."""

import msgspec

from services.ingest.channels._wire import Amount, Id, Moment, Text, sliced
from services.ingest.channels.pdd.gateway import ErrorResponse


class Item(msgspec.Struct):
    """One line, bought or given; it has no number."""

    sku_id: Id = None
    goods_id: Id = None
    outer_id: Id = None
    outer_goods_id: Id = None
    goods_name: Text = None
    goods_count: Amount = None
    goods_price: Amount = None


class Delivery(msgspec.Struct):
    """One more parcel of the order."""

    logistics_id: Id = None
    tracking_number: Id = None


class Tag(msgspec.Struct):
    """One mark of the order; it counts where `value` is 1."""

    name: Text = None
    value: Id = None


class Fee(msgspec.Struct):
    """One paid service beside the goods."""

    service_fee: Amount = None


class StepOrder(msgspec.Struct):
    """How much of a deposit order is paid."""

    step_trade_status: Id = None
    advanced_paid_fee: Amount = None
    step_paid_fee: Amount = None


class Consolidation(msgspec.Struct):
    """Where the platform puts parcels together."""

    consolidate_type: Id = None


class Order(msgspec.Struct):
    """One order. `town` is the district."""

    order_sn: Id = None
    trade_type: Id = None
    confirm_status: Id = None
    group_status: Id = None
    order_status: Id = None
    refund_status: Id = None
    after_sales_status: Id = None
    risk_control_status: Id = None
    is_lucky_flag: Id = None
    is_pre_sale: Id = None
    self_contained: Id = None
    free_sf: Id = None
    delivery_one_day: Id = None
    created_time: Moment = None
    pay_time: Moment = None
    updated_at: Moment = None
    shipping_time: Moment = None
    receive_time: Moment = None
    last_ship_time: Moment = None
    pay_amount: Amount = None
    goods_amount: Amount = None
    postage: Amount = None
    discount_amount: Amount = None
    platform_discount: Amount = None
    seller_discount: Amount = None
    capital_free_discount: Amount = None
    duo_duo_pay_reduction: Amount = None
    order_change_amount: Amount = None
    service_fee_detail: list[Fee] | Fee | None = None
    step_order_info: StepOrder | None = None
    item_list: list[Item] | Item | None = None
    gift_list: list[Item] | Item | None = None
    province: Text = None
    city: Text = None
    town: Text = None
    receiver_name: Text = None
    receiver_phone: Text = None
    receiver_address: Text = None
    receiver_name_mask: Text = None
    receiver_phone_mask: Text = None
    receiver_address_mask: Text = None
    buyer_memo: Text = None
    remark: Text = None
    remark_tag: Id = None
    logistics_id: Id = None
    tracking_number: Id = None
    extra_delivery_list: list[Delivery] | Delivery | None = None
    gift_delivery_list: list[Delivery] | Delivery | None = None
    resend_delivery_list: list[Delivery] | Delivery | None = None
    order_tag_list: list[Tag] | Tag | None = None
    consolidate_info: Consolidation | None = None
    mkt_biz_type: Id = None
    duoduo_wholesale: Id = None
    inner_transaction_id: Id = None
    pay_type: Text = None


class Detail(msgspec.Struct):
    """A single order's answer."""

    order_info: Order | None = None


class Listed(msgspec.Struct):
    """One page; the increment call names its whole orders `order_sn_list`."""

    order_sn_list: msgspec.Raw = msgspec.Raw()
    order_list: msgspec.Raw = msgspec.Raw()

    def rows(self) -> tuple[bytes, ...] | None:
        """The orders' bytes; None where the answer has no list at all."""
        found = sliced(self.order_sn_list)
        return sliced(self.order_list) if found is None else found


class Answer(Order):
    """Any answer, or a bare order: read in one pass."""

    order_info_get_response: Detail | None = None
    order_sn_increment_get_response: Listed | None = None
    order_list_get_response: Listed | None = None
    order_basic_list_get_response: Listed | None = None
    error_response: ErrorResponse | None = None
