"""How deep a pushed body nests is counted as if byte by byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.doors import depth_of


def _byte_by_byte(body: bytes) -> int:
    depth = deepest = 0
    for byte in body:
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    return deepest


@given(st.text('[]{}"x,单', max_size=60), st.integers(0, 8))
def test_depth_is_what_byte_by_byte_says_up_to_one_over_the_limit(text: str, limit: int) -> None:
    body = text.encode()
    assert depth_of(body, limit) == min(_byte_by_byte(body), limit + 1)
