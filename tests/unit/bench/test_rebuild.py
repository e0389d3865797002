"""When orders come as fast as before a flush again, read off the times of their outcomes."""

import pytest

from tests.bench.rebuild import paces

FLUSHED_MS, IN_FORCE_MS = 10_000, 12_500


def times(*spans: tuple[int, int, int]) -> list[int]:
    """Spans of (from ms, to ms, orders a second)."""
    return [
        start + n * 1_000 // per_s
        for start, end, per_s in spans
        for n in range((end - start) * per_s // 1_000)
    ]


@pytest.mark.parametrize(
    ("spans", "after_s", "worst"),
    [
        pytest.param([(0, 20_000, 1_000)], 0.0, 1_000, id="no dip at all"),
        pytest.param([(0, 10_000, 1_000), (12_000, 20_000, 1_000)], 2.0, 0, id="two seconds of nothing"),
        pytest.param(
            [(0, 10_000, 1_000), (10_000, 13_000, 500), (13_000, 20_000, 1_000)],
            3.0,
            500,
            id="three at half speed",
        ),
        pytest.param(
            [(0, 11_000, 1_000), (12_000, 15_000, 1_000), (16_000, 20_000, 1_000)],
            2.0,
            0,
            id="a pause of the machine later on",
        ),
        pytest.param([(0, 10_000, 1_000), (10_000, 20_000, 500)], None, 500, id="over before it was back"),
    ],
)  # fmt: skip
def test_the_dip_ends_where_a_second_is_as_full_as_before(
    spans: list[tuple[int, int, int]], after_s: float | None, worst: int
) -> None:
    found = paces(times(*spans), FLUSHED_MS, IN_FORCE_MS)
    assert found["orders_per_s_before"] == pytest.approx(1_000, rel=0.01)
    assert found["worst_orders_per_s"] == pytest.approx(worst, abs=2)
    if after_s is None:
        assert found["full_speed_after_s"] is None
    else:
        # A window is full enough at nine tenths, and they are looked at each 50 ms.
        assert found["full_speed_after_s"] == pytest.approx(after_s, abs=0.25)
