"""Lines without a SKU of ours: kept while they wait, and matched when a mapping or SKU arrives.

Guarantees: an order is placed at once, with its unmatched lines named and without a SKU; it is told as matched
once, when every line has one, by the normaliser, which alone writes it: the first `MatchRequested` that finds
the order complete does it in one transaction with its event, any other changes nothing. A request is not lost
either: an order that could be matched and still waits is asked for again, by whichever process runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from chassis.commands import envelope
from chassis.postgres import ACQUIRE_TIMEOUT_S
from chassis.processor import Decision, Moment
from schemas.events.channel_payloads import MatchRequested
from schemas.events.orders import OrderLine, OrderLinesMatched
from services.ingest import metrics
from services.ingest.catalogue import SQL
from services.ingest.domain.evidence import WithoutPayload
from services.ingest.domain.matching import Catalogue, ChannelLine, MerchantCodes, Told, told
from services.ingest.domain.model import CanonicalOrder
from services.ingest.domain.snapshots import KnownOrder, Waiting
from services.ingest.looking import look_on
from services.ingest.shared import Shared

LOOK_S = 1.0
LOOK_ANYWAY_S = 30.0
"""A look is saved while nothing seems to have changed; so often it is not."""
ASK_AGAIN_S = 10.0
"""What was asked for and still waits was lost on the way, or is only slow."""
ORDERS_MAX = 500


class Parked(Struct, frozen=True):
    """Effect: an order waits for a mapping of these lines; they replace what it waited for before."""

    order_key: str
    known: KnownOrder
    lines: tuple[OrderLine, ...]


class Freed(Struct, frozen=True):
    """Effect: an order waits for no mapping any more."""

    order_key: str


class UnmatchedRows:
    """Effects of one batch on `ingest.unmatched`; the last of an order counts."""

    def __init__(self) -> None:
        self._newest: dict[str, Parked | Freed] = {}

    def apply(self, effect: Parked | Freed) -> None:
        """Takes one effect."""
        self._newest[effect.order_key] = effect

    async def save(self, connection: Any) -> None:
        """Writes them: two statements at most, none where nothing waits or waited."""
        if not self._newest:
            return
        await connection.execute(SQL["free"], list(self._newest))
        rows = [
            row
            for effect in self._newest.values()
            if isinstance(effect, Parked)
            for row in _rows(effect)
        ]
        if rows:
            await connection.execute(SQL["park"], *map(list, zip(*rows, strict=True)))


def _rows(parked: Parked) -> Iterator[tuple[object, ...]]:
    known, waiting = parked.known, parked.known.waiting
    assert waiting is not None, "what is parked waits"
    for line in parked.lines:
        assert line.unmatched is not None, "a line that waits has a reason"
        yield (
            parked.order_key,
            known.order_id,
            line.line_no,
            known.channel,
            known.shop,
            line.channel_sku_id,
            line.unmatched.merchant_code,
            line.title,
            line.quantity,
            line.unmatched.reason,
            waiting.since,
        )


class Matching(Protocol):
    """What deciding a match needs to know."""

    @property
    def catalogue(self) -> Catalogue:
        """Mappings and SKUs as they are now."""
        ...


def told_of(catalogue: Catalogue, order: CanonicalOrder) -> Told:
    """A new order's lines in our SKUs."""
    return told(catalogue, order.channel, order.shop, channel_lines(order))


def channel_lines(order: CanonicalOrder) -> tuple[ChannelLine, ...]:
    """An order's lines as the channel sold them."""
    return tuple(
        [
            ChannelLine(
                line_id=item.line_id,
                channel_sku_id=item.sku_id,
                merchant_code=item.merchant_sku,
                title=item.title,
                quantity=item.qty,
                unit_price_fen=item.unit_price_fen,
                discount_fen=item.discount_fen,
                is_gift=item.is_gift,
            )
            for item in order.items
        ]
    )


def placed_as(known: KnownOrder, order: CanonicalOrder, lines: Told, at: datetime) -> KnownOrder:
    """What is known of a new order with its lines told; one that is closed already waits for nothing."""
    waiting = None
    if lines.unmatched and not known.cancelled:
        waiting = Waiting(
            lines=channel_lines(order), discount_fen=order.discount_total_fen, since=at
        )
    return replace(_with_lines(known, lines), waiting=waiting)


def _with_lines(known: KnownOrder, lines: Told) -> KnownOrder:
    mapped = {
        line.channel_line_id: line.mapped.quantity
        for line in lines.lines
        if line.mapped is not None
    }
    return replace(
        known,
        lines=tuple([(line.channel_line_id, line.quantity) for line in lines.lines]),
        mapped=tuple(mapped.items()),
    )


def decide_match(
    known: KnownOrder | None, request: MatchRequested, facts: Matching, moment: Moment
) -> Decision[KnownOrder]:
    """Matches what waits by the catalogue of this moment: all of the order, or it goes on waiting."""
    if known is None or known.waiting is None:
        return Decision(state=known)
    decision = matched(known, known.waiting, request.source_key, facts, moment)
    followed = WithoutPayload(source_key=request.source_key, events=len(decision.events))
    return replace(decision, effects=(*decision.effects, followed))


def matched(
    known: KnownOrder, waiting: Waiting, order_key: str, facts: Matching, moment: Moment
) -> Decision[KnownOrder]:
    """What a waiting order comes to now: told with all its lines, or parked with those that still have no SKU."""
    lines = told(facts.catalogue, known.channel, known.shop, waiting.lines)
    if lines.unmatched:
        return Decision(state=known, effects=(Parked(order_key, known, lines.unmatched),))
    metrics.MATCHED.labels(known.channel).inc()
    event = OrderLinesMatched(
        order_id=known.order_id,
        version=0,
        occurred_at=moment.now,
        lines=lines.lines,
        discount_fen=waiting.discount_fen + lines.rounding_fen,
    )
    return Decision(
        state=replace(_with_lines(known, lines), waiting=None),
        events=(event,),
        effects=(Freed(order_key),),
    )


class Matcher:
    """Asks for the match of every order whose unmatched lines all have an answer now, oldest first."""

    def __init__(self, shared: Shared, merchant_codes: MerchantCodes) -> None:
        self._shared = shared
        self._trusted = merchant_codes is MerchantCodes.TRUSTED
        self._looked_at: tuple[int, ...] = ()
        self._looked_ms = 0

    async def run(self) -> None:
        """Works until cancelled."""
        await look_on("matching", self.look, most=ORDERS_MAX, pause_s=LOOK_S)

    async def look(self) -> int:
        """One look; returns how many orders were asked for. Two processes may ask for the same: it does no harm."""
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            (state,) = await connection.fetch(SQL["state"])
            metrics.ORDERS_UNMATCHED.set(state["orders"])
            seen, now_ms = tuple(state.values()), self._shared.clock.monotonic_ms()
            fresh = now_ms - self._looked_ms < LOOK_ANYWAY_S * 1000
            if not state["lines"] or (seen == self._looked_at and fresh):
                return 0
            rows = await connection.fetch(SQL["matchable"], self._trusted, ASK_AGAIN_S, ORDERS_MAX)
        keys = [row["order_key"] for row in rows]
        if keys:
            await self._ask(keys, state["revision"])
        else:
            self._looked_at, self._looked_ms = seen, now_ms
        return len(keys)

    async def _ask(self, keys: list[str], revision: int) -> None:
        now = self._shared.clock.now()
        requests = [
            MatchRequested(source_key=key, revision=revision, requested_at=now) for key in keys
        ]
        await self._shared.publisher.publish(
            [envelope(self._shared.codec, request, "ingest") for request in requests]
        )
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await connection.execute(SQL["asked"], keys)
