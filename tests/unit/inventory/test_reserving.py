"""Rows of (reservation, question) → (reservation, events, effects, answer)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from chassis.direct import Answered
from chassis.processor import Decision, Moment, Record
from schemas.events.reservations import (
    ReservationConfirmed,
    ReservationEnded,
    ReservationExtended,
    ReservationMade,
    ReservationShort,
)
from services.inventory.domain.batches import Portion
from services.inventory.domain.choosing import choose_part
from services.inventory.domain.model import (
    Aggregate,
    Asked,
    Deduct,
    Extension,
    Goods,
    Held,
    HeldPart,
    Hold,
    Lease,
    Line,
    Missing,
    Places,
    Release,
    Reserve,
    Short,
    merged,
)
from services.inventory.domain.reservations import (
    ConfirmReservation,
    ExpireReservation,
    ExtendReservation,
    Refused,
    ReleaseReservation,
    Reservation,
    ReserveGoods,
    Shortage,
)
from services.inventory.reserving import DIRECT_HANDLERS
from tests.unit.inventory.batchless import NoBatches

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
END = NOW + timedelta(seconds=60)
ID = "rsv-aaaaaaaaaaaaaaaaaaaa"
LINES = (Line(1, "B", 2), Line(2, "A", 1))
GOODS: Goods = (("A", 1), ("B", 2))
PART: Goods = (("B", 1),)
LACKING = (Missing(sku="B", wanted=2, available=1),)
ASK = ReserveGoods(
    reservation_id=ID,
    digest="d1",
    reference="till-1",
    warehouse="HZ",
    channel="pos",
    province="",
    lines=LINES,
    partial=False,
    hold_s=60,
)
ASKED = Asked(reference="till-1", digest="d1", granted=GOODS, expires_at=END)
HELD = Hold(
    state="held",
    generation=1,
    channel="pos",
    lines=LINES,
    warehouse="HZ",
    rule="asked",
    held=GOODS,
    expires_at=END,
    asked=ASKED,
)
SOLD = replace(HELD, paid=True, expires_at=None)
GONE = replace(SOLD, state="shipped", generation=2, held=(), shipped=GOODS)
RELEASED = replace(HELD, state="cancelled", generation=2, held=(), expires_at=None)
EXPIRED = replace(RELEASED, state="expired")
SHORT = replace(
    HELD,
    state="short",
    warehouse="",
    rule="",
    held=(),
    expires_at=None,
    asked=Asked(reference="till-1", digest="d1", missing=LACKING),
)
CONFIRM = ConfirmReservation(reservation_id=ID, handed_over=False)
HAND_OVER = ConfirmReservation(reservation_id=ID, handed_over=True)
RELEASE = ReleaseReservation(reservation_id=ID)
EXPIRE = ExpireReservation(reservation_id=ID)
EXTEND = ExtendReservation(reservation_id=ID, key="pay-0001", for_s=0)
LONGER = END + timedelta(seconds=540)
EXTENDED = replace(HELD, expires_at=LONGER, extensions=(Extension("pay-0001", 0, LONGER),))


class Shelf:
    """Facts that answer as a test says."""

    def __init__(self, whole: Held | Short, part: HeldPart | Short | None = None) -> None:
        self._whole = whole
        self._part = part

    def offer(self, key: str, hold: Hold, goods: Goods) -> Held | Short:
        assert (key, goods, hold.generation) == (ID, GOODS, 1)
        return self._whole

    def campaigns(self, channel: str, places: Places) -> tuple[str, ...]:
        return ()

    def part(self, key: str, hold: Hold, goods: Goods) -> HeldPart | Short:
        assert (key, goods, hold.channel) == (ID, GOODS, "pos")
        assert self._part is not None, "a part was not asked for"
        return self._part


class Patient(NoBatches):
    """Facts by which a payment in progress keeps goods for ten minutes, once."""

    def extension(self, hold: Hold) -> Lease:
        return Lease(time=LONGER - NOW, rule="t@1#r", extension=LONGER - NOW, extensions_max=1)


def decided(
    state: Aggregate | None, command: Struct, stock: Any = None, now: datetime = NOW
) -> tuple[Decision[Aggregate], Any]:
    """The decision, and the one answer among its effects."""
    record = Record("direct", 0, 1, ID, 0, command, raw=b"")
    decision = DIRECT_HANDLERS[type(command)](
        state, command, stock or Patient(), Moment(now, record)
    )
    answers = [effect for effect in decision.effects if isinstance(effect, Answered)]
    assert [one.key for one in answers] == [ID]
    return decision, answers[0].answer


def test_all_of_it_is_held_for_the_time_that_was_asked() -> None:
    decision, answer = decided(None, ASK, Shelf(Held(warehouse="HZ", rule="asked")))
    assert decision.state == HELD
    assert decision.effects[0] == Reserve("HZ", GOODS, channel="pos")
    (event,) = decision.events
    assert isinstance(event, ReservationMade)
    assert [(line.sku, line.wanted, line.held) for line in event.lines] == [
        ("B", 2, 2),
        ("A", 1, 1),
    ]
    assert isinstance(answer, Reservation)
    assert (answer.state, answer.expires_at) == ("held", END)


def test_a_shortage_is_kept_as_the_answer() -> None:
    decision, answer = decided(None, ASK, Shelf(Short(missing=LACKING)))
    assert decision.state == SHORT
    assert [type(event) for event in decision.events] == [ReservationShort]
    assert answer == Shortage(missing=LACKING)
    assert len(decision.effects) == 1


def test_a_part_is_held_only_where_it_was_asked_for() -> None:
    part = HeldPart(warehouse="GZ", rule="asked", goods=PART, missing=LACKING)
    partial = replace(ASK, partial=True)
    decision, answer = decided(None, partial, Shelf(Short(missing=LACKING), part))
    assert decision.effects[0] == Reserve("GZ", PART, channel="pos")
    assert isinstance(answer, Reservation)
    assert [line.held for line in answer.lines] == [1, 0]
    assert isinstance(decision.state, Hold)
    assert decision.state.held == PART
    short = Short(missing=LACKING)
    assert decided(None, partial, Shelf(short, short))[1] == Shortage(missing=LACKING)


@pytest.mark.parametrize(
    ("state", "command", "now", "answer"),
    [
        (None, CONFIRM, NOW, "unknown"),
        (None, RELEASE, NOW, "unknown"),
        (None, EXPIRE, NOW, "unknown"),
        (HELD, replace(ASK, digest="d2"), NOW, "key_reused"),
        (HELD, ASK, END, "held"),
        (SOLD, ASK, NOW, "held"),
        (GONE, ASK, NOW, "held"),
        (RELEASED, ASK, NOW, "held"),
        (SHORT, ASK, NOW, Shortage(missing=LACKING)),
        (SHORT, CONFIRM, NOW, "short"),
        (RELEASED, HAND_OVER, NOW, "released"),
        (EXPIRED, CONFIRM, NOW, "expired"),
        (HELD, CONFIRM, END, "expired"),
        (HELD, HAND_OVER, END, "expired"),
        (None, EXTEND, NOW, "unknown"),
        (SHORT, EXTEND, NOW, "short"),
        (RELEASED, EXTEND, NOW, "released"),
        (EXPIRED, EXTEND, NOW, "expired"),
        (SOLD, EXTEND, NOW, "confirmed"),
        (GONE, EXTEND, NOW, "handed_over"),
        (HELD, EXTEND, END, "expired"),
        (HELD, replace(EXTEND, for_s=30), NOW, "held"),
        (EXTENDED, EXTEND, END, "held"),
        (EXTENDED, replace(EXTEND, for_s=30), END, "key_reused"),
        (EXTENDED, replace(EXTEND, key="pay-0002"), END, "extension_limit"),
        (EXTENDED, EXPIRE, END, "held"),
        (EXTENDED, CONFIRM, LONGER, "expired"),
        (SOLD, CONFIRM, END, "confirmed"),
        (GONE, CONFIRM, NOW, "handed_over"),
        (GONE, HAND_OVER, NOW, "handed_over"),
        (GONE, RELEASE, NOW, "handed_over"),
        (RELEASED, RELEASE, NOW, "released"),
        (EXPIRED, RELEASE, NOW, "expired"),
        (SHORT, RELEASE, NOW, "short"),
        (HELD, EXPIRE, NOW, "held"),
        (SOLD, EXPIRE, END, "confirmed"),
        (RELEASED, EXPIRE, END, "released"),
    ],
)
def test_what_changes_nothing_is_only_answered(
    state: Hold | None, command: Struct, now: datetime, answer: str | Shortage
) -> None:
    decision, given_answer = decided(state, command, None, now)
    assert decision.refusal, "nothing is saved"
    assert decision.state == state
    assert not decision.events
    assert len(decision.effects) == 1
    match given_answer:
        case Reservation():
            assert given_answer.state == answer
        case Refused():
            assert given_answer.code == answer
        case _:
            assert given_answer == answer


@pytest.mark.parametrize(
    ("state", "command", "now", "then", "event", "effect"),
    [
        (HELD, CONFIRM, NOW, SOLD, ReservationConfirmed, None),
        (
            HELD,
            HAND_OVER,
            NOW,
            GONE,
            ReservationConfirmed,
            Deduct("HZ", GOODS, ID, ID, channel="pos"),
        ),
        (
            SOLD,
            HAND_OVER,
            END,
            GONE,
            ReservationConfirmed,
            Deduct("HZ", GOODS, ID, ID, channel="pos"),
        ),
        (HELD, RELEASE, END, RELEASED, ReservationEnded, Release("HZ", GOODS, channel="pos")),
        (
            SOLD,
            RELEASE,
            NOW,
            replace(RELEASED, paid=True),
            ReservationEnded,
            Release("HZ", GOODS, channel="pos"),
        ),
        (HELD, EXPIRE, END, EXPIRED, ReservationEnded, Release("HZ", GOODS, channel="pos")),
    ],
)
def test_what_changes_a_reservation(
    state: Hold, command: Struct, now: datetime, then: Hold, event: type, effect: object
) -> None:
    decision, answer = decided(state, command, None, now)
    assert decision.state == then
    assert not decision.refusal
    assert [type(one) for one in decision.events] == [event]
    assert list(decision.effects[:-1]) == ([effect] if effect else [])
    assert isinstance(answer, Reservation)
    assert answer.expires_at is None


def test_a_payment_in_progress_keeps_the_goods_and_moves_none() -> None:
    decision, answer = decided(HELD, EXTEND)
    assert decision.state == EXTENDED
    assert len(decision.effects) == 1
    (event,) = decision.events
    assert isinstance(event, ReservationExtended)
    assert (event.expires_at, event.extensions, event.rule) == (LONGER, 1, "t@1#r")
    assert (answer.state, answer.expires_at) == ("held", LONGER)


pieces = st.integers(0, 5)


@given(
    there=st.dictionaries(st.tuples(st.sampled_from(["HZ", "GZ"]), st.sampled_from("ABC")), pieces),
    wanted=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 5)), min_size=1),
)
def test_a_part_is_the_most_one_warehouse_has_and_never_more_than_is_there(
    there: dict[tuple[str, str], int], wanted: list[tuple[str, int]]
) -> None:
    goods = merged(wanted)
    warehouse, given_goods, missing = choose_part(
        lambda row: there.get(row, 0), ("HZ", "GZ"), goods
    )
    best = max(sum(min(n, there.get((one, sku), 0)) for sku, n in goods) for one in ("HZ", "GZ"))
    assert sum(n for _, n in given_goods) == best
    assert bool(warehouse) == bool(best)
    for sku, n in given_goods:
        assert 0 < n <= there[warehouse, sku]
    if best:
        short = {one.sku: one.wanted - one.available for one in missing}
        assert dict(goods) == {
            sku: dict(given_goods).get(sku, 0) + short.get(sku, 0) for sku, _ in goods
        }


def test_goods_handed_over_leave_from_the_batches_that_expire_first() -> None:
    class Shelves(NoBatches):
        def first_expired(self, warehouse: str, goods: Goods) -> tuple[Portion, ...]:
            assert (warehouse, goods) == ("HZ", GOODS)
            return (Portion("B", "b1", -2),)

    decision, _ = decided(HELD, HAND_OVER, Shelves())
    assert isinstance(decision.state, Hold)
    assert decision.state.batches == (Portion("B", "b1", 2),)
    (deducted,) = (one for one in decision.effects if isinstance(one, Deduct))
    assert (deducted.goods, deducted.portions) == (GOODS, (Portion("B", "b1", -2),))
