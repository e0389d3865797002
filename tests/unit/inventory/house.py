"""Inventory in memory: the real facts and the real decisions over a book, without servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from msgspec import Struct

import chassis
from chassis.processor import Decision, Moment, Record
from schemas.events.commands_inventory import RecallBatch, ReceiptLine, ReceiveStock
from services.inventory.approvals import read_approvals
from services.inventory.domain.batches import loose, withheld
from services.inventory.domain.ledger import Booked, Ledger, batch_differences, differences
from services.inventory.domain.model import Aggregate, Hold, Line, Row
from services.inventory.domain.rules import Book
from services.inventory.facts import StockFacts
from services.inventory.foreseen import Foreseen
from services.inventory.handlers import EXTENSION_HANDLERS, HANDLERS
from services.inventory.leases import read_leases
from services.inventory.quotas import Quotas, read_quotas
from services.inventory.shelf_life import read_shelf_life
from services.inventory.sourcing import Sourcing, read_sourcing

T = TypeVar("T")
DECISIONS = {**HANDLERS, **EXTENSION_HANDLERS}
RULES = Path(chassis.__path__[0]).parent / "rules"


def read_changed(
    read: Callable[[Path], T], name: str, text: str, changes: Iterable[tuple[str, str]]
) -> T:
    """What `read` makes of a folder with this one table, changed; each change finds what it replaces."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with TemporaryDirectory() as folder:
        table = Path(folder) / name / "default.yaml"
        table.parent.mkdir()
        table.write_text(text, encoding="utf-8")
        return read(Path(folder))


def splitting(parcels_max: int | str) -> Sourcing:
    """The shipped table of sourcing, letting so many warehouses send an order."""
    shipped = (RULES / "sourcing" / "default.yaml").read_text(encoding="utf-8")
    changes = [("parcels_max: 1", f"parcels_max: {parcels_max}")]
    return read_changed(read_sourcing, "sourcing", shipped, changes)


QUOTA_TABLE = """
name: default
purpose: channel-quota
version: 1
note: 门店、线上各有一份
policy: first
facts:
  channel: {type: text, label: 渠道, one_of: [taobao, jd, pos]}
  sku: {type: text, label: 商家SKU}
outputs:
  share_percent: {type: int, label: 百分之几}
  buffer: {type: int, label: 缓冲件数}
  close_at: {type: int, label: 不多于几件就下架}
  quota_group: {type: text, label: 独享的渠道组}
rows:
  - id: soft
    note: 这个 SKU 不分
    when: {sku: SOFT}
    then: {share_percent: 50, buffer: 0, close_at: 0, quota_group: ""}
  - id: stores
    note: 门店
    when: {channel: pos}
    then: {share_percent: 30, buffer: 0, close_at: 0, quota_group: stores}
default:
  note: 线上
  then: {share_percent: 70, buffer: 0, close_at: 0, quota_group: online}
on_error: {share_percent: 0, buffer: 0, close_at: 0, quota_group: ""}
samples:
  - note: 门店
    facts: {channel: pos, sku: A}
    rows: [stores]
    outputs: {quota_group: stores}
"""


def sharing_out(*changes: tuple[str, str]) -> Quotas:
    """A table that keeps 70 % of every SKU but SOFT for taobao and jd, 30 % for pos; with changes of its text."""
    return read_changed(read_quotas, "channel-quota", QUOTA_TABLE, changes)


NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 11)
SHELF_LIFE = read_shelf_life(RULES)
APPROVALS = read_approvals(RULES)
SOURCING = read_sourcing(RULES)
LEASES = read_leases(RULES, timedelta(minutes=30))
QUOTAS = read_quotas(RULES)
ROWS: tuple[Row, ...] = (("HZ", "A"), ("HZ", "B"), ("GZ", "A"), ("HZ-NEAR", "A"))


class House:
    """The real facts over a book in memory, the real decisions, and every document that was made."""

    def __init__(self, sourcing: Sourcing = SOURCING) -> None:
        self.facts = StockFacts(
            Foreseen(),
            {},
            sourcing,
            LEASES,
            {("HZ", "A")}.update,
            approvals=APPROVALS,
            shelf_life=SHELF_LIFE,
            quotas=QUOTAS,
        )
        self.facts.book = Book(dict.fromkeys(ROWS, (0, 0)))
        self.states: dict[str, Aggregate | None] = {}
        self.number = 0

    @property
    def book(self) -> Book:
        return self.facts.book

    def say(self, kind: type[Struct], /, key: str = "", **fields: Any) -> Decision[Any]:
        """One command, decided and booked."""
        self.number += 1
        key = key or f"d{self.number}"
        named = {"document_no": key, "command_id": key, "issued_at": NOW, "actor": "li"}
        return self.take(kind(**named | fields), key)

    def take(self, event: Any, key: str, days_later: int = 0) -> Decision[Any]:
        """One event or command, decided and booked."""
        record = Record("", 0, 0, key, 1, event, raw=b"")
        moment = Moment(NOW + timedelta(days=days_later), record)
        decision: Decision[Any] = DECISIONS[type(event)](
            self.states.get(key), event, self.facts, moment
        )
        if not decision.refusal:
            self.states[key] = decision.state
        for effect in decision.effects:
            self.facts.apply(effect)
        return decision

    def receive(
        self, number: str | None, quantity: int, days: int | None = 200, **more: Any
    ) -> Decision[Any]:
        expires_on = None if days is None else (TODAY + timedelta(days=days)).isoformat()
        fields = {"produced_on": None, "expires_on": expires_on if number else None, "sku": "A"}
        line = ReceiptLine(batch=number, quantity=quantity, **fields | more)
        return self.say(ReceiveStock, warehouse="HZ", cause="receipt", lines=(line,))

    def order(self, key: str, pieces: int) -> None:
        """A hold of so many of A in HZ."""
        goods = (("A", pieces),)
        self.states[key] = Hold(
            state="held", paid=True, lines=(Line(1, "A", pieces),), warehouse="HZ", held=goods
        )
        self.book.reserve("HZ", goods)

    def recall(self, number: str, warehouse: str = "HZ") -> Decision[Any]:
        return self.say(RecallBatch, warehouse=warehouse, sku="A", batch=number, reason="glass")

    def shelf(self, warehouse: str = "HZ") -> dict[str, tuple[int, int]]:
        """Pieces and withheld ones by batch."""
        there = self.book.shelves.get((warehouse, "A"), {})
        return {number: (one.on_hand, one.withheld) for number, one in there.items()}

    def check(self) -> None:
        """Ledger, rows and batches agree, and no row is outside its bounds."""
        ledger = Ledger()
        for number, entry in enumerate(self.book.entries, start=1):
            ledger.take(
                Booked(
                    *(number, entry.warehouse, entry.sku, entry.quantity, entry.kind),
                    *(entry.document_no, entry.balance_after, entry.batch, entry.withheld),
                )
            )
        rows = {row: (numbers[0], numbers[1]) for row, numbers in self.book.rows.items()}
        reserved = {row: numbers[1] for row, numbers in rows.items()}
        assert ledger.broken() == ()
        assert differences(ledger.balances, rows, reserved) == ()
        batches = {
            (*row, number): (one.on_hand, one.withheld)
            for row, there in self.book.shelves.items()
            for number, one in there.items()
        }
        stock = {row: (rows[row][0], withheld(there)) for row, there in self.book.shelves.items()}
        assert batch_differences(ledger.batches, batches, stock) == ()
        for row, (on_hand, held) in rows.items():
            there = self.book.shelves.get(row, {})
            assert 0 <= held <= on_hand
            assert loose(on_hand, there) >= 0
            assert all(0 <= one.held <= one.on_hand for one in there.values())
