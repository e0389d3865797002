"""An order that names a reservation has its goods, whatever either wanted, and they are counted once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.processor import Decision
from schemas.events.reservations import ReservationEnded
from schemas.events.stock import StockReserved
from services.inventory.domain.adopting import adoptable, adopted, apart, with_own
from services.inventory.domain.choosing import choose
from services.inventory.domain.model import (
    Asked,
    Goods,
    Held,
    Hold,
    Lease,
    Release,
    Reserve,
    Short,
    merged,
)
from services.inventory.domain.quotas import Recount
from tests.unit.inventory.events import placed
from tests.unit.inventory.test_handlers import GOODS, NO, PAID_ORDER, Shelf, decide

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
ID = "rsv-aaaaaaaaaaaaaaaaaaaa"
OWN = Hold(
    state="held",
    generation=1,
    warehouse="HZ",
    rule="asked",
    held=(("A", 1), ("C", 1)),
    expires_at=NOW + timedelta(minutes=90),
    asked=Asked(reference="till-1", digest="d"),
)
ORDER = placed("o1", [("A", 2), ("B", 1)], reservation_id=ID)
goods = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 4)), max_size=3).map(merged)


@pytest.mark.parametrize(
    ("state", "channel", "may"),
    [
        (OWN, "taobao", True),
        (replace(OWN, paid=True, expires_at=None), "taobao", True),
        (replace(OWN, channel="taobao"), "taobao", True),
        (replace(OWN, channel="pos"), "taobao", False),
        (replace(OWN, state="expired", held=()), "taobao", False),
        (replace(OWN, state="cancelled", held=()), "taobao", False),
        (replace(OWN, state="shipped", held=()), "taobao", False),
        (adopted(OWN, "o2"), "taobao", False),
        (replace(OWN, asked=None), "taobao", False),
        (None, "taobao", False),
    ],
)
def test_what_is_held_may_be_taken_over_once_and_by_whom_it_was_made_for(
    state: Hold | None, channel: str, may: bool
) -> None:
    assert (adoptable(state, channel) is not None) is may


class Till(Shelf):
    """Stock of which a part is the order's already."""

    def own(self, order_id: str) -> tuple[str, Hold] | None:
        assert order_id == "o1"
        return ID, OWN


def test_what_differs_is_held_or_let_go_in_addition() -> None:
    decision = decide(None, ORDER, Till(Held(warehouse="HZ", rule="asked")))
    assert decision.effects == (
        Release("HZ", (("C", 1),)),
        Reserve("HZ", (("A", 1), ("B", 1)), channel="taobao"),
        Recount("HZ", (("A", 1),), "taobao", ""),
    )
    assert isinstance(decision.state, Hold)
    assert decision.state.held == GOODS
    assert decision.state.expires_at == OWN.expires_at, "no shorter than the till was promised"
    reserved, ended = decision.events
    assert isinstance(reserved, StockReserved)
    assert (reserved.reservation_id, reserved.expires_at) == (ID, OWN.expires_at)
    assert isinstance(ended, ReservationEnded)
    assert (ended.reservation_id, ended.reason, ended.order_id) == (ID, "adopted", "o1")
    assert decision.others == ((ID, adopted(OWN, "o1")),)


def test_from_another_warehouse_all_of_it_is_held_and_all_let_go() -> None:
    decision = decide(None, ORDER, Till(Held(warehouse="GZ", rule="t@1#r")))
    assert decision.effects == (Release("HZ", OWN.held), Reserve("GZ", GOODS, channel="taobao"))


def test_an_order_that_is_short_leaves_the_reservation_to_the_till() -> None:
    assert decide(None, ORDER, Till(NO.answer)).others == ()


def test_goods_are_kept_though_the_table_would_hold_none_for_this_buyer() -> None:
    till = Till(Held(warehouse="HZ", rule="asked"))
    till.kept = Lease(time=timedelta(), rule="h@1#full")
    decision = decide(None, ORDER, till)
    assert isinstance(decision.state, Hold)
    assert (decision.state.state, decision.state.expires_at) == ("held", OWN.expires_at)


def test_a_paid_order_keeps_them_for_ever() -> None:
    paid = replace(PAID_ORDER, reservation_id=ID)
    decision = decide(None, paid, Till(Held(warehouse="HZ", rule="asked")))
    assert isinstance(decision.state, Hold)
    assert decision.state.expires_at is None


def test_an_order_whose_reservation_is_gone_is_held_for_itself() -> None:
    decision: Decision[Hold] = decide(None, ORDER, Shelf(Held(warehouse="GZ", rule="t@1#r")))
    assert decision.others == ()
    assert decision.effects == (Reserve("GZ", GOODS, channel="taobao"),)


@given(own=goods, wants=goods, free=goods, elsewhere=goods)
def test_pieces_are_conserved_and_nobody_is_given_what_is_not_there(
    own: Goods, wants: Goods, free: Goods, elsewhere: Goods
) -> None:
    there = {("HZ", sku): n for sku, n in free} | {("GZ", sku): n for sku, n in elsewhere}
    hold = replace(OWN, held=own)
    chosen = choose(with_own(lambda row: there.get(row, 0), hold), ("HZ", "GZ"), wants)
    gone, more = apart(own, wants)
    assert merged([*own, *more, *((sku, -n) for sku, n in gone)]) == wants
    assert not {sku for sku, _ in gone} & {sku for sku, _ in more}
    short = [sku for sku, n in more if there.get(("HZ", sku), 0) < n]
    assert (chosen == "HZ") is (not short)
    if chosen == "GZ":
        assert all(there.get(("GZ", sku), 0) >= n for sku, n in wants)


def test_what_it_has_it_keeps_where_more_is_withheld_than_free() -> None:
    assert choose(with_own(lambda _row: -5, OWN), ("HZ",), (("A", 1),)) == "HZ"
    assert not choose(with_own(lambda _row: -5, OWN), ("HZ",), (("A", 2),))
    assert isinstance(NO.answer, Short)
