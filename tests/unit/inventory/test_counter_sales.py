"""Goods that a buyer took along from a store leave the books once, and come back to where they left."""

from __future__ import annotations

from msgspec.structs import replace

from chassis.processor import Decision, Kept, Record
from schemas.events.commands_inventory import AllocateBackorder
from schemas.events.orders import OrderPlaced, Payment
from schemas.events.stock import StockDeducted, StockReserved, StockReturned, StockShort
from services.inventory.adopting import named_reservations, take_over
from services.inventory.counter_sales import left_before
from services.inventory.domain.model import Hold
from services.inventory.foreseen import foresee
from tests.unit.inventory.events import NOW, matched, placed, refunded, unmatched
from tests.unit.inventory.house import SOURCING, House
from tests.unit.inventory.test_adopting import ID, OWN

PAYMENT = Payment(paid_at=NOW, paid_fen=2_000)
GONE = replace(OWN, state="shipped", paid=True, held=(), shipped=OWN.held, expires_at=None)


def sale(pieces: int = 2, reservation_id: str | None = None) -> OrderPlaced:
    order = placed("o1", [("A", pieces)], channel="pos", province="", reservation_id=reservation_id)
    return replace(order, handed_over=True, payment=PAYMENT)


def store(pieces: int) -> House:
    """A warehouse HZ with so many of A, booked in."""
    house = House()
    house.book.rows |= {(warehouse, "A"): [0, 0] for warehouse in ("HF", "GZ")}
    house.receive(None, pieces)
    return house


def hold(house: House) -> Hold:
    state = house.states["o1"]
    assert isinstance(state, Hold)
    return state


def kinds(decision: Decision[object]) -> list[type]:
    return [type(event) for event in decision.events]


def test_what_was_taken_along_is_off_the_books_and_comes_back_once() -> None:
    house = store(5)
    sold = house.take(sale(), "o1")
    assert kinds(sold) == [StockReserved, StockDeducted]
    assert house.book.rows["HZ", "A"] == [3, 0]
    assert (hold(house).state, hold(house).shipped) == ("shipped", (("A", 2),))
    assert house.take(sale(), "o1").events == ()
    back = house.take(refunded("o1", [("A", 1)]), "o1")
    assert kinds(back) == [StockReturned]
    assert house.book.rows["HZ", "A"] == [4, 0]
    assert hold(house).shipped == (("A", 1),)
    house.check()


def test_what_the_books_do_not_have_leaves_when_they_do() -> None:
    house = store(1)
    assert kinds(house.take(sale(), "o1")) == [StockShort]
    assert house.book.rows["HZ", "A"] == [1, 0]
    house.receive(None, 4)
    ask = AllocateBackorder(order_id="o1", command_id="c", issued_at=NOW, actor="t", generation=1)
    assert kinds(house.take(ask, "o1")) == [StockReserved, StockDeducted]
    assert house.book.rows["HZ", "A"] == [3, 0]
    house.check()


def test_a_sale_whose_skus_come_later_leaves_then() -> None:
    house = store(5)
    house.take(replace(unmatched("o1"), handed_over=True, payment=PAYMENT), "o1")
    assert house.book.rows["HZ", "A"] == [5, 0]
    house.take(matched("o1", [("A", 2)]), "o1")
    assert house.book.rows["HZ", "A"] == [3, 0]
    house.check()


def test_what_left_under_a_reservation_is_not_asked_for_again() -> None:
    for order, state, is_gone in (
        (sale(1, ID), replace(GONE, channel="pos"), True),
        (sale(1, ID), replace(GONE, channel=""), True),
        (sale(1, ID), replace(GONE, channel="taobao"), False),
        (replace(sale(1, ID), handed_over=None), replace(GONE, channel="pos"), False),
        (sale(1, ID), replace(OWN, channel="pos"), False),
    ):
        records = [Record("orders", 0, 0, "o1", 1, order, b"")]
        kept = {ID: Kept(state)}
        foreseen = foresee(records, kept, SOURCING)
        take_over(foreseen, kept, named_reservations(records, kept))
        assert foreseen.gone == ({"o1": ID} if is_gone else {})
        assert ("o1" in {**foreseen.plans, **foreseen.adoptions}) is not is_gone
        assert ("o1" in foreseen.touched) is (order.handed_over is True and not is_gone)


def test_such_a_sale_has_what_left_under_its_reservation() -> None:
    asked = Hold(state="short", paid=True, channel="pos", handed_over=True)
    assert left_before(asked, GONE) == replace(
        asked, state="shipped", warehouse="HZ", rule=OWN.rule, shipped=OWN.held
    )
