"""What inventory tells of its books and movements, on real Kafka."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.producer import DeliveryFailed
from schemas.events.stock_books import BooksChecked, StockDifferenceChanged, StockTaskChanged
from schemas.events.stock_movements import StockMoved
from services.inventory.app import NAME
from services.inventory.telling_books import BooksTeller
from services.inventory.timers import BookCheck, LevelPublisher
from tests.integration.inventory.papers import Office
from tests.unit.inventory.events import paid, placed, receipt, shipped


class Teller:
    """Inventory's timers that tell, by hand."""

    def __init__(self, office: Office) -> None:
        running, publisher = office.running, office.house.publisher
        teller = BooksTeller(publisher, codec(), SystemClock(), NAME)
        self.check = BookCheck(running.pool, running.books, teller)
        self.levels = LevelPublisher(running.pool, publisher, codec(), NAME)

    async def tell(self) -> int:
        """Everything there is to tell; returns how many states of reconciliations."""
        await self.levels.look()
        await self.check.look()
        return await self.check.tell()


async def reconciled(office: Office, folder: Path, shelf: dict[str, int], at: datetime) -> str:
    """Hands a warehouse's sheet in; returns what the terminal says of it."""
    file = folder / "wms.csv"
    lines = [f"HZ,{sku},{quantity}" for sku, quantity in shelf.items()]
    file.write_text("\n".join(["warehouse,sku,quantity", *lines]), encoding="utf-8")
    code, output = await office.at_terminal(
        "reconcile", str(file), "--source", "wms", "--at", at.isoformat(), "--actor", "li"
    )
    assert code == 0, output
    return output


async def the_morning(office: Office) -> datetime:
    """Goods come in, an order leaves, another waits; returns the moment after."""
    house = office.house
    await house.publish([receipt("rk-1", "HZ", [("A", 100), ("B", 5)])])
    await house.drained()
    await house.publish([placed("o1", [("A", 3)]), placed("o2", [("B", 4)]), paid("o1")])
    await house.drained()
    await house.publish([shipped("o1", "HZ", [("A", 3)])])
    await house.drained()
    return SystemClock().now()


async def test_what_a_paper_moves_is_told_with_document_person_and_balance(office: Office) -> None:
    await the_morning(office)
    why = ("-w", "HZ", "-r", "broken", "--actor", "li")
    assert (await office.at_terminal("adjust", "TZ1", "-l", "A=-2", *why))[0] == 0
    told = [
        one for one in await office.house.emitted("stock-movements") if isinstance(one, StockMoved)
    ]
    assert {
        (one.entry_no, one.kind, one.actor, line.sku, line.quantity, line.balance_after)
        for one in told
        for line in one.lines
    } == {
        ("rk-1", "receipt", "test", "A", 100, 100),
        ("rk-1", "receipt", "test", "B", 5, 5),
        ("TZ1", "adjustment", "li", "A", -2, 95),
    }


async def test_states_are_told_until_kafka_has_them_and_again_when_they_change(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await the_morning(office)
    await reconciled(office, tmp_path, {"A": 90, "B": 5}, at)
    teller = Teller(office)

    async def away(*_: object) -> None:
        raise DeliveryFailed("kafka is away")

    with monkeypatch.context() as patched:
        patched.setattr(office.house.publisher, "publish", away)
        with pytest.raises(DeliveryFailed):
            await teller.check.tell()
    assert await teller.check.tell() == 3, "a warehouse, a difference, a task"
    assert await teller.check.tell() == 0
    await office.house.publish([receipt("late", "HZ", [("C", 1)])])
    await office.house.drained()
    # A whole sheet of a later moment says what differs now.
    await reconciled(office, tmp_path, {"A": 97, "B": 5, "C": 1}, SystemClock().now())
    assert await teller.check.tell() == 3, "the new warehouse, the old difference, the old task"
    told = await office.house.emitted("stock-books")
    newest = {one.book_key: one for one in told}  # type: ignore[attr-defined]
    (difference,) = [one for one in newest.values() if isinstance(one, StockDifferenceChanged)]
    (task,) = [one for one in newest.values() if isinstance(one, StockTaskChanged)]
    assert (difference.sku, difference.outside - difference.book) == ("A", -7)
    assert (difference.closed_at, bool(difference.superseded_by)) == (None, True)
    assert (task.kind, task.closed_at is not None, task.closed_by) == ("difference", True, "li")


async def test_a_check_of_the_books_tells_what_is_off(office: Office) -> None:
    await the_morning(office)
    teller = Teller(office)
    await teller.check.look()
    await office.spoil(
        "UPDATE inventory.stock SET on_hand = 9, reserved = 6 WHERE warehouse = 'HZ' AND sku = 'A'",
        "ALTER TABLE inventory.stock DROP CONSTRAINT never_oversold",
        "UPDATE inventory.stock SET on_hand = 1 WHERE warehouse = 'HZ' AND sku = 'B'",
        "INSERT INTO inventory.ledger (warehouse, sku, quantity, kind, document_no, order_id, "
        "balance_after) VALUES ('HZ', 'B', -3, 'adjustment', 'x', '', 2)",
    )
    await teller.check.look()
    sound, off = [
        one for one in await office.house.emitted("stock-books") if isinstance(one, BooksChecked)
    ]
    counts = (
        "oversold_units",
        "negative_rows",
        "ledger_mismatch",
        "reserved_mismatch",
        "broken_rows",
    )
    assert [getattr(sound, name) for name in counts] == [0, 0, 0, 0, 0]
    # B: 2 pieces by its ledger, 4 held. A: 97 by its ledger, 9 in stock, 6 reserved for nobody.
    assert [getattr(off, name) for name in counts] == [2, 1, 88 + 1, 6, 0]
    rows = await office.house.fetch("SELECT max(changed_at) AS newest FROM inventory.stock")
    assert off.newest_change_at is not None
    assert abs((rows[0]["newest"] - off.newest_change_at).total_seconds()) < 0.001
