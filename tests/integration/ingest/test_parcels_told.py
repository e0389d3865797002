"""Several parcels of an order, and a new waybill of one, told to simulated platforms over HTTP from real Postgres.

Also when the dispatcher dies between a platform's answer and its record, at each of them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest

from chassis.clock import SystemClock
from chassis.http import Door
from chassis.outgoing import Outgoing
from chassis.plugins import load
from chassis.postgres import Pool, open_pool
from chassis.processor import Decision, Kept, Moment, Record
from schemas.events.commands_ingest import RecordWriteBack
from schemas.events.shipments import ParcelShipped, ShippedLine, WaybillReplaced
from services.ingest.channels import Channel
from services.ingest.domain.write_backs import WriteBacks
from services.ingest.sent_lines import sent_lines
from services.ingest.shared import Shared
from services.ingest.shops import Shop
from services.ingest.writeback import HANDLERS, WriteBackDispatcher
from simulators.app import build
from simulators.control import accounts
from simulators.orders import Order
from simulators.registry import MARKETPLACES, SHOPS
from simulators.settings import Mix, Settings
from simulators.simulation import Simulation
from tests.contract.merchants import Merchant

PATIENCE_S = 60.0
NOW = datetime(2026, 5, 20, 2, 0, tzinfo=UTC)
AT_ONCE = Mix(paid_at_once_pct=100, cancel_paid_pct=0, address_change_pct=0, after_sale_pct=0)
CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)
NO_CALL = "unsupported: the channel has no call for another waybill"
ANSWERS = {
    # channel: to the first parcel, to the second, to the new waybill of the first; how they begin
    "taobao": ("applied", "applied", "applied"),
    "jd": ("applied", "unsupported: JD took the whole order", NO_CALL),
    "pdd": ("applied", "applied", "applied"),
    "douyin": ("applied", "applied", "applied"),
    "kuaishou": ("applied", "applied", "unsupported: one of several parcels"),
    "wechat_channels": ("applied", "applied", "unsupported: parcels of an order that was split"),
    "xiaohongshu": ("applied", "applied", "applied"),
    "youzan": ("applied", "applied", NO_CALL),
    "shopify": ("applied", "applied", "applied"),
    "woocommerce": ("unsupported: the shop cannot say", "applied", "parcel_not_taken"),
    "groupbuy": ("applied", "applied", NO_CALL),
}


@dataclass(kw_only=True)
class Books:
    """The write-backs' processor, without Kafka: its decisions on the rows. It may lose the next record."""

    pool: Pool
    answers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    loses: bool = False

    async def issue(self, commands: Sequence[RecordWriteBack]) -> None:
        """As the desk of commands; never returns where the dispatcher is to die before the record."""
        if self.loses:
            self.lost.set()
            await asyncio.Event().wait()
        for command in commands:
            decision = await self.hear(command.order_id, command)
            if not decision.refusal:
                told = "applied" if command.outcome == "applied" else command.reason
                self.answers[command.order_id].append(told)

    async def hear(self, order_id: str, event: Any) -> Decision[WriteBacks]:
        """One event or command of an order."""
        text = await self.pool.fetchval(
            "SELECT document FROM ingest.write_backs WHERE key = $1", order_id
        )
        kept = msgspec.json.decode(text, type=Kept[WriteBacks]) if text else Kept[WriteBacks]()
        moment = Moment(NOW, Record(event.TOPIC, 0, 0, order_id, 1, event, b""))
        decision: Decision[WriteBacks] = HANDLERS[type(event)](kept.state, event, None, moment)
        state = decision.state or WriteBacks()
        await self.pool.execute(
            "INSERT INTO ingest.write_backs VALUES ($1, $2, $3) "
            "ON CONFLICT (key) DO UPDATE SET document = excluded.document, due = excluded.due",
            order_id,
            msgspec.json.encode(Kept(state=state)).decode(),
            bool(state.due()),
        )
        return decision

    async def until_settled(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.pool.fetchval("SELECT count(*) FROM ingest.write_backs WHERE due"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@dataclass(kw_only=True)
class Rig:
    simulation: Simulation
    books: Books
    shared: Shared

    def dispatching(self) -> asyncio.Task[None]:
        """A dispatcher at work, as a process has one."""
        made = WriteBackDispatcher(self.shared, attempts_max=5, per_shop_per_s=200.0)
        return asyncio.create_task(made.run())

    def sell(self, channel: str) -> tuple[Order, list[list[tuple[str, int]]]]:
        """A paid order that is known here, and what its two parcels will hold by the channel's line ids."""
        world = self.simulation.world
        single = MARKETPLACES[channel].lines_max == 1
        while True:
            order = world.place(channel=channel, mix=AT_ONCE)
            goods = [line for line in order.lines if not line.gift]
            several = len(goods) > 1 or (single and order.lines[0].quantity > 1)
            if several and order.state == "paid" and not order.contradiction:
                break
        shop = next(one for one in SHOPS if one.shop == order.shop)
        merchant = Merchant(self.simulation, shop)
        [read] = merchant.channel.normalise(
            msgspec.json.encode(MARKETPLACES[channel].native_payload(order, shop))
        )
        assert read.order is not None
        lines = [(item.line_id, item.qty) for item in read.order.items]
        if single:
            [(line_id, quantity)] = lines
            return order, [[(line_id, 1)], [(line_id, quantity - 1)]]
        return order, [lines[:1], lines[1:]]

    async def know(self, order: Order, lines: Sequence[tuple[str, int]]) -> None:
        """Ingest has taken the order in."""
        state = {"lines": lines, "mapped": [], "imported": []}
        await self.books.pool.execute(
            "INSERT INTO ingest.orders (key, document, order_id, channel, shop, channel_order_no, "
            "quarantined, modified_at) VALUES ($1, $2, $1, $3, $4, $5, false, now())",
            id_of(order.channel),
            msgspec.json.encode({"state": state}).decode(),
            order.channel,
            order.shop,
            order.order_no,
        )

    async def leave(self, order_id: str, parcels: Sequence[Sequence[tuple[str, int]]]) -> None:
        """The parcels leave, then the first turns out to have another label."""
        for number, lines in enumerate(parcels, start=1):
            await self.books.hear(
                order_id,
                ParcelShipped(
                    order_id=order_id,
                    version=number,
                    occurred_at=NOW,
                    parcel_id=f"P{number}",
                    warehouse="HZ",
                    carrier="SF",
                    waybill_no=f"SF{number}00{order_id}",
                    lines=tuple(
                        ShippedLine(line_no=1, channel_line_id=line_id, sku="A", quantity=pieces)
                        for line_id, pieces in lines
                    ),
                    actor="alice",
                ),
            )
        await self.books.hear(
            order_id,
            WaybillReplaced(
                order_id=order_id,
                version=9,
                occurred_at=NOW,
                parcel_id="P1",
                carrier="YTO" if order_id != "kuaishou" else "SF",
                waybill_no=f"YT900{order_id}",
                former_carrier="SF",
                former_waybill_no=f"SF100{order_id}",
                actor="bob",
                reason="贴错面单",
            ),
        )


@pytest.fixture
async def rig(database_url: str) -> AsyncIterator[Rig]:
    pool, app = await open_pool(database_url, 4), build(Settings(faults="none"))
    door = Door(app, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{await door.open()}"
    simulation: Simulation = app.state.simulation
    shops = msgspec.convert(accounts(simulation, base_url)["shops"], list[Shop])
    books = Books(pool=pool)
    async with Outgoing() as outgoing:
        shared = Shared(
            pool=pool,
            outgoing=outgoing,
            publisher=cast("Any", None),
            desk=cast("Any", books),
            codec=cast("Any", None),
            clock=SystemClock(),
            payloads=cast("Any", None),
            channels=CHANNELS,
            shops={(shop.channel, shop.shop): shop for shop in shops},
        )
        yield Rig(simulation=simulation, books=books, shared=shared)
    await door.close()
    pool.terminate()


def id_of(channel: str) -> str:
    """Of the one order of a channel."""
    return f"{CHANNELS[channel].abbreviation}1"


async def end(dispatching: asyncio.Task[None]) -> None:
    dispatching.cancel()
    await asyncio.gather(dispatching, return_exceptions=True)


async def test_each_platform_is_told_of_parcels_and_new_waybills_as_it_can_take_them(
    rig: Rig,
) -> None:
    sold = {}
    for channel in ANSWERS:
        sold[channel], parcels = rig.sell(channel)
        await rig.know(sold[channel], [line for parcel in parcels for line in parcel])
        await rig.leave(id_of(channel), parcels)
    # The dispatcher dies with every first answer in hand: each is told again.
    rig.books.loses = True
    dying = rig.dispatching()
    async with asyncio.timeout(PATIENCE_S):
        await rig.books.lost.wait()
    await asyncio.sleep(1.0)
    await end(dying)
    rig.books.loses = False

    heir = rig.dispatching()
    await rig.books.until_settled()
    await end(heir)

    for channel, expected in ANSWERS.items():
        answers = rig.books.answers[id_of(channel)]
        assert len(answers) == 3, (channel, answers)
        for answer, beginning in zip(answers, expected, strict=True):
            assert answer.startswith(beginning), (channel, answers)
        order = rig.simulation.world.records.orders[sold[channel].key]
        first = f"YT900{id_of(channel)}" if expected[2] == "applied" else f"SF100{id_of(channel)}"
        waybills = [
            waybill
            for waybill, answer in zip((first, f"SF200{id_of(channel)}"), expected[:2], strict=True)
            if answer == "applied"
        ]
        assert [one.waybill for one in order.shipments] == waybills, channel
        assert all(line.waybill for line in order.lines), channel
    # What was told and not recorded was told again, and counted twice there, not shipped twice.
    orders = [rig.simulation.world.records.orders[order.key] for order in sold.values()]
    assert any(parcel.count > 1 for order in orders for parcel in order.shipments)


async def test_what_left_from_us_is_known_by_its_lines_before_any_platform_is_told(
    rig: Rig,
) -> None:
    order, (first, second) = rig.sell("taobao")
    key = id_of("taobao")
    await rig.know(order, [*first, *second])
    async with rig.books.pool.acquire() as connection:
        assert await sent_lines(connection, [key]) == {}
        await rig.leave(key, [first])
        sent = {line_id for line_id, _ in first}
        assert await sent_lines(connection, [key, "nobody"]) == {key: sent}
