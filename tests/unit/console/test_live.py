"""The news of open pages: coalesced, bounded, never waiting."""

from __future__ import annotations

import asyncio

import pytest

from services.console import live
from services.console.live import Broadcast, Changed, Reading, TooManyPages, events


async def test_changes_between_two_looks_are_told_once() -> None:
    broadcast = Broadcast()
    with broadcast.page() as page:
        broadcast.announce(frozenset({"DS2", "DS1"}))
        broadcast.announce(frozenset({"DS1", "DS3"}))
        assert await page.next(0.01) == Changed(("DS1", "DS2", "DS3"), many=False)
        assert await page.next(0.01) is None


async def test_a_flood_is_told_as_many_and_remembered_in_bounds() -> None:
    broadcast = Broadcast()
    with broadcast.page() as page:
        for batch in range(50):
            broadcast.announce(frozenset(f"DS{batch}-{number}" for number in range(90)))
        changed = await page.next(0.01)
        assert changed is not None
        assert changed.many
        assert len(changed.orders) <= live.NAMES_MAX
        broadcast.announce(frozenset({"DS1"}))
        assert await page.next(0.01) == Changed(("DS1",), many=False)


async def test_a_closed_page_hears_nothing_and_leaves_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAGES_MAX", 1)
    broadcast = Broadcast()
    with broadcast.page() as first, pytest.raises(TooManyPages), broadcast.page():
        pass
    broadcast.announce(frozenset({"DS1"}))
    assert await first.next(0.01) is None
    with broadcast.page():
        pass


READING = Reading(until="21:03:12", late=False, waiting=3)
HOW_FAR = b'data: {"until":"21:03:12","late":false,"waiting":3}\n\n'


async def test_a_stream_says_hello_then_changes_then_beats() -> None:
    broadcast = Broadcast()
    with broadcast.page() as page:
        stream = events(page, 0, lambda: READING, beat_s=0.01)
        assert await anext(stream) == b"event: hello\n" + HOW_FAR
        broadcast.announce(frozenset({"DS1"}))
        told = await anext(stream)
        assert told == b'event: changed\ndata: {"orders":["DS1"],"many":false}\n\n'
        async with asyncio.timeout(5):
            assert await anext(stream) == b"event: beat\n" + HOW_FAR


async def test_a_stream_beats_however_much_changes() -> None:
    broadcast = Broadcast()
    with broadcast.page() as page:
        stream = events(page, 0, lambda: READING, beat_s=0.01)
        heard = []
        async with asyncio.timeout(5):
            while b"event: beat\n" + HOW_FAR not in heard:
                broadcast.announce(frozenset({"DS1"}))
                heard.append(await anext(stream))
        assert len(heard) > 2
