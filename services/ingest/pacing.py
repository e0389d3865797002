"""Which write-backs may be told now, without telling them: calls in hand, rests, and each shop's own rate.

Guarantees: one document of an order is in one call at a time; a shop that does not answer, or throttles,
keeps nobody but itself waiting; no shop gets more calls a second than it may. What waits in the background
goes only where nothing else of its shop waits, and leaves room for what comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import Struct

from services.ingest.channels import ChannelError, ErrorKind

SHOP_CALLS_MAX = 4
"""Calls to one shop at a time: an eighth of all, so that a few silent shops cannot hold them all."""
CALLS_MAX = 32
BACKGROUND_CALLS_MAX = 16
BACKGROUND_SHOP_CALLS_MAX = 2
LINE_MAX = 50
"""Of a shop for which as many wait here nothing more is looked up."""
BURST_S = 1.0
"""A shop that was quiet may be told this many seconds' worth at once."""
SETTLE_MS = 2_000
"""How long a document rests after its result was issued; by then it is recorded. Telling again is harmless."""
THROTTLED_MS = 1_000
"""How long a shop rests that throttles without saying for how long."""
BACKOFF_MS = (500, 1_000, 2_000, 5_000, 15_000, 60_000)

Document = tuple[str, str]
"""Order id and document number, or a listing and a word."""


class Due(Struct, frozen=True, kw_only=True):
    """One thing to tell, with whatever the caller needs to do so."""

    document: Document
    shop: tuple[str, str]
    job: object
    background: bool = False
    """It may wait for all that is not."""


def shop_rests_ms(error: ChannelError) -> int:
    """How long the whole shop rests: throttling is about the shop, anything else about the one call."""
    throttled = THROTTLED_MS if error.kind is ErrorKind.THROTTLED else 0
    return max(error.retry_after_ms, throttled)


class Pace:
    """Times are monotonic milliseconds. `per_s`: calls a second to one shop."""

    def __init__(self, per_s: float) -> None:
        self._per_ms = per_s / 1000
        self._waiting: dict[tuple[str, str], deque[Due]] = {}
        self._behind: dict[tuple[str, str], deque[Due]] = {}
        self._in_hand: dict[Document, Due] = {}
        self._rests_until_ms: dict[Document, int] = {}
        self._attempts: dict[Document, int] = {}
        self._failures: dict[Document, _Failures] = {}
        self._shops: dict[tuple[str, str], _Shop] = {}

    def add(self, found: Iterable[Due]) -> None:
        """What was found due; what is known already is left out."""
        known = {due.document for due in self._all_waiting()}
        for due in found:
            if due.document in known or due.document in self._in_hand:
                continue
            if due.document not in self._rests_until_ms:
                lines = self._behind if due.background else self._waiting
                lines.setdefault(due.shop, deque()).append(due)

    def take(self, now_ms: int) -> list[Due]:
        """What may be told now; the caller has these in hand until `settled` or `again`."""
        taken = self._taken(self._waiting, now_ms)
        return taken + self._taken(self._behind, now_ms)

    def _taken(self, lines: dict[tuple[str, str], deque[Due]], now_ms: int) -> list[Due]:
        taken: list[Due] = []
        for shop, line in list(lines.items()):
            pace = self._shops.setdefault(shop, _Shop())
            while line and self._room(line[0]) and pace.admits(now_ms, self._per_ms):
                due = line.popleft()
                self._in_hand[due.document] = due
                taken.append(due)
            # The next one begins with another shop.
            del lines[shop]
            if line:
                lines[shop] = line
        return taken

    def _room(self, due: Due) -> bool:
        if not due.background:
            return len(self._in_hand) < CALLS_MAX
        behind = [one.shop for one in self._in_hand.values() if one.background]
        return (
            due.shop not in self._waiting
            and len(self._in_hand) < CALLS_MAX
            and len(behind) < BACKGROUND_CALLS_MAX
            and behind.count(due.shop) < BACKGROUND_SHOP_CALLS_MAX
        )

    def _all_waiting(self) -> Iterator[Due]:
        for lines in (self._waiting, self._behind):
            for line in lines.values():
                yield from line

    def left_out(self, now_ms: int) -> Sequence[str]:
        """Orders and listings of which nothing new need be looked up now."""
        self._rests_until_ms = {d: at for d, at in self._rests_until_ms.items() if at > now_ms}
        waiting = (due.document[0] for due in self._all_waiting())
        held = (document[0] for document in (*self._in_hand, *self._rests_until_ms))
        return list({*waiting, *held})

    @property
    def full(self) -> Collection[tuple[str, str]]:
        """Shops that have enough waiting here."""
        return [shop for shop, line in self._waiting.items() if len(line) >= LINE_MAX]

    @property
    def idle(self) -> bool:
        """Whether nothing waits for its turn."""
        return not self._waiting and not self._behind

    def attempt(self, document: Document) -> int:
        """How often this one was told, with this time."""
        self._attempts[document] = self._attempts.get(document, 0) + 1
        return self._attempts[document]

    def settled(self, document: Document, now_ms: int) -> None:
        """The channel's answer is on its way to be recorded."""
        self._attempts.pop(document, None)
        self._failures.pop(document, None)
        self._shops[self._in_hand[document].shop].answered += 1
        self._rest(document, now_ms + SETTLE_MS)

    def failed(self, document: Document) -> int:
        """How often this one failed while its shop took others, with this time.

        What fails as long as the whole shop fails, an outage or an expired token, is no fault of the document.
        """
        shop = self._shops[self._in_hand[document].shop]
        before = self._failures.get(document)
        if before is None or shop.answered > before.shop_answered:
            count = before.count + 1 if before is not None else 1
            before = self._failures[document] = _Failures(count, shop.answered)
        return before.count

    def again(self, document: Document, now_ms: int, *, shop_rests_ms: int = 0) -> None:
        """Not now: this one later, and where the channel asked for it, the whole shop."""
        shop = self._in_hand[document].shop
        place = min(self._attempts.get(document, 1), len(BACKOFF_MS)) - 1
        self._rest(document, now_ms + max(BACKOFF_MS[place], shop_rests_ms))
        pace = self._shops[shop]
        pace.rests_until_ms = max(pace.rests_until_ms, now_ms + shop_rests_ms)

    def _rest(self, document: Document, until_ms: int) -> None:
        due = self._in_hand.pop(document)
        self._shops[due.shop].running -= 1
        self._rests_until_ms[document] = until_ms


class _Failures(Struct, frozen=True):
    count: int
    shop_answered: int


class _Shop:
    """A token bucket, the calls in hand, a rest the channel asked for, and how often it answered."""

    __slots__ = ("answered", "filled_at_ms", "rests_until_ms", "running", "tokens")

    def __init__(self) -> None:
        self.answered = 0
        self.tokens = 0.0
        self.filled_at_ms: int | None = None
        self.running = 0
        self.rests_until_ms = 0

    def admits(self, now_ms: int, per_ms: float) -> bool:
        """Takes a place for one more call, if there is one."""
        burst = max(1.0, per_ms * 1000 * BURST_S)
        passed_ms = now_ms - self.filled_at_ms if self.filled_at_ms is not None else 2**40
        self.tokens = min(burst, self.tokens + passed_ms * per_ms)
        self.filled_at_ms = now_ms
        if self.tokens < 1 or self.running >= SHOP_CALLS_MAX or now_ms < self.rests_until_ms:
            return False
        self.tokens -= 1
        self.running += 1
        return True
