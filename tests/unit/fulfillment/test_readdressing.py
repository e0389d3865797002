"""A receiver who changed after the plan: the parcel leaves with a label of the newest one, and only with that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.events.shipments import ParcelPlanned, WaybillVoided
from services.fulfillment.domain.model import FormerLabel, Parcel, Stage, asked_as
from services.fulfillment.domain.rules import Step, label_to_void, parcels_of
from services.fulfillment.pacing import Discard, Get, jobs_of
from services.fulfillment.store import Due
from tests.unit.fulfillment.parcels import (
    NOON,
    ORDER,
    Ledger,
    cancel_requested,
    held,
    lifted,
    line,
    part,
    ready,
)

MOVED = ready(province="西藏自治区", city="拉萨市", district="城关区", personal=b"moved")
NEWEST = ("西藏自治区", "拉萨市", "城关区", b"moved")


def parcel(ledger: Ledger) -> Parcel:
    found = ledger.parcel()
    assert found is not None
    return found


def receiver(one: Parcel) -> tuple[str, str, str, bytes]:
    return one.province, one.city, one.district, one.personal


def move(ledger: Ledger) -> None:
    """As orders tells it: held, looked at, told anew and free."""
    for event in (held("address"), MOVED, lifted("address")):
        ledger.apply(event)


@pytest.mark.parametrize("stage", ["planned", "waybill_refused", "labelled", "picked", "packed"])
def test_a_parcel_that_has_not_left_is_asked_for_with_the_newest_receiver(stage: str) -> None:
    ledger = Ledger()
    ledger.bring_to(stage)
    number = parcel(ledger).waybill_no
    move(ledger)
    after = parcel(ledger)
    assert (after.stage, after.waybill_no, receiver(after)) == (Stage.PLANNED, "", NEWEST)
    assert asked_as(after.parcel_id, after.asking) == f"{ORDER}-1R1"
    assert after.dispatch_due_at is not None
    assert label_to_void(after) == (
        FormerLabel(carrier="ZTO", waybill_no=number) if number else None
    )
    planned = ledger.told[-1]
    assert isinstance(planned, ParcelPlanned)
    assert planned.carrier == after.carrier == "SF", "the carrier is the new province's"


def test_the_former_label_is_voided_before_another_is_asked_for() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    move(ledger)
    (first,) = jobs_of([Due(parcel=parcel(ledger), asked=True)], frozenset(), 10)
    assert isinstance(first, Discard)
    assert ledger.discard("750001") == "done"
    (second,) = jobs_of([Due(parcel=parcel(ledger), asked=True)], frozenset(), 10)
    assert isinstance(second, Get)
    assert ledger.label("750002", asking=1) == "done"
    assert (parcel(ledger).stage, parcel(ledger).waybill_no) == (Stage.LABELLED, "750002")
    assert parcel(ledger).dispatch_due_at is None


@pytest.mark.parametrize("stage", ["shipped", "delivered", "cancelled"])
def test_what_has_left_or_never_will_keeps_its_receiver(stage: str) -> None:
    ledger = Ledger()
    ledger.bring_to(stage)
    ledger.apply(held("address"))
    before = parcel(ledger)
    ledger.apply(MOVED)
    assert parcel(ledger) == before


def test_a_label_that_the_carrier_has_scanned_stays() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    ledger.track("picked_up", 1)
    ledger.apply(held("address"))
    before = parcel(ledger)
    ledger.apply(MOVED)
    assert parcel(ledger) == before


def test_a_label_given_by_hand_stays_beside_the_newest_receiver() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    ledger.apply(held("address"))
    assert ledger.replace("750003") == "done"
    ledger.apply(MOVED)
    assert (parcel(ledger).waybill_no, receiver(parcel(ledger))) == ("750003", NEWEST)
    assert parcel(ledger).stage is Stage.PACKED


def test_the_same_receiver_or_an_order_that_is_not_held_for_it_changes_nothing() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    ledger.apply(MOVED)
    assert parcel(ledger).waybill_no == "750001"
    for event in (held("address"), ready(), lifted("address")):
        ledger.apply(event)
    assert (parcel(ledger).stage, parcel(ledger).waybill_no) == (Stage.PACKED, "750001")


def test_a_number_that_comes_late_for_the_former_receiver_is_voided() -> None:
    ledger = Ledger()
    ledger.bring_to("planned")
    move(ledger)
    assert ledger.label("750001", carrier="ZTO") == "done"
    assert (parcel(ledger).stage, parcel(ledger).waybill_no) == (Stage.PLANNED, "")
    assert label_to_void(parcel(ledger)) == FormerLabel(carrier="ZTO", waybill_no="750001")
    assert ledger.label("750001", asking=1) == "waybill_void", "nobody may ship with it"
    assert ledger.kinds().count("WaybillIssued") == 0


def test_each_parcel_of_an_order_gets_the_newest_receiver() -> None:
    parts: dict[str, Any] = {
        "lines": (line("A", 2, 1),),
        "parts": (part("HZ", (1, 1)), part("GZ", (1, 1))),
    }
    ledger = Ledger({"A": 300})
    ledger.apply(ready(**parts))
    ledger.apply(held("address"))
    ledger.apply(
        ready(**parts, province="西藏自治区", city="拉萨市", district="城关区", personal=b"moved")
    )
    both = parcels_of(parcel(ledger))
    assert [(one.warehouse, receiver(one)) for one in both] == [("HZ", NEWEST), ("GZ", NEWEST)]


_ACTS: dict[str, Callable[[Ledger], Any]] = {
    "changed": lambda ledger: ledger.apply(held("address")),
    "told": lambda ledger: ledger.apply(MOVED),
    "told back": lambda ledger: ledger.apply(ready()),
    "lift": lambda ledger: ledger.apply(lifted("address")),
    "label": lambda ledger: ledger.label(),
    "anew": lambda ledger: ledger.label("750002", asking=1),
    "anew twice": lambda ledger: ledger.label("750003", asking=2),
    "by hand": lambda ledger: ledger.replace("750004"),
    "discard": lambda ledger: ledger.discard("750001"),
    "pick": lambda ledger: ledger.step(Step.PICK),
    "pack": lambda ledger: ledger.step(Step.PACK),
    "ship": lambda ledger: ledger.step(Step.SHIP),
    "scanned": lambda ledger: ledger.track("in_transit", 5),
    "cancel": lambda ledger: ledger.apply(cancel_requested()),
}


@example(acts=["label", "pick", "pack", "changed", "told", "lift", "anew", "pick", "pack", "ship"])
@given(acts=st.lists(st.sampled_from(sorted(_ACTS)), max_size=25))
def test_in_any_order_one_live_label_leaves_once(acts: list[str]) -> None:
    ledger = Ledger()
    ledger.apply(ready())
    for act in acts:
        _ACTS[act](ledger)
        kinds, one = ledger.kinds(), parcel(ledger)
        assert kinds.count("ParcelShipped") <= 1
        assert not {"ParcelShipped", "ParcelCancelled"} <= set(kinds)
        voided = [event.waybill_no for event in ledger.told if isinstance(event, WaybillVoided)]
        assert len(voided) == len(set(voided))
        former = [label.waybill_no for label in one.formers]
        assert len(former) == len(set(former))
        assert one.waybill_no not in former
        waits = one.stage is Stage.PLANNED and not one.holds
        gives_back = one.stage is Stage.CANCELLED and not one.discarded
        gives_back |= any(not label.settled for label in one.formers)
        assert (one.dispatch_due_at is not None) == (waits or gives_back)
        assert (one.stage in {Stage.PLANNED, Stage.WAYBILL_REFUSED}) <= (not one.waybill_no)
    assert parcel(ledger).dispatch_due_at is None or parcel(ledger).dispatch_due_at == NOON
