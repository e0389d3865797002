"""A house that sells A ahead, and the sums that must hold whatever happens to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from schemas.events.commands_inventory import (
    AllocateBackorder,
    OpenPurchase,
    PurchaseLine,
    PurchaseReceiptLine,
    ReceivePurchase,
    ReviewPromise,
)
from schemas.events.orders import Payment
from services.inventory.domain.model import Hold, Purchase
from services.inventory.domain.presale import (
    ExpectedLine,
)
from services.inventory.domain.promise import ExpectedKey
from services.inventory.domain.rules import Book
from services.inventory.facts import StockFacts
from services.inventory.foreseen import Foreseen
from services.inventory.quotas import Quotas
from tests.unit.inventory.ahead import selling_ahead
from tests.unit.inventory.events import placed
from tests.unit.inventory.house import (
    APPROVALS,
    LEASES,
    NOW,
    QUOTAS,
    ROWS,
    SHELF_LIFE,
    SOURCING,
    House,
)

DAY = timedelta(days=1)
AHEAD = selling_ahead()


class Presold(House):
    """A house that sells A ahead, with all its rows locked and every line known."""

    def __init__(self, quotas: Quotas = QUOTAS) -> None:
        super().__init__()
        self.facts = StockFacts(
            Foreseen(wished={"A"}),
            {},
            SOURCING,
            LEASES,
            {("HZ", "A")}.update,
            approvals=APPROVALS,
            shelf_life=SHELF_LIFE,
            quotas=quotas,
            presale=AHEAD,
        )
        rows = dict.fromkeys((*ROWS, ("HF", "A"), ("HF", "B"), ("GZ", "B")), (0, 0))
        self.facts.book = Book(rows)

    def buy(self, number: str, pieces: int, days: int, sku: str = "A") -> None:
        line = PurchaseLine(sku=sku, quantity=pieces)
        said = {"warehouse": "HZ", "supplier": "S", "over_receipt_percent": 50, "reason": "spring"}
        expected_at = NOW + days * DAY
        self.say(OpenPurchase, number, lines=(line,), expected_at=expected_at, **said)

    def came(self, number: str, receipt: str, pieces: int, sku: str = "A") -> None:
        line = PurchaseReceiptLine(sku=sku, quantity=pieces)
        self.say(ReceivePurchase, number, receipt_no=receipt, warehouse="HZ", lines=(line,))

    def wants(self, order_id: str, *goods: tuple[str, int], channel: str = "taobao") -> Any:
        order = replace(
            placed(order_id, goods, channel=channel), payment=Payment(paid_at=NOW, paid_fen=1)
        )
        self.foresee(order_id, goods)
        return self.take(order, order_id).events[0]

    def foresee(self, order_id: str, goods: Sequence[tuple[str, int]]) -> None:
        """Every row locked, whatever was foreseen."""
        for plans in (self.facts.foreseen.plans, self.facts.foreseen.limited):
            plans.pop(order_id, None)

    def allocate(self, order_id: str) -> Any:
        hold = self.hold(order_id)
        self.foresee(order_id, ())
        named = {"order_id": order_id, "command_id": "c", "issued_at": NOW, "actor": "t"}
        return self.take(AllocateBackorder(**named, generation=hold.generation), order_id)  # type: ignore[arg-type]

    def review(self, order_id: str, promise_no: int | None = None) -> Any:
        number = self.hold(order_id).promise_no if promise_no is None else promise_no
        named = {"order_id": order_id, "command_id": "c", "issued_at": NOW, "actor": "t"}
        return self.take(ReviewPromise(**named, promise_no=number), order_id)  # type: ignore[arg-type]

    def hold(self, order_id: str) -> Hold:
        hold = self.states[order_id]
        assert isinstance(hold, Hold)
        return hold

    def line(self, number: str, sku: str = "A") -> ExpectedLine:
        return self.facts.expected.lines[sku, "HZ", number]

    def sound(self) -> None:
        """Promised = Σ live promises, set aside = Σ what came for them, nothing beyond what is to come."""
        live: dict[ExpectedKey, int] = {}
        for state in self.states.values():
            for one in state.promises if isinstance(state, Hold) else ():
                live[one.key] = live.get(one.key, 0) + one.quantity
        aside: dict[tuple[str, str], int] = {}
        for key, line in self.facts.expected.lines.items():
            assert line.promised == live.pop(key, 0)
            assert 0 <= line.came <= line.promised
            carried = line.promised - line.came - line.uncarried
            assert carried * 100 <= line.outstanding * line.percent
            aside[key[1], key[0]] = aside.get((key[1], key[0]), 0) + line.came
            purchase = self.states.get(key[2])
            if isinstance(purchase, Purchase):
                assert line.outstanding == dict(purchase.outstanding).get(key[0], 0)
        assert not live
        for row, (on_hand, reserved) in self.book.rows.items():
            assert self.book.aside.get(row, 0) == aside.get(row, 0)
            assert reserved + aside.get(row, 0) <= on_hand
        self.check()
