"""What a storm over stock must leave true. Pure: it looks at what buyers were told and at what lies there.

Each finding is `kind: what`. Kinds: `watched` (books that did not agree while it blew), `blind` (nobody looked at them
then), `oversold`, `books`, `leaked`, `epoch` (Valkey has not the one that Postgres has), `notes` (what is half told), `valkey` (a
level is wrong), `told` (an answer that is not so), `twice` (one key or version, two answers), `orders`, `events`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from msgspec import Struct

from schemas.events.reservations import ReservationConfirmed, ReservationEnded, ReservationMade
from schemas.events.stock import StockDeducted, StockReleased, StockReserved, StockReturned
from services.inventory.domain.ledger import Booked, Ledger, differences
from services.inventory.domain.model import Goods, Hold, Row, merged
from services.inventory.domain.parts import parts_of
from services.inventory.domain.reservations import state_of

AFTER: Mapping[str, frozenset[str]] = {
    "held": frozenset({"held", "confirmed", "handed_over", "released", "expired"}),
    "confirmed": frozenset({"confirmed", "handed_over", "released"}),
    "handed_over": frozenset({"handed_over"}),
    "released": frozenset({"released"}),
    "expired": frozenset({"expired"}),
    "short": frozenset({"short"}),
}
"""What a buyer may be told after what."""


class Told(Struct, frozen=True, kw_only=True):
    """An answer that a buyer at a till was given. No answer, and 503, are none: he asked again."""

    question: str
    """reserve, confirm, extend or release."""
    word: str
    """held, short, confirmed, handed_over, released, expired; anything else is a refusal nobody expects."""
    goods: Goods = ()
    body: bytes = b""


class Till(Struct, frozen=True, kw_only=True):
    """One buyer at a till, under one idempotency key."""

    reservation_id: str
    told: list[Told] = []
    became: list[str] = []
    """The order that names his reservation, if any."""
    satisfied: list[bool] = []
    """Holds one value when he went home, having been answered whatever he asked."""


class Order(Struct, frozen=True, kw_only=True):
    """One buyer in the stream: what was published about him."""

    goods: Goods
    sent: set[str] = set()
    """placed, pays (it is being paid), paid, cancelled."""


class Seen(Struct, frozen=True, kw_only=True):
    """Everything there is to see after a storm."""

    had: Mapping[str, int]
    """Pieces received, by SKU."""
    tills: Sequence[Till]
    orders: Mapping[str, Order]
    holds: Mapping[str, Hold]
    stock: Mapping[Row, tuple[int, int]]
    ledger: Sequence[Booked]
    events: Sequence[Any]
    """Of the topics `stock` and `reservations`, as they lie there."""
    valkey: Mapping[Row, int] | None
    """Available pieces in the epoch that Postgres has in force; None without one."""
    in_force: bool
    """Whether Valkey has the same in force."""
    notes: int
    """Of what is half told."""
    now: datetime
    looks: int
    """How often Postgres' own books were read while it blew."""
    watched: Sequence[str] = ()


def findings(seen: Seen) -> list[str]:
    """Whatever is not as it must be."""
    return [
        *(f"watched: {one}" for one in seen.watched),
        *(["blind: the books were not read once"] if not seen.looks else []),
        *_oversold(seen),
        *_books(seen),
        *_leaked(seen),
        *_valkey(seen),
        *(finding for till in seen.tills for finding in _till(till, seen.holds)),
        *_orders(seen),
        *_events(seen),
    ]


def sold(holds: Iterable[Hold]) -> Counter[str]:
    """Pieces by SKU that somebody has: held for him, or gone to him and not come back."""
    pieces: Counter[str] = Counter()
    for hold in holds:
        for sku, quantity in (*hold.held, *hold.shipped):
            pieces[sku] += quantity
    return pieces


def _oversold(seen: Seen) -> Iterable[str]:
    for sku, pieces in sorted(sold(seen.holds.values()).items()):
        if pieces > seen.had.get(sku, 0):
            yield f"oversold: {pieces} of {sku}, and there were {seen.had.get(sku, 0)}"


def _books(seen: Seen) -> Iterable[str]:
    held: Counter[Row] = Counter()
    gone: Counter[str] = Counter()
    for hold in seen.holds.values():
        for part in parts_of(hold):
            for sku, quantity in part.held:
                held[part.warehouse, sku] += quantity
        for sku, quantity in hold.shipped:
            gone[sku] += quantity
    ledger = Ledger()
    for entry in seen.ledger:
        ledger.take(entry)
    for one in differences(ledger.balances, seen.stock, held):
        yield f"books: {one}"
    for broken in ledger.broken():
        yield f"books: {broken}"
    for row, (on_hand, reserved) in sorted(seen.stock.items()):
        if not 0 <= reserved <= on_hand:
            yield f"books: {row} has {reserved} reserved of {on_hand}"
    for sku, pieces in sorted(seen.had.items()):
        lies = sum(on_hand for row, (on_hand, _) in seen.stock.items() if row[1] == sku)
        if lies + gone[sku] != pieces:
            yield f"books: of {pieces} {sku} there are {lies} here and {gone[sku]} gone"


def _leaked(seen: Seen) -> Iterable[str]:
    for key, hold in sorted(seen.holds.items()):
        if hold.state == "held" and hold.expires_at is not None and hold.expires_at <= seen.now:
            yield f"leaked: {key} was due at {hold.expires_at}"


def _valkey(seen: Seen) -> Iterable[str]:
    if not seen.in_force:
        yield "epoch: not in force in Valkey"
    if seen.notes:
        yield f"notes: {seen.notes} are left"
    if seen.valkey is None:
        return
    for row in sorted(seen.stock.keys() | seen.valkey.keys()):
        on_hand, reserved = seen.stock.get(row, (0, 0))
        there = seen.valkey.get(row, 0)
        if there != on_hand - reserved:
            yield f"valkey: {row} has {there}, not {on_hand - reserved}"


def _till(till: Till, holds: Mapping[str, Hold]) -> Iterable[str]:
    key = till.reservation_id
    hold = holds.get(key)
    if not till.satisfied:
        yield f"told: {key} was left without an answer"
    if not till.told:
        return
    first = [one.body for one in till.told if one.question == "reserve"]
    if len(set(first)) > 1:
        yield f"twice: {key} was told {first}"
    # The first answer is given again for ever: it says nothing new.
    words = [till.told[0].word, *(one.word for one in till.told if one.question != "reserve")]
    for before, after in pairwise(words):
        if after not in AFTER.get(before, ()):
            yield f"told: {key} was {before}, then {after}"
    if hold is None:
        yield f"told: {key} was {words}, and nobody knows it"
        return
    is_now = state_of(hold)
    expected = {"expired" if words[-1] == "held" else words[-1]}
    if till.became:
        expected.add("adopted")
    if is_now not in expected:
        yield f"told: {key} was told {words} and is {is_now}"
    granted = hold.asked.granted if hold.asked else ()
    if till.told[0].goods != granted:
        yield f"told: {key} was told {till.told[0].goods} and was given {granted}"
    has = hold.shipped if is_now == "handed_over" else hold.held
    if is_now in {"confirmed", "handed_over"} and has != granted:
        yield f"told: {key} is {is_now} and has {has} of {granted}"


def _orders(seen: Seen) -> Iterable[str]:
    for key, order in sorted(seen.orders.items()):
        hold = seen.holds.get(key)
        if hold is None:
            yield f"orders: {key} is not known"
            continue
        allowed = {"expired", "short"}
        if "paid" in order.sent:
            allowed = {"held", "short", "shipped"}
        if "cancelled" in order.sent:
            allowed = {"cancelled", "shipped"}
        if hold.state not in allowed:
            yield f"orders: {key} with {sorted(order.sent)} is {hold.state}"
        elif hold.state == "held" and hold.held != order.goods:
            yield f"orders: {key} wants {order.goods} and has {hold.held}"


def _events(seen: Seen) -> Iterable[str]:
    """Whoever only reads the topics comes to the same."""
    once: dict[str, dict[int, Any]] = {}
    for event in seen.events:
        key = getattr(event, event.__struct_fields__[0])
        known = once.setdefault(key, {}).setdefault(event.version, event)
        if known != event:
            yield f"twice: {key} v{event.version} is {known} and {event}"
    for key, versions in sorted(once.items()):
        if sorted(versions) != [*range(1, len(versions) + 1)]:
            yield f"events: {key} has versions {sorted(versions)}"
        has: Goods = ()
        gone: Goods = ()
        for _, event in sorted(versions.items()):
            if has and isinstance(event, StockReserved | ReservationMade):
                yield f"twice: {key} held again while it has {has}"
            has, gone = _after(event, has, gone)
        hold = seen.holds.get(key)
        if hold is None or (has, gone) != (hold.held, hold.shipped):
            yield f"events: {key} comes to {has} held and {gone} gone, not {hold}"


def _after(event: Any, has: Goods, gone: Goods) -> tuple[Goods, Goods]:
    """What is held and what is gone after an event."""
    match event:
        case StockReserved():
            return merged((line.sku, line.quantity) for line in event.lines), gone
        case ReservationMade():
            return merged((line.sku, line.held) for line in event.lines), gone
        case StockReleased() | ReservationEnded():
            return (), gone
        case ReservationConfirmed(handed_over=True):
            return (), has
        case StockDeducted():
            left = [(line.sku, line.quantity) for line in event.lines]
            taken = [(sku, -quantity) for sku, quantity in left]
            return merged([*has, *taken]), merged([*gone, *left])
        case StockReturned():
            back = [(line.sku, -line.quantity) for line in event.lines]
            return has, merged([*gone, *back])
        case _:
            return has, gone
