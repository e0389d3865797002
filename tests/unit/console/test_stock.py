"""Stock as the console keeps it: levels without gaps to wait for, holds, movements, books, and what they mean."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from chassis.codec import codec
from chassis.processor import Kept, Known, NoFacts, Processor, fold
from schemas.events.stock import PartLine, ReservedPart
from schemas.events.stock_books import BooksChecked
from services.console import stock_words, web
from services.console.domain.stock import (
    Book,
    Hold,
    Movement,
    delay_of,
    delay_tone,
    level_tone,
    rate_tone,
)
from services.console.stock import LEVELS
from services.console.stock_sections.differences import BOOKS
from services.console.stock_sections.holds import HOLDS, Moved
from services.console.stock_sections.replenishment import REPLENISHMENT
from services.console.stock_views import SECTIONS, StockFilters
from tests.browser.shelves import (
    checked,
    crossed,
    difference,
    fell,
    level,
    moved,
    reconciled,
    released,
    reserved,
    returned,
    suggested,
    task,
    till,
    till_ended,
    till_sold,
)
from tests.browser.story import NOON
from tests.unit.console.test_handlers import record

LATER = NOON + timedelta(minutes=5)


def after(
    processor: Processor[Any], events: Sequence[Struct], size: int = 100
) -> tuple[dict[str, Any], list[Movement]]:
    """States and movements after all of them, in batches."""
    kept: dict[str, Kept[Any]] = {}
    rows: list[Movement] = []
    for start in range(0, len(events), size):
        facts = Moved() if processor is HOLDS else NoFacts()
        known = Known(kept=kept, facts=facts)
        records = [
            record(event, start + at) for at, event in enumerate(events[start : start + size])
        ]
        folded = fold(processor, codec(), records, known, LATER)
        assert (folded.parked, folded.dead) == ([], [])
        kept = known.kept
        if isinstance(facts, Moved):
            rows += facts.rows
    return {key: one.state for key, one in kept.items()}, rows


# ---- levels ----------------------------------------------------------------------------------------


def test_a_level_holds_though_compaction_took_those_before_it() -> None:
    first, second = level("HZ", "A", 5, at=NOON), level("HZ", "A", 4, at=LATER)
    for told in ([second], [first, second], [first, second, second], [second, first]):
        kept, _ = after(LEVELS, told)
        assert kept["HZ|A"] == second


# ---- holds and movements ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_hold_shrinks_with_its_parcels_and_ends_with_the_last(size: int) -> None:
    told = [reserved("o1", {"A": 3, "B": 1}), fell("o1", {"A": 2}, version=2)]
    kept, rows = after(HOLDS, told, size)
    hold = kept["o1"]
    assert (hold.warehouse, hold.goods) == ("HZ", (("A", 1), ("B", 1)))
    assert [(row.sku, row.quantity, row.order_id) for row in rows] == [("A", -2, "o1")]
    kept, rows = after(HOLDS, [*told, fell("o1", {"A": 1, "B": 1}, version=3)], size)
    assert kept["o1"] == Hold()
    assert sum(row.quantity for row in rows) == -4


def test_an_order_that_several_warehouses_hold_is_held_in_each() -> None:
    parts = (
        ReservedPart(warehouse="HZ", lines=(PartLine(line_no=1, sku="A", quantity=2),)),
        ReservedPart(
            warehouse="GZ",
            lines=(
                PartLine(line_no=1, sku="A", quantity=1),
                PartLine(line_no=2, sku="B", quantity=1),
            ),
        ),
    )
    told = [replace(reserved("o1", {"A": 3, "B": 1}), parts=parts)]
    kept, _ = after(HOLDS, told)
    assert kept["o1"].where("A") == [("HZ", 2), ("GZ", 1)]
    assert kept["o1"].where("B") == [("GZ", 1)]
    kept, _ = after(HOLDS, [*told, fell("o1", {"A": 2}, version=2)])
    assert (kept["o1"].where("A"), kept["o1"].skus) == ([("GZ", 1)], "A\x1fB")


def test_what_is_let_go_and_asked_for_again_is_held_once() -> None:
    told = [reserved("o1", {"A": 3}), released("o1", version=2)]
    kept, _ = after(HOLDS, told)
    assert kept["o1"] == Hold()
    kept, _ = after(HOLDS, [*told, reserved("o1", {"A": 2}, version=3, paid=True)])
    assert (kept["o1"].goods, kept["o1"].expires_at) == ((("A", 2),), None)


def test_returns_and_papers_come_in_with_document_and_person() -> None:
    told = [
        returned("o1", {"A": 1}, "R1"),
        moved("RK1", "receipt", {"A": (5, 9)}, actor="李娜", reason="到货"),
    ]
    kept, rows = after(HOLDS, told)
    assert [
        (row.kind, row.quantity, row.document_no, row.actor, row.balance_after) for row in rows
    ] == [("return", 1, "R1", "stock", None), ("receipt", 5, "RK1", "李娜", 9)]
    assert kept["RK1"] == Hold()


def test_a_till_holds_sells_and_hands_over_under_its_own_name() -> None:
    kept, _ = after(HOLDS, [till("rsv-1", {"A": (3, 2)}), till_sold("rsv-1", version=2)])
    hold = kept["rsv-1"]
    assert (hold.goods, hold.expires_at, hold.reference) == ((("A", 2),), None, "till-7")
    gone = till_sold("rsv-1", version=2, handed_over=True)
    kept, rows = after(HOLDS, [till("rsv-1", {"A": (3, 2)}), gone])
    assert kept["rsv-1"] == Hold()
    assert [(row.sku, row.quantity, row.reason) for row in rows] == [("A", -2, "till-7")]
    kept, rows = after(HOLDS, [till("rsv-1", {"A": (3, 2)}), till_ended("rsv-1", version=2)])
    assert (kept["rsv-1"], rows) == (Hold(), [])


def test_what_is_told_twice_moves_once_however_batches_are_cut() -> None:
    told = [
        reserved("o1", {"A": 2}),
        reserved("o2", {"A": 1}),
        moved("RK1", "receipt", {"A": (5, 5)}),
        fell("o1", {"A": 2}, version=2),
        returned("o1", {"A": 1}, "R1", version=3),
    ]
    wanted, moved_once = after(HOLDS, told)
    for seed in range(30):
        shuffling = random.Random(seed)
        again = [event for event in told for _ in range(shuffling.randint(1, 2))]
        kept, rows = after(HOLDS, again, shuffling.randint(1, 4))
        assert kept == wanted, f"seed {seed}"
        assert rows == moved_once, f"seed {seed}"


# ---- books -----------------------------------------------------------------------------------------


def test_of_two_states_the_later_one_holds_and_a_repeat_changes_nothing() -> None:
    open_one = difference("A", 10, 7, at=NOON)
    closed = replace(
        open_one,
        occurred_at=LATER,
        closed_at=LATER,
        closed_by="王强",
        documents=("TZ1",),
    )
    for told in ([open_one, closed], [closed, open_one], [open_one, closed, closed]):
        kept, _ = after(BOOKS, told)
        book = kept[open_one.book_key]
        assert (book.difference, book.open, book.kind) == (closed, False, "difference")


def test_what_is_open_is_what_somebody_still_has_to_do() -> None:
    events: list[tuple[Struct, str, bool]] = [
        (difference("A", 10, 7, at=NOON), "difference", True),
        (difference("A", 10, 7, at=NOON, superseded_by="recon-2"), "difference", False),
        (task("count", at=NOON), "task", True),
        (task("count", at=NOON, closed_at=LATER), "task", False),
        (reconciled(4_000, at=NOON), "reconciled", False),
        (checked(NOON), "books", False),
    ]
    for event, kind, is_open in events:
        kept, _ = after(BOOKS, [event])
        (book,) = kept.values()
        assert isinstance(book, Book)
        assert (book.kind, book.open, book.learnt_at) == (kind, is_open, LATER)


@pytest.mark.parametrize(
    ("newest_change", "newest_level", "told_s_ago", "learnt_s_ago", "delay_s"),
    [
        (None, None, 20, 19, 1),  # nothing was ever changed: as long as the word was on its way
        (100, 100, 20, 18, 2),
        (400, 400, 20, 18, 2),  # an old level that is known is not late
        (400, 500, 20, 18, 400),  # one that the books know of and that has not come
        (400, None, 20, 18, 400),
        (100, 100, 130, 129, 130),  # silence counts from the last word
    ],
)
def test_the_delay_is_of_what_is_known_to_be_missing(
    newest_change: int | None,
    newest_level: int | None,
    told_s_ago: int,
    learnt_s_ago: int,
    delay_s: int,
) -> None:
    def ago(seconds: int | None) -> Any:
        return None if seconds is None else LATER - timedelta(seconds=seconds)

    books: BooksChecked = replace(checked(ago(told_s_ago)), newest_change_at=ago(newest_change))
    delay = delay_of(books, ago(learnt_s_ago), ago(newest_level), LATER)
    assert delay == timedelta(seconds=delay_s)


def test_tones_change_at_the_thresholds_and_not_before() -> None:
    assert [rate_tone(ppm) for ppm in (0, 5_000, 5_001, 10_000, 10_001)] == [
        "good", "good", "soon", "soon", "late",
    ]  # fmt: skip
    assert [delay_tone(timedelta(minutes=m), silent=False) for m in (5, 5.1, 30, 30.1)] == [
        "good", "soon", "soon", "late",
    ]  # fmt: skip
    assert delay_tone(timedelta(), silent=True) == "late"
    assert [level_tone(pieces, low_pieces=10) for pieces in (-1, 0, 1, 10, 11)] == [
        "late", "late", "soon", "soon", "good",
    ]  # fmt: skip
    assert level_tone(500, low_pieces=10, empty_in=1) == "soon"


# ---- words and filters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("unbooked_in", "实物多，有货没入账"),
        ("swapped_with B_2 x", "可能与 B_2 x 拿错货"),
        ("unit_x24", "正好 24 倍，可能把箱当成件"),
        ("swapped_with {0}", "可能与 {0} 拿错货"),
        ("new_hint", "new-hint"),
    ],
)
def test_a_hint_is_said_in_words(code: str, title: str) -> None:
    assert stock_words.hint(code)[0] == title


def test_a_rate_is_never_rounded_down() -> None:
    said = [stock_words.percent(ppm) for ppm in (0, 1, 5_000, 5_001, 1_000_000)]
    assert said == ["0.00 %", "0.01 %", "0.50 %", "0.51 %", "100.00 %"]


def test_filters_that_mean_nothing_are_left_out() -> None:
    odd = StockFilters(show="rm -rf", query="  A\x00B ", after="no cursor").sane()
    assert odd == StockFilters(query="AB")


def test_the_newest_suggestion_holds_and_none_takes_it_back() -> None:
    kept, _ = after(
        REPLENISHMENT,
        [
            suggested("HZ", "A", 276),
            crossed("HZ", "A", below=True, version=2),
            suggested("GZ", "A", 12),
            suggested("HZ", "A", 240, version=5),
            suggested("HZ", "A", 276, version=4),
        ],
    )
    assert {key: (one.quantity, one.below) for key, one in kept.items()} == {
        "HZ|A": (240, True),
        "GZ|A": (12, False),
    }
    over = [
        suggested("HZ", "A", 240, version=5),
        suggested("HZ", "A", 0, version=6),
        crossed("HZ", "A", below=False, version=7),
    ]
    kept, _ = after(REPLENISHMENT, over)
    assert (kept["HZ|A"].quantity, kept["HZ|A"].below) == (0, False)


def test_every_section_has_its_template_and_a_place_of_its_own() -> None:
    assert list(SECTIONS) == [
        *("differences", "replenishment", "campaigns", "expected", "holds", "movements")
    ]
    assert len({one.place for one in SECTIONS.values()}) == len(SECTIONS)
    for name in SECTIONS:
        assert (web.FOLDER / "templates" / f"stock_{name}.html").exists()
