"""WooCommerce's order as it stands on the wire: the fields we read, nothing else."""

import msgspec

from services.ingest.channels._wire import Amount, Id, Text


class Address(msgspec.Struct):
    """China's provinces are codes, CN1 to CN32."""

    first_name: Text = None
    last_name: Text = None
    address_1: Text = None
    address_2: Text = None
    city: Text = None
    state: Text = None
    postcode: Id = None
    country: Text = None
    phone: Id = None


class Line(msgspec.Struct):
    """One line. `subtotal` is before coupons, `total` after; both without their taxes."""

    id: Id = None
    name: Text = None
    product_id: Id = None
    variation_id: Id = None
    quantity: Amount = None
    subtotal: Amount = None
    subtotal_tax: Amount = None
    total: Amount = None
    total_tax: Amount = None
    sku: Id = None


class Fee(msgspec.Struct):
    """Something on top of the goods, or off them when negative."""

    name: Text = None
    total: Amount = None
    total_tax: Amount = None


class Coupon(msgspec.Struct):
    """A coupon's code and what it took off all lines together."""

    code: Text = None
    discount: Amount = None
    discount_tax: Amount = None


class Refund(msgspec.Struct):
    """What an order says of one of its refunds: a negative total."""

    id: Id = None
    total: Amount = None


class MetaData(msgspec.Struct, rename={"name": "key"}):
    """What a plug-in keeps with an order, where it is a text."""

    name: Text = None
    value: Text = None


class Order(msgspec.Struct):
    """One order. Times without a zone are the site's; their `_gmt` twins are read."""

    id: Id = None
    parent_id: Id = None
    number: Id = None
    status: Text = None
    currency: Text = None
    created_via: Text = None
    date_created_gmt: Text = None
    date_modified_gmt: Text = None
    date_paid_gmt: Text = None
    date_completed_gmt: Text = None
    discount_total: Amount = None
    discount_tax: Amount = None
    shipping_total: Amount = None
    shipping_tax: Amount = None
    total: Amount = None
    total_tax: Amount = None
    customer_id: Id = None
    customer_note: Text = None
    payment_method: Text = None
    billing: Address | None = None
    shipping: Address | None = None
    line_items: list[Line] | Line | None = None
    fee_lines: list[Fee] | None = None
    coupon_lines: list[Coupon] | None = None
    refunds: list[Refund] | None = None
    meta_data: msgspec.Raw = msgspec.Raw()


decode_note = msgspec.json.Decoder(MetaData).decode


class Answer(Order):
    """Any single answer: an order, a refund (`amount`), or an error (`code` and `message`)."""

    code: Text = None
    message: Text = None
    amount: Amount = None
