"""An upload of a till as it stands on the wire."""

from collections.abc import Sequence

import msgspec

from services.ingest.channels._wire import Amount, Id, Text, sliced

SCHEMA = "pos-upload/1"


class Payment(msgspec.Struct):
    """One payment; change is already off its amount."""

    method: Text = None
    amount_fen: Amount = None
    txn_no: Id = None


class Line(msgspec.Struct):
    """One line; `amount_fen` is after `discount_fen`."""

    line_no: Id = None
    barcode: Id = None
    sku: Id = None
    name: Text = None
    qty: Amount = None
    unit: Text = None
    unit_price_fen: Amount = None
    amount_fen: Amount = None
    discount_fen: Amount = None


class Delivery(msgspec.Struct):
    """Where to send the goods of a receipt."""

    name: Text = None
    phone: Id = None
    province: Text = None
    city: Text = None
    district: Text = None
    address: Text = None


class Receipt(msgspec.Struct):
    """One receipt."""

    receipt_no: Id = None
    type: Text = None
    created_at: Text = None
    cashier: Id = None
    member_no: Id = None
    currency: Text = None
    total_fen: Amount = None
    discount_fen: Amount = None
    rounding_fen: Amount = None
    payments: list[Payment] | Payment | None = None
    lines: list[Line] | Line | None = None
    delivery: Delivery | None = None
    note: Text = None
    original_receipt_no: Id = None
    training: bool | None = None
    reservation_id: Text = None


class Batch(msgspec.Struct):
    """One upload."""

    schema: Text = None
    store_no: Id = None
    terminal_no: Id = None
    batch_no: Id = None
    business_date: Text = None
    orders: msgspec.Raw = msgspec.Raw()

    def receipts(self) -> tuple[bytes, ...] | None:
        """Return the receipts; one alone may stand there without a list."""
        return sliced(self.orders)


class Slice(msgspec.Struct, omit_defaults=True):
    """A batch cut down to some of its receipts."""

    schema: Text = None
    store_no: Id = None
    terminal_no: Id = None
    batch_no: Id = None
    business_date: Text = None
    orders: list[msgspec.Raw] = msgspec.field(default_factory=list)


decode_batch = msgspec.json.Decoder(Batch).decode
decode_receipt = msgspec.json.Decoder(Receipt).decode


def slice_of(batch: Batch, receipts: Sequence[bytes]) -> bytes:
    """Return a batch of these receipts only: the evidence that is kept of them."""
    return msgspec.json.encode(
        Slice(
            schema=batch.schema,
            store_no=batch.store_no,
            terminal_no=batch.terminal_no,
            batch_no=batch.batch_no,
            business_date=batch.business_date,
            orders=[msgspec.Raw(receipt) for receipt in receipts],
        )
    )
