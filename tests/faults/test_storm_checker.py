"""The checker of the storm finds what it is for: one disagreement after the other in a sound world."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.events.reservations import HeldLine, ReservationConfirmed, ReservationMade
from schemas.events.stock import DeductedLine as Gone
from schemas.events.stock import ReservedLine, StockDeducted, StockReleased, StockReserved
from services.inventory.domain.ledger import Booked
from services.inventory.domain.model import Asked, Hold
from tests.faults.storm_checker import Order, Seen, Till, Told, findings, sold
from tests.unit.inventory.events import NOW

GOODS = (("A", 2),)
LINE = ReservedLine(line_no=1, sku="A", quantity=2)
HELD = Told(question="reserve", word="held", goods=GOODS, body=b"held")
CONFIRMED = Told(question="confirm", word="confirmed", goods=GOODS, body=b"confirmed")
EXPIRED = Told(question="confirm", word="expired")
RESERVED = StockReserved(
    order_id="o1",
    version=1,
    occurred_at=NOW,
    warehouse="HZ",
    lines=(LINE,),
    generation=1,
    rule="",
)
DEDUCTED = StockDeducted(
    order_id="o1",
    version=2,
    occurred_at=NOW,
    warehouse="HZ",
    lines=(Gone(sku="A", quantity=2),),
)
MADE = ReservationMade(
    reservation_id="r1",
    version=1,
    occurred_at=NOW,
    reference="till",
    warehouse="HZ",
    lines=(HeldLine(sku="A", wanted=2, held=2),),
    expires_at=NOW,
    rule="",
)
SOLD = ReservationConfirmed(
    reservation_id="r1",
    version=2,
    occurred_at=NOW,
    reference="till",
    warehouse="HZ",
    handed_over=False,
)
ORDER = Hold(state="shipped", generation=1, paid=True, warehouse="HZ", shipped=GOODS)
TILL = Hold(
    state="held",
    generation=1,
    paid=True,
    warehouse="HZ",
    held=GOODS,
    asked=Asked(reference="till", digest="", granted=GOODS, expires_at=NOW),
)
SOUND = Seen(
    had={"A": 5},
    tills=(Till(reservation_id="r1", told=[HELD, HELD, CONFIRMED], satisfied=[True]),),
    orders={"o1": Order(goods=GOODS, sent={"placed", "paid"})},
    holds={"o1": ORDER, "r1": TILL},
    stock={("HZ", "A"): (3, 2)},
    ledger=(
        Booked(1, "HZ", "A", 5, "receipt", "d1", 5),
        Booked(2, "HZ", "A", -2, "deduction", "P1", 3),
    ),
    events=(RESERVED, RESERVED, DEDUCTED, MADE, SOLD),
    valkey={("HZ", "A"): 1},
    in_force=True,
    notes=0,
    now=NOW + timedelta(minutes=1),
    looks=1,
)


def test_a_sound_world_has_no_findings() -> None:
    assert findings(SOUND) == []
    assert sold(SOUND.holds.values()) == {"A": 4}


def told(*answers: Told, satisfied: bool = True) -> tuple[Till, ...]:
    return (Till(reservation_id="r1", told=[*answers], satisfied=[True] if satisfied else []),)


def holding(key: str, **changes: Any) -> dict[str, Hold]:
    return {**SOUND.holds, key: replace(SOUND.holds[key], **changes)}


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("watched", {"watched": ("reserved_mismatch",)}),
        ("blind", {"looks": 0}),
        ("oversold", {"had": {"A": 3}}),
        ("books", {"had": {"A": 6}}),
        ("books", {"stock": {("HZ", "A"): (3, 1)}, "valkey": {("HZ", "A"): 2}}),
        ("books", {"stock": {("HZ", "A"): (4, 2)}, "valkey": {("HZ", "A"): 2}}),
        ("books", {"ledger": SOUND.ledger[:1]}),
        ("leaked", {"holds": holding("r1", expires_at=NOW)}),
        ("epoch", {"in_force": False}),
        ("epoch", {"in_force": False, "valkey": None}),
        ("valkey", {"valkey": {("HZ", "A"): 2}}),
        ("valkey", {"valkey": {("HZ", "A"): 1, ("GZ", "A"): 1}}),
        ("notes", {"notes": 1}),
        ("told", {"tills": told(HELD, CONFIRMED, satisfied=False)}),
        ("told", {"tills": told(HELD)}),
        ("told", {"tills": told(HELD, EXPIRED)}),
        ("told", {"tills": told(HELD, CONFIRMED, EXPIRED, CONFIRMED)}),
        ("told", {"tills": told(replace(HELD, goods=(("A", 1),)), CONFIRMED)}),
        ("told", {"tills": told(replace(HELD, word="idempotency_key_reused"))}),
        ("told", {"holds": holding("r1", held=(("A", 1),))}),
        ("told", {"holds": {"o1": ORDER}}),
        ("twice", {"tills": told(HELD, replace(HELD, body=b"another"), CONFIRMED)}),
        ("twice", {"events": (*SOUND.events, replace(RESERVED, warehouse="GZ"))}),
        ("twice", {"events": (RESERVED, replace(RESERVED, version=2), MADE, SOLD)}),
        ("orders", {"orders": {"o1": Order(goods=GOODS, sent={"placed"})}}),
        ("orders", {"orders": {"o2": Order(goods=GOODS, sent={"placed"})}}),
        ("orders", {"holds": holding("o1", state="held", held=(("A", 1),), shipped=())}),
        ("events", {"events": (RESERVED, replace(DEDUCTED, version=3), MADE, SOLD)}),
        ("events", {"events": (RESERVED, MADE, SOLD)}),
        ("events", {"events": (*SOUND.events, replace(RESERVED, order_id="o9"))}),
        (
            "events",
            {
                "events": (
                    RESERVED,
                    StockReleased(order_id="o1", version=2, occurred_at=NOW, reason="expired"),
                    MADE,
                    SOLD,
                )
            },
        ),
    ],
)
def test_a_disagreement_is_found(kind: str, changed: dict[str, Any]) -> None:
    found = findings(replace(SOUND, **changed))
    assert kind in {finding.partition(":")[0] for finding in found}, found
