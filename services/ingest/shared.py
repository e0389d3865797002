"""What the tasks of ingest lean on, put together once by the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.commands import CommandDesk, envelope
from chassis.crypto import PayloadSeal
from chassis.outgoing import Outgoing
from chassis.postgres import Pool
from chassis.producer import Publisher
from schemas.events.channel_payloads import PayloadReceived
from services.ingest.channels import Channel
from services.ingest.shops import Shops

ABANDONED_DOOR = "fetch"
"""`door` of a payload whose body is not the channel's but fetching's own: `domain.abandoned.Abandoned`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Clients, channels and shops. `wake` tells the fetcher that the list of fetches grew."""

    pool: Pool
    outgoing: Outgoing
    publisher: Publisher
    desk: CommandDesk
    codec: Codec
    clock: Clock
    payloads: PayloadSeal
    channels: Mapping[str, Channel]
    shops: Shops
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish_payloads(self, payloads: Sequence[PayloadReceived]) -> None:
        """Returns when Kafka has them all. Raises DeliveryFailed."""
        await self.publisher.publish([envelope(self.codec, p, "ingest") for p in payloads])
