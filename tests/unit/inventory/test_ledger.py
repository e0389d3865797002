"""The ledger as a fold: what it comes to, and what it notices."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.inventory.domain.ledger import Booked, Ledger, differences
from services.inventory.domain.model import REPAIR, Receive, Row
from services.inventory.domain.rules import Book

ROWS = (("HZ", "A"), ("HZ", "B"), ("GZ", "A"))
MOVEMENTS = st.lists(st.tuples(st.sampled_from(ROWS), st.integers(-5, 9)), min_size=1, max_size=30)


def booked(movements: list[tuple[Row, int]]) -> tuple[list[Booked], dict[Row, tuple[int, int]]]:
    """A ledger as the service writes it, and the stock it leaves."""
    book = Book(dict.fromkeys(ROWS, (0, 0)))
    for number, ((warehouse, sku), quantity) in enumerate(movements):
        if quantity and book.rows[warehouse, sku][0] + quantity >= 0:
            book.receive(Receive(warehouse, ((sku, quantity),), "adjustment", f"d{number}"))
    entries = [
        Booked(number, e.warehouse, e.sku, e.quantity, e.kind, e.document_no, e.balance_after)
        for number, e in enumerate(book.entries, start=1)
    ]
    return entries, {row: (numbers[0], numbers[1]) for row, numbers in book.rows.items()}


def folded(entries: list[Booked]) -> Ledger:
    ledger = Ledger()
    for entry in entries:
        ledger.take(entry)
    return ledger


@given(MOVEMENTS)
def test_balances_are_folds_of_the_entries(movements: list[tuple[Row, int]]) -> None:
    entries, stock = booked(movements)
    ledger = folded(entries)
    assert ledger.broken() == ()
    assert differences(ledger.balances, stock, {}) == ()
    assert all(balance.stated == balance.pieces for balance in ledger.balances.values())


@given(MOVEMENTS, st.integers(0, 30))
def test_reading_on_is_reading_from_the_start(movements: list[tuple[Row, int]], cut: int) -> None:
    entries, _ = booked(movements)
    read_on = Ledger(folded(entries[:cut]).balances)
    for entry in entries[cut:]:
        read_on.take(entry)
    assert read_on.balances == folded(entries).balances


@given(MOVEMENTS.filter(lambda movements: bool(booked(movements)[0])), st.data())
def test_an_entry_that_was_changed_is_named_first(
    movements: list[tuple[Row, int]], draw: st.DataObject
) -> None:
    entries, _ = booked(movements)
    place = draw.draw(st.integers(0, len(entries) - 1))
    wrong = draw.draw(st.integers(-9, 9).filter(bool))
    entry = entries[place]
    entries[place] = replace(entry, quantity=entry.quantity + wrong)
    (broken,) = folded(entries).broken()
    assert broken.entry_id == entry.entry_id
    assert broken.expected - broken.stated == wrong


@given(MOVEMENTS.filter(lambda movements: bool(booked(movements)[0])), st.data())
def test_a_repair_makes_up_for_whatever_was_done_to_a_row(
    movements: list[tuple[Row, int]], draw: st.DataObject
) -> None:
    entries, stock = booked(movements)
    place = draw.draw(st.integers(0, len(entries) - 1))
    spoilt = entries[place]
    match draw.draw(st.sampled_from(("changed", "stated", "removed"))):
        case "changed":
            entries[place] = replace(spoilt, quantity=spoilt.quantity + 3)
        case "stated":
            entries[place] = replace(spoilt, balance_after=spoilt.balance_after + 3)
        case _:
            del entries[place]
    row = (spoilt.warehouse, spoilt.sku)
    ledger = folded(entries)
    on_hand = stock[row][0]
    booked_pieces = ledger.balances[row].pieces if row in ledger.balances else 0
    mend = Booked(99, *row, on_hand - booked_pieces, REPAIR, "repair-1", on_hand)
    ledger.take(mend)
    assert ledger.broken() == ()
    assert differences(ledger.balances, stock, {}) == ()
    ledger.take(Booked(100, *row, 2, "receipt", "d", on_hand + 2))
    assert ledger.broken() == ()


def test_every_differing_row_is_listed_with_its_amounts() -> None:
    entries, _ = booked([(("HZ", "A"), 5), (("HZ", "B"), 4)])
    found = differences(
        folded(entries).balances,
        {("HZ", "A"): (5, 2), ("HZ", "B"): (6, 0), ("GZ", "C"): (1, 0)},
        {("HZ", "A"): 1, ("HF", "A"): 3},
    )
    assert [
        (one.warehouse, one.sku, one.on_hand, one.booked, one.reserved, one.held) for one in found
    ] == [
        ("GZ", "C", 1, 0, 0, 0),
        ("HF", "A", 0, 0, 0, 3),
        ("HZ", "A", 5, 5, 2, 1),
        ("HZ", "B", 6, 4, 0, 0),
    ]
