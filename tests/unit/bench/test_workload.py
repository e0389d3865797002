"""The oracle of inventory's benchmark: it says what must be promised, and finds who promised something else."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from chassis.codec import codec
from schemas.events.stock import ReservedLine, StockReserved, StockShort
from tests.bench.outcomes import Outcome, pace
from tests.bench.workload import PLENTY, Lines, Workload, Wrong, check, hot, mixed, share_of

NOW = datetime(2026, 11, 11, tzinfo=UTC)
Answers = dict[str, tuple[int, str]]
"""Order → partition, and the warehouse; "" where it is short."""


def reserved(order_id: str, warehouse: str, lines: Lines) -> bytes:
    event = StockReserved(
        order_id=order_id,
        version=1,
        occurred_at=NOW,
        warehouse=warehouse,
        lines=tuple(
            ReservedLine(line_no=number, sku=sku, quantity=pieces)
            for number, (sku, pieces) in enumerate(lines, start=1)
        ),
        generation=1,
        rule="",
    )
    return codec().encode(event)


def outcomes(workload: Workload, answers: Answers) -> list[Outcome]:
    short = StockShort(order_id="", version=1, occurred_at=NOW, lines=())
    return [
        Outcome(
            partition,
            0,
            reserved(order_id, warehouse, workload.wanted[order_id])
            if warehouse
            else codec().encode(replace(short, order_id=order_id)),
        )
        for order_id, (partition, warehouse) in answers.items()
    ]


def greedy(workload: Workload, shares: int) -> Answers:
    """Who comes first gets it, from their partition's share."""
    left = Counter(
        {
            (share, row): share_of(pieces, share, shares)
            for row, pieces in workload.opening.items()
            for share in range(shares)
        }
    )
    answers: Answers = {}
    for number, (order_id, lines) in enumerate(workload.wanted.items()):
        share = number * 7 % shares
        rows = [((share, ("HZ", sku)), pieces) for sku, pieces in lines]
        fits = all(left[row] >= pieces for row, pieces in rows)
        if fits:
            left.subtract(dict(rows))
        answers[order_id] = (share, "HZ" if fits else "")
    return answers


@pytest.mark.parametrize("shares", [1, 4])
@pytest.mark.parametrize("make", [mixed, hot])
def test_whoever_serves_in_order_has_promised_what_there_was(
    make: Callable[[int, int], Workload], shares: int
) -> None:
    workload = make(3_000, 1)
    answers = greedy(workload, shares)
    promised = sum(
        pieces
        for order_id, (_, warehouse) in answers.items()
        if warehouse
        for _, pieces in workload.wanted[order_id]
    )
    assert any(not warehouse for _, warehouse in answers.values()), "some must find nothing left"
    assert check(outcomes(workload, answers), workload, shares) == promised


TWO = Workload(
    opening={("HZ", "A"): 1, ("GZ", "B"): PLENTY},
    wanted={"o1": (("A", 1),), "o2": (("A", 1),), "o3": (("B", 2),)},
)
RIGHT: Answers = {"o1": (0, "HZ"), "o2": (0, ""), "o3": (0, "GZ")}


def test_what_is_right_passes() -> None:
    assert check(outcomes(TWO, RIGHT), TWO) == 3


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (RIGHT | {"o2": (0, "HZ")}, "2 promised of 1"),
        (RIGHT | {"o1": (0, "")}, "0 promised, 2 asked of 1"),
        (RIGHT | {"o3": (0, "HZ")}, "2 promised of 0"),
        ({"o1": (0, "HZ"), "o2": (0, "")}, "1 orders have no answer"),
    ],
)
def test_a_promise_too_many_too_few_or_none_is_found(answers: Answers, why: str) -> None:
    with pytest.raises(Wrong, match=why):
        check(outcomes(TWO, answers), TWO)


def test_a_second_answer_and_other_lines_are_found() -> None:
    right = outcomes(TWO, RIGHT)
    with pytest.raises(Wrong, match="answered twice"):
        check([*right, right[0]], TWO)
    with pytest.raises(Wrong, match="other lines"):
        check([Outcome(0, 0, reserved("o3", "GZ", (("B", 3),))), *right[:2]], TWO)


def test_the_same_seed_gives_the_same_orders_and_each_is_as_it_is_wanted() -> None:
    workload = mixed(200, 5)
    assert workload == mixed(200, 5)
    assert workload != mixed(200, 6)
    for event in workload.events():
        lines = tuple((line.sku, line.quantity) for line in event.lines)
        assert lines == workload.wanted[event.order_id]
        assert codec().decode(codec().encode(event)) == event


def test_the_pace_leaves_out_what_was_there_at_its_first_moment() -> None:
    """400 at once, then 100 each 100 ms, 200 in the last two."""
    times = [1_000] * 400 + [1_000 + 100 * n for n in range(1, 9) for _ in range(100)]
    times += [1_900, 2_000] * 200
    run = pace([Outcome(0, at_ms, b"") for at_ms in times])
    assert run.whole == 1_200.0
    assert run.second_half == 1_400.0
