"""快团团's order as it stands on the wire: the fields we read, nothing else. Money is fen."""

import msgspec

from services.ingest.channels._wire import Amount, Id, Seconds, Text
from services.ingest.channels.groupbuy.gateway import Envelope


class Line(msgspec.Struct):
    """One article. `real_goods_amount` is what is paid for it after the leader's discounts."""

    sub_order_sn: Id = None
    goods_id: Id = None
    goods_name: Text = None
    goods_specification: Text = None
    goods_number: Amount = None
    goods_price: Amount = None
    goods_amount: Amount = None
    real_goods_amount: Amount = None
    sku_id: Id = None
    external_sku_id: Id = None
    cancel_status: Amount = None
    already_cancel_number: Amount = None
    shipping_status: Amount = None
    refund_goods_amount: Amount = None
    help_sell_amount: Amount = None
    goods_commission_amount: Amount = None
    goods_cost_price: Amount = None
    verification_number: Amount = None


class Gift(msgspec.Struct):
    """One article that comes with a line; it has no number of its own."""

    host_sub_order_sn: Id = None
    goods_id: Id = None
    goods_name: Text = None
    goods_number: Amount = None
    sku_id: Id = None
    external_sku_id: Id = None


class Logistics(msgspec.Struct):
    """One parcel; no list of lines means the whole order."""

    shipping_company: Text = None
    shipping_no: Id = None
    sub_order_sn_list: list[Id] | None = None


class CustomItem(msgspec.Struct):
    """One question of the leader, and the member's answer."""

    name: Text = None
    value: Text = None


class Order(msgspec.Struct):
    """One member's order in one group-buy."""

    order_sn: Id = None
    activity_no: Id = None
    activity_title: Text = None
    participate_no: Id = None
    order_amount: Amount = None
    discount_amount: Amount = None
    platform_discount_amount: Amount = None
    shipping_amount: Amount = None
    service_amount: Amount = None
    refund_shipping_amount: Amount = None
    theoretical_refund_amount: Amount = None
    after_sales_status: Amount = None
    cancel_status: Amount = None
    shipping_status: Amount = None
    verification_status: Amount = None
    logistics_type: Amount = None
    logistics_list: list[Logistics] | Logistics | None = None
    is_supplier: bool | None = None
    supply_activity_no: Id = None
    confirm_at: Seconds = None
    updated_at: Seconds = None
    buyer_memo: Text = None
    business_note: Text = None
    secret_remark: Text = None
    open_id: Text = None
    help_sell_nickname: Text = None
    help_sell_open_id: Text = None
    receiver_name: Text = None
    receiver_mobile: Id = None
    receiver_address_province: Text = None
    receiver_address_city: Text = None
    receiver_address_district: Text = None
    receiver_address_detail: Text = None
    self_pick_site_no: Id = None
    self_pick_up_site_name: Text = None
    self_pick_up_address: Text = None
    self_pick_up_contact_name: Text = None
    self_pick_up_contact_mobile: Text = None
    gift_order_list: list[Gift] | Gift | None = None
    custom_item_list: list[CustomItem] | CustomItem | None = None
    sub_order_list: list[Line] | Line | None = None


class Listed(msgspec.Struct):
    """One page."""

    order_list: msgspec.Raw = msgspec.Raw()
    total_count: Id = None


class Pages(Envelope):
    """A page by time of change, or by time of deal."""

    ktt_increment_order_query_response: Listed | None = None
    ktt_order_list_response: Listed | None = None

    def listed(self) -> Listed | None:
        """Return the page that was answered."""
        return self.ktt_increment_order_query_response or self.ktt_order_list_response


class Single(Order):
    """One order by its number: bare in the answer, or once more inside."""

    order: Order | None = None
    order_info: Order | None = None


class Answer(Order):
    """Any answer, or a bare order: read in one pass. `schema` stands in our own payloads only."""

    schema: Text = None
    error_response: msgspec.Raw = msgspec.Raw()
    ktt_order_get_response: Single | None = None
    response: Single | None = None
    ktt_increment_order_query_response: Listed | None = None
    ktt_order_list_response: Listed | None = None
