"""Who is looking hears what changed: ids of changed orders, coalesced, as server-sent events, and how far the data go.

Guarantees: announcing never waits and costs nothing while nobody looks; a page that reads slowly loses names,
never the fact that something changed; the number of pages and of remembered names is bounded. Only changes
that this process projected are told: with several console processes a page also reloads by itself now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from services.console import metrics

NAMES_MAX = 200
"""More changed orders than this in one interval are told as "many"."""
PAGES_MAX = 200
BEAT_S = 5.0
"""This often a page hears how far the data go, which also tells a quiet shop from a broken line."""


class Reading(Struct, frozen=True, kw_only=True):
    """How far the data go."""

    until: str
    """Time in Shanghai before which nothing is missing; "" = some of what was there at the start still is."""
    late: bool
    """Whether that is longer ago than it should be."""
    waiting: int | None
    """Records that are missing; None where nobody can say."""


class Changed(Struct, frozen=True):
    """What one interval brought. `many`: `orders` does not hold all of them."""

    orders: tuple[str, ...]
    many: bool


class TooManyPages(Exception):
    """As many pages are open as this process serves; try later."""


class Page:
    """One open page's share of the news."""

    def __init__(self) -> None:
        self._pending: set[str] = set()
        self._many = False
        self._news = asyncio.Event()

    def tell(self, keys: frozenset[str]) -> None:
        """Remembers names as far as there is room."""
        if len(self._pending) + len(keys) <= NAMES_MAX:
            self._pending |= keys
        else:
            self._many = True
        self._news.set()

    async def next(self, timeout_s: float) -> Changed | None:
        """What changed since the last call, waiting for it if need be; None after the timeout."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        changed = Changed(tuple(sorted(self._pending)), self._many)
        self._pending, self._many = set(), False
        return changed


class Broadcast:
    """From the projection to all open pages of this process."""

    def __init__(self) -> None:
        self._pages: set[Page] = set()

    def announce(self, keys: frozenset[str]) -> None:
        """Tells all open pages."""
        for page in self._pages:
            page.tell(keys)

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A page for as long as it is open. Raises TooManyPages."""
        if len(self._pages) >= PAGES_MAX:
            raise TooManyPages
        page = Page()
        self._pages.add(page)
        metrics.PAGES.set(len(self._pages))
        try:
            yield page
        finally:
            self._pages.discard(page)
            metrics.PAGES.set(len(self._pages))


async def events(
    page: Page, interval_s: float, reading: Callable[[], Reading], beat_s: float = BEAT_S
) -> AsyncIterator[bytes]:
    """The stream of one page: `hello` at once, `changed` at most once an interval, `beat` however much changes."""
    now = asyncio.get_running_loop().time
    yield _event("hello", reading())
    beat_at = now() + beat_s
    while True:
        changed = await page.next(max(beat_at - now(), 0))
        if changed is not None:
            yield _event("changed", changed)
            await asyncio.sleep(interval_s)
        if now() >= beat_at:
            yield _event("beat", reading())
            beat_at = now() + beat_s


def _event(name: str, told: Struct) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(told))
