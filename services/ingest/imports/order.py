"""The rows of one order → its document, or everything that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct

from services.ingest.channels._pickup import place_of
from services.ingest.domain.model import OrderSnapshotState
from services.ingest.domain.snapshots import PAID
from services.ingest.imports import cells
from services.ingest.imports.cells import Cell, Refusal
from services.ingest.imports.document import (
    LINE_ID_PREFIX,
    Evidence,
    ImportedLine,
    ImportedOrder,
    ImportedReceiver,
    ImportedRow,
    ImportedTimes,
)
from services.ingest.imports.presets import Columns, Loaded, refund_of, state_of
from services.ingest.imports.sheets import Row, Sheet

Wrong = tuple[int, str, str, str]
"""Row, column, value, why."""
PERSONAL = frozenset({"order.name", "order.phone", "order.address", "order.town"})
SHOWN_CHARS_MAX = 40
PAID_STATES = PAID | {OrderSnapshotState.CLOSED_REFUNDED}
DEADLINE_MAX = timedelta(days=365)
_BLANKS = re.compile(r"\s+")

T = TypeVar("T")


def shown(field: str, cell: Cell) -> str:
    """A cell's text for an error message; nothing of a person."""
    if field in PERSONAL or cell is None:
        return ""
    text = cell.text if isinstance(cell, cells.Formula) else str(cell)
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "…"


class Reading(Struct, frozen=True, kw_only=True):
    """What all orders of one file are read by. Times after `now` are refused."""

    sheet: Sheet
    loaded: Loaded
    columns: Columns
    now: datetime


def made(order_no: str, rows: Sequence[Row], reading: Reading) -> ImportedOrder | tuple[Wrong, ...]:
    """The document of an order whose number is known."""
    return _Making(order_no, rows, reading).document()


class _Making:
    """Reads the cells of one order and keeps what is wrong with them."""

    def __init__(self, order_no: str, rows: Sequence[Row], reading: Reading) -> None:
        self._order_no = order_no
        self._rows = rows
        self._reading = reading
        self._preset = reading.loaded.preset
        self._columns = reading.columns
        self._now = reading.now
        self._wrong: list[Wrong] = []

    def document(self) -> ImportedOrder | tuple[Wrong, ...]:
        self._check_widths()
        words = self._once("order.state", "") or ""
        state = state_of(self._preset, words)
        if state is None:
            self._refuse(self._rows[0][0], "order.state", words, "预设不认识这个订单状态")
            state = OrderSnapshotState.UNKNOWN
        lines, line_freight_fen = self._lines()
        freight_fen = self._amount("order.freight")
        freight_fen = line_freight_fen if freight_fen is None else freight_fen
        payable_fen = self._payable_fen(lines, freight_fen)
        times = self._times()
        receiver = self._receiver()
        memos = self._once("order.buyer_memo", "") or "", self._once("order.seller_memo", "") or ""
        if self._wrong:
            return tuple(sorted(set(self._wrong)))
        paid = state in PAID_STATES or times.paid is not None
        return ImportedOrder(
            order_no=self._order_no,
            state=state,
            raw_state=words,
            payable_fen=payable_fen,
            paid_fen=payable_fen if paid else 0,
            freight_fen=freight_fen,
            lines=lines,
            receiver=receiver,
            times=times,
            buyer_memo=memos[0],
            seller_memo=memos[1],
            evidence=self._evidence(),
        )

    def _check_widths(self) -> None:
        width = len(self._columns.headers)
        for row, values in self._rows:
            if any(value is not None and value != "" for value in values[width:]):
                why = f"比表头多出 {len(values) - width} 格，列可能错位（如逗号没有加引号）"
                self._wrong.append((row, "", "", why))

    def _cell(self, values: Sequence[Cell], field: str) -> Cell:
        place = self._columns.at.get(field)
        return None if place is None or place >= len(values) else values[place]

    def _refuse(self, row: int, field: str, cell: Cell, why: str) -> None:
        self._wrong.append((row, self._columns.name_of(field), shown(field, cell), why))

    def _value(self, row: Row, field: str, value: T | Refusal, default: T) -> T:
        if isinstance(value, Refusal):
            self._refuse(row[0], field, self._cell(row[1], field), value.why)
            return default
        return value

    def _once(self, field: str, default: str) -> str:
        """Text that is the same in every row of the order which has it."""
        found = default
        for row in self._rows:
            text = self._value(row, field, cells.plain(self._cell(row[1], field)), "")
            if text and found and text != found:
                why = f"同一单的几行不一致（前面是“{shown(field, found)}”）"
                self._refuse(row[0], field, text, why)
            found = found or text
        return found

    def _amount(self, field: str) -> int | None:
        """An order's amount: the same in every row that has it; None where none has."""
        found: int | None = None
        for row in self._rows:
            amount = self._value(row, field, cells.fen(self._cell(row[1], field)), None)
            if amount is None:
                continue
            if found is not None and amount != found:
                why = "同一单的几行金额不一致：这一列不是整单金额，或几单用了同一个号"
                self._refuse(row[0], field, self._cell(row[1], field), why)
            found = amount if found is None else found
        return found

    def _lines(self) -> tuple[tuple[ImportedLine, ...], int]:
        lines: list[ImportedLine] = []
        seen: dict[str, int] = {}
        freight_fen = 0
        for place, row in enumerate(self._rows, start=1):
            line, own_freight_fen = self._line(place, row)
            freight_fen += own_freight_fen
            if line is None:
                continue
            if line.line_id in seen:
                why = f"子订单号与第 {seen[line.line_id]} 行相同"
                self._refuse(row[0], "line.no", line.line_id, why)
            seen[line.line_id] = row[0]
            lines.append(line)
        return tuple(lines), freight_fen

    def _line(self, place: int, row: Row) -> tuple[ImportedLine | None, int]:
        before = len(self._wrong)

        def read(field: str, value: T | Refusal, default: T) -> T:
            return self._value(row, field, value, default)

        def fen(field: str) -> int | None:
            return read(field, cells.fen(self._cell(row[1], field)), None)

        def number(field: str) -> str:
            return read(field, cells.number(self._cell(row[1], field)), "")

        quantity = read("line.quantity", cells.pieces(self._cell(row[1], "line.quantity")), 1)
        merchant_sku, sku_id = self._codes(row)
        line_no = number("line.no")
        title = read("line.title", cells.plain(self._cell(row[1], "line.title")), "")
        refund = read("line.refund", cells.plain(self._cell(row[1], "line.refund")), "")
        freight_fen = fen("line.freight") or 0
        payable_fen = fen("line.payable")
        if payable_fen is not None and self._preset.line_payable_has_freight:
            payable_fen -= freight_fen
            if payable_fen < 0:
                self._refuse(row[0], "line.payable", "", "小于这一行的运费")
        unit_fen, total_fen = fen("line.unit_price"), fen("line.total")
        if len(self._wrong) > before:
            return None, 0
        if unit_fen is None:
            unit_fen = self._unit_fen(row, quantity, total_fen, payable_fen)
        line = ImportedLine(
            line_id=line_no or f"{LINE_ID_PREFIX}{place}",
            sku_id=sku_id,
            merchant_sku=merchant_sku,
            title=title,
            quantity=quantity,
            unit_price_fen=unit_fen,
            payable_fen=payable_fen,
            refund=refund_of(self._preset, refund),
        )
        return line, freight_fen

    def _codes(self, row: Row) -> tuple[str, str]:
        """The merchant's code of the goods, and the channel's."""
        before = len(self._wrong)
        merchant_sku, sku_id = (
            self._value(row, field, cells.number(self._cell(row[1], field)), "")
            for field in ("line.merchant_sku", "line.sku_id")
        )
        if not merchant_sku and not sku_id and len(self._wrong) == before:
            own = "line.merchant_sku" in self._columns.at
            named = "line.merchant_sku" if own else "line.sku_id"
            self._refuse(row[0], named, "", "没有商品编码，不知道是什么货")
        return merchant_sku, sku_id

    def _unit_fen(
        self, row: Row, quantity: int, total_fen: int | None, payable_fen: int | None
    ) -> int:
        """The price of a piece, where no column has it: of what the line costs, else of the order's only line.

        A price that does not divide is rounded up; the line's discount takes the rest off again.
        """
        whole_fen = total_fen if total_fen is not None else payable_fen
        if whole_fen is None:
            whole_fen = self._only_lines_total()
        if whole_fen is None:
            self._refuse(row[0], "line.unit_price", "", "没有单价，也没有可推出单价的金额")
        return -(-(whole_fen or 0) // quantity)

    def _only_lines_total(self) -> int | None:
        """What the only line of an order costs, where the order's amount is all that is told."""
        if len(self._rows) > 1:
            return None
        payable, freight = (
            cells.fen(self._cell(self._rows[0][1], field))
            for field in ("order.payable", "order.freight")
        )
        if not isinstance(payable, int):
            return None
        return max(0, payable - (freight if isinstance(freight, int) else 0))

    def _payable_fen(self, lines: tuple[ImportedLine, ...], freight_fen: int) -> int:
        before = len(self._wrong)
        payable_fen = self._amount("order.payable")
        if payable_fen is None:
            if len(self._wrong) == before and any(line.payable_fen is None for line in lines):
                named = "order.payable" if "order.payable" in self._columns.at else "line.payable"
                self._refuse(self._rows[0][0], named, "", "没有金额")
            return sum(line.payable_fen or 0 for line in lines) + freight_fen
        if freight_fen > payable_fen:
            self._refuse(self._rows[0][0], "order.freight", "", "运费比应付还多")
        return payable_fen

    def _times(self) -> ImportedTimes:
        found = {
            field: self._time(f"order.{field}") for field in ("created", "paid", "shipped", "ended")
        }
        # Exports have words here too, such as 付款后 48 小时内; only a time is a deadline.
        deadline = None
        for _, values in self._rows:
            at = cells.moment(self._cell(values, "order.ship_by"), self._now + DEADLINE_MAX)
            deadline = deadline or (at if isinstance(at, datetime) else None)
        return ImportedTimes(**found, ship_by=deadline)

    def _time(self, field: str) -> datetime | None:
        found: datetime | None = None
        for row in self._rows:
            at = self._value(row, field, cells.moment(self._cell(row[1], field), self._now), None)
            # Lines may be shipped one after another: the last one tells when all of it was.
            found = max(found, at) if found and at else found or at
        return found

    def _receiver(self) -> ImportedReceiver:
        names = ("province", "city", "district", "town", "name", "phone", "address")
        texts = {name: self._once(f"order.{name}", "") for name in names}
        texts["phone"] = texts["phone"].removeprefix("'")
        if self._preset.address_in_one and not texts["province"]:
            place = place_of(_BLANKS.sub(" ", texts["address"]))
            texts |= {
                "province": place.province,
                "city": place.city,
                "district": place.district,
                "address": place.detail,
            }
        elif texts["province"] and texts["address"].startswith(texts["province"]):
            for name in ("province", "city", "district"):
                texts["address"] = texts["address"].removeprefix(texts[name]).lstrip()
        return ImportedReceiver(**texts)

    def _evidence(self) -> Evidence:
        sheet, loaded = self._reading.sheet, self._reading.loaded
        return Evidence(
            file=sheet.path.name,
            sha256=sheet.sha256,
            preset=f"{loaded.name}@{loaded.sha256[:12]}",
            rows=tuple(
                ImportedRow(
                    row=row,
                    cells={
                        name or f"#{place}": value.text
                        if isinstance(value, cells.Formula)
                        else str(value)
                        for place, (name, value) in enumerate(
                            zip(self._columns.headers, values, strict=False), start=1
                        )
                        if value is not None and value != ""
                    },
                )
                for row, values in self._rows
            ),
        )
