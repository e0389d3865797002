"""WeChat shop's order as it stands on the wire: the fields we read. Money is fen, times seconds."""

import msgspec

from services.ingest.channels._wire import Amount, Id, Seconds, Text


class ChangeSku(msgspec.Struct):
    """The buyer's wish for another SKU; state 3 waits for the seller."""

    change_sku_state: Id = None


class Product(msgspec.Struct):
    """One line; `sale_price` is of one piece, `real_price` of the whole line."""

    product_id: Id = None
    sku_id: Id = None
    sku_cnt: Amount = None
    sale_price: Amount = None
    real_price: Amount = None
    estimate_price: Amount = None
    change_price: Amount = None
    is_change_price: bool | int | None = None
    deduction_price: Amount = None
    title: Text = None
    sku_code: Id = None
    out_sku_id: Id = None
    on_aftersale_sku_cnt: Amount = None
    finish_aftersale_sku_cnt: Amount = None
    is_free_gift: bool | int | None = None
    delivery_deadline: Seconds = None
    change_sku_info: ChangeSku | None = None


class PayInfo(msgspec.Struct):
    """How it was paid; with methods 2 to 4 no cash has come."""

    pay_time: Seconds = None
    payment_method: Id = None


class Price(msgspec.Struct):
    """The head's money."""

    order_price: Amount = None
    product_price: Amount = None
    freight: Amount = None
    change_freight: Amount = None
    is_change_freight: bool | int | None = None
    discounted_price: Amount = None
    deduction_price: Amount = None
    change_down_price: Amount = None
    finder_discounted_price: Amount = None
    cash_coupon_discounted_price: Amount = None
    national_subsidy_discounted_price: Amount = None


class Phones(msgspec.Struct):
    """The numbers behind a receiver: the own one, and one that the platform lends."""

    real_tel_number: Id = None
    virtual_tel_number: Id = None


class Address(msgspec.Struct):
    """Who gets the parcel, masked as a rule."""

    user_name: Text = None
    province_name: Text = None
    city_name: Text = None
    county_name: Text = None
    detail_info: Text = None
    house_number: Text = None
    tel_number: Id = None
    tel_number_ext_info: Phones | None = None
    use_tel_number: Id = None
    virtual_order_tel_number: Id = None
    hash_code: Id = None


class Packed(msgspec.Struct):
    """Pieces of one SKU in a parcel."""

    product_id: Id = None
    sku_id: Id = None
    product_cnt: Amount = None


class Parcel(msgspec.Struct):
    """One parcel."""

    waybill_id: Id = None
    delivery_id: Id = None
    delivery_time: Seconds = None
    product_infos: list[Packed] | Packed | None = None


class Delivery(msgspec.Struct):
    """Where it goes and what has gone."""

    address_info: Address | None = None
    address_under_review: Address | None = None
    delivery_product_info: list[Parcel] | Parcel | None = None
    ship_done_time: Seconds = None
    ewaybill_order_code: Text = None


class Ext(msgspec.Struct):
    """Remarks and where the order came from."""

    customer_notes: Text = None
    merchant_notes: Text = None
    confirm_receipt_time: Seconds = None
    finder_id: Text = None
    live_id: Text = None
    order_scene: Id = None


class Commission(msgspec.Struct):
    """What an influencer (type 0) or a leader (1) earns."""

    finder_id: Text = None
    nickname: Text = None
    type: Id = None
    amount: Amount = None


class Coupon(msgspec.Struct):
    """The coupon that was used."""

    user_coupon_id: Id = None


class Detail(msgspec.Struct):
    """The order's content."""

    product_infos: list[Product] | Product | None = None
    pay_info: PayInfo | None = None
    price_info: Price | None = None
    delivery_info: Delivery | None = None
    ext_info: Ext | None = None
    commission_infos: list[Commission] | Commission | None = None
    coupon_info: Coupon | None = None


class Present(msgspec.Struct):
    """A present of the shop: nobody pays for it."""

    is_b2c_free_present: bool | int | None = None


class Aftersales(msgspec.Struct):
    """What is asked for of the whole order."""

    on_aftersale_order_cnt: Amount = None


class Order(msgspec.Struct):
    """One order."""

    order_id: Id = None
    status: Id = None
    create_time: Seconds = None
    update_time: Seconds = None
    openid: Text = None
    order_detail: Detail | None = None
    order_present_info: Present | None = None
    aftersale_detail: Aftersales | None = None


class Told(msgspec.Struct):
    """What an event tells of an order."""

    order_id: Id = None
    after_sale_order_id: Id = None
    pay_time: Seconds = None
    status: Id = None


class Event(msgspec.Struct):
    """One opened push; each kind of event has a field of its own for what it tells."""

    ToUserName: Text = None
    CreateTime: Seconds = None
    Event: Text = None
    order_info: Told | None = None
    product_order_status_update: Told | None = None
    finder_shop_aftersale_status_update: Told | None = None

    @property
    def told(self) -> Told:
        """What the event is about."""
        return (
            self.order_info
            or self.finder_shop_aftersale_status_update
            or self.product_order_status_update
            or Told()
        )
