"""A consumer to which everything is invalid stops, and one whose database is away does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chassis.errors import TooManyInvalid
from chassis.worker import InvalidLimit


def folded(dead: int) -> Any:
    return cast("Any", SimpleNamespace(dead=[None] * dead))


def test_a_hundred_in_a_row_and_over_five_percent_of_many_are_too_many() -> None:
    limit = InvalidLimit()
    for _ in range(99):
        limit = limit.with_batch(folded(1), 1)
    with pytest.raises(TooManyInvalid, match="100 of 100"):
        limit.with_batch(folded(1), 1)
    limit = limit.with_batch(folded(0), 1900).with_batch(folded(1), 2)
    with pytest.raises(TooManyInvalid):
        limit.with_batch(folded(7), 8)


def test_an_attempt_that_is_repeated_counts_once() -> None:
    limit = InvalidLimit()
    for _ in range(200):
        assert limit.with_batch(folded(1), 1) == InvalidLimit(1, 1, 1)
