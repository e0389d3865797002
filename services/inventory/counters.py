"""The numbers in Valkey: who may have what, decided for a whole batch in one call.

Guarantees: a call under an epoch that is not in force there, or on another server than the one it was written
to, does nothing and answers None (fenced). Every call may be repeated. Raises Unavailable when Valkey does not
answer; what was done is then unknown and settled later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chassis.errors import Unavailable
from chassis.valkey import AWAY, Script
from services.inventory.domain.counters import Arrival, Ask, Target
from services.inventory.domain.model import Goods

SCRIPTS = Path(__file__).parent / "lua"
LOAD_CHUNK = 2_000
SCAN_COUNT = 1_000

Answer = str | tuple[int, ...]
"""A warehouse; what is available where it is short; "" where the ask is out of date."""

GOODS_FIELDS = frozenset({"goods", "gone"})

_encode = msgspec.msgpack.Encoder().encode


class Epoch(Struct, frozen=True):
    """Which contents are in force, and on which run of the server."""

    number: int
    run_id: str


class Admitted(Struct, frozen=True, array_like=True):
    """What Valkey says to a batch."""

    noted_at: float
    """When it took the notes, by its own clock."""
    answers: tuple[Answer, ...]
    """One for each ask, in order."""


class LiveHold(Struct, frozen=True, array_like=True):
    """A hold as a new epoch starts with it."""

    order_id: str
    generation: int
    warehouse: str
    goods: Goods


_decode_admitted = msgspec.msgpack.Decoder(Admitted).decode


class ValkeyCounters:
    """The counters of one installation (`prefix`) on one server."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._client = client
        self._root = f"{{{prefix}}}:"
        self._meta = f"{self._root}meta"
        self._reserve = Script(client, SCRIPTS / "reserve.lua")
        self._settle = Script(client, SCRIPTS / "settle.lua")
        self._noted = Script(client, SCRIPTS / "noted.lua")
        self._load = Script(client, SCRIPTS / "load.lua")
        self._open = Script(client, SCRIPTS / "open.lua")

    async def reserve(
        self, epoch: Epoch, asks: Sequence[Ask], notes: Sequence[str]
    ) -> Admitted | None:
        """The answers; None when fenced. `notes` are kept until they are settled."""
        packed = await self._reserve([self._meta], [*_name(epoch), _asks(asks, notes)])
        return None if packed is None else _decode_admitted(packed)

    async def settle(
        self,
        epoch: Epoch,
        targets: Sequence[Target],
        arrivals: Sequence[Arrival] = (),
        forgotten: Sequence[tuple[str, float]] = (),
        *,
        confirmed: Sequence[Target] = (),
        noted_at: float = 0,
    ) -> bool:
        """Makes Valkey what Postgres decided; False when fenced.

        `noted_at` is when the caller's notes were taken: later notes are about what somebody else has still to
        tell, and stay. 0 settles whatever notes there are.

        `confirmed` are holds as this caller was promised them: their notes are all that has to go, unless
        the sweeper was there before.
        """
        notes = [f"o:{target.order_id}" for target in confirmed]
        payload = _encode((notes, _flat(targets), _flat(arrivals), forgotten, noted_at))
        answer = await self._settle([self._meta], [*_name(epoch), payload])
        if answer == 0:
            payload = _encode(((), _flat(confirmed), (), (), noted_at))
            answer = await self._settle([self._meta], [*_name(epoch), payload])
        return answer is not None

    async def noted(
        self, epoch: Epoch, older_than_ms: int, limit: int
    ) -> tuple[tuple[str, float], ...] | None:
        """Notes nobody settled for that long, with their times; None when fenced."""
        found = await self._noted([self._meta], [*_name(epoch), older_than_ms, limit])
        if found is None:
            return None
        texts = [item.decode() for item in found]
        return tuple(zip(texts[::2], map(float, texts[1::2]), strict=True))

    async def in_force(self) -> Epoch | None:
        """The epoch Valkey would answer under, or None when it has none for this run of the server."""
        try:
            number, run_id = await self._client.hmget(self._meta, "epoch", "run_id")
            if number is None or run_id.decode() != await self.run_id():
                return None
            return Epoch(int(number), run_id.decode())
        except AWAY as error:
            raise Unavailable(f"Valkey: {type(error).__name__}") from error

    async def newest_number(self) -> int:
        """The newest epoch this server has heard of; 0 for none."""
        try:
            return int(await self._client.hget(self._meta, "epoch") or 0)
        except AWAY as error:
            raise Unavailable(f"Valkey: {type(error).__name__}") from error

    async def run_id(self) -> str:
        """The id of this run of the server."""
        try:
            return str((await self._client.info("server"))["run_id"])
        except AWAY as error:
            raise Unavailable(f"Valkey: {type(error).__name__}") from error

    async def load(
        self, number: int, levels: Sequence[tuple[str, str, int]], holds: Sequence[LiveHold]
    ) -> None:
        """Writes the contents of a new epoch."""
        for at in range(0, len(levels), LOAD_CHUNK):
            payload = _encode((levels[at : at + LOAD_CHUNK], ()))
            await self._load([self._meta], [number, payload])
        for at in range(0, len(holds), LOAD_CHUNK):
            payload = _encode(((), _flat(holds[at : at + LOAD_CHUNK])))
            await self._load([self._meta], [number, payload])

    async def open(self, epoch: Epoch) -> bool:
        """Puts an epoch in force; False when a newer one is."""
        return bool(await self._open([self._meta], [epoch.number, epoch.run_id]))

    async def levels(self, number: int) -> dict[tuple[str, str], int]:
        """What is available by (warehouse, sku) in an epoch."""
        try:
            stored = await self._client.hgetall(f"{self._root}e{number}:avail")
        except AWAY as error:
            raise Unavailable(f"Valkey: {type(error).__name__}") from error
        split = {field.decode().partition("|"): int(value) for field, value in stored.items()}
        return {(warehouse, sku): pieces for (warehouse, _, sku), pieces in split.items()}

    async def count_holds(self, number: int, order_ids: Sequence[str]) -> int:
        """How many of these orders have a record in an epoch."""
        found = 0
        try:
            for at in range(0, len(order_ids), LOAD_CHUNK):
                part = order_ids[at : at + LOAD_CHUNK]
                found += await self._client.exists(
                    *(f"{self._root}e{number}:hold:{order_id}" for order_id in part)
                )
        except AWAY as error:
            raise Unavailable(f"Valkey: {type(error).__name__}") from error
        return found

    async def remove_earlier(self, number: int, *, but: int = 0) -> int:
        """Removes the keys of every earlier epoch `but` one; returns how many. Who comes late for it does not harm a newer one."""
        removed = 0
        before = len(f"{self._root}e".encode())
        try:
            async for key in self._client.scan_iter(match=f"{self._root}e*", count=SCAN_COUNT):
                earlier = int(key[before:].partition(b":")[0])
                if earlier < number and earlier != but:
                    removed += await self._client.unlink(key)
        except AWAY as error:
            raise Unavailable(f"Valkey: {type(error).__name__}") from error
        return removed

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def _asks(asks: Sequence[Ask], notes: Sequence[str]) -> bytes:
    """Asks as reserve.lua reads them."""
    places: dict[tuple[str, ...], int] = {}
    stream: list[str | int] = []
    for ask in asks:
        place = places.setdefault(ask.candidates, len(places) + 1)
        stream += (ask.order_id, ask.generation, place, len(ask.goods))
        for good in ask.goods:
            stream += good
    return _encode((tuple(places), stream, notes))


def _flat(items: Sequence[Target | Arrival | LiveHold]) -> list[list[object]]:
    """Each as a list, its goods as one list of SKUs and pieces in turn."""
    return [
        [
            [part for good in value for part in good] if name in GOODS_FIELDS else value
            for name, value in zip(
                item.__struct_fields__, msgspec.structs.astuple(item), strict=True
            )
        ]
        for item in items
    ]


def _name(epoch: Epoch) -> tuple[int, str]:
    return epoch.number, epoch.run_id
