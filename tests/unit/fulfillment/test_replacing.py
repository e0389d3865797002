"""Another label for a parcel that has one: until it is delivered, by whom and why."""

from __future__ import annotations

import pytest

from schemas.events.shipments import ParcelMoved, ParcelShipped, WaybillReplaced
from services.fulfillment.domain.model import REFUSALS
from services.fulfillment.domain.rules import Step
from tests.unit.fulfillment.parcels import ORDER, Ledger, held, ready

ROWS = [
    ("planned", "waybill_missing"),
    ("waybill_refused", "waybill_missing"),
    ("labelled", "done"),
    ("picked", "done"),
    ("packed", "done"),
    ("shipped", "done"),
    ("delivered", "already_delivered"),
    ("cancelled", "cancelled"),
]


@pytest.mark.parametrize(("stage", "answer"), ROWS)
def test_a_waybill_may_be_replaced_from_its_label_to_its_delivery(stage: str, answer: str) -> None:
    ledger = Ledger()
    ledger.bring_to(stage)
    before = ledger.parcel()
    assert ledger.replace("SF10000001", carrier="SF") == answer
    after = ledger.parcel()
    assert after is not None
    if answer != "done":
        assert after == before
        assert answer in REFUSALS
        return
    assert (after.stage, after.carrier, after.waybill_no) == (stage, "SF", "SF10000001")
    told = ledger.told[-1]
    assert isinstance(told, WaybillReplaced)
    assert (told.former_carrier, told.former_waybill_no) == ("ZTO", "750001")
    assert (told.actor, told.reason) == ("测试仓管", "贴错面单")


def test_the_same_again_is_done_and_told_once() -> None:
    ledger = Ledger()
    ledger.bring_to("shipped")
    assert [ledger.replace("750003") for _ in range(2)] == ["done", "done"]
    assert ledger.kinds().count("WaybillReplaced") == 1


def test_a_hold_keeps_no_label_from_being_corrected() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    ledger.apply(held())
    assert ledger.replace("750003") == "done"
    assert ledger.step(Step.SHIP) == "held"


@pytest.mark.parametrize(
    ("number", "carrier", "reason", "answer"),
    [
        ("75", "ZTO", "错", "waybill_malformed"),
        ("7500 03", "ZTO", "错", "waybill_malformed"),
        ("750003", "zto", "错", "carrier_malformed"),
        ("750003", "", "错", "carrier_malformed"),
        ("750003", "ZTO", "  ", "reason_missing"),
    ],
)
def test_what_cannot_be_a_label_is_refused_in_words(
    number: str, carrier: str, reason: str, answer: str
) -> None:
    ledger = Ledger()
    ledger.bring_to("shipped")
    assert ledger.replace(number, carrier=carrier, reason=reason) == answer
    assert answer in REFUSALS


def test_a_number_of_another_parcel_is_refused() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    other = f"{ORDER}0"
    ledger.apply(ready(other))
    assert ledger.label("750009", order_id=other) == "done"
    assert ledger.replace("750009") == "waybill_taken"


def test_the_hand_over_tells_the_new_number_and_only_its_journey_counts() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    assert ledger.track("delivered", 1) == "done"  # of whoever the wrong label belongs to
    assert ledger.replace("750003") == "done"
    ledger.step(Step.SHIP)
    shipped = ledger.told[-1]
    assert isinstance(shipped, ParcelShipped)
    assert shipped.waybill_no == "750003"
    assert ledger.track("in_transit", 5) == "unknown_waybill"
    assert ledger.track("in_transit", 5, waybill_no="750003") == "done"
    moved = ledger.told[-1]
    assert isinstance(moved, ParcelMoved)
    assert moved.waybill_no == "750003"


def test_a_parcel_that_is_not_this_orders_is_unknown() -> None:
    assert Ledger().replace("750003") == "unknown_parcel"
