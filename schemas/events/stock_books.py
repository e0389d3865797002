"""Records of the domain `stock-books`. Generated from schemas/avro/stock-books/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class BooksChecked(Struct, frozen=True, kw_only=True):
    """库存账已核对 · how the books of stock stand, whole; the newest one holds and the topic is compacted, so it has no version."""

    TOPIC: ClassVar[str] = "stock-books"
    FULL_NAME: ClassVar[str] = "danshu.stock_books.BooksChecked"

    book_key: str
    """键 · what this is the state of: books"""
    occurred_at: datetime
    """发生时间 · when this was read, UTC; of two the later one holds"""
    oversold_units: int
    """超卖件数 · held beyond what receipts, returns and deductions leave; must be 0"""
    negative_rows: int
    """负数行 · rows outside 0 ≤ reserved ≤ on hand; must be 0"""
    ledger_mismatch: int
    """账差件数 · between stock and ledger; must be 0"""
    reserved_mismatch: int
    """预占差件数 · between `reserved` and the live holds; must be 0"""
    broken_rows: int
    """断账行 · rows with a ledger entry that does not follow from the one before; must be 0"""
    newest_change_at: datetime | None = None
    """最近变动 · when a level last changed, UTC: who has not heard of it is behind"""


class StockDifferenceChanged(Struct, frozen=True, kw_only=True):
    """库存差异已变化 · a row in which the book and a sheet differ, whole; the newest one holds and the topic is compacted, so it has no version."""

    TOPIC: ClassVar[str] = "stock-books"
    FULL_NAME: ClassVar[str] = "danshu.stock_books.StockDifferenceChanged"

    book_key: str
    """键 · what this is the state of: difference|reconciliation|warehouse|sku"""
    occurred_at: datetime
    """发生时间 · when this was read, UTC; of two the later one holds"""
    reconciliation: str
    """对账号"""
    source: str
    """来源 · wms, pos, channel"""
    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    at: datetime
    """对账时刻 · UTC"""
    book: int
    """账面件数"""
    outside: int
    """对方件数"""
    hint: str
    """线索 · what it looks like; where to look first, never a verdict"""
    oversold: bool
    """预占多于实物 · more was promised then than can lie there"""
    documents: tuple[str, ...]
    """补记单据 · whose entries come to the difference"""
    closed_at: datetime | None = None
    """关闭时间 · UTC"""
    closed_by: str
    """关闭人"""
    superseded_by: str
    """后来的对账 · a later whole sheet of the same source and warehouse; empty = none"""


class StockTaskChanged(Struct, frozen=True, kw_only=True):
    """对账任务已变化 · what a difference asks people to do, whole; the newest one holds and the topic is compacted, so it has no version."""

    TOPIC: ClassVar[str] = "stock-books"
    FULL_NAME: ClassVar[str] = "danshu.stock_books.StockTaskChanged"

    book_key: str
    """键 · what this is the state of: task|task_id"""
    occurred_at: datetime
    """发生时间 · when this was read, UTC; of two the later one holds"""
    task_id: str
    """任务号"""
    kind: str
    """任务 · difference, count, limit_sales"""
    source: str
    """来源 · wms, pos, channel"""
    warehouse: str
    """仓库"""
    day: str
    """业务日 · YYYY-MM-DD in Shanghai"""
    reconciliation: str
    """对账号"""
    reason: str
    """原因 · of the decision table, in words"""
    opened_at: datetime
    """派出时间 · UTC"""
    closed_at: datetime | None = None
    """结束时间 · UTC"""
    closed_by: str
    """结束人"""
    closed_why: str
    """结束原因"""


class WarehouseReconciled(Struct, frozen=True, kw_only=True):
    """仓库已对账 · how one warehouse compared with another system's sheet, whole; the newest one holds and the topic is compacted, so it has no version."""

    TOPIC: ClassVar[str] = "stock-books"
    FULL_NAME: ClassVar[str] = "danshu.stock_books.WarehouseReconciled"

    book_key: str
    """键 · what this is the state of: reconciled|reconciliation|warehouse"""
    occurred_at: datetime
    """发生时间 · when this was read, UTC; of two the later one holds"""
    reconciliation: str
    """对账号"""
    source: str
    """来源 · kind of system the sheet came from: wms, pos, channel"""
    warehouse: str
    """仓库"""
    at: datetime
    """对账时刻 · the moment both sides are of, UTC"""
    listed_only: bool
    """部分对账 · rows the sheet does not list were left alone"""
    rows: int
    """对账行数"""
    book_pieces: int
    """账面件数"""
    differing_rows: int
    """差异行数"""
    difference_pieces: int
    """差异件数 · sum of the differences, whatever their sign"""
    difference_ppm: int
    """差异率 · differences in millionths of the book, rounded up"""
    rule: str
    """依据 · table@version#row"""
    actor: str
    """操作人 · who handed the sheet in"""


RECORDS: tuple[type[Struct], ...] = (
    BooksChecked,
    StockDifferenceChanged,
    StockTaskChanged,
    WarehouseReconciled,
)
