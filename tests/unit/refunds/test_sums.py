"""What a request takes that names a sum: pieces, lines and freight."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec import Struct

from schemas.events.refunds import RefundRefused, RefundSettled
from services.refunds.domain.model import CaseState
from tests.unit.refunds.desk import ORDER, RefundDesk, line, paid, placed, shipped
from tests.unit.refunds.test_ended_there import ended

TWO = (line(1, 3, 300), line(2, 1, 5000))
FREIGHT_FEN = 900
ONLY, BACK = "refund_only", "return_and_refund"


def desk_of(*lines: Struct, freight_fen: int = FREIGHT_FEN, gone: bool = True) -> RefundDesk:
    """An order that was paid, and has left unless told otherwise."""
    order = placed(*lines, freight_fen=freight_fen)  # type: ignore[arg-type]
    desk = RefundDesk(order, paid(order.payable_fen))
    if gone:
        desk.give(shipped())
    return desk


def taken(desk: RefundDesk, refund_id: str = "refund-1") -> tuple[dict[int, tuple[int, int]], int]:
    """(pieces, fen) by line, and the freight."""
    case = desk.case(refund_id)
    assert case.amount_fen == case.freight_fen + sum(part.amount_fen for part in case.lines)
    return {part.line_no: (part.quantity, part.amount_fen) for part in case.lines}, case.freight_fen


@pytest.mark.parametrize(
    ("asked", "fen", "kind", "lines", "freight_fen"),
    [
        # A line is named.
        ([(2, 1)], 5000, ONLY, {2: (1, 5000)}, 0),
        ([(2, 1)], 5900, ONLY, {2: (1, 5000)}, 900),
        ([(2, 1)], 5950, ONLY, {2: (1, 5000), 1: (0, 50)}, 900),
        ([(2, 1)], 99_999, ONLY, {2: (1, 5000), 1: (0, 300)}, 900),
        ([(1, 3)], 200, ONLY, {1: (2, 200)}, 0),
        ([(1, 3)], 150, ONLY, {1: (0, 150)}, 0),
        ([(1, 3)], 150, BACK, {1: (2, 150)}, 0),
        ([(1, 3)], 1, BACK, {1: (1, 1)}, 0),
        # None is.
        ([], 5000, ONLY, {2: (1, 5000)}, 0),
        ([], 4999, ONLY, {2: (1, 4999)}, 0),
        ([], 301, ONLY, {1: (3, 300)}, 1),
        ([], 5300, ONLY, {1: (3, 300), 2: (1, 5000)}, 0),
        ([], 6200, ONLY, {1: (3, 300), 2: (1, 5000)}, 900),
        ([], 2000, ONLY, {1: (0, 300), 2: (0, 1700)}, 0),
    ],
)
def test_of_what_has_left_it_takes_what_the_sum_is_for(
    asked: Sequence[tuple[int, int]],
    fen: int,
    kind: str,
    lines: dict[int, tuple[int, int]],
    freight_fen: int,
) -> None:
    desk = desk_of(*TWO)
    desk.request("refund-1", *asked, kind=kind, fen=fen)
    assert taken(desk) == (lines, freight_fen)
    assert desk.case("refund-1").amount_fen == min(fen, 6200)


@pytest.mark.parametrize(
    ("asked", "fen", "lines", "freight_fen"),
    [
        ([(2, 1)], 5000, {2: (1, 5000)}, 0),
        ([(2, 1)], 4999, {2: (1, 4999)}, 0),
        ([(1, 3)], 100, {1: (1, 100)}, 0),
        ([], 6200, {1: (3, 300), 2: (1, 5000)}, 900),
        ([], 5000, {2: (1, 5000)}, 0),
    ],
)
def test_of_what_has_not_left_it_takes_pieces_that_shall_not_leave(
    asked: Sequence[tuple[int, int]],
    fen: int,
    lines: dict[int, tuple[int, int]],
    freight_fen: int,
) -> None:
    desk = desk_of(*TWO, gone=False)
    desk.request("refund-1", *asked, fen=fen)
    assert taken(desk) == (lines, freight_fen)


GIFT = line(9, 1, 0)
KIT = (line(1, 10, 15_000), line(2, 5, 35_000), line(3, 1, 777))


@pytest.mark.parametrize(
    ("lines", "asked", "fen", "gone", "kind"),
    [
        (TWO, [(2, 1)], 2500, False, ONLY),
        (TWO, [(1, 3)], 150, False, ONLY),
        (TWO, [], 2500, False, ONLY),
        ((line(1, 1, 70), line(2, 1, 70)), [], 70, False, ONLY),
        ((line(1, 1, 70), line(2, 1, 70)), [], 70, True, BACK),
        ((line(1, 1, 10_000),), [], 2000, False, ONLY),
        # A piece of the one line is worth what the other is.
        ((line(1, 1, 100), line(2, 3, 300)), [], 100, True, BACK),
        # One kit of five comes back: of which of our lines how much, nobody says.
        (KIT, [(1, 10), (2, 5)], 10_000, True, BACK),
    ],
)
def test_where_nothing_says_which_pieces_a_person_is_told(
    lines: tuple[Struct, ...], asked: Sequence[tuple[int, int]], fen: int, gone: bool, kind: str
) -> None:
    desk = desk_of(*lines, gone=gone)
    desk.request("refund-1", *asked, fen=fen, kind=kind, actor="channel:jd")
    assert not desk.state or not desk.state.cases
    assert [event.reason for event in desk.of(RefundRefused)] == ["pieces_unclear"]


@pytest.mark.parametrize(
    ("lines", "fen", "freight_fen", "taken_lines", "whole"),
    [
        # Freight that is worth more than a line makes no order of the other one.
        ((line(1, 1, 300), line(2, 1, 5000)), 5900, 900, {2: (1, 5000)}, False),
        ((line(1, 1, 300), line(2, 1, 5000)), 5300, 0, {1: (1, 300), 2: (1, 5000)}, True),
        ((line(1, 1, 300), line(2, 1, 5000)), 6200, 900, {1: (1, 300), 2: (1, 5000)}, True),
        ((line(1, 1, 300), line(2, 1, 5000)), 5299, 0, {1: (1, 300), 2: (1, 4999)}, True),
        # A gift is of no money.
        ((line(1, 1, 5000), line(2, 1, 3000), GIFT), 5000, 0, {1: (1, 5000)}, False),
        ((line(1, 1, 3000), GIFT), 2999, 0, {1: (1, 2999), 9: (1, 0)}, True),
    ],
)
def test_a_sum_for_no_line_is_for_all_or_for_what_alone_is_worth_it(
    lines: tuple[Struct, ...],
    fen: int,
    freight_fen: int,
    taken_lines: dict[int, tuple[int, int]],
    whole: bool,
) -> None:
    desk = desk_of(*lines, gone=False)
    desk.request("refund-1", fen=fen, actor="channel:jd")
    assert taken(desk) == (taken_lines, freight_fen)
    assert desk.case("refund-1").whole_unshipped is whole


@pytest.mark.parametrize(
    ("asked", "fen"), [([], 7000), ([(2, 2)], 7500)], ids=["no line named", "some pieces have left"]
)
def test_where_a_part_has_left_nobody_guesses_either(
    asked: Sequence[tuple[int, int]], fen: int
) -> None:
    desk = desk_of(line(1, 1, 5000), line(2, 2, 14_000), line(3, 1, 7000), gone=False)
    desk.give(shipped(ORDER, (1, 1), (2, 1), parcels_left=1))
    desk.request("refund-1", *asked, fen=fen, actor="channel:jd")
    assert [event.reason for event in desk.of(RefundRefused)] == ["pieces_unclear"]


@pytest.mark.parametrize(
    ("asked", "fen", "kind"),
    [([(1, 1)], 13_000, ONLY), ([(2, 1)], 14_000, ONLY), ([(1, 1)], 500, BACK)],
    ids=["a little less than the line", "more than a line that is here", "goods come back"],
)
def test_money_without_pieces_is_of_goods_that_have_left(
    asked: Sequence[tuple[int, int]], fen: int, kind: str
) -> None:
    desk = desk_of(line(1, 1, 14_000), line(2, 1, 100), gone=False)
    desk.give(shipped(ORDER, (1, 1), parcels_left=1))
    desk.request("refund-1", *asked, fen=fen, kind=kind, actor="channel:taobao")
    case = desk.case("refund-1")
    assert (case.amount_fen, case.approvals_needed) == (fen, ("supervisor",))
    assert case.state is CaseState.AWAITING_APPROVAL


def test_what_the_channel_gave_back_of_no_line_and_less_than_all_ends_no_order() -> None:
    desk = desk_of(line(1, 1, 10_000), freight_fen=0, gone=False)
    desk.request("refund-1", fen=2000, actor="channel:jd")
    desk.give(ended("refunded", fen=2000, refund_id="refund-1"))
    assert taken(desk) == ({1: (0, 2000)}, 0)
    assert not desk.case("refund-1").whole_unshipped
    [settled] = desk.of(RefundSettled)
    assert not settled.order_fully_refunded


def test_an_order_without_pieces_gives_back_what_was_paid() -> None:
    desk = RefundDesk(placed(line(1, 0, 0), freight_fen=900), paid(283))
    desk.request("refund-1", fen=500, actor="channel:jd")
    assert taken(desk) == ({}, 283)


def test_the_whole_of_what_has_not_left_waits_for_the_cancelled_order() -> None:
    desk = desk_of(*TWO, gone=False)
    desk.request("refund-1", fen=6200, actor="channel:jd")
    assert desk.case("refund-1").whole_unshipped
    desk = desk_of(*TWO, gone=False)
    desk.request("refund-1", fen=5000, actor="channel:jd")
    assert not desk.case("refund-1").whole_unshipped


def test_the_second_claim_on_a_line_has_what_the_first_left() -> None:
    desk = desk_of(*TWO)
    desk.request("refund-1", (2, 1), fen=1500)
    desk.request("refund-2", (2, 1), fen=3500)
    assert taken(desk, "refund-1") == ({2: (0, 1500)}, 0)
    assert taken(desk, "refund-2") == ({2: (1, 3500)}, 0)
    desk.request("refund-3", (2, 1), fen=100)
    assert taken(desk, "refund-3") == ({1: (0, 100)}, 0) or taken(desk, "refund-3")[1]


def test_goods_of_which_no_piece_is_left_come_back_before_their_money_goes() -> None:
    desk = desk_of(*TWO)
    desk.request("refund-1", (2, 1), fen=4000, kind=BACK)
    desk.request("refund-2", (2, 1), fen=500, kind=BACK)
    assert taken(desk, "refund-2") == ({2: (0, 500)}, 0)
    assert desk.case("refund-2").state is not CaseState.PAYING
