"""Every waybill an order has or had stays with it."""

from __future__ import annotations

from msgspec import Struct

from chassis.processor import Kept
from schemas.events.shipments import WaybillIssued
from services.console.domain.model import Card
from services.console.projections import other_waybills
from tests.browser.story import NOON
from tests.unit.console.test_handlers import project


def issued(*numbers: str) -> list[Struct]:
    """Waybills of an order's parcels, one after the other."""
    return [
        WaybillIssued(
            order_id="DS1",
            version=version,
            occurred_at=NOON,
            parcel_id=f"DS1-{version}",
            carrier="ZTO",
            waybill_no=number,
        )
        for version, number in enumerate(numbers, start=1)
    ]


def test_every_waybill_of_an_order_is_kept_however_batches_are_cut() -> None:
    told = issued("W1", "W2", "W3", "W3", "W1")
    for size in (1, 2, 5):
        kept: dict[str, Kept[Card]] = {}
        rows: list[tuple[str, str]] = []
        for start in range(0, len(told), size):
            kept, facts = project(told[start : start + size], kept)
            rows += other_waybills(facts.before, kept)
        card = kept["DS1"].state
        assert card is not None
        assert (card.waybill_no, card.other_waybills) == ("W1", ("W2", "W3"))
        assert {number for _, number in rows} | {card.waybill_no} == {"W1", "W2", "W3"}
