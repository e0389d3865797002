"""差异: where a sheet from outside and the book differ. Its processor keeps how the books stand, for every page.

Guarantees: of two states of the same thing the later one holds, and a repeat changes nothing. A difference is open
until documents come to it, or a later whole sheet says what differs now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct
from pydantic import Field

from chassis import topics
from chassis.postgres import Pool
from chassis.processor import Column, Decision, Handlers, Kept, Moment, Processor
from schemas.events.stock_books import (
    BooksChecked,
    StockDifferenceChanged,
    StockTaskChanged,
    WarehouseReconciled,
)
from services.console import stock_words, words
from services.console.domain.stock import Book
from services.console.domain.waiting import lasting
from services.console.sections import Section
from services.console.stock import Recount
from services.console.views import Shown

SHOWN_MAX = 20
COUNT_DIFFERENCES = """
INSERT INTO console.stock_skus (sku, differing, oversold)
SELECT wanted.sku, count(books.key), count(books.key) FILTER (WHERE books.oversold)
FROM unnest($1::text[]) AS wanted(sku)
LEFT JOIN console.stock_books AS books ON books.sku = wanted.sku AND books.kind = 'difference' AND books.open
GROUP BY wanted.sku ORDER BY wanted.sku
ON CONFLICT (sku) DO UPDATE SET differing = excluded.differing, oversold = excluded.oversold
"""
DIFFERENCES_OF = """
SELECT document FROM console.stock_books WHERE sku = $1 AND sku <> '' AND kind = 'difference'
ORDER BY open DESC, at DESC LIMIT $2
"""
TASKS_OF = """
SELECT document FROM console.stock_books WHERE kind = 'task' AND open AND warehouse = ANY($1::text[])
ORDER BY at LIMIT $2
"""

_decoder = msgspec.json.Decoder(Kept[Book])


# ---- what is kept ----------------------------------------------------------------------------------


def told(known: Book | None, event: Any, _facts: Any, moment: Moment) -> Decision[Book]:
    """The later state."""
    if known is not None and known.state.occurred_at > event.occurred_at:
        return Decision(state=known)
    return Decision(state=Book(learnt_at=moment.now, **{FIELDS[type(event)]: event}))


FIELDS: Mapping[type[Struct], str] = {
    BooksChecked: "books",
    WarehouseReconciled: "reconciled",
    StockDifferenceChanged: "difference",
    StockTaskChanged: "task",
}
HANDLERS: Handlers = dict.fromkeys(FIELDS, told)

BOOKS: Processor[Book] = Processor(
    name="console-books",
    table="console.stock_books",
    state=Book,
    handlers=HANDLERS,
    columns=(
        Column("kind", "text", attrgetter("kind")),
        Column("warehouse", "text", lambda book: getattr(book.state, "warehouse", "")),
        Column("sku", "text", lambda book: getattr(book.state, "sku", "")),
        Column("open", "boolean", attrgetter("open")),
        Column("oversold", "boolean", lambda book: getattr(book.state, "oversold", False)),
        Column("at", "timestamptz", attrgetter("at")),
    ),
    facts=Recount(COUNT_DIFFERENCES, lambda book: getattr(book.state, "sku", "")),
    sources=topics.consumed_by("console-books"),
    gather_ms=500,
    compacted=True,
    durable=False,
)


# ---- what is shown ---------------------------------------------------------------------------------


class DifferenceItem(Shown):
    """A row in which the book and a sheet differ. Pieces; times are UTC."""

    reconciliation: str
    source: str
    source_title: str
    warehouse: str
    warehouse_title: str
    sku: str
    at: datetime = Field(description="对账时刻")
    book: int = Field(description="账面件数")
    outside: int = Field(description="对方件数")
    difference: int = Field(description="账上少记的件数；负数为多记")
    hint: str
    hint_title: str
    advice: str = Field(description="先查什么，怎么补")
    oversold: bool = Field(description="预占多于实物")
    state: str = Field(description="open 待处理，closed 已补记，superseded 之后又对过账")
    state_title: str
    age: str = Field(description="待处理多久了；不待处理为空")
    documents: tuple[str, ...]
    closed_by: str
    closed_at: datetime | None


class TaskItem(Shown):
    """What a difference asks people to do. Times are UTC."""

    task_id: str
    kind: str
    kind_title: str
    source: str
    source_title: str
    warehouse: str
    warehouse_title: str
    day: str = Field(description="业务日（北京时间）")
    reconciliation: str
    reason: str
    advice: str = Field(description="怎么做")
    opened_at: datetime
    age: str = Field(description="派出多久了；已结束为空")
    open: bool
    closed_at: datetime | None
    closed_by: str
    closed_why: str


class Differences(Shown):
    """A SKU's differences, the open ones first, and the open tasks of the warehouses where it differs."""

    items: tuple[DifferenceItem, ...]
    tasks: tuple[TaskItem, ...]


async def read(pool: Pool, sku: str, now: datetime) -> Differences | None:
    """Differences of a SKU; tasks only where one is open."""
    items = differences(await pool.fetch(DIFFERENCES_OF, sku, SHOWN_MAX), now)
    if not items:
        return None
    where = sorted({one.warehouse for one in items if one.state == "open"})
    return Differences(items=items, tasks=tasks(await pool.fetch(TASKS_OF, where, SHOWN_MAX), now))


def differences(rows: Sequence[Any], now: datetime) -> tuple[DifferenceItem, ...]:
    """Rows of console.stock_books as differences."""
    return tuple(_difference(_decoder.decode(row["document"]).state, now) for row in rows)


def tasks(rows: Sequence[Any], now: datetime) -> tuple[TaskItem, ...]:
    """Rows of console.stock_books as tasks."""
    return tuple(_task(_decoder.decode(row["document"]).state, now) for row in rows)


def _difference(book: Book | None, now: datetime) -> DifferenceItem:
    assert book is not None
    one = book.difference
    assert one is not None
    hint_title, advice = stock_words.hint(one.hint)
    state = "open" if book.open else "closed" if one.closed_at else "superseded"
    return DifferenceItem(
        reconciliation=one.reconciliation,
        source=one.source,
        source_title=words.stock_source(one.source),
        warehouse=one.warehouse,
        warehouse_title=words.warehouse(one.warehouse),
        sku=one.sku,
        at=one.at,
        book=one.book,
        outside=one.outside,
        difference=one.outside - one.book,
        hint=one.hint,
        hint_title=hint_title,
        advice=advice,
        oversold=one.oversold,
        state=state,
        state_title=stock_words.STATES[state],
        age=lasting(now - one.at) if book.open else "",
        documents=tuple(one.documents),
        closed_by=words.say(one.closed_by),
        closed_at=one.closed_at,
    )


def _task(book: Book | None, now: datetime) -> TaskItem:
    assert book is not None
    one = book.task
    assert one is not None
    return TaskItem(
        task_id=one.task_id,
        kind=one.kind,
        kind_title=stock_words.TASKS.get(one.kind) or words.say(one.kind),
        source=one.source,
        source_title=words.stock_source(one.source),
        warehouse=one.warehouse,
        warehouse_title=words.warehouse(one.warehouse),
        day=one.day,
        reconciliation=one.reconciliation,
        reason=one.reason,
        advice=stock_words.TASK_ADVICE.get(one.kind, ""),
        opened_at=one.opened_at,
        age=lasting(now - one.opened_at) if book.open else "",
        open=book.open,
        closed_at=one.closed_at,
        closed_by=words.say(one.closed_by),
        closed_why=stock_words.closed_why(one.closed_why),
    )


SECTION = Section(
    name="differences",
    title="差异与任务",
    place=5,
    kind=Differences,
    read=read,
    processors=(BOOKS,),
)
