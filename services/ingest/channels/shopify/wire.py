"""Shopify's order as it stands on the wire: the fields we read, nothing else."""

import msgspec

from services.ingest.channels._wire import Amount, Id, Text


class Money(msgspec.Struct):
    """An amount in the shop's currency."""

    amount: Amount = None
    currency_code: Text = None


class MoneySet(msgspec.Struct):
    """One amount in two currencies; what the buyer saw is not read."""

    shop_money: Money | None = None


class Allocation(msgspec.Struct):
    """A discount's share of one line; the index counts in `discount_applications`."""

    amount: Amount = None
    discount_application_index: int | None = None


class Application(msgspec.Struct):
    """One discount of the order."""

    target_type: Text = None
    type: Text = None
    code: Text = None
    title: Text = None
    description: Text = None


class Tax(msgspec.Struct):
    """One tax of a line."""

    price: Amount = None


class Line(msgspec.Struct):
    """One line. `price` is the unit price before discounts; `sku` may be null or repeated.

    `total_discount` is read where there are no allocations: those of the order are only in them.
    """

    id: Id = None
    variant_id: Id = None
    product_id: Id = None
    title: Text = None
    name: Text = None
    sku: Id = None
    quantity: Amount = None
    current_quantity: Amount = None
    fulfillment_status: Text = None
    price: Amount = None
    total_discount: Amount = None
    discount_allocations: list[Allocation] | None = None
    requires_shipping: bool | None = None


class ShippingLine(msgspec.Struct):
    """One way of shipping that was chosen."""

    title: Text = None
    price: Amount = None
    discounted_price: Amount = None
    discount_allocations: list[Allocation] | None = None


class Address(msgspec.Struct):
    """Province names are English for China, too."""

    name: Text = None
    first_name: Text = None
    last_name: Text = None
    phone: Id = None
    address1: Text = None
    address2: Text = None
    city: Text = None
    province: Text = None
    province_code: Text = None
    country: Text = None
    country_code: Text = None
    zip: Id = None


class FulfilledLine(msgspec.Struct):
    """How many pieces of a line a fulfilment holds."""

    id: Id = None
    quantity: Amount = None


class Fulfillment(msgspec.Struct):
    """One parcel, unless it failed or was cancelled."""

    status: Text = None
    created_at: Text = None
    tracking_company: Text = None
    tracking_number: Id = None
    tracking_numbers: list[Id] | None = None
    line_items: list[FulfilledLine] | None = None


class RefundedLine(msgspec.Struct):
    """How many pieces of a line a refund takes out."""

    line_item_id: Id = None
    quantity: Amount = None


class Transaction(msgspec.Struct):
    """Money that moved, or did not."""

    kind: Text = None
    status: Text = None
    amount: Amount = None


class Refund(msgspec.Struct):
    """One refund."""

    refund_line_items: list[RefundedLine] | None = None
    transactions: list[Transaction] | None = None


class Customer(msgspec.Struct):
    """The buyer's account."""

    id: Id = None


class NoteAttribute(msgspec.Struct):
    """What a shop notes beside its cart, where it is a text."""

    name: Text = None
    value: Text = None


class Order(msgspec.Struct):
    """One order: inside "order" in an answer, bare in a webhook."""

    id: Id = None
    name: Text = None
    test: bool | None = None
    confirmed: bool | None = None
    created_at: Text = None
    processed_at: Text = None
    updated_at: Text = None
    cancelled_at: Text = None
    closed_at: Text = None
    cancel_reason: Text = None
    currency: Text = None
    taxes_included: bool | None = None
    financial_status: Text = None
    fulfillment_status: Text = None
    payment_gateway_names: list[Text] | None = None
    source_name: Text = None
    note: Text = None
    note_attributes: msgspec.Raw = msgspec.Raw()
    tags: Text = None
    total_line_items_price: Amount = None
    subtotal_price: Amount = None
    total_discounts: Amount = None
    total_tax: Amount = None
    total_tip_received: Amount = None
    total_price: Amount = None
    total_outstanding: Amount = None
    total_shipping_price_set: MoneySet | None = None
    original_total_duties_set: MoneySet | None = None
    discount_applications: list[Application] | None = None
    line_items: list[Line] | Line | None = None
    shipping_lines: list[ShippingLine] | ShippingLine | None = None
    shipping_address: Address | None = None
    fulfillments: list[Fulfillment] | None = None
    refunds: list[Refund] | None = None
    transactions: list[Transaction] | None = None
    customer: Customer | None = None


decode_note = msgspec.json.Decoder(NoteAttribute).decode


class Edit(msgspec.Struct):
    """A change of an order by hand."""

    order_id: Id = None


class Answer(Order):
    """Any answer, a bare order, or what only names one (`order_id`): read in one pass."""

    order_id: Id = None
    order_edit: Edit | None = None

    order: Order | None = None
    orders: msgspec.Raw = msgspec.Raw()
    errors: msgspec.Raw = msgspec.Raw()
