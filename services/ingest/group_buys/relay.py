"""Tells Kafka the leaders' orders of released rounds: at least once, for as long as it takes.

They are told no earlier, because a group-buy's goods are bought after the cut-off: told at once, each order would ask
for stock that is not there. An order is durable in Postgres when the leader gets an answer; the normaliser makes one
order of any number of its payloads. What was told is not kept here in clear or sealed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from chassis.crypto import SealBroken
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from chassis.producer import DeliveryFailed
from schemas.events.channel_payloads import PayloadReceived
from services.ingest.domain.leader_order import AcceptedOrder, LeaderOrder
from services.ingest.domain.purchase import Shortage
from services.ingest.group_buys.store import SQL, read_shortages
from services.ingest.shared import Shared
from services.ingest.shops import source_key

DOOR = "push"
"""The leader sends the order to us, as a shop that pushes does."""
ORDERS_MAX = 200
IDLE_S = 1.0

_decode = msgspec.json.Decoder(AcceptedOrder).decode


def released(
    order: AcceptedOrder, released_at: datetime, shortages: Mapping[str, Shortage]
) -> LeaderOrder:
    """The order as it goes out: each line with what it was allotted."""
    allotted = {
        (share.order_no, sku): share.allotted
        for sku, shortage in shortages.items()
        for share in shortage.shares
    }
    lines = tuple(
        replace(line, allotted=allotted.get((order.order_no, line.sku), line.quantity))
        for line in order.lines
    )
    return LeaderOrder(
        **{
            name: getattr(order, name)
            for name in AcceptedOrder.__struct_fields__
            if name != "lines"
        },
        lines=lines,
        released_at=released_at,
    )


class Relay:
    """The task of one process; several may run, since telling twice is telling once."""

    def __init__(self, shared: Shared, *, channel: str) -> None:
        self._shared = shared
        self._channel = channel
        self.wake = asyncio.Event()
        """Set by the door: a round was released here."""

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            self.wake.clear()
            try:
                told = await self.round()
            except (*AWAY, DeliveryFailed) as away:
                logger.warning("waiting", part="leaders' orders", why=type(away).__name__)
                await asyncio.sleep(IDLE_S)
                continue
            if not told:
                await self._idle()

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(IDLE_S):
                await self.wake.wait()
        except TimeoutError:
            return

    async def round(self) -> int:
        """Tell up to ORDERS_MAX orders, oldest first. Returns how many. Raises AWAY, DeliveryFailed."""
        shared = self._shared
        async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows = await connection.fetch(SQL["to_tell"], ORDERS_MAX)
            shortages = {
                (campaign_id, day): await read_shortages(connection, campaign_id, day)
                for campaign_id, day in {(row["campaign_id"], row["round_day"]) for row in rows}
            }
        if not rows:
            return 0
        payloads = {
            row["order_no"]: self._payload(row, shortages[row["campaign_id"], row["round_day"]])
            for row in rows
        }
        unreadable = [order_no for order_no, payload in payloads.items() if payload is None]
        await shared.publish_payloads([one for one in payloads.values() if one is not None])
        async with shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await connection.execute(SQL["told"], list(payloads.keys() - set(unreadable)))
            if unreadable:
                logger.error("leaders' orders do not open", order_nos=unreadable)
                await connection.execute(SQL["unreadable"], unreadable)
        return len(rows)

    def _payload(self, row: Any, shortages: Mapping[str, Shortage]) -> PayloadReceived | None:
        """The order to tell; None for one whose master key is gone, which must not stop the others."""
        try:
            accepted = _decode(self._shared.payloads.open_payload(row["payload"]))
        except SealBroken:
            return None
        order = released(accepted, row["released_at"], shortages)
        return PayloadReceived(
            source_key=source_key(self._channel, row["leader_id"], order.order_no),
            channel=self._channel,
            shop=row["leader_id"],
            channel_order_no=order.order_no,
            door=DOOR,
            accepted_at=order.accepted_at,
            body=self._shared.payloads.seal_payload(msgspec.json.encode(order)),
        )
