"""Tills of our own stores: our format `pos-upload/1`, uploaded in batches of receipts.

No vendor standard exists; this is the whole of it. POST a JSON object of `schema`, `store_no`,
`terminal_no`, `batch_no`, `business_date` and `orders`. Each of these has

- `receipt_no`, `type` (SALE, RETURN, or VOID of a receipt rung up by mistake), `created_at` with its
  offset, `currency`, `total_fen`, `discount_fen`, `rounding_fen` (抹零: what the till let go),
  `payments` [{method, amount_fen, txn_no}], `training` (true while somebody learns the till);
- `lines` [{line_no, barcode, sku, name, qty, unit, unit_price_fen, amount_fen, discount_fen}]:
  `qty` is a decimal text, because goods are weighed; `amount_fen` is after `discount_fen`. What the receipt's `discount_fen`
  has above its lines' is off all of them;
- `delivery`: null when the goods left over the counter, else {name, phone, province, city,
  district, address} of where to send them;
- `reservation_id`, where goods were reserved with inventory at the till: the order takes them over, or knows that they left
  under it.

A SALE without `delivery` has left: its goods go off the books. One with `delivery` is sent once its payments are its total. Amounts and quantities of a RETURN are negative and
`original_receipt_no` names the sale, in this or another batch; it becomes a settled refund of it. An exchange
is a RETURN and a SALE. The key of a receipt is (store, receipt number): uploading it again is no second order. A number used for two
different receipts is refused, within one batch by its content; across batches `content_hash` tells.

Header `X-Pos-Timestamp` is epoch seconds, `X-Pos-Signature` the lower-case hex HMAC-SHA256 over
timestamp, line feed and body, keyed with the store's secret; it is good for 300 seconds.
"""

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from chassis.signatures import REJECT, SignatureVector
from services.ingest.channels import (
    Channel,
    ChannelError,
    Credentials,
    ErrorKind,
    Hint,
    HttpAnswer,
    HttpRequest,
    Push,
    PushRequest,
    RawOrder,
    Retry,
    Shipment,
    WriteBack,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import read_json, text_of, zoned_time
from services.ingest.channels.pos import wire
from services.ingest.channels.pos.extension import PosExtension
from services.ingest.channels.pos.orders import normalise
from services.ingest.domain.model import Problem

SIGNED_FOR_S = 300
RECEIPTS_MAX = 1000
_TIMESTAMP = re.compile(r"^[0-9]{1,12}\Z")


def sign(secret: str, *, timestamp: str, body: bytes) -> str:
    """Return the signature of an upload."""
    text = f"{timestamp}\n".encode() + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def verify(credentials: Credentials, push: PushRequest) -> bool:
    """Say whether the store signed exactly these bytes, and not too long ago."""
    timestamp = push.headers.get("x-pos-timestamp", "")
    # Without a secret of its own, anybody's signature would be right.
    if not _TIMESTAMP.match(timestamp) or not credentials.app_secret:
        return False
    genuine = calls.same(
        push.headers.get("x-pos-signature", ""),
        sign(credentials.app_secret, timestamp=timestamp, body=push.body),
    )
    return genuine and abs(int(push.at.timestamp()) - int(timestamp)) <= SIGNED_FOR_S


def read(credentials: Credentials, push: PushRequest) -> tuple[Hint | RawOrder, ...] | ChannelError:
    """Slice a batch into receipts, each with the batch it came in; training receipts are none.

    Different receipts under one number stay in one slice, so that whoever reads it sees the clash.
    """
    del credentials
    batch = read_json(wire.decode_batch, push.body)
    if isinstance(batch, Problem):
        return calls.error(ErrorKind.REFUSED, batch.code, batch.detail)
    receipts = batch.receipts()
    if batch.schema != wire.SCHEMA or receipts is None:
        return calls.error(ErrorKind.REFUSED, "not_a_batch", f"not {wire.SCHEMA}")
    if len(receipts) > RECEIPTS_MAX:
        return calls.error(ErrorKind.REFUSED, "too_many_receipts", f"over {RECEIPTS_MAX}")
    slices: dict[str, RawOrder] = {}
    held: dict[str, list[bytes]] = {}
    for at, raw in enumerate(receipts):
        receipt = read_json(wire.decode_receipt, raw)
        number, created = "", None
        if isinstance(receipt, wire.Receipt):
            if receipt.training:
                continue
            number = text_of(receipt.receipt_no)
            created = zoned_time(receipt.created_at, "created_at", [])
        key = number or f"unnamed {at}"
        if raw in held.setdefault(key, []):
            continue
        held[key].append(raw)
        body = wire.slice_of(batch, held[key])
        slices[key] = RawOrder(order_no=number, modified_at=created, body=body)
    return tuple(slices.values())


def shipment_request(
    credentials: Credentials, shipment: Shipment, now: datetime
) -> HttpRequest | WriteBack:
    """Refuse: a till cannot be told anything."""
    del credentials, shipment, now
    return calls.NOBODY


def read_shipment_answer(answer: HttpAnswer) -> WriteBack:
    """Read an answer to what is never asked."""
    return Retry(error=calls.http_error(answer) or calls.no_answer("till"))


def recompute(vector: SignatureVector) -> str:
    """Return the signature of an upload, or the verdict on one, at the vector's `now` where it names one."""
    given = vector.fields
    timestamp, body = given.get("timestamp", ""), given.get("raw_body", "").encode()
    signature = sign(vector.secret, timestamp=timestamp, body=body)
    if not vector.given:
        return signature
    now = given.get("now", timestamp)
    if not _TIMESTAMP.match(timestamp) or not _TIMESTAMP.match(now):
        return REJECT
    if abs(int(now) - int(timestamp)) > SIGNED_FOR_S:
        return REJECT
    return calls.verdict(vector, signature, "raw_body")


CHANNEL = Channel(
    name="pos",
    abbreviation="PO",
    title_zh="门店收银",
    currency="CNY",
    extension=PosExtension,
    backward_paging=False,
    window_max=timedelta(days=1),
    window_overlap=timedelta(0),
    history_max=timedelta(days=1),
    poll_request=None,
    read_page=calls.no_page,
    detail_request=None,
    read_detail=calls.no_detail,
    push=Push(verify=verify, read=read, reply=b'{"accepted":true}'),
    normalise=normalise,
    shipment_request=shipment_request,
    read_shipment_answer=read_shipment_answer,
    aftersales=None,
    recompute=recompute,
)
