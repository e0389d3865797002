"""An order that several warehouses send: a parcel each, stopped together, gone when all have left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.events.commands_fulfillment import (
    PackParcel,
    PickParcel,
    RecordTracking,
    RecordWaybill,
    ReplaceWaybill,
    ShipParcel,
)
from schemas.events.shipments import (
    ParcelCancelled,
    ParcelCancelRefused,
    ParcelDelivered,
    ParcelPlanned,
    ParcelShipped,
    WaybillIssued,
    WaybillReplaced,
)
from services.fulfillment.domain.model import Parcel, Stage, parcel_id_of
from services.fulfillment.domain.rules import Step, parcels_of
from services.fulfillment.steps import replace_command, step_command
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

FIRST, SECOND = parcel_id_of(ORDER), parcel_id_of(ORDER, 2)
LINES = (line("A", 3, 1), line("B", 1, 2))


SPLIT = ready(lines=LINES, parts=(part("HZ", (1, 2)), part("GZ", (1, 1), (2, 1))))


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger({"A": 300, "B": 700})
    ledger.apply(SPLIT)
    return ledger


def step(parcel_id: str, wanted: Step) -> PickParcel | PackParcel | ShipParcel:
    return step_command(
        ORDER,
        wanted,
        actor="station-1",
        command_id=f"{parcel_id}-{wanted}",
        issued_at=NOON,
        parcel_id=parcel_id,
    )


def tracked(waybill_no: str) -> RecordTracking:
    return RecordTracking(
        order_id=ORDER,
        command_id=f"t-{waybill_no}",
        issued_at=NOON,
        actor="kuaidi100",
        waybill_no=waybill_no,
        status="delivered",
        moved_at=NOON + timedelta(hours=30),
        place="杭州",
        text="",
    )


def labelled(waybill_no: str, parcel_id: str) -> RecordWaybill:
    return RecordWaybill(
        order_id=ORDER,
        command_id=f"{parcel_id}-{waybill_no}",
        issued_at=NOON,
        actor="dispatcher",
        parcel_id=parcel_id,
        waybill_no=waybill_no,
    )


def sent(ledger: Ledger, parcel_id: str, waybill_no: str) -> None:
    ledger.apply(labelled(waybill_no, parcel_id))
    for wanted in Step:
        ledger.apply(step(parcel_id, wanted))


def parcels(ledger: Ledger) -> tuple[Parcel, ...]:
    return parcels_of(ledger.parcel())


def told(ledger: Ledger, kind: type[Any]) -> list[Any]:
    return [one for one in ledger.told if isinstance(one, kind)]


def test_each_warehouse_sends_its_own_parcel_by_its_own_carrier(ledger: Ledger) -> None:
    first, second = parcels(ledger)
    assert [(one.parcel_id, one.warehouse, one.weight_g) for one in (first, second)] == [
        (FIRST, "HZ", 600),
        (SECOND, "GZ", 1_000),
    ]
    assert [(one.line_no, one.sku, one.quantity) for one in second.lines] == [
        (1, "A", 1),
        (2, "B", 1),
    ]
    planned = told(ledger, ParcelPlanned)
    assert [(one.parcel_id, one.warehouse) for one in planned] == [(FIRST, "HZ"), (SECOND, "GZ")]
    for number, one in enumerate((first, second)):
        alone = Ledger({"A": 300, "B": 700})
        lines = tuple(line(each.sku, each.quantity, each.line_no) for each in one.lines)
        alone.apply(ready(warehouse=one.warehouse, lines=lines))
        (like,) = parcels(alone)
        assert (one.carrier, one.rule, one.rule) == (like.carrier, like.rule, planned[number].rule)


def test_the_order_is_planned_once(ledger: Ledger) -> None:
    before = parcels(ledger)
    ledger.apply(SPLIT)
    assert parcels(ledger) == before


def test_a_parcel_leaves_with_its_own_lines_and_says_how_many_are_left(ledger: Ledger) -> None:
    sent(ledger, SECOND, "YT2")
    sent(ledger, FIRST, "YT1")
    gone = told(ledger, ParcelShipped)
    assert [(one.parcel_id, one.warehouse, one.waybill_no, one.parcels_left) for one in gone] == [
        (SECOND, "GZ", "YT2", 1),
        (FIRST, "HZ", "YT1", 0),
    ]
    assert [[each.quantity for each in one.lines] for one in gone] == [[1, 1], [2]]


def test_an_order_of_one_parcel_speaks_of_no_others() -> None:
    ledger = Ledger()
    ledger.apply(ready())
    sent(ledger, FIRST, "YT1")
    ledger.apply(tracked("YT1"))
    assert told(ledger, ParcelShipped)[0].parcels_left is None
    assert told(ledger, ParcelDelivered)[0].parcels_left is None


def test_each_parcel_is_followed_to_the_door(ledger: Ledger) -> None:
    sent(ledger, FIRST, "YT1")
    ledger.apply(tracked("YT1"))
    sent(ledger, SECOND, "YT2")
    ledger.apply(tracked("YT2"))
    arrived = told(ledger, ParcelDelivered)
    assert [(one.parcel_id, one.parcels_left) for one in arrived] == [(FIRST, 1), (SECOND, 0)]
    assert [one.stage for one in parcels(ledger)] == [Stage.DELIVERED] * 2


def test_a_number_belongs_to_one_parcel_of_the_order(ledger: Ledger) -> None:
    ledger.apply(labelled("YT1", FIRST))
    assert ledger.command(labelled("YT1", SECOND)) == "waybill_taken"
    assert [one.parcel_id for one in told(ledger, WaybillIssued)] == [FIRST]


def test_another_number_is_given_to_the_parcel_it_is_meant_for(ledger: Ledger) -> None:
    ledger.apply(labelled("YT1", FIRST))
    ledger.apply(labelled("YT2", SECOND))
    assert ledger.command(replaced(SECOND, "YT1")) == "waybill_taken"
    assert ledger.command(replaced(SECOND, "ZT-22222")) == "done"
    assert [one.waybill_no for one in parcels(ledger)] == ["YT1", "ZT-22222"]
    (told_of,) = told(ledger, WaybillReplaced)
    assert (told_of.parcel_id, told_of.former_waybill_no) == (SECOND, "YT2")


def replaced(parcel_id: str, waybill_no: str) -> ReplaceWaybill:
    return replace_command(
        ORDER,
        carrier="ZTO",
        waybill_no=waybill_no,
        reason="label damaged",
        actor="station-1",
        command_id=f"{parcel_id}-{waybill_no}",
        issued_at=NOON,
        parcel_id=parcel_id,
    )


def test_what_has_not_left_is_stopped_whole(ledger: Ledger) -> None:
    ledger.apply(labelled("YT1", FIRST))
    ledger.apply(cancel_requested())
    stopped = told(ledger, ParcelCancelled)
    assert [one.parcel_id for one in stopped] == [FIRST, SECOND]
    assert [one.stage for one in parcels(ledger)] == [Stage.CANCELLED] * 2
    assert all(one.dispatch_due_at for one in parcels(ledger)), "labels have to be given back"


def test_once_one_has_left_none_is_stopped(ledger: Ledger) -> None:
    sent(ledger, SECOND, "YT2")
    ledger.apply(cancel_requested())
    assert [one.reason for one in told(ledger, ParcelCancelRefused)] == ["already_shipped"]
    assert not told(ledger, ParcelCancelled)
    sent(ledger, FIRST, "YT1")
    assert told(ledger, ParcelShipped)[-1].parcels_left == 0


def test_a_hold_keeps_all_parcels_back(ledger: Ledger) -> None:
    ledger.apply(held())
    assert [one.holds for one in parcels(ledger)] == [("risk",)] * 2
    assert not any(one.dispatch_due_at for one in parcels(ledger))
    ledger.apply(lifted())
    assert all(one.dispatch_due_at for one in parcels(ledger))


def test_a_hold_that_was_there_first_is_on_every_parcel() -> None:
    ledger = Ledger()
    ledger.apply(held())
    ledger.apply(SPLIT)
    assert [one.holds for one in parcels(ledger)] == [("risk",)] * 2


def test_a_parcel_that_is_not_the_orders_is_refused(ledger: Ledger) -> None:
    third = parcel_id_of(ORDER, 3)
    assert ledger.command(step(third, Step.PICK)) == "unknown_parcel"


def test_a_part_of_a_line_nobody_knows_is_a_dead_letter() -> None:
    ledger = Ledger()
    folded = ledger.apply(ready(lines=LINES, parts=(part("HZ", (9, 1)), part("GZ", (1, 1)))))
    assert [why for _, why in folded.dead] == ["part_of_unknown_line"]
    assert ledger.parcel() is None


def test_each_parcel_knows_what_is_to_be_collected_of_the_order(ledger: Ledger) -> None:
    other = "TB2026111100002"
    ledger.apply(ready(other, lines=LINES, parts=SPLIT.parts, paid_fen=0, collect_fen=9_900))
    assert [one.collect_fen for one in parcels_of(ledger.parcel(other))] == [9_900, 9_900]
    assert [one.collect_fen for one in parcels_of(ledger.parcel())] == [0, 0]
