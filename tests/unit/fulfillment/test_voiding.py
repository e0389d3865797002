"""What becomes of a label that is not used any more: voided once, or named and left."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.shipments import WaybillNotVoided, WaybillVoided
from services.fulfillment.domain.model import REFUSALS, FormerLabel, Parcel
from services.fulfillment.domain.rules import Step, label_to_void
from services.fulfillment.views import view
from tests.unit.fulfillment.parcels import NOON, Ledger, cancel_requested

FIRST, SECOND, THIRD = "750001", "750002", "SF10000003"


def parcel(ledger: Ledger) -> Parcel:
    found = ledger.parcel()
    assert found is not None
    return found


def told(ledger: Ledger, kind: type[Any]) -> list[Any]:
    return [one for one in ledger.told if isinstance(one, kind)]


def formers(ledger: Ledger) -> list[tuple[str, str, str]]:
    """(number, state, why) of each label that was replaced."""
    return [(one.waybill_no, one.state, one.why) for one in view(parcel(ledger), NOON).formers]


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.bring_to("packed")
    return ledger


@pytest.mark.parametrize("stage", ["labelled", "picked", "packed", "shipped"])
def test_a_replaced_label_is_due_until_it_is_void_and_told_once(stage: str) -> None:
    ledger = Ledger()
    ledger.bring_to(stage)
    assert parcel(ledger).dispatch_due_at is None
    assert ledger.replace(THIRD, carrier="SF") == "done"
    assert label_to_void(parcel(ledger)) == FormerLabel(carrier="ZTO", waybill_no=FIRST)
    assert parcel(ledger).dispatch_due_at is not None
    for _ in range(2):
        assert ledger.discard(FIRST) == "done"
        assert label_to_void(parcel(ledger)) is None
        assert parcel(ledger).dispatch_due_at is None
    (voided,) = told(ledger, WaybillVoided)
    assert (voided.carrier, voided.waybill_no) == ("ZTO", FIRST)
    assert formers(ledger) == [(FIRST, "void", "")]
    assert parcel(ledger).stage == stage


def test_the_same_replacement_again_makes_no_second_label_to_void(ledger: Ledger) -> None:
    for _ in range(2):
        assert ledger.replace(SECOND) == "done"
    assert formers(ledger) == [(FIRST, "due", "")]


def test_another_carrier_under_the_same_number_voids_nothing(ledger: Ledger) -> None:
    assert ledger.replace(FIRST, carrier="YTO") == "done"
    assert formers(ledger) == []
    assert parcel(ledger).dispatch_due_at is None


def test_a_label_that_the_carrier_has_seen_is_spared(ledger: Ledger) -> None:
    ledger.step(Step.SHIP)
    ledger.track("in_transit", 1)
    ledger.replace(SECOND)
    spared = label_to_void(parcel(ledger))
    assert spared == FormerLabel(carrier="ZTO", waybill_no=FIRST, spared="scanned")
    assert ledger.discard(FIRST, refusal="scanned") == "done"
    (left,) = told(ledger, WaybillNotVoided)
    assert (left.waybill_no, left.reason) == (FIRST, "scanned")
    assert formers(ledger) == [(FIRST, "left", "scanned")]


def test_a_number_that_a_person_gave_is_not_ours_to_void(ledger: Ledger) -> None:
    ledger.replace(SECOND)
    ledger.discard(FIRST)
    ledger.replace(THIRD, carrier="SF")
    spared = label_to_void(parcel(ledger))
    assert spared == FormerLabel(carrier="ZTO", waybill_no=SECOND, spared="by_hand")


@pytest.mark.parametrize("is_void", [True, False])
def test_a_label_that_is_void_or_about_to_be_cannot_be_taken_up_again(
    ledger: Ledger, is_void: bool
) -> None:
    ledger.replace(SECOND)
    if is_void:
        ledger.discard(FIRST)
    assert ledger.replace(FIRST) == "waybill_void"
    assert "waybill_void" in REFUSALS
    assert parcel(ledger).waybill_no == SECOND


def test_a_label_that_stayed_alive_may_be_taken_up_and_is_voided_when_replaced_again(
    ledger: Ledger,
) -> None:
    ledger.replace(SECOND)
    ledger.discard(FIRST, refusal="B21:picked up")
    assert ledger.replace(FIRST) == "done"
    assert formers(ledger) == [(SECOND, "due", "")]
    ledger.discard(SECOND, refusal="by_hand")
    assert ledger.replace(THIRD, carrier="SF") == "done"
    assert label_to_void(parcel(ledger)) == FormerLabel(carrier="ZTO", waybill_no=FIRST)
    ledger.discard(FIRST)
    assert [one.waybill_no for one in told(ledger, WaybillVoided)] == [FIRST]
    assert formers(ledger) == [(SECOND, "left", "by_hand"), (FIRST, "void", "")]


def test_of_a_cancelled_parcel_both_labels_find_their_end(ledger: Ledger) -> None:
    ledger.replace(SECOND)
    ledger.apply(cancel_requested())
    assert label_to_void(parcel(ledger)) == FormerLabel(carrier="ZTO", waybill_no=FIRST)
    ledger.discard(FIRST)
    assert parcel(ledger).dispatch_due_at is not None
    spared = label_to_void(parcel(ledger))
    assert spared == FormerLabel(carrier="ZTO", waybill_no=SECOND, spared="by_hand")
    ledger.discard(SECOND, refusal="by_hand")
    assert parcel(ledger).dispatch_due_at is None
    assert [one.waybill_no for one in told(ledger, WaybillVoided)] == [FIRST]
    assert [one.waybill_no for one in told(ledger, WaybillNotVoided)] == [SECOND]


def test_a_label_that_was_never_there_is_nothing_to_tell() -> None:
    ledger = Ledger()
    ledger.bring_to("cancelled")
    assert ledger.discard("") == "done"
    assert ledger.kinds()[-1] == "ParcelCancelled"


def test_a_number_the_parcel_never_had_is_refused(ledger: Ledger) -> None:
    ledger.replace(SECOND)
    assert ledger.discard("750099") == "not_cancelled"
    assert formers(ledger) == [(FIRST, "due", "")]
