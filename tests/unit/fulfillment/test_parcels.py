"""The parcel's table by rows, and what must hold in any order of events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.events.shipments import (
    ParcelCancelled,
    ParcelCancelRefused,
    ParcelDelivered,
    ParcelMoved,
    ParcelPlanned,
    ParcelShipped,
    WaybillIssued,
    WaybillVoided,
)
from services.fulfillment.domain.model import REFUSALS, Stage
from services.fulfillment.domain.rules import WEIGHT_G_MAX, Step
from tests.unit.fulfillment.parcels import (
    NOON,
    ORDER,
    Ledger,
    cancel_requested,
    closed,
    held,
    lifted,
    line,
    ready,
)

PICK, PACK, SHIP = Step.PICK, Step.PACK, Step.SHIP

STEP_ROWS = [
    # stage, step, answer, stage after
    ("planned", PICK, "waybill_missing", "planned"),
    ("planned", PACK, "waybill_missing", "planned"),
    ("planned", SHIP, "waybill_missing", "planned"),
    ("waybill_refused", PICK, "waybill_missing", "waybill_refused"),
    ("labelled", PICK, "done", "picked"),
    ("labelled", PACK, "not_picked", "labelled"),
    ("labelled", SHIP, "not_picked", "labelled"),
    ("picked", PICK, "already_done", "picked"),
    ("picked", PACK, "done", "packed"),
    ("picked", SHIP, "not_packed", "picked"),
    ("packed", PICK, "already_done", "packed"),
    ("packed", PACK, "already_done", "packed"),
    ("packed", SHIP, "done", "shipped"),
    ("shipped", SHIP, "already_done", "shipped"),
    ("delivered", PICK, "already_done", "delivered"),
    ("delivered", SHIP, "already_done", "delivered"),
    ("cancelled", PICK, "cancelled", "cancelled"),
    ("cancelled", SHIP, "cancelled", "cancelled"),
]


@pytest.mark.parametrize(("stage", "step", "answer", "after"), STEP_ROWS)
def test_each_step_demands_the_one_before(stage: str, step: Step, answer: str, after: str) -> None:
    ledger = Ledger()
    ledger.bring_to(stage)
    assert ledger.step(step) == answer
    assert ledger.parcel().stage == after  # type: ignore[union-attr]


CANCEL_ROWS = [
    ("planned", ParcelCancelled, "cancelled"),
    ("waybill_refused", ParcelCancelled, "cancelled"),
    ("labelled", ParcelCancelled, "cancelled"),
    ("picked", ParcelCancelled, "cancelled"),
    ("packed", ParcelCancelled, "cancelled"),
    ("shipped", ParcelCancelRefused, "shipped"),
    ("delivered", ParcelCancelRefused, "delivered"),
]


@pytest.mark.parametrize(("stage", "answer", "after"), CANCEL_ROWS)
def test_a_parcel_is_stopped_until_it_is_handed_over(stage: str, answer: type, after: str) -> None:
    ledger = Ledger()
    ledger.bring_to(stage)
    ledger.apply(cancel_requested())
    assert type(ledger.told[-1]) is answer
    assert ledger.parcel().stage == after  # type: ignore[union-attr]


def test_a_second_cancel_request_is_not_answered_again() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    ledger.apply(cancel_requested())
    ledger.apply(cancel_requested())
    ledger.apply(closed())
    assert ledger.kinds().count("ParcelCancelled") == 1


def test_an_order_cancelled_before_it_was_ready_never_gets_a_parcel() -> None:
    ledger = Ledger()
    ledger.apply(closed())
    ledger.apply(ready())
    assert ledger.told == []
    assert ledger.parcel().stage is Stage.CANCELLED  # type: ignore[union-attr]
    assert ledger.parcel().dispatch_due_at is None  # type: ignore[union-attr]


def test_an_order_found_cancelled_takes_its_open_parcel_along() -> None:
    ledger = Ledger()
    ledger.bring_to("labelled")
    ledger.apply(closed())
    assert ledger.kinds()[-1] == "ParcelCancelled"


def test_the_plan_names_carrier_reason_and_rule() -> None:
    ledger = Ledger({"CL01-01": 1_200})
    ledger.apply(ready(lines=(line(quantity=2),)))
    planned = ledger.told[0]
    assert isinstance(planned, ParcelPlanned)
    assert (planned.parcel_id, planned.warehouse) == (f"{ORDER}-1", "HZ")
    assert (planned.carrier, planned.service) == ("ZTO", "standard")
    assert planned.reason == "江浙沪走中通次日达"
    assert planned.rule.startswith("carrier/default@2.")
    assert planned.rule.endswith("#hangzhou-delta")
    assert planned.weight_g == 2_400
    assert planned.ship_by == NOON + timedelta(hours=24)


@pytest.mark.parametrize(
    ("paid_fen", "payable_fen", "reason"),
    [
        (0, 100_000, "贵重订单走顺丰"),
        (100_000, 100_000, "贵重订单走顺丰"),
        (0, 99_999, "江浙沪走中通次日达"),
        (99_999, 100_000, "江浙沪走中通次日达"),
        (0, None, "江浙沪走中通次日达"),
    ],
)
def test_an_order_that_is_paid_later_is_worth_what_is_payable(
    paid_fen: int, payable_fen: int | None, reason: str
) -> None:
    ledger = Ledger()
    ledger.apply(ready(paid_fen=paid_fen, payable_fen=payable_fen))
    planned = ledger.told[0]
    assert isinstance(planned, ParcelPlanned)
    assert planned.reason == reason


def test_an_order_in_another_currency_goes_as_a_valuable_one() -> None:
    ledger = Ledger({"CL01-01": 1_200})
    ledger.apply(ready(lines=(line(quantity=2),), currency="USD"))
    planned = ledger.told[0]
    assert isinstance(planned, ParcelPlanned)
    assert (planned.carrier, planned.service) == ("SF", "express")
    assert planned.reason == "外币订单按贵重走顺丰"


def test_an_unknown_weight_is_estimated_and_said_so() -> None:
    ledger = Ledger({"CL01-01": 300})
    ledger.apply(ready(lines=(line(), line("NEW-01", 3, 2))))
    parcel, planned = ledger.parcel(), ledger.told[0]
    assert parcel is not None
    assert (parcel.weight_g, parcel.weight_estimated) == (300 + 3 * 500, True)
    assert isinstance(planned, ParcelPlanned)
    assert "估算" in planned.reason


def test_an_order_ready_twice_has_one_parcel() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    ledger.apply(ready(city="宁波市"))
    assert ledger.kinds().count("ParcelPlanned") == 1
    assert ledger.parcel().stage is Stage.PACKED  # type: ignore[union-attr]


@pytest.mark.parametrize("stage", ["labelled", "picked", "packed"])
def test_a_held_parcel_makes_no_step_until_the_last_hold_is_lifted(stage: str) -> None:
    ledger = Ledger()
    ledger.bring_to(stage)
    step = {"labelled": PICK, "picked": PACK, "packed": SHIP}[stage]
    ledger.apply(held("risk"))
    ledger.apply(held("risk"))
    ledger.apply(held("address"))
    assert ledger.step(step) == "held"
    ledger.apply(lifted("risk"))
    assert ledger.step(step) == "held"
    ledger.apply(lifted("address"))
    assert ledger.step(step) == "done"


def test_a_hold_before_the_plan_keeps_the_waybill_from_being_asked_for() -> None:
    ledger = Ledger()
    ledger.apply(held())
    ledger.apply(ready())
    assert ledger.parcel().dispatch_due_at is None  # type: ignore[union-attr]
    ledger.apply(lifted())
    assert ledger.parcel().dispatch_due_at == NOON  # type: ignore[union-attr]


def test_lifting_a_hold_asks_again_for_a_refused_waybill() -> None:
    ledger = Ledger()
    ledger.bring_to("waybill_refused")
    assert ledger.parcel().dispatch_due_at is None  # type: ignore[union-attr]
    ledger.apply(held("waybill"))
    ledger.apply(lifted("waybill"))
    parcel = ledger.parcel()
    assert parcel is not None
    assert (parcel.stage, parcel.waybill_refusal) == (Stage.PLANNED, "")
    assert parcel.dispatch_due_at is not None


def test_the_same_waybill_twice_is_one_label() -> None:
    ledger = Ledger()
    ledger.bring_to("planned")
    assert [ledger.label("750001"), ledger.label("750001")] == ["done", "done"]
    assert ledger.kinds().count("WaybillIssued") == 1
    assert ledger.label("750002") == "waybill_differs"
    assert ledger.parcel().waybill_no == "750001"  # type: ignore[union-attr]


def test_one_waybill_number_never_labels_two_parcels() -> None:
    ledger = Ledger()
    ledger.bring_to("labelled")
    ledger.apply(ready("TB2026111100002"))
    assert ledger.label("750001", "TB2026111100002") == "waybill_taken"
    assert ledger.parcel("TB2026111100002").stage is Stage.PLANNED  # type: ignore[union-attr]


def test_a_label_that_comes_after_the_cancel_is_kept_to_be_voided() -> None:
    ledger = Ledger()
    ledger.bring_to("planned")
    ledger.apply(cancel_requested())
    assert ledger.label("750001") == "done"
    parcel = ledger.parcel()
    assert parcel is not None
    assert parcel.stage is Stage.CANCELLED
    assert parcel.dispatch_due_at is not None
    assert not any(isinstance(event, WaybillIssued) for event in ledger.told)
    assert ledger.discard("") == "waybill_differs"
    assert ledger.discard("750001") == "done"
    assert ledger.parcel().dispatch_due_at is None  # type: ignore[union-attr]
    assert ledger.parcel().personal == b""  # type: ignore[union-attr]


def test_a_label_that_comes_when_all_seemed_settled_is_voided_too() -> None:
    ledger = Ledger()
    ledger.bring_to("cancelled")
    assert ledger.discard("") == "done"
    assert ledger.parcel().dispatch_due_at is None  # type: ignore[union-attr]
    assert ledger.label("750001") == "done"
    assert ledger.parcel().dispatch_due_at is not None  # type: ignore[union-attr]


def test_a_living_parcels_waybill_is_not_voided() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    assert ledger.discard("750001") == "not_cancelled"


def test_the_receiver_is_dropped_at_hand_over() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    assert ledger.parcel().personal == b"sealed"  # type: ignore[union-attr]
    ledger.step(SHIP)
    assert ledger.parcel().personal == b""  # type: ignore[union-attr]
    shipped = ledger.told[-1]
    assert isinstance(shipped, ParcelShipped)
    assert (shipped.waybill_no, shipped.lines[0].channel_line_id) == ("750001", "401")


def test_tracking_never_moves_backwards_and_delivers_once() -> None:
    ledger = Ledger()
    ledger.bring_to("shipped")
    pushes = [
        ("picked_up", 1),
        ("in_transit", 5),
        ("picked_up", 1),  # late
        ("in_transit", 5),  # double
        ("delivering", 9),
        ("delivered", 8),  # a signature counts whatever its clock says
        ("delivered", 8),
        ("delivered", 10),
        ("in_transit", 11),
    ]
    for status, minute in pushes:
        assert ledger.track(status, minute) == "done"
    moved = [e for e in ledger.told if isinstance(e, ParcelMoved | ParcelDelivered)]
    assert [getattr(event, "status", "delivered") for event in moved] == [
        "picked_up",
        "in_transit",
        "delivering",
        "delivered",
    ]


def test_news_that_overtakes_the_hand_over_is_told_with_it() -> None:
    ledger = Ledger()
    ledger.bring_to("packed")
    assert ledger.track("picked_up", 1) == "done"
    assert ledger.track("delivered", 2) == "done"
    assert ledger.parcel().stage is Stage.PACKED  # type: ignore[union-attr]
    ledger.step(SHIP)
    assert ledger.kinds()[-2:] == ["ParcelShipped", "ParcelDelivered"]
    assert ledger.parcel().stage is Stage.DELIVERED  # type: ignore[union-attr]


def test_tracking_of_another_waybill_is_refused() -> None:
    ledger = Ledger()
    assert ledger.track("picked_up", 1) == "unknown_waybill"
    ledger.bring_to("shipped")
    assert ledger.track("picked_up", 1, waybill_no="759999") == "unknown_waybill"
    assert ledger.track("picked_up", 1, waybill_no="") == "unknown_waybill"


def test_commands_for_an_order_without_a_parcel_are_refused() -> None:
    ledger = Ledger()
    ledger.apply(held())
    answers = [ledger.step(PICK), ledger.label(), ledger.refuse_label(), ledger.discard("")]
    assert answers == ["unknown_parcel"] * 4


def test_every_refusal_has_words_for_people() -> None:
    answers = {answer for _, _, answer, _ in STEP_ROWS} - {"done"}
    assert answers <= set(REFUSALS)


_ACTS: dict[str, Callable[[Ledger], Any]] = {
    "ready": lambda ledger: ledger.apply(ready()),
    "cancel": lambda ledger: ledger.apply(cancel_requested()),
    "order cancelled": lambda ledger: ledger.apply(closed()),
    "hold": lambda ledger: ledger.apply(held()),
    "lift": lambda ledger: ledger.apply(lifted()),
    "label": lambda ledger: ledger.label(),
    "other label": lambda ledger: ledger.label("750002"),
    "replaced": lambda ledger: ledger.replace("750003"),
    "replaced back": lambda ledger: ledger.replace("750001"),
    "no label": lambda ledger: ledger.refuse_label(),
    "discard": lambda ledger: ledger.discard("750001"),
    "left": lambda ledger: ledger.discard("750001", refusal="B21:picked up"),
    "discard nothing": lambda ledger: ledger.discard(""),
    "pick": lambda ledger: ledger.step(PICK),
    "pack": lambda ledger: ledger.step(PACK),
    "ship": lambda ledger: ledger.step(SHIP),
    "moved": lambda ledger: ledger.track("in_transit", 5),
    "delivered": lambda ledger: ledger.track("delivered", 6),
}
_WAY = ["ready", "label", "pick", "pack", "ship"]


def _assert_sound(ledger: Ledger) -> None:
    kinds = ledger.kinds()
    for once in (
        "ParcelPlanned",
        "WaybillIssued",
        "ParcelPicked",
        "ParcelPacked",
        "ParcelShipped",
        "ParcelCancelled",
        "ParcelDelivered",
    ):
        assert kinds.count(once) <= 1, kinds
    assert not {"ParcelShipped", "ParcelCancelled"} <= set(kinds)
    way = [k for k in kinds if k in {"ParcelPicked", "ParcelPacked", "ParcelShipped"}]
    assert way == ["ParcelPicked", "ParcelPacked", "ParcelShipped"][: len(way)]
    parcel = ledger.parcel()
    if parcel is None:
        return
    assert ("ParcelShipped" in kinds) == (parcel.stage in {Stage.SHIPPED, Stage.DELIVERED})
    waits = parcel.stage is Stage.PLANNED and not parcel.holds
    gives_back = parcel.stage is Stage.CANCELLED and not parcel.discarded
    gives_back |= any(not former.settled for former in parcel.formers)
    assert (parcel.dispatch_due_at is not None) == (waits or gives_back)
    voided = [event.waybill_no for event in ledger.told if isinstance(event, WaybillVoided)]
    assert len(voided) == len(set(voided))
    assert parcel.stage is Stage.CANCELLED or parcel.waybill_no not in voided


@example(acts=[*_WAY, "cancel"])
@example(acts=[*_WAY, "replaced", "left", "replaced back", "replaced", "discard", "replaced back"])
@example(acts=["ready", "label", "pick", "pack", "cancel", "ship"])
@example(acts=["hold", *_WAY, "lift", "pick", "pack", "ship"])
@given(acts=st.lists(st.sampled_from(sorted(_ACTS)), max_size=25))
def test_in_any_order_nothing_is_both_shipped_and_cancelled(acts: list[str]) -> None:
    ledger = Ledger()
    for act in acts:
        was_held = bool((before := ledger.parcel()) and before.holds)
        shipped = ledger.kinds().count("ParcelShipped")
        _ACTS[act](ledger)
        if was_held:
            assert ledger.kinds().count("ParcelShipped") == shipped, "a held parcel left"
        _assert_sound(ledger)


@given(
    acts=st.permutations(["cancel", "hold", "lift", "ship"]),
    at=st.sampled_from(["labelled", "picked", "packed"]),
)
def test_cancel_hold_and_ship_in_any_order_leave_one_answer(acts: list[str], at: str) -> None:
    ledger = Ledger()
    ledger.bring_to(at)
    for act in acts:
        _ACTS[act](ledger)
    kinds = ledger.kinds()
    assert ("ParcelShipped" in kinds) != ("ParcelCancelled" in kinds)
    assert ("ParcelCancelRefused" in kinds) == ("ParcelShipped" in kinds)


@pytest.mark.parametrize(
    ("pieces", "weight_g", "estimated"),
    [(7, 7_000_000, False), (2_147, 2_147_000_000, False), (2_148, WEIGHT_G_MAX, True)],
)
def test_a_parcel_weighs_no_more_than_its_record_can_say(
    pieces: int, weight_g: int, *, estimated: bool
) -> None:
    ledger = Ledger(unit_weights_g={"CL01-01": 1_000_000})
    ledger.apply(ready(lines=(line(quantity=pieces),)))
    [planned] = ledger.told
    assert isinstance(planned, ParcelPlanned)
    parcel = ledger.parcel()
    assert parcel is not None
    assert (planned.weight_g, parcel.weight_estimated) == (weight_g, estimated)
    assert ("估算" in planned.reason) is estimated
