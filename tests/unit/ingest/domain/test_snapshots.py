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


S = OrderSnapshotState


@pytest.mark.parametrize(
    ("snapshots", "told_fen"),
    [
        # Paid at the door: with nothing as it leaves, with all of it once it is done.
        (((S.AWAITING_SHIPMENT, 0), (S.SHIPPED, 0), (S.COMPLETED, 10000)), (0, 10000)),
        (((S.COMPLETED, 10000), (S.AWAITING_SHIPMENT, 0)), (10000,)),
        # At a till, piece by piece.
        (((S.PAID_ON_HOLD, 4000), (S.PAID_ON_HOLD, 7000), (S.AWAITING_SHIPMENT, 10000)), (4000, 7000, 10000)),
        # Paid at once, and told once; that money went back is no payment.
        (((S.AWAITING_SHIPMENT, 10000), (S.COMPLETED, 10000)), (10000,)),
        (((S.AWAITING_SHIPMENT, 10000), (S.COMPLETED, 8000), (S.COMPLETED, 10000)), (10000,)),
        # A deposit is no payment, nor is what a closed order once was worth.
        (((S.DEPOSIT_PAID, 2000), (S.AWAITING_SHIPMENT, 10000)), (10000,)),
        (((S.AWAITING_SHIPMENT, 0), (S.CLOSED_REFUNDED, 10000)), (0,)),
    ],
)  # fmt: skip
def test_a_payment_is_told_again_where_more_is_paid(
    snapshots: tuple[tuple[OrderSnapshotState, int], ...], told_fen: tuple[int, ...]
) -> None:
    known: KnownOrder | None = None
    told_now = []
    for minutes, (state, paid_fen) in enumerate(snapshots):
        order = msgspec.structs.replace(
            told(PiiKind.ENCRYPTED, minutes), state=state, paid_fen=paid_fen
        )
        change = taken(known, order, str(minutes))
        known = change.known
        if change.paid:
            told_now.append(paid_fen)
    assert tuple(told_now) == told_fen


@pytest.mark.parametrize(
    ("imported_fen", "its_own_fen", "is_more"),
    [(8000, 10000, True), (10000, 10000, False), (12000, 10000, False)],
)
def test_the_channels_own_word_stands_over_what_an_import_called_paid(
    imported_fen: int, its_own_fen: int, is_more: bool
) -> None:
    own = msgspec.structs.replace(told(PiiKind.ENCRYPTED, 0), paid_fen=its_own_fen)
    undated = msgspec.structs.replace(own.times, modified=None)
    imported = msgspec.structs.replace(own, paid_fen=imported_fen, times=undated)
    placed = taken(None, imported, "import").known
    change = taken(placed, own, "own")
    assert (change.paid, change.known.paid_fen) == (is_more, its_own_fen)
    known = taken(None, own, "own").known
    late = read_snapshot(known, imported, (), digest="import", personal_digest="same", order_id="")
    assert isinstance(late, Stale), "an import overwrites nothing"


def test_of_an_order_from_before_amounts_were_kept_the_payment_counts_as_told() -> None:
    paid = told(PiiKind.ENCRYPTED, 0)
    known = msgspec.structs.replace(taken(None, paid, "first").known, paid_fen=None)
    later = msgspec.structs.replace(told(PiiKind.ENCRYPTED, 1), state=S.SHIPPED)
    change = taken(known, later, "second")
    assert (change.paid, change.known.paid_fen) == (False, paid.paid_fen)
