"""Which rows of a page are news, with times in whole seconds and two changes in one of them."""

from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.channels import PartialRow, RawOrder
from services.ingest.domain.versions import SECOND_OVER, is_news, taken

M = datetime(2026, 11, 11, 4, 0, 7, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SOON = M + timedelta(milliseconds=300)
OVER = M + SECOND_OVER


def whole(modified_at: datetime | None = M, body: bytes = b"1") -> RawOrder:
    return RawOrder(order_no="7", modified_at=modified_at, body=body)


def named(modified_at: datetime | None = M) -> PartialRow:
    return PartialRow(order_no="7", modified_at=modified_at)


@pytest.mark.parametrize(
    ("row", "known", "expected"),
    [
        (whole(), {}, True),
        (whole(), {"7": None}, True),
        (whole(), {"7": M - SECOND}, True),
        (whole(), {"7": M}, True),  # the same second, perhaps another content
        (whole(), {"7": M + SECOND}, False),
        (whole(None), {"7": M}, True),
        (named(), {}, True),
        (named(), {"7": M - SECOND}, True),
        (named(), {"7": M}, True),
        (named(), {"7": M + SECOND}, False),
        (named(None), {"7": M}, True),
        (named(M.replace(microsecond=5)), {"7": M.replace(microsecond=5)}, False),
    ],
)
def test_against_what_is_worked_in(
    row: RawOrder | PartialRow, known: dict[str, datetime | None], expected: bool
) -> None:
    assert is_news(row, known, None, OVER) is expected


def test_a_whole_order_is_taken_once_a_content() -> None:
    before = taken(whole(), SOON)
    assert not is_news(whole(), {}, before, SOON)
    assert is_news(whole(body=b"2"), {"7": M}, before, SOON)
    assert not is_news(whole(body=b"2"), {"7": M}, taken(whole(body=b"2"), OVER), OVER + SECOND)


def test_a_named_order_is_asked_for_again_once_when_its_second_is_over() -> None:
    early = taken(named(), SOON)
    assert not is_news(named(), {"7": M}, early, SOON + SECOND)
    assert is_news(named(), {"7": M}, early, OVER)
    late = taken(named(), OVER)
    assert not is_news(named(), {"7": M}, late, OVER + timedelta(minutes=1))
    assert is_news(named(M + SECOND), {"7": M}, late, OVER), "a later change is news at once"


def test_what_a_push_brought_is_looked_at_once_its_second_is_over() -> None:
    assert not is_news(named(), {"7": M}, None, SOON)
    assert is_news(named(), {"7": M}, None, OVER)
