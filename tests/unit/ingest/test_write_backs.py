"""What an order's channel has to be told, decided event by event."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from chassis.ids import request_id
from chassis.processor import Decision, Moment, Record
from schemas.events.commands_ingest import RecordRequestEnded, RecordWriteBack
from schemas.events.order_states import OrderClosed
from schemas.events.refunds import RefundRefused
from schemas.events.shipments import WaybillReplaced
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from services.ingest.channels.shopify import CHANNEL as SHOPIFY
from services.ingest.channels.taobao import CHANNEL as TAOBAO
from services.ingest.channels.woocommerce import CHANNEL as WOOCOMMERCE
from services.ingest.domain.write_backs import SHIPMENT, Told, WriteBacks
from services.ingest.writeback import (
    answer_id,
    decide_recorded,
    decide_refused,
    decide_request_ended,
    decide_waybill_replaced,
    write_backs,
)

NOW = datetime(2026, 5, 20, 2, 0, tzinfo=UTC)
MOMENT = Moment(NOW, Record("refunds", 0, 0, "TB1", 1, None, b""))
REFUSAL = Told(kind="refund_refusal", document_no="R1", reason="已拆封")


def refused(
    state: WriteBacks | None, actor: str = "alice", reason: str = "已拆封"
) -> Decision[WriteBacks]:
    event = RefundRefused(
        order_id="TB1", version=1, occurred_at=NOW, refund_id="R1", actor=actor, reason=reason
    )
    return decide_refused(state, event, None, MOMENT)


def recorded(
    state: WriteBacks | None, outcome: str, kind: str = "refund_refusal"
) -> Decision[WriteBacks]:
    command = RecordWriteBack(
        order_id="TB1",
        command_id="c",
        issued_at=NOW,
        actor="ingest-writeback",
        kind=kind,
        document_no="R1",
        outcome=outcome,
        attempts=2,
        reason="unsupported: no call",
    )
    return decide_recorded(state, command, None, MOMENT)


def test_what_a_person_refused_has_to_be_told_once() -> None:
    first = refused(None)
    assert first.state == WriteBacks(told=(REFUSAL,))
    assert first.events == ()
    assert refused(first.state).state == first.state


@pytest.mark.parametrize(
    "known",
    [
        ("orders", "refunded_by_channel"),
        ("channel:jd", "withdrawn"),
        ("channel:jd", "refused_there"),
    ],
)
def test_what_the_channel_knows_already_is_not_told_to_it(known: tuple[str, str]) -> None:
    actor, reason = known
    decision = refused(None, actor=actor, reason=reason)
    assert decision.state == WriteBacks()
    assert decision.events == ()


def test_what_only_our_books_could_not_take_is_told_to_people_instead() -> None:
    decision = refused(None, actor="refunds", reason="nothing_left")
    assert decision.state is not None
    assert decision.state.due() == ()
    [event] = decision.events
    assert isinstance(event, WriteBackRefused)
    assert (event.kind, event.document_no) == ("refund_refusal", "R1")
    assert event.reason.startswith("unsupported: ")
    assert "nothing_left" in event.reason
    # A second event of the same refund says nothing again.
    assert refused(decision.state, actor="refunds", reason="nothing_left").events == ()


@pytest.mark.parametrize(
    ("outcome", "kind"), [("applied", WriteBackApplied), ("refused", WriteBackRefused)]
)
def test_the_channels_first_answer_stands(outcome: str, kind: type) -> None:
    decision = recorded(WriteBacks(told=(REFUSAL,)), outcome)
    [event] = decision.events
    assert type(event) is kind
    assert decision.state is not None
    assert decision.state.due() == ()
    assert recorded(decision.state, "applied").refusal == "not_due"


def test_an_answer_about_something_else_settles_nothing() -> None:
    waiting = WriteBacks(told=(REFUSAL,))
    assert recorded(waiting, "applied", kind="refund").refusal == "not_due"
    assert recorded(None, "applied").refusal == "not_due"


def test_a_parcel_refused_while_a_request_was_open_is_told_again_once_the_request_is_refused() -> (
    None
):
    taken = replace(shipped("P1"), outcome="applied")
    parcel = replace(shipped("P2"), outcome="refused")
    before = WriteBacks(told=(taken, parcel, REFUSAL))
    after = recorded(before, "applied").state
    assert after is not None
    assert after.due() == (replace(parcel, outcome="due", again=1),)
    assert recorded(after, "applied").refusal == "not_due", "the same answer twice takes up nothing"
    assert recorded(before, "refused").state == before.settled(REFUSAL, "refused")


def ended(state: WriteBacks | None) -> WriteBacks | None:
    command = RecordRequestEnded(
        order_id="TB1",
        command_id="e",
        issued_at=NOW,
        actor="channel:taobao",
        refund_no="7001",
        state="withdrawn",
        ended_at=NOW,
    )
    decision = decide_request_ended(state, command, None, MOMENT)
    assert decision.events == ()
    return decision.state


def parcel_answered(
    state: WriteBacks | None, outcome: str, again: int | None
) -> Decision[WriteBacks]:
    command = RecordWriteBack(
        order_id="TB1",
        command_id=f"c{again}",
        issued_at=NOW,
        actor="ingest-writeback",
        kind=SHIPMENT,
        document_no="P1",
        outcome=outcome,
        attempts=1,
        reason="",
        again=again,
    )
    return decide_recorded(state, command, None, MOMENT)


def test_a_parcel_refused_while_a_request_was_open_is_told_again_once_it_has_ended() -> None:
    taken = replace(shipped("P0"), outcome="applied")
    after = ended(WriteBacks(told=(taken, replace(shipped("P1"), outcome="refused"))))
    assert after is not None
    assert after.due() == (replace(shipped("P1"), again=1),)
    settled = parcel_answered(after, "refused", 1)
    assert [type(event) for event in settled.events] == [WriteBackRefused]
    assert settled.state is not None
    assert settled.state.due() == ()
    assert ended(None) is None, "an order of which nothing was told"


def test_a_refusal_of_a_telling_that_began_before_the_end_is_no_answer() -> None:
    after = ended(WriteBacks(told=(shipped("P1"),)))
    late = parcel_answered(after, "refused", None)
    assert (late.refusal, late.events, late.state) == ("told_again_since", (), after)
    taken = parcel_answered(after, "applied", None)
    assert [type(event) for event in taken.events] == [WriteBackApplied]
    assert taken.state is not None
    assert (taken.state.due(), taken.state.parcels_untaken) == ((), False)


def test_what_is_told_again_is_answered_under_another_id() -> None:
    parcel = shipped("P1")
    ids = {answer_id("TB1", replace(parcel, again=times)) for times in range(3)}
    assert len(ids) == 3
    assert answer_id("TB1", parcel) == request_id("writeback", "TB1", SHIPMENT, "P1")


def shipped(parcel: str, *lines: tuple[str, int]) -> Told:
    return Told(
        kind=SHIPMENT, document_no=parcel, carrier="SF", waybill_no=f"SF{parcel}", lines=lines
    )


def replaced(state: WriteBacks | None, parcel: str, number: str) -> WriteBacks:
    event = WaybillReplaced(
        order_id="TB1",
        version=2,
        occurred_at=NOW,
        parcel_id=parcel,
        carrier="ZTO",
        waybill_no=number,
        former_carrier="SF",
        former_waybill_no="SFP1",
        actor="bob",
        reason="贴错面单",
    )
    decision = decide_waybill_replaced(state, event, None, MOMENT)
    assert decision.events == ()
    assert decision.state is not None
    return decision.state


def test_a_waybill_replaced_before_the_hand_over_needs_no_telling() -> None:
    assert replaced(None, "P1", "75000001").told == ()
    assert replaced(WriteBacks(told=(shipped("P2"),)), "P1", "75000001").due() == (shipped("P2"),)


def test_a_new_waybill_waits_for_its_parcel_and_each_has_a_number_of_its_own() -> None:
    state = WriteBacks(told=(shipped("P1", ("L1", 2)),))
    state = replaced(replaced(state, "P1", "75000001"), "P1", "SFP1")
    assert [told.document_no for told in state.told] == ["P1", "P1/1", "P1/2"]
    assert [told.parcel_id for told in state.told] == ["P1"] * 3
    assert state.told[1].lines == (("L1", 2),)
    order = []
    while due := state.due():
        [told] = due
        order.append(told.document_no)
        state = state.settled(told, "applied")
    assert order == ["P1", "P1/1", "P1/2"]


def test_parcels_are_told_in_the_order_they_left_and_refunds_beside_them() -> None:
    state = WriteBacks(told=(shipped("P1"), shipped("P2"), REFUSAL))
    assert state.due() == (shipped("P1"), REFUSAL)
    state = state.settled(shipped("P1"), "refused")
    assert state.due() == (shipped("P2"), REFUSAL)
    [before] = state.parcels_before(shipped("P2"))
    assert (before.document_no, before.outcome) == ("P1", "refused")


def test_what_a_channel_knows_of_a_parcel_is_what_it_took_last() -> None:
    state = replaced(WriteBacks(told=(shipped("P1"),)), "P1", "75000001")
    state = replaced(state, "P1", "75000002")
    parcel, first, second = state.told
    assert state.taken_last(first) is None
    state = state.settled(parcel, "applied").settled(first, "refused")
    known = state.taken_last(second)
    assert known is not None
    assert known.waybill_no == "SFP1"


@pytest.mark.parametrize(
    ("order_id", "reason", "told"),
    [
        ("SP2026052000001", "店员取消", True),
        ("WC2026052000001", "expired", True),
        ("SP2026052000001", "超时未付", True),
        ("SP2026052000001", "cancelled_on_channel", False),
        ("SP2026052000001", "closed_refunded", False),
        ("TB2026052000001", "店员取消", False),
        ("SPX2026052000001", "店员取消", False),
    ],
)
def test_a_closing_of_ours_is_told_once_where_a_shop_can_be_told(
    order_id: str, reason: str, told: bool
) -> None:
    processor = write_backs([SHOPIFY, WOOCOMMERCE, TAOBAO])
    closed = OrderClosed(
        order_id=order_id, version=1, occurred_at=NOW, reason=reason, actor="alice", basis=""
    )
    moment = Moment(NOW, Record("order-closings", 0, 0, order_id, 1, closed, b""))
    state: WriteBacks | None = None
    for _ in range(2):
        state = processor.handlers[OrderClosed](state, closed, None, moment).state
    due = state.due() if state else ()
    assert [(one.kind, one.document_no) for one in due] == (
        [("cancellation", order_id)] if told else []
    )
