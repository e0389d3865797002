"""Who may come in: a token is changed without anybody being turned away."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from chassis.http import unauthorised


def asking(header: str) -> Request:
    headers = [(b"authorization", header.encode())] if header else []
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("tokens", "header", "comes_in"),
    [
        ("old", "Bearer old", True),
        ("old,new", "Bearer old", True),
        ("old, new", "Bearer new", True),
        ("new,", "Bearer new", True),
        ("old,new", "Bearer old,new", False),
        ("old,new", "Bearer old, new", False),
        ("old,new", "bearer", False),
        ("old,new", "", False),
        ("new,", "Bearer ", False),
        ("new", "Bearer old", False),
        ("", "Bearer ", False),
        (",", "Bearer ", False),
        ("", "", False),
    ],
)
def test_one_of_the_tokens_is_wanted_and_nothing_else_will_do(
    tokens: str, header: str, comes_in: bool
) -> None:
    assert (unauthorised(asking(header), tokens) is None) == comes_in
