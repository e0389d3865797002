"""When an order that the channel has no detail of is given up."""

from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.channels import ChannelError, ErrorKind
from services.ingest.domain.abandoned import abandoned, says_gone

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def error(kind: ErrorKind, code: str = "http_404") -> ChannelError:
    return ChannelError(kind=kind, code=code, detail="")


@pytest.mark.parametrize(
    ("kind", "code", "expected"),
    [
        (ErrorKind.REFUSED, "isv.trade-not-exist", True),
        (ErrorKind.RETRY, "no_answer", True),  # answered, and no order in it
        (ErrorKind.RETRY, "http_500", False),
        (ErrorKind.RETRY, "TimeoutError", False),
        (ErrorKind.THROTTLED, "http_429", False),
        (ErrorKind.TOKEN, "http_401", False),
    ],
)
def test_what_says_that_there_is_no_order(kind: ErrorKind, code: str, expected: bool) -> None:
    assert says_gone(error(kind, code)) is expected


@pytest.mark.parametrize(
    ("kind", "refusals", "for_so_long", "ends"),
    [
        (ErrorKind.REFUSED, 9, 48 * HOUR, False),
        (ErrorKind.REFUSED, 10, 0.9 * HOUR, False),
        (ErrorKind.REFUSED, 10, HOUR, True),
        (ErrorKind.RETRY, 50, 23 * HOUR, False),
        (ErrorKind.RETRY, 10, 24 * HOUR, True),
    ],
)
def test_it_takes_many_refusals_over_a_long_time(
    kind: ErrorKind, refusals: int, for_so_long: timedelta, ends: bool
) -> None:
    gone = abandoned(error(kind), refusals, NOW - for_so_long, NOW)
    assert (gone is not None) is ends
    if gone is not None:
        assert gone.problem().detail.startswith(f"http_404, {refusals} times since 2026-11-1")
        assert gone.problem().blocks
