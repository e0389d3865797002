"""Which write-backs an order waits for a person with, by what the channel answered to each of them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Kept
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from services.console.domain.model import EMPTY, Card
from services.console.reasons import NEED_NOBODY, NOT_ASKED_THERE
from tests.browser.story import NOON
from tests.unit.console.test_handlers import project

CLOSED = "isv.order-closed: 订单已关闭"
UNTAKEN = "parcel_not_taken: the channel has not taken the parcel itself"


def answers(*told: tuple[str, str, str]) -> Iterable[Struct]:
    """The channel's answers, one after the other, to (kind, document): why not, "" where it takes it."""
    for version, (kind, document_no, reason) in enumerate(told, start=1):
        if reason:
            yield WriteBackRefused(
                order_id="DS1",
                version=version,
                occurred_at=NOON,
                kind=kind,
                document_no=document_no,
                reason=reason,
            )
        else:
            yield WriteBackApplied(
                order_id="DS1",
                version=version,
                occurred_at=NOON,
                kind=kind,
                document_no=document_no,
                attempts=1,
            )


def waiting_after(*told: tuple[str, str, str], before: Card = EMPTY) -> tuple[str, ...]:
    """What the card waits with; the flag is up as long as it waits."""
    kept, _ = project([*answers(*told)], {"DS1": Kept(state=before)})
    card = kept["DS1"].state
    assert card is not None
    assert ("write_back_refused" in card.flags) == bool(card.refused_write_backs)
    return card.refused_write_backs


def test_another_write_back_that_is_taken_leaves_the_flag_up() -> None:
    refused = ("shipment", "P1", CLOSED)
    assert waiting_after(refused, ("refund", "R1", "")) == ("shipment P1",)
    assert waiting_after(refused, ("shipment", "P2", "")) == ("shipment P1",)
    assert waiting_after(refused, ("waybill", "P1", "")) == ("shipment P1",)
    assert waiting_after(refused, refused, ("shipment", "P1", "")) == ()


def test_the_flag_is_up_until_all_are_taken() -> None:
    two = ("shipment", "P1", CLOSED), ("shipment", "P2", "gave up after 9 attempts: timeout")
    assert waiting_after(*two) == ("shipment P1", "shipment P2")
    assert waiting_after(*two, ("shipment", "P2", "")) == ("shipment P1",)
    assert waiting_after(*two, ("shipment", "P2", ""), ("shipment", "P1", "")) == ()


@pytest.mark.parametrize(
    ("kind", "reason", "waits"),
    [
        *[("shipment", reason, False) for reason in sorted(NEED_NOBODY)],
        ("waybill", UNTAKEN, False),
        ("refund_refusal", NOT_ASKED_THERE, False),
        ("refund", NOT_ASKED_THERE, True),
        ("shipment", CLOSED, True),
        ("shipment", "unsupported: carrier ZTO has no code here", True),
        ("waybill", "unsupported: the shop knows one parcel an order", True),
        ("cancellation", "unsupported: the channel has no call that closes an order", True),
        ("shipment", "gave up after 9 attempts: timeout", True),
    ],
)
def test_only_what_needs_a_person_raises_the_flag(kind: str, reason: str, waits: bool) -> None:
    assert bool(waiting_after((kind, "D1", reason))) == waits
    kept, facts = project([*answers((kind, "D1", reason))])
    assert kept["DS1"].state is not None
    assert kept["DS1"].state.write_backs == ((NOON, False),)
    assert [(line[4], line[8]) for line in facts.entries] == [("WriteBackRefused", f"{kind} D1")]


def test_a_parcel_told_again_that_the_channel_knows_already_needs_nobody_any_more() -> None:
    known = "unsupported: all of its lines were told with an earlier parcel"
    assert waiting_after(("shipment", "P1", CLOSED), ("shipment", "P1", known)) == ()


def test_a_flag_from_before_documents_were_kept_is_lowered_by_the_next_that_is_taken() -> None:
    old = replace(EMPTY, flags=("after_sale", "write_back_refused"))
    kept, _ = project([*answers(("shipment", "P1", ""))], {"DS1": Kept(state=old)})
    assert kept["DS1"].state is not None
    assert kept["DS1"].state.flags == ("after_sale",)
    assert waiting_after(("shipment", "P1", CLOSED), before=old) == ("shipment P1",)
