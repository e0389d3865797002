"""(d) The reservation API at a fixed rate, whatever the answers: availability, reserve, confirm, release.

A request is due at a fixed time and counts from then, so that waiting for a connection or behind a slow answer counts,
too. Confirmed and released are reservations made beforehand. Afterwards the books must close, and hold exactly what
was reserved and not released.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import asyncpg
from msgspec import Struct

from demo.platform import Platform
from tests.bench.contest import books_close, require_durable, stock_up
from tests.bench.measuring import spent, usage
from tests.bench.open_loop import figures_ms
from tests.bench.workload import Wrong, mixed

MIX = ("availability", "reserve", "confirm", "availability", "reserve", "availability", "release",
       "reserve", "availability", "confirm")  # fmt: skip
CONNECTIONS = 16
WARM_UP_S = 5.0
SKUS = 5_000
BATCH = 100
TIMEOUT_S = 120.0
"""A machine that cannot keep up is to show by how much."""
EXPECTED = {"availability": 200, "reserve": 201, "confirm": 200, "release": 200}


class Call(Struct, frozen=True, kw_only=True):
    """One request."""

    kind: str
    path: str
    method: str = "POST"
    key: str = ""
    body: dict[str, Any] | None = None
    pieces: int = 0
    """By which what is held changes."""


class Till:
    """Makes calls, and knows what must be held after them."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._made: list[tuple[str, int]] = []
        self._number = 0
        self.held_pieces = 0

    def wish(self) -> dict[str, Any]:
        """The body of a new reservation: one or two SKUs."""
        self._number += 1
        skus = self._rng.sample(range(SKUS), self._rng.choice((1, 1, 2)))
        lines = [{"sku": f"sku-{n:06}", "quantity": self._rng.randint(1, 3)} for n in skus]
        return {"reference": f"till-{self._number}", "lines": lines, "province": "浙江省"}

    def made(self, reservation: dict[str, Any], pieces: int) -> None:
        """Keeps a reservation for a later confirmation or release."""
        self._made.append((reservation["reservation_id"], pieces))
        self.held_pieces += pieces

    def calls(self, count: int) -> Iterator[Call]:
        """So many calls of the mix."""
        for number in range(count):
            call = self._call(MIX[number % len(MIX)])
            self.held_pieces += call.pieces
            yield call

    def _call(self, kind: str) -> Call:
        if kind == "availability":
            sku = f"sku-{self._rng.randrange(SKUS):06}"
            return Call(kind=kind, method="GET", path=f"/availability?sku={sku}")
        if kind == "reserve":
            wish = self.wish()
            key = f"bench-{wish['reference']}"
            return Call(kind=kind, path="/reservations", key=key, body=wish, pieces=pieces_of(wish))
        reservation_id, pieces = self._made.pop()
        change = -pieces if kind == "release" else 0
        return Call(kind=kind, path=f"/reservations/{reservation_id}/{kind}", pieces=change)


def pieces_of(wish: dict[str, Any]) -> int:
    """Pieces a reservation asks for."""
    return sum(line["quantity"] for line in wish["lines"])


async def reservation_api(
    platform: Platform,
    rate_per_s: float,
    seconds: float,
    seed: int,
    *,
    warm_up_s: float = WARM_UP_S,
) -> dict[str, Any]:
    """One run; raises Wrong where an answer is not as expected or other pieces are held in the end."""
    await require_durable(platform.postgres_url)
    await stock_up(platform, mixed(0, seed, skus=SKUS))
    till = Till(seed)
    warming, counting = round(rate_per_s * warm_up_s), round(rate_per_s * seconds)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        headers=platform.authorised,
    ) as http:
        await _make(http, platform, till, warming + counting)
        await _call_at(http, platform, list(till.calls(warming)), rate_per_s)
        pids = {"inventory": platform.supervisor.children["inventory"].pid}
        pids |= dict(platform.stack.pids)
        before = usage(pids)
        taken = await _call_at(http, platform, list(till.calls(counting)), rate_per_s)
        cpu = spent(before, usage(pids))
    await books_close(platform)
    await _require_held(platform, till.held_pieces)
    by_kind = {kind: sorted(s for one, s in taken if one == kind) for kind in EXPECTED}
    return {
        "rate_per_s": rate_per_s,
        "requests": len(taken),
        "connections": CONNECTIONS,
        "answer_ms": figures_ms(sorted(s for _, s in taken)),
        "by_kind_ms": {kind: figures_ms(times) for kind, times in by_kind.items()},
        "cpu_us_per_request": {n: round(s / len(taken) * 1e6, 1) for n, s in cpu.items()},
        "load_1min": round(os.getloadavg()[0], 1),
    }


async def _make(http: aiohttp.ClientSession, platform: Platform, till: Till, calls: int) -> None:
    """Reservations for every confirmation and release to come."""
    needed = sum(MIX[number % len(MIX)] in {"confirm", "release"} for number in range(calls))
    for start in range(0, needed + len(MIX), BATCH):
        wishes = [till.wish() for _ in range(BATCH)]
        asked = [
            wish | {"idempotency_key": f"before-{start}-{number}"}
            for number, wish in enumerate(wishes)
        ]
        url = f"{platform.door('inventory')}/reservations/batch"
        async with http.post(url, json={"reservations": asked}) as answer:
            results = (await answer.json())["results"]
        for wish, result in zip(wishes, results, strict=True):
            if result["status"] != 201:
                raise Wrong(f"no reservation: {result}")
            till.made(result["reservation"], pieces_of(wish))


async def _call_at(
    http: aiohttp.ClientSession, platform: Platform, calls: list[Call], rate_per_s: float
) -> list[tuple[str, float]]:
    """Sends each call when it is due → (kind, seconds from then to its answer), in any order."""
    base, taken = platform.door("inventory"), []
    start = time.monotonic() + 0.2

    async def send(number: int, call: Call) -> None:
        due = start + number / rate_per_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        headers = {"idempotency-key": call.key} if call.key else {}
        async with http.request(
            call.method, base + call.path, json=call.body, headers=headers
        ) as answer:
            text = await answer.text()
            if answer.status != EXPECTED[call.kind]:
                raise Wrong(f"{call.kind}: {answer.status} {text}")
        taken.append((call.kind, time.monotonic() - due))

    await asyncio.gather(*(send(number, call) for number, call in enumerate(calls)))
    return taken


async def _require_held(platform: Platform, pieces: int) -> None:
    connection = await asyncpg.connect(platform.postgres_url)
    try:
        reserved = await connection.fetchval("SELECT sum(reserved) FROM inventory.stock")
    finally:
        await connection.close()
    if reserved != pieces:
        raise Wrong(f"{reserved} pieces are reserved, {pieces} were asked for and not released")
