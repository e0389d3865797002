"""What a request takes that names a sum: pieces, lines and freight."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec import Struct

from schemas.events.refunds import RefundRefused
from services.refunds.domain.model import CaseState
from tests.unit.refunds.desk import RefundDesk, line, paid, placed, shipped

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


@pytest.mark.parametrize(
    ("lines", "asked", "fen", "gone", "kind"),
    [
        (TWO, [(2, 1)], 2500, False, ONLY),
        (TWO, [(1, 3)], 150, False, ONLY),
        (TWO, [], 2500, False, ONLY),
        ((line(1, 1, 70), line(2, 1, 70)), [], 70, False, ONLY),
        ((line(1, 1, 70), line(2, 1, 70)), [], 70, True, BACK),
        ((line(1, 1, 10_000),), [], 2000, False, ONLY),
    ],
)
def test_where_nothing_says_which_pieces_a_person_is_told(
    lines: tuple[Struct, ...], asked: Sequence[tuple[int, int]], fen: int, gone: bool, kind: str
) -> None:
    desk = desk_of(*lines, gone=gone)
    desk.request("refund-1", *asked, fen=fen, kind=kind, actor="channel:jd")
    assert not desk.state or not desk.state.cases
    assert [event.reason for event in desk.of(RefundRefused)] == ["pieces_unclear"]


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
