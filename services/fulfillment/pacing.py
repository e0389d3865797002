"""What the dispatcher does next and how fast, without doing it: grouping into calls, rests, breathers.

Guarantees: no parcel is in two calls at once; a parcel that keeps failing is asked for alone, at growing
intervals; each failed call in a row halves the calls at once, and from the third on there are pauses too,
until one succeeds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

from services.fulfillment.domain import rules
from services.fulfillment.domain.model import FormerLabel, Parcel, Stage
from services.fulfillment.store import Due

SETTLE_MS = 5_000
"""How long a parcel rests after its command was issued; by then the worker has taken it. Asking again is
harmless, but a wasted call."""
BACKOFF_MS = (200, 500, 1_000, 2_000, 5_000, 15_000)
BREATHER_MS = (200, 500, 1_000, 2_000, 5_000)
ALONE_FROM_ATTEMPT = 4
BREATHE_FROM_FAILURE = 3
"""Fewer in a row are everyday mishaps; this many are an outage."""
_IN_HAND = 2**62


class Get(Struct, frozen=True, kw_only=True):
    """One call for the waybills of parcels of one sender and carrier."""

    warehouse: str
    carrier: str
    parcels: tuple[Parcel, ...]


class Discard(Struct, frozen=True, kw_only=True):
    """One call to void a label that is not used any more; none where it is spared."""

    parcels: tuple[Parcel]
    label: FormerLabel


class Forget(Struct, frozen=True, kw_only=True):
    """Cancelled parcels for which nothing was ever asked: no call, only the record."""

    parcels: tuple[Parcel, ...]


Job: TypeAlias = Get | Discard | Forget


def jobs_of(dues: Iterable[Due], alone: Collection[str], per_call_max: int) -> list[Job]:
    """Group due parcels into jobs, the most urgent parcel's job first.

    A cancelled parcel that may have a waybill without our knowing its number is asked for once more:
    the provider answers with the same number, which can then be voided.
    """
    jobs: list[Job] = []
    forgotten: list[Parcel] = []
    filling: dict[tuple[str, str], list[Parcel]] = {}
    order: list[list[Parcel]] = []
    for due in dues:
        parcel = due.parcel
        if (label := rules.label_to_void(parcel)) is not None:
            jobs.append(Discard(parcels=(parcel,), label=label))
            continue
        if parcel.stage is Stage.CANCELLED and not due.asked:
            forgotten.append(parcel)
            continue
        pair = (parcel.warehouse, parcel.carrier)
        call = [] if parcel.parcel_id in alone else filling.get(pair, [])
        if not call or len(call) >= per_call_max:
            call = []
            order.append(call)
            if parcel.parcel_id not in alone:
                filling[pair] = call
        call.append(parcel)
    calls: list[Job] = [
        Get(warehouse=call[0].warehouse, carrier=call[0].carrier, parcels=tuple(call))
        for call in order
    ]
    return ([Forget(parcels=tuple(forgotten))] if forgotten else []) + calls + jobs


class Pace:
    """Which parcels rest, and how many calls may be under way. Times are monotonic milliseconds."""

    def __init__(self, calls_max: int) -> None:
        self._calls_max = calls_max
        self._rests_until_ms: dict[str, int] = {}
        self._attempts: dict[str, int] = {}
        self._failures = 0
        self._breathes_until_ms = 0

    def room(self, running: int, now_ms: int) -> int:
        """How many more calls may start."""
        if now_ms < self._breathes_until_ms:
            return 0
        return max(max(self._calls_max >> self._failures, 1) - running, 0)

    def resting(self, now_ms: int) -> Sequence[str]:
        """Parcels that must not be looked at now."""
        self._rests_until_ms = {
            parcel_id: until_ms
            for parcel_id, until_ms in self._rests_until_ms.items()
            if until_ms > now_ms
        }
        return list(self._rests_until_ms)

    def alone(self) -> frozenset[str]:
        """Parcels to be asked for on their own."""
        return frozenset(
            parcel_id
            for parcel_id, attempts in self._attempts.items()
            if attempts >= ALONE_FROM_ATTEMPT
        )

    def begin(self, parcel_ids: Iterable[str]) -> None:
        """These are in a call until `settled` or `again` says otherwise."""
        self._rests_until_ms.update(dict.fromkeys(parcel_ids, _IN_HAND))

    def answered(self) -> None:
        """The provider works: full speed."""
        self._failures = 0
        self._breathes_until_ms = 0

    def failed(self, now_ms: int) -> None:
        """A call failed as a whole: slow down."""
        self._failures += 1
        if self._failures >= BREATHE_FROM_FAILURE:
            longest = len(BREATHER_MS) - 1
            pause_ms = BREATHER_MS[min(self._failures - BREATHE_FROM_FAILURE, longest)]
            self._breathes_until_ms = now_ms + pause_ms

    def settled(self, parcel_id: str, now_ms: int) -> None:
        """This one's result is on its way to the single writer."""
        self._attempts.pop(parcel_id, None)
        self._rests_until_ms[parcel_id] = now_ms + SETTLE_MS

    def again(self, parcel_id: str, now_ms: int) -> int:
        """This one needs another attempt, later. Returns how many it has had."""
        attempts = self._attempts.get(parcel_id, 0) + 1
        self._attempts[parcel_id] = attempts
        pause_ms = BACKOFF_MS[min(attempts, len(BACKOFF_MS)) - 1]
        self._rests_until_ms[parcel_id] = now_ms + pause_ms
        return attempts

    def split(self, parcel_id: str) -> None:
        """This one goes alone, at once: its call was refused and nobody knows because of whom."""
        self._attempts[parcel_id] = max(self._attempts.get(parcel_id, 0), ALONE_FROM_ATTEMPT)
        self._rests_until_ms.pop(parcel_id, None)
