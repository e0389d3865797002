"""Rows → orders. Several rows of one order number are its lines, wherever in the sheet they stand.

Guarantees: the file is read once; what was read waits in an unnamed temporary file, so that memory holds the order
numbers and the orders in hand only. The same file and preset give the same orders in the same order, every time: by
their last row. One bad cell refuses its whole order, with every error of it by row and column; the others go on.
A row without an order number may be a line of the order above it, so that one is refused too.
"""

from __future__ import annotations

import re
import struct
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import IO, Self, TypeAlias

import msgspec
from msgspec import Struct

from services.ingest.imports import order
from services.ingest.imports.cells import Cell, Refusal, number
from services.ingest.imports.document import LINES_MAX, ImportedOrder, encode
from services.ingest.imports.presets import HEADER_ROWS_MAX, Columns, Loaded, Unusable, columns
from services.ingest.imports.sheets import Row, Sheet

SPOOL_MEMORY_BYTES = 8 * 2**20
ORDER_BYTES_MAX = 512 * 2**10
"""Half of what a broker takes as one record."""
_LENGTH = struct.Struct(">I")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, tuple[Cell, ...]]).decode


class RowError(Struct, frozen=True, kw_only=True):
    """What is wrong with one cell. `value` is empty where it would name a person."""

    row: int
    column: str
    value: str
    why: str


class RefusedOrder(Struct, frozen=True, kw_only=True):
    """An order that cannot be imported, for all these reasons. `order_no` is "" for rows of no order."""

    order_no: str
    errors: tuple[RowError, ...]


Read: TypeAlias = "ImportedOrder | RefusedOrder"


class Survey:
    """One file, read through: which orders it has, and the rows to make them of. Close it after use."""

    def __init__(self, sheet: Sheet, loaded: Loaded, progress: Callable[[int], None]) -> None:
        """Reads the file. `progress` is told how many rows were read. Raises Unusable."""
        self.sheet = sheet
        self.loaded = loaded
        self._pattern = re.compile(loaded.preset.order_no)
        self._spool: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOL_MEMORY_BYTES)  # noqa: SIM115 — lives as long as this
        self._rows_of: Counter[str] = Counter()
        self._doubted: set[str] = set()
        try:
            self.columns = self._read_through(progress)
        except BaseException:
            self._spool.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    @property
    def order_count(self) -> int:
        """Orders which have a number."""
        return len(self._rows_of)

    def orders(self, now: datetime) -> Iterator[Read]:
        """Every order, as a document or with what is wrong with it; may be called again."""
        reading = order.Reading(sheet=self.sheet, loaded=self.loaded, columns=self.columns, now=now)
        gathered: dict[str, list[Row]] = {}
        left = Counter(self._rows_of)
        for row in self._kept():
            order_no = self._order_no(row[1])
            if isinstance(order_no, Refusal):
                yield self._unnamed(row, order_no)
                continue
            rows = gathered.setdefault(order_no, [])
            if len(rows) <= LINES_MAX:
                rows.append(row)
            left[order_no] -= 1
            if not left[order_no]:
                yield self._made(order_no, gathered.pop(order_no), reading)

    def _read_through(self, progress: Callable[[int], None]) -> Columns:
        rows = self.sheet.rows()
        first: list[Row] = []
        for row in rows:
            first.append(row)
            if len(first) == HEADER_ROWS_MAX:
                break
        if not first:
            raise Unusable(f"{self.sheet.path} 里没有任何内容")
        found = columns(self.loaded.preset, first)
        self.columns = found
        above = ""
        below = (one for one in first if one[0] > found.header_row)
        for read, row in enumerate(chain(below, rows)):
            above = self._take(row, above)
            if not read % 1000:
                progress(read)
        if not self._rows_of:
            raise Unusable(f"{self.sheet.path} 里没有订单：表头之下没有一行有可用的订单号")
        return found

    def _take(self, row: Row, above: str) -> str:
        text = _encode(row)
        self._spool.write(_LENGTH.pack(len(text)) + text)
        order_no = self._order_no(row[1])
        if isinstance(order_no, Refusal):
            self._doubted.add(above)
            return above
        self._rows_of[order_no] += 1
        return order_no

    def _kept(self) -> Iterator[Row]:
        self._spool.seek(0)
        while head := self._spool.read(_LENGTH.size):
            yield _decode(self._spool.read(_LENGTH.unpack(head)[0]))

    def _order_no(self, cells: Sequence[Cell]) -> str | Refusal:
        place = self.columns.at["order.no"]
        text = number(cells[place] if place < len(cells) else None)
        if isinstance(text, Refusal):
            return text
        if not text:
            return Refusal("没有订单号（合并的单元格请先取消合并并填满）")
        if not self._pattern.match(text):
            return Refusal(f"不是该渠道的订单号（应符合 {self.loaded.preset.order_no}）")
        return text

    def _unnamed(self, row: Row, why: Refusal) -> RefusedOrder:
        place = self.columns.at["order.no"]
        cell = row[1][place] if place < len(row[1]) else None
        error = RowError(
            row=row[0],
            column=self.columns.headers[place],
            value=order.shown("order.no", cell),
            why=why.why,
        )
        return RefusedOrder(order_no="", errors=(error,))

    def _made(self, order_no: str, rows: list[Row], reading: order.Reading) -> Read:
        errors: list[RowError] = []
        if len(rows) > LINES_MAX:
            error = RowError(row=rows[0][0], column="", value="", why=f"一单超过 {LINES_MAX} 行")
            return RefusedOrder(order_no=order_no, errors=(error,))
        made = order.made(order_no, rows, reading)
        if not isinstance(made, ImportedOrder):
            errors += [
                RowError(row=row, column=column, value=value, why=why)
                for row, column, value, why in made
            ]
        if order_no in self._doubted:
            why = "它下面有一行没有可用的订单号，可能是这一单的商品"
            errors.append(RowError(row=rows[-1][0], column="", value="", why=why))
        if isinstance(made, ImportedOrder) and len(encode(made)) > ORDER_BYTES_MAX:
            why = f"一单的内容超过 {ORDER_BYTES_MAX >> 10} KB"
            errors.append(RowError(row=rows[0][0], column="", value="", why=why))
        if errors or not isinstance(made, ImportedOrder):
            return RefusedOrder(order_no=order_no, errors=tuple(errors))
        return made
