"""What an order's channel has to be told, decided event by event."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chassis.processor import Decision, Moment, Record
from schemas.events.commands_ingest import RecordWriteBack
from schemas.events.refunds import RefundRefused
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from services.ingest.domain.write_backs import Told, WriteBacks
from services.ingest.writeback import decide_recorded, decide_refused

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


def test_what_the_channel_refunded_itself_is_not_told_to_it() -> None:
    decision = refused(None, actor="orders", reason="refunded_by_channel")
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
