"""Douyin's order as it stands on the wire: the fields we read, nothing else."""

import msgspec

from services.ingest.channels._wire import Amount, Id, Seconds, Text, sliced
from services.ingest.channels.douyin.gateway import Envelope


class Place(msgspec.Struct):
    """One level of an address."""

    name: Text = None


class Address(msgspec.Struct):
    """`town` is the district, `street` the town; `detail` is empty where only the cipher stands."""

    province: Place | None = None
    city: Place | None = None
    town: Place | None = None
    street: Place | None = None
    detail: Text = None
    encrypt_detail: Text = None


class Cost(msgspec.Struct):
    """Who pays how much of one discount."""

    platform_cost: Amount = None
    shop_cost: Amount = None
    author_cost: Amount = None


class Coupon(msgspec.Struct):
    """One coupon used."""

    coupon_name: Text = None
    coupon_amount: Amount = None
    share_discount_cost: Cost | None = None


class Campaign(msgspec.Struct):
    """One reduction for spending enough."""

    campaign_name: Text = None
    campaign_amount: Amount = None
    share_discount_cost: Cost | None = None


class Redpack(msgspec.Struct):
    """One red packet used."""

    redpack_amount: Amount = None
    share_discount_cost: Cost | None = None


class Discounts(msgspec.Struct):
    """The discounts which one party grants."""

    total_amount: Amount = None
    coupon_info: list[Coupon] | Coupon | None = None
    full_discount_info: list[Campaign] | Campaign | None = None
    redpack_info: list[Redpack] | Redpack | None = None
    gold_coin_amount: Amount = None


class Promotions(msgspec.Struct):
    """All discounts of an order by granting party."""

    shop_discount_detail: Discounts | None = None
    platform_discount_detail: Discounts | None = None
    kol_discount_detail: Discounts | None = None


class Shipped(msgspec.Struct):
    """How many pieces of a line a parcel holds."""

    sku_order_id: Id = None
    product_count: Amount = None


class Logistics(msgspec.Struct):
    """One parcel."""

    tracking_no: Text = None
    company: Text = None
    ship_time: Seconds = None
    product_info: list[Shipped] | Shipped | None = None


class Phase(msgspec.Struct):
    """One payment of a presale: the deposit, then the balance."""

    pay_success: bool | None = None
    phase_close_time: Seconds = None
    phase_pay_amount: Amount = None


class AfterSale(msgspec.Struct):
    """Where after-sales of a line stands."""

    after_sale_status: Amount = None
    after_sale_type: Amount = None
    refund_status: Amount = None


class Line(msgspec.Struct):
    """One sub-order. One of them has the same number as the order itself."""

    order_id: Id = None
    order_status: Amount = None
    main_status: Amount = None
    pay_amount: Amount = None
    post_amount: Amount = None
    origin_amount: Amount = None
    sum_amount: Amount = None
    item_num: Amount = None
    product_id_str: Text = None
    sku_id: Id = None
    code: Text = None
    out_sku_id: Id = None
    product_name: Text = None
    given_product_type: Text = None
    after_sale_info: AfterSale | None = None
    author_id: Id = None
    author_name: Text = None
    room_id_str: Text = None
    video_id: Id = None
    c_biz: Amount = None
    trade_type: Id = None


class Order(msgspec.Struct):
    """One order: an entry of a search page, or the detail."""

    order_id: Id = None
    shop_id: Id = None
    order_status: Amount = None
    main_status: Amount = None
    order_type: Amount = None
    trade_type: Id = None
    b_type: Id = None
    sub_b_type: Id = None
    order_amount: Amount = None
    pay_amount: Amount = None
    post_amount: Amount = None
    packing_amount: Amount = None
    post_insurance_amount: Amount = None
    tax_amount: Amount = None
    promotion_amount: Amount = None
    promotion_shop_amount: Amount = None
    promotion_platform_amount: Amount = None
    promotion_talent_amount: Amount = None
    promotion_pay_amount: Amount = None
    promotion_redpack_amount: Amount = None
    pay_type: Amount = None
    create_time: Seconds = None
    pay_time: Seconds = None
    update_time: Seconds = None
    ship_time: Seconds = None
    finish_time: Seconds = None
    exp_ship_time: Seconds = None
    buyer_words: Text = None
    seller_words: Text = None
    seller_remark_stars: Amount = None
    post_receiver: Text = None
    post_tel: Text = None
    post_addr: Address | None = None
    encrypt_post_receiver: Text = None
    encrypt_post_tel: Text = None
    mask_post_receiver: Text = None
    mask_post_tel: Text = None
    mask_post_addr: Address | None = None
    open_address_id: Text = None
    doudian_open_id: Text = None
    promotion_detail: Promotions | None = None
    logistics_info: list[Logistics] | Logistics | None = None
    order_phase_list: list[Phase] | Phase | None = None
    sku_order_list: list[Line] | Line | None = None


class Found(msgspec.Struct):
    """The body of an answer: a detail or a page."""

    shop_order_detail: Order | None = None
    shop_order_list: msgspec.Raw = msgspec.Raw()
    total: int | None = None

    def rows(self) -> tuple[bytes, ...] | None:
        """The orders' bytes; None where the answer is no page at all."""
        found = sliced(self.shop_order_list)
        return () if found is None and self.total is not None else found


class Answer(Order):
    """Any answer, or a bare order: read in one pass. A bare order has no `code`."""

    code: Id = None
    msg: Text = None
    sub_code: Text = None
    sub_msg: Text = None
    data: Found | None = None

    def envelope(self) -> Envelope:
        """Return the part which names an error."""
        return Envelope(code=self.code, msg=self.msg, sub_code=self.sub_code, sub_msg=self.sub_msg)
