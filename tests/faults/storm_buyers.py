"""500 buyers of 20 SKUs: half at tills, by the reservation API, half as orders in the stream.

Each makes up his mind by a seed of his own: he pays, gives up, or walks away. At a till he asks under one key until he
is answered, of any process, and now and then of two at once. What he is told is kept for the checker.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from schemas.events.orders import OrderPlaced
from services.inventory.domain.model import Goods, Hold, merged
from services.inventory.domain.parts import parts_of
from services.inventory.domain.reservations import Reservation
from services.inventory.rebuild import decode_kept
from services.inventory.written import reservation_id
from tests.faults.storm_checker import Order, Till, Told
from tests.integration.inventory.rig import House
from tests.integration.inventory.test_process import TOKEN
from tests.unit.inventory.events import cancelled, extended, paid, placed, refunded, shipped

BUYERS = 500
SKUS = tuple(f"hot-{number:02}" for number in range(20))
PROVINCES = ("浙江省", "广东省", "湖北省", "新疆")
WAREHOUSES = ("HZ", "HF", "GZ")
CALL_TIMEOUT_S = 6.0
AGAIN_AFTER_S = 0.2
WORDS = {
    "insufficient_stock": "short",
    "reservation_expired": "expired",
    "reservation_released": "released",
    "already_handed_over": "handed_over",
}
"""Code of a refusal → what it says of the reservation. Any other code is kept as it is, and found."""


class Crowd:
    """The buyers of one storm. `lasts_s`: within which they come."""

    def __init__(self, house: House, doors: Sequence[str], seed: int, lasts_s: float) -> None:
        self.tills: list[Till] = []
        self.orders: dict[str, Order] = {}
        self._house = house
        self._doors = doors
        self._seed = seed
        self._lasts_s = lasts_s
        self._shipped: set[str] = set()
        self._http: aiohttp.ClientSession

    async def buy(self) -> None:
        """Returns when the last of them has gone home."""
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT_S, sock_connect=1.0),
                headers={"authorization": f"Bearer {TOKEN}"},
            ) as self._http,
            asyncio.TaskGroup() as group,
        ):
            for number in range(BUYERS // 2):
                group.create_task(self._at_a_till(number))
                group.create_task(self._in_the_stream(number))

    async def send_off(self) -> None:
        """Sends off a third of what is paid and brings some of it back, until cancelled."""
        while True:
            rows = await self._house.fetch(
                "SELECT key, document FROM inventory.reservations "
                "WHERE state = 'held' AND reference IS NULL AND expires_at IS NULL"
            )
            for row in rows:
                if row["key"] not in self._shipped:
                    self._shipped.add(row["key"])
                    await self._send_off(row["key"], decode_kept(row["document"]).state)
            await asyncio.sleep(0.3)

    async def _send_off(self, order_id: str, hold: object) -> None:
        chance = random.Random(f"{self._seed} parcel {order_id}")
        if isinstance(hold, Hold) and chance.random() < 0.3:
            for version, part in enumerate(parts_of(hold), start=1):
                parcel = shipped(order_id, part.warehouse, part.held, version=version)
                await self._house.publish([parcel])
            if chance.random() < 0.3:
                await self._house.publish([refunded(order_id, hold.held)])

    async def _in_the_stream(self, number: int) -> None:
        chance = random.Random(f"{self._seed} order {number}")
        order_id = f"storm-{self._seed}-{number}"
        event = placed(order_id, _goods(chance), province=chance.choice(PROVINCES))
        order = self.orders[order_id] = Order(goods=_wanted(event))
        fates = ("paid", "paid", "cancelled", "paid, cancelled", "gone", "pays", "pays, paid")
        fate = chance.choice(fates)
        await asyncio.sleep(chance.random() * self._lasts_s)
        await self._tell(order, "placed", event, chance)
        for what in fate.split(", "):
            await asyncio.sleep(chance.random() * 2)
            if what == "paid":
                await self._tell(order, what, paid(order_id), chance)
            elif what == "pays":
                await self._tell(order, what, extended(order_id, "pay-1"), chance)
            elif what == "cancelled":
                await self._tell(order, what, cancelled(order_id), chance)

    async def _tell(self, order: Order, what: str, event: Any, chance: random.Random) -> None:
        order.sent.add(what)
        await self._house.publish([event] * chance.choice((1, 1, 1, 2)))

    async def _at_a_till(self, number: int) -> None:
        chance = random.Random(f"{self._seed} till {number}")
        key = f"storm-{self._seed}-till-{number}"
        till = Till(reservation_id=reservation_id(key))
        self.tills.append(till)
        wish: dict[str, Any] = {
            "reference": f"till-{number}",
            "province": chance.choice(PROVINCES),
            "lines": [{"sku": sku, "quantity": pieces} for sku, pieces in _goods(chance)],
            "partial": chance.random() < 0.2,
        }
        if chance.random() < 0.3:
            wish["warehouse"] = chance.choice(WAREHOUSES)
        await asyncio.sleep(chance.random() * self._lasts_s)
        at_once = chance.choice((1, 1, 1, 2))
        asked = [self._ask(till, "reserve", chance, wish, key) for _ in range(at_once)]
        word = (await asyncio.gather(*asked))[0]
        if word == "held":
            await self._make_up_his_mind(till, chance)
        till.satisfied.append(True)

    async def _make_up_his_mind(self, till: Till, chance: random.Random) -> None:
        fates = (
            "confirm",
            "confirm",
            "hand over",
            "release",
            "release release",
            "",
            "confirm release",
            "extend",
            "extend confirm",
            "order",
            "extend order",
        )
        fate = chance.choice(fates)
        words = [] if not fate else [fate] if fate == "hand over" else fate.split()
        for word in words:
            await asyncio.sleep(chance.random() * 2)
            match word:
                case "extend":
                    await self._ask(till, word, chance, {}, f"pay-{till.reservation_id}")
                case "order":
                    await self._become_an_order(till, chance)
                case "hand over":
                    await self._ask(till, "confirm", chance, {"handed_over": True})
                case "confirm":
                    await self._ask(till, "confirm", chance, {"handed_over": False})
                case _:
                    await self._ask(till, "release", chance, {})

    async def _become_an_order(self, till: Till, chance: random.Random) -> None:
        """The sale is sent home: a paid order that names the reservation."""
        order_id = f"order-of-{till.reservation_id}"
        goods = till.told[0].goods
        event = placed(order_id, goods, reservation_id=till.reservation_id)
        till.became.append(order_id)
        order = self.orders[order_id] = Order(goods=goods)
        await self._tell(order, "placed", event, chance)
        await self._tell(order, "paid", paid(order_id), chance)

    async def _ask(
        self,
        till: Till,
        question: str,
        chance: random.Random,
        body: Mapping[str, Any],
        key: str = "",
    ) -> str:
        """Asks one process after the other until one says yes or no; returns the word."""
        mine = f"/reservations/{till.reservation_id}/{question}"
        path = "/reservations" if question == "reserve" else mine
        headers = {"idempotency-key": key} if key else {}
        while True:
            try:
                door = chance.choice(self._doors)
                async with self._http.post(door + path, json=body, headers=headers) as answer:
                    status, content = answer.status, await answer.read()
            except (aiohttp.ClientError, TimeoutError, OSError):
                status, content = 503, b""
            if status != 503:
                told = _told(question, status, content)
                till.told.append(told)
                return told.word
            await asyncio.sleep(AGAIN_AFTER_S)


def _told(question: str, status: int, content: bytes) -> Told:
    if status in {200, 201}:
        made = msgspec.json.decode(content, type=Reservation)
        goods = merged((line.sku, line.held) for line in made.lines)
        return Told(question=question, word=made.state, goods=goods, body=content)
    try:
        code = msgspec.json.decode(content)["code"]
    except (msgspec.DecodeError, TypeError, KeyError):
        code = str(status)  # no problem of ours: found, since nobody expects it
    return Told(question=question, word=WORDS.get(code, code), body=content)


def _goods(chance: random.Random) -> list[tuple[str, int]]:
    skus = chance.sample(SKUS, chance.choice((1, 1, 2, 3)))
    return [(sku, chance.choice((1, 1, 2))) for sku in skus]


def _wanted(event: OrderPlaced) -> Goods:
    return merged((line.sku, line.quantity) for line in event.lines)
