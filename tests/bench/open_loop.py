"""(b) Open loop: signed pushes at a fixed rate, whatever the answers; how long until stock is held?

A push is a hint: the hub fetches the detail from the marketplace before it knows anything, so the figures
hold one more HTTP round trip and the simulator's own time. Due times are kept: a slow answer does not delay
the next push. `held` is the time stamp Kafka has of StockReserved, made after its commit; `readable` is when
a reader that asks every 50 ms first finds the order routed in the console's tables. The orders are made
beforehand, so polling rests meanwhile: a poll would find them all before the first push.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

import aiohttp
import asyncpg
from confluent_kafka import Consumer, TopicPartition

from chassis.codec import codec
from chassis.topics import TOPICS
from demo.platform import Platform
from demo.staff import Staff
from schemas.events.stock import StockReserved
from tests.bench.drain import process_ids
from tests.bench.measuring import percentile, spent, usage

Sent = dict[str, tuple[float, float]]
"""Order number → (due, answered) in epoch seconds."""
POLL_S = 0.05
ASKED_MAX = 100
"""Orders asked for at once; more than that many late ones are told late by a look or two."""
WARM_UP_S = 10
"""A broker that was just started compiles for some seconds; no merchant's is that young."""
QUIET_POLLS = {"DANSHU_INGEST_POLL_INTERVAL_S": "3600"}
SETTLE_S = 60.0
MIX = {"paid_at_once_pct": 100, "paid_later_pct": 0, "cancel_paid_pct": 0, "address_change_pct": 0,
       "seller_memo_pct": 0, "after_sale_pct": 0, "scarce_pct": 0}  # fmt: skip


async def open_loop(platform: Platform, rate_per_s: float, seconds: float) -> dict[str, Any]:
    """One run; raises when a push is refused or an order does not come through."""
    await Staff(platform).stock_up()
    count = round(rate_per_s * seconds)
    shop = next(s for s in platform.accounts["shops"] if s["channel"] == "douyin")
    await quiet_pushes(platform)
    warming = await place_orders(platform, round(rate_per_s * WARM_UP_S))
    await push_at(platform, shop, warming, rate_per_s, {})
    orders = await place_orders(platform, count)
    pids = process_ids(platform)
    before = usage(pids)
    sent: Sent = {}
    readable = asyncio.create_task(_readable(platform, orders, sent))
    await push_at(platform, shop, orders, rate_per_s, sent)
    readable_at = await readable
    cpu = spent(before, usage(pids))
    held_at = await _held_at(platform, orders)
    to_answer = sorted(answered - due for due, answered in sent.values())
    to_held = sorted(held_at[number] - sent[number][1] for number in orders)
    to_readable = sorted(readable_at[number] - sent[number][1] for number in orders)
    return {
        "rate_per_s": rate_per_s,
        "orders": count,
        "answer_ms": figures_ms(to_answer),
        "accept_to_held_ms": figures_ms(to_held),
        "accept_to_readable_ms": figures_ms(to_readable),
        "cpu_s_per_1000_orders": {n: round(s / count * 1000, 3) for n, s in cpu.items()},
    }


def figures_ms(sorted_s: list[float]) -> dict[str, float]:
    """Percentiles of seconds in rising order, in milliseconds."""
    return {
        name: round(percentile(sorted_s, share) * 1000, 1)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
    }


async def quiet_pushes(platform: Platform) -> None:
    """The simulator keeps its own pushes to itself: ours are the load."""
    await platform.http.post(
        f"{platform.simulators_url}/_sim/doors", json={"push_urls": {"douyin-1": ""}}
    )


async def place_orders(platform: Platform, count: int) -> list[str]:
    """Paid Douyin orders that exist at the marketplace; returns their numbers."""
    answer = await platform.http.post(
        f"{platform.simulators_url}/_sim/orders",
        json={"count": count, "channel": "douyin", "mix": MIX},
        timeout=60.0,
    )
    answer.raise_for_status()
    return [order["order_no"] for order in answer.json()]


async def push_at(
    platform: Platform,
    shop: Mapping[str, str],
    orders: list[str],
    rate_per_s: float,
    sent: Sent,
) -> None:
    """Pushes each order when it is due and notes it in `sent`."""
    url = f"{platform.door('ingest')}/push/douyin/{shop['shop']}"
    pushes = [(order_no, *_signed(shop, order_no)) for order_no in orders]
    start = time.time() + 0.2

    async def push(number: int, order_no: str, body: bytes, headers: Mapping[str, str]) -> None:
        due = start + number / rate_per_s
        await asyncio.sleep(max(0.0, due - time.time()))
        async with http.post(url, data=body, headers=headers) as answer:
            if answer.status != 200:
                raise RuntimeError(f"push refused: {answer.status} {await answer.text()}")
            await answer.read()
        sent[order_no] = (due, time.time())

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=100), timeout=aiohttp.ClientTimeout(total=30.0)
    ) as http:
        await asyncio.gather(*(push(number, *one) for number, one in enumerate(pushes)))


def _signed(shop: Mapping[str, str], order_no: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a push about an order; made before the clock runs, like a marketplace's elsewhere."""
    data = json.dumps({"p_id": int(order_no), "s_ids": [int(order_no)], "order_status": 2})
    body = json.dumps([{"tag": "101", "msg_id": f"bench:{order_no}", "data": data}]).encode()
    sign = hashlib.md5(
        shop["app_key"].encode() + body + shop["app_secret"].encode(), usedforsecurity=False
    ).hexdigest()
    return body, {"event-sign": sign, "app-id": shop["app_key"]}


async def _readable(platform: Platform, orders: list[str], sent: Sent) -> dict[str, float]:
    """Order number → when it was first found routed. Asks for the oldest of what was pushed: asking costs, too."""
    found: dict[str, float] = {}
    connection = await asyncpg.connect(platform.postgres_url)
    # Young tables have no statistics: without this each question would read the table.
    await connection.execute("SET enable_seqscan = off")
    ends = time.monotonic() + SETTLE_S + len(orders)
    try:
        while len(found) < len(orders):
            rows = await connection.fetch(
                "SELECT channel_order_no FROM console.cards "
                "WHERE channel_order_no = ANY($1::text[]) AND routed_at IS NOT NULL",
                list(islice((order_no for order_no in sent if order_no not in found), ASKED_MAX)),
            )
            now = time.time()
            found.update((row["channel_order_no"], now) for row in rows)
            if time.monotonic() > ends:
                raise RuntimeError(f"{len(orders) - len(found)} orders never became readable")
            await asyncio.sleep(POLL_S)
    finally:
        await connection.close()
    return found


async def _held_at(platform: Platform, orders: list[str]) -> dict[str, float]:
    """Order number → time stamp of its StockReserved."""
    connection = await asyncpg.connect(platform.postgres_url)
    try:
        rows = await connection.fetch(
            "SELECT order_id, channel_order_no FROM ingest.orders WHERE channel_order_no = ANY($1::text[])",
            orders,
        )
    finally:
        await connection.close()
    numbers = {row["order_id"]: row["channel_order_no"] for row in rows}
    stamps = await asyncio.to_thread(_stamps, platform)
    return {numbers[order_id]: at for order_id, at in stamps.items() if order_id in numbers}


def _stamps(platform: Platform) -> dict[str, float]:
    topic = TOPICS["stock"]
    consumer = Consumer(
        {
            "bootstrap.servers": platform.stack.kafka_bootstrap,
            "group.id": "bench",
            "enable.auto.commit": False,
        }
    )
    stamps: dict[str, float] = {}
    for partition in range(topic.partitions):
        where = TopicPartition(topic.name(platform.prefix), partition, 0)
        _, end = consumer.get_watermark_offsets(where, timeout=10)
        consumer.assign([where])
        at = 0
        while at < end:
            message = consumer.poll(5.0)
            if message is None:
                raise RuntimeError("the stock topic cannot be read")
            if message.error() is None:
                at = (message.offset() or 0) + 1
                event = codec().decode(message.value() or b"")
                if isinstance(event, StockReserved):
                    stamps.setdefault(event.order_id, message.timestamp()[1] / 1000)
    consumer.close()
    return stamps
