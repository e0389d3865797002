"""From a channel's payload to the parcel: which changes of a receiver stop one that is under way, and which do not."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from schemas.events.order_states import OrderHeld, OrderHoldLifted, OrderReadyToFulfil
from schemas.events.orders import OrderAmended, OrderPlaced
from services.fulfillment.pacing import Get, jobs_of
from services.fulfillment.store import Due
from tests.unit.fulfillment.parcels import Ledger
from tests.unit.ingest.test_normalise import Desk
from tests.unit.orders import life


class Sample(NamedTuple):
    """An order whose receiver is ciphers without a key: its file, number, time, a later one, address and memo."""

    channel: str
    file: str
    order_no: str
    modified: str
    later: str
    address: str
    memo: str


SAMPLES = [
    Sample(
        "youzan",
        "trade_get_paid.json",
        "E20260520093102000100001",
        "2026-05-20 09:31:41",
        "2026-05-20 10:31:41",
        "$demoCipherAddr==$1$",
        "熟客",
    ),
    Sample(
        "jd",
        "search_paid_with_coupons.json",
        "290000000000001",
        "2026-05-20 09:31:41",
        "2026-05-20 10:31:41",
        "AwAAdemoEncryptedAddress==",
        "请尽快发货",
    ),
    Sample(
        "pdd",
        "information_paid.json",
        "260520-000000000000001",
        "2026-05-20 09:31:46",
        "2026-05-20 10:31:46",
        "~AgAAAAdemoAddrCipher==~demo~1~",
        "加急",
    ),
]
EACH = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.channel)


def holds_after(sample: Sample, *changes: dict[str, str]) -> list[str]:
    """What holds a sample's order, handed to fulfillment, once each change of its text has been read in turn."""
    folder = Path(__file__).parent / "examples" / "channels" / sample.channel
    body = (folder / sample.file).read_text(encoding="utf-8")
    desk, order = Desk(), life.Life()
    for change in ({}, *changes):
        for old, new in change.items():
            assert old in body
            body = body.replace(old, new)
        taken = desk.take_body(body.encode(), channel=sample.channel, order_no=sample.order_no)
        for told in taken:
            assert isinstance(told, OrderPlaced | OrderAmended), told
            order.take(replace(told, order_id=life.ORDER_ID))
        if any(isinstance(told, OrderPlaced) for told in taken):
            for ready in (life.lines_matched(), life.reserved(), life.review(passed=True)):
                order.take(ready)
    assert order.state == "awaiting_print"
    return [hold.code for hold in order.order.holds]


@EACH
def test_another_cipher_of_the_address_holds_a_parcel_under_way(sample: Sample) -> None:
    moved = {sample.address: anew(sample), sample.modified: sample.later}
    assert holds_after(sample, moved) == ["address"]


@EACH
def test_another_memo_and_the_same_order_again_hold_nothing(sample: Sample) -> None:
    memo = {sample.memo: "改过的备注", sample.modified: sample.later}
    assert holds_after(sample, {}, memo, {}) == []


@EACH
def test_a_cipher_made_anew_for_the_same_snapshot_tells_no_other_receiver(sample: Sample) -> None:
    """Whether platforms do so is not documented; what changes in an order comes with a later time."""
    first, other = {anew(sample): sample.address}, {sample.address: anew(sample)}
    assert holds_after(sample, other, first, other) == []


def anew(sample: Sample) -> str:
    """The address in another cipher."""
    return sample.address.replace("demo", "other", 1)


def test_a_lifted_order_is_asked_for_with_the_address_it_was_told_last() -> None:
    """Orders and fulfillment together, as one's events go to the other."""
    order, ledger = life.awaiting_print(), Ledger({"SKU-1": 300})
    for event in [*order.events, *order.take(life.moved()), *order.take(life.lift())]:
        if isinstance(event, OrderReadyToFulfil | OrderHeld | OrderHoldLifted):
            ledger.apply(event)
    parcel = ledger.parcel()
    assert parcel is not None
    (job,) = jobs_of([Due(parcel=parcel, asked=True)], frozenset(), 10)
    assert isinstance(job, Get)
    assert [(one.province, one.holds, one.asking) for one in job.parcels] == [("江苏省", (), 1)]
