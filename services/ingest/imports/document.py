"""`import/1`: one order as a spreadsheet told it, the same for every channel.

Money is whole fen, times are aware UTC, numbers of orders, lines and SKUs are text as the channel writes them.
A document is the evidence too: it carries the cells it was made from. A reader of `import/1` reads it for ever;
what cannot be said by a field with a default is `import/2`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from services.ingest.domain.model import LineRefundState, OrderSnapshotState

SCHEMA: Final = "import/1"
DOOR = "import"
"""The door of payloads which came this way."""
LINES_MAX = 500
LINE_ID_PREFIX = "import-"
"""Line ids which are ours, where a spreadsheet names none: `import-<our line number>`."""
FEN_MAX = 10**13

Fen = Annotated[int, Meta(ge=0, le=FEN_MAX)]
Number = Annotated[str, Meta(max_length=64)]
Words = Annotated[str, Meta(max_length=4000)]
At = Annotated[datetime, Meta(tz=True)]


class ImportedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line. `payable_fen` is its share of what is payable for goods; None: the spreadsheet does not say."""

    line_id: Annotated[str, Meta(min_length=1, max_length=64)]
    sku_id: Number = ""
    merchant_sku: Number = ""
    title: Words = ""
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    unit_price_fen: Fen
    payable_fen: Fen | None = None
    refund: LineRefundState = LineRefundState.NONE


class ImportedReceiver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gets the parcel, in the words of the spreadsheet; all empty: it does not say."""

    province: Words = ""
    city: Words = ""
    district: Words = ""
    town: Words = ""
    name: Words = ""
    phone: Words = ""
    address: Words = ""


class ImportedTimes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """None: has not happened, or the spreadsheet does not say. There is no modified time: none tells it."""

    created: At | None = None
    paid: At | None = None
    shipped: At | None = None
    ended: At | None = None
    ship_by: At | None = None


class ImportedRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row as it stood there: its number in the sheet and its cells by their header."""

    row: int
    cells: dict[str, str]


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it stood. `sha256` is of the whole file."""

    file: Words
    sha256: Number
    preset: Words
    rows: Annotated[tuple[ImportedRow, ...], Meta(max_length=LINES_MAX)]


class ImportedOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order. `payable_fen` has the freight in it; `paid_fen` is what the buyer has paid of it."""

    # First, so that a body is told from a channel's own by how it begins.
    schema: Literal["import/1"] = SCHEMA
    order_no: Annotated[str, Meta(min_length=1, max_length=64)]
    state: OrderSnapshotState
    raw_state: Words
    payable_fen: Fen
    paid_fen: Fen
    freight_fen: Fen
    lines: Annotated[tuple[ImportedLine, ...], Meta(min_length=1, max_length=LINES_MAX)]
    receiver: ImportedReceiver
    times: ImportedTimes
    buyer_memo: Words = ""
    seller_memo: Words = ""
    evidence: Evidence


BEGINS = b'{"schema":"import/'
decode = msgspec.json.Decoder(ImportedOrder).decode
encode = msgspec.json.Encoder().encode
