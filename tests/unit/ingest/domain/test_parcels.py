"""What one parcel of several holds: whole, completing or a part, in the channel's pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.parcels import Earlier, Lines, OrderLines, Packed, PackedLine, packed

PLAIN = OrderLines(lines=(("L1", 2), ("L2", 1)), mapped={}, own_ids={})
# L2 was sold three times; each piece of it is two of A and one of B.
BUNDLE = OrderLines(lines=(("L1", 2), ("L2", 6), ("L2", 3)), mapped={"L2": 3}, own_ids={})
IMPORTED = OrderLines(lines=(("import-1", 2),), mapped={}, own_ids={"import-1": "L1"})


def told(*lines: tuple[str, int, bool]) -> tuple[PackedLine, ...]:
    return tuple(PackedLine(*line) for line in lines)


ROWS = [
    # order, earlier parcels, this one, its lines as told, whole, completes, additional
    (PLAIN, [], (("L1", 2), ("L2", 1)), told(("L1", 2, False), ("L2", 1, False)), "whole"),
    (PLAIN, [], (("L1", 2),), told(("L1", 2, False)), "part"),
    (PLAIN, [(("L1", 2),)], (("L2", 1),), told(("L2", 1, False)), "last"),
    (PLAIN, [], (("L1", 1), ("L2", 1)), told(("L1", 1, False), ("L2", 1, False)), "part"),
    (PLAIN, [(("L1", 1), ("L2", 1))], (("L1", 1),), told(("L1", 1, True)), "last"),
    (BUNDLE, [], BUNDLE.lines, told(("L1", 2, False), ("L2", 3, False)), "whole"),
    (BUNDLE, [], (("L2", 6),), told(("L2", 3, False)), "part"),
    (BUNDLE, [(("L2", 6),)], (("L2", 3),), told(("L2", 0, True)), "next"),
    (
        BUNDLE,
        [(("L2", 6),)],
        (("L1", 2), ("L2", 3)),
        told(("L1", 2, False), ("L2", 0, True)),
        "last",
    ),
    (IMPORTED, [], (("import-1", 2),), told(("L1", 2, False)), "whole"),
    # Taken in before lines were kept: the first parcel is taken for all of it, as it was then.
    (
        OrderLines(lines=(), mapped={}, own_ids={}),
        [],
        (("L1", 2),),
        told(("L1", 2, False)),
        "whole",
    ),
]


@pytest.mark.parametrize(("order", "earlier", "lines", "expected", "kind"), ROWS)
def test_a_parcel_is_told_as_what_it_is(
    order: OrderLines,
    earlier: list[Lines],
    lines: Lines,
    expected: tuple[PackedLine, ...],
    kind: str,
) -> None:
    parcel = packed(order, [Earlier(parcel) for parcel in earlier], lines)
    assert parcel.lines == expected
    kinds = {
        (True, True): "last",
        (True, False): "whole",
        (False, True): "next",
        (False, False): "part",
    }
    assert kinds[parcel.completes, parcel.additional] == kind
    assert parcel.whole == (kind == "whole")


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=6),
    st.lists(st.integers(0, 2), min_size=24, max_size=24),
    st.sets(st.integers(0, 3)),
)
def test_however_an_order_is_split_its_pieces_are_told_once_and_only_the_last_completes_it(
    bought: list[tuple[int, int]], places: list[int], bundles: set[int]
) -> None:
    lines = [(f"L{line}", pieces) for line, pieces in bought]
    mapped = {line_id: 5 for line_id, _ in lines if int(line_id[1:]) in bundles}
    order = OrderLines(lines=lines, mapped=mapped, own_ids={})
    pieces = [line_id for line_id, count in lines for _ in range(count)]
    split: list[list[tuple[str, int]]] = [[], [], []]
    for line_id, place in zip(pieces, places, strict=False):
        split[place].append((line_id, 1))
    split = [parcel for parcel in split if parcel]

    parcels: list[Packed] = [
        packed(order, [Earlier(one) for one in split[:at]], split[at]) for at in range(len(split))
    ]

    assert [parcel.completes for parcel in parcels] == [False] * (len(parcels) - 1) + [True]
    assert [parcel.whole for parcel in parcels] == [len(parcels) == 1] + [False] * (
        len(parcels) - 1
    )
    for line_id in {line_id for line_id, _ in lines}:
        told_pieces = [one.quantity for p in parcels for one in p.lines if one.line_id == line_id]
        assert sum(told_pieces) == mapped.get(line_id, pieces.count(line_id))
        again = [one.again for p in parcels for one in p.lines if one.line_id == line_id]
        assert again == [False] + [True] * (len(again) - 1)


def test_a_parcel_the_channel_would_not_take_has_left_all_the_same() -> None:
    last = packed(PLAIN, [Earlier((("L1", 2),), taken=False)], (("L2", 1),))
    assert (last.whole, last.completes, last.additional) == (False, True, False)
    rest = packed(PLAIN, [Earlier((("L1", 1),), taken=False)], (("L1", 1),))
    assert rest.lines == told(("L1", 1, False))
