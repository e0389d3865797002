"""A receiver that a channel takes away again stays known; what only the channel tells is amended by name."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.ingest.domain.model import CanonicalOrder, OrderSnapshotState, PiiKind
from services.ingest.domain.snapshots import Change, KnownOrder, Stale, read_snapshot
from tests.unit.ingest.channels.builders import order_of, taobao


def told(kind: PiiKind, minutes: int, *, memo: str = "") -> CanonicalOrder:
    order = order_of(taobao(buyer_message=memo))
    assert order.times.modified is not None
    later = order.times.modified + timedelta(minutes=minutes)
    return msgspec.structs.replace(
        order,
        receiver=msgspec.structs.replace(order.receiver, pii=kind),
        times=msgspec.structs.replace(order.times, modified=later),
    )


def read(known: KnownOrder | None, kind: PiiKind, minutes: int, digest: str) -> Change:
    reading = read_snapshot(
        known,
        told(kind, minutes),
        (),
        digest=digest,
        personal_digest=digest,
        order_id="TB2026052000001",
    )
    assert isinstance(reading, Change)
    return reading


@pytest.mark.parametrize(
    ("first", "second", "amended", "kept"),
    [
        (PiiKind.ENCRYPTED, PiiKind.MASKED, (), "first"),
        (PiiKind.ENCRYPTED, PiiKind.ABSENT, (), "first"),
        (PiiKind.PLAIN, PiiKind.MASKED, (), "first"),
        (PiiKind.MASKED, PiiKind.ABSENT, (), "first"),
        (PiiKind.MASKED, PiiKind.MASKED, ("personal",), "second"),
        (PiiKind.ENCRYPTED, PiiKind.ENCRYPTED, ("personal",), "second"),
        (PiiKind.ABSENT, PiiKind.ENCRYPTED, ("personal",), "second"),
        (PiiKind.MASKED, PiiKind.PLAIN, ("personal",), "second"),
        (PiiKind.PLAIN, PiiKind.ENCRYPTED, ("personal",), "second"),
    ],
)
def test_a_lesser_form_of_the_receiver_takes_no_better_ones_place(
    first: PiiKind, second: PiiKind, amended: tuple[str, ...], kept: str
) -> None:
    known = read(None, first, 0, "first").known
    change = read(known, second, 1, "second")
    assert (change.amended, change.known.personal_digest) == (amended, kept)
    assert change.known.personal_kind == (first if kept == "first" else second)


def test_what_was_kept_is_amended_once_the_channel_tells_it_anew() -> None:
    known = read(None, PiiKind.ENCRYPTED, 0, "first").known
    known = read(known, PiiKind.ABSENT, 1, "nobody").known
    assert read(known, PiiKind.ENCRYPTED, 2, "another").amended == ("personal",)


def test_an_order_known_from_before_forms_were_kept_takes_any() -> None:
    known = msgspec.structs.replace(
        read(None, PiiKind.ENCRYPTED, 0, "first").known, personal_kind=""
    )
    assert read(known, PiiKind.MASKED, 1, "second").amended == ("personal",)


def test_a_region_goes_only_where_another_one_comes() -> None:
    known = read(None, PiiKind.ENCRYPTED, 0, "first").known
    nowhere = told(PiiKind.ABSENT, 1)
    receiver = msgspec.structs.replace(nowhere.receiver, province="", city="", district="")
    nowhere = msgspec.structs.replace(nowhere, receiver=receiver)
    reading = read_snapshot(
        known, nowhere, (), digest="second", personal_digest="second", order_id=""
    )
    assert isinstance(reading, Change)
    assert (reading.amended, reading.known.province) == ((), known.province)


def extended(minutes: int, *, cancelled: bool = False, **changes: Any) -> CanonicalOrder:
    order = told(PiiKind.ENCRYPTED, minutes)
    state = OrderSnapshotState.CANCELLED if cancelled else order.state
    extensions = msgspec.structs.replace(order.extensions, **changes)
    return msgspec.structs.replace(order, state=state, extensions=extensions)


def taken(known: KnownOrder | None, order: CanonicalOrder, digest: str) -> Change:
    reading = read_snapshot(
        known, order, (), digest=digest, personal_digest="same", order_id="TB2026052000001"
    )
    assert isinstance(reading, Change)
    return reading


def test_what_only_its_channel_tells_is_amended_by_name_and_once() -> None:
    known = taken(None, extended(0), "first").known
    flagged = taken(known, extended(1, seller_flag=3), "second")
    assert flagged.amended == ("extension.seller_flag",)
    assert taken(flagged.known, extended(2, seller_flag=3), "third").amended == ()
    assert flagged.known.extension is not None
    assert flagged.known.extension.taobao is not None
    assert flagged.known.extension.taobao.seller_flag == 3


def test_an_older_snapshot_says_nothing_of_it() -> None:
    known = taken(None, extended(1, seller_flag=3), "first").known
    late = read_snapshot(known, extended(0), (), digest="late", personal_digest="same", order_id="")
    assert isinstance(late, Stale)


def test_an_order_known_from_before_it_was_kept_tells_it_with_its_next_snapshot() -> None:
    known = msgspec.structs.replace(taken(None, extended(0), "first").known, extension=None)
    assert taken(known, extended(1), "second").amended == ("extension",)


def test_a_closed_order_is_not_amended() -> None:
    known = taken(None, extended(0), "first").known
    closed = taken(known, extended(1, cancelled=True, seller_flag=3), "second")
    assert (closed.cancelled, closed.amended) == (True, ())
