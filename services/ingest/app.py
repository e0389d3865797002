"""Wiring of ingest."""

from __future__ import annotations

from starlette.applications import Starlette

from chassis import topics
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal
from chassis.http import Outgoing
from chassis.plugins import load
from chassis.processor import Decision, Processor
from chassis.service import Context, Parts
from chassis.source import KafkaSource
from chassis.storage import PostgresStorage
from schemas.events.channel_hints import HintReceived
from services.ingest.aftersales import AftersalesPoller
from services.ingest.channels import Channel
from services.ingest.doors import PushDoor
from services.ingest.fetching import Fetcher, HintReader
from services.ingest.group_buys.app import leader_routes
from services.ingest.group_buys.relay import Relay
from services.ingest.normalise import NormaliserFactsSource, normaliser
from services.ingest.polling import Poller
from services.ingest.settings import IngestSettings
from services.ingest.shared import Shared
from services.ingest.shops import read_shops
from services.ingest.writeback import WRITE_BACKS, WriteBackDispatcher


async def build(context: Context[IngestSettings]) -> Parts:
    """Doors, pollers, fetcher, normaliser and write-backs over one set of channels and shops."""
    settings = context.settings
    channels = load("services.ingest.channels", "CHANNEL", Channel)
    keys = MasterKeys.parse(settings.master_keys.get_secret_value())
    shared = Shared(
        pool=context.pool,
        outgoing=Outgoing(),
        publisher=context.publisher,
        desk=context.desk,
        codec=context.codec,
        clock=context.clock,
        payloads=PayloadSeal(keys, context.clock),
        channels=channels,
        shops=read_shops(settings.shops_file, channels),
    )
    fetcher = Fetcher(shared, concurrency=settings.fetch_concurrency)
    personal = PersonalSeal(keys)
    facts = NormaliserFactsSource(channels, shared.payloads, personal)
    relay = Relay(shared, channel=settings.leader_channel)
    return Parts(
        processors=(normaliser(facts), WRITE_BACKS),
        door=Starlette(
            routes=[
                *PushDoor(shared, settings).app().routes,
                *leader_routes(shared, settings, personal, relay),
            ]
        ),
        tasks=(
            shared.outgoing.close_when_cancelled,
            _hint_reader(context, fetcher).run,
            fetcher.run,
            relay.run,
            Poller(shared, interval_s=settings.poll_interval_s).run,
            AftersalesPoller(shared, interval_s=settings.poll_interval_s).run,
            WriteBackDispatcher(shared, attempts_max=settings.write_back_attempts_max).run,
        ),
    )


def _hint_reader(context: Context[IngestSettings], fetcher: Fetcher) -> HintReader:
    hints: Processor[None] = Processor(
        name="ingest-fetch", table="", state=None, handlers={HintReceived: _never}
    )
    storage = PostgresStorage(context.pool, hints, context.codec)
    source = KafkaSource(
        context.settings.kafka(),
        prefix=context.settings.topic_prefix,
        processor=hints.name,
        sources=topics.consumed_by(hints.name),
        handlers=hints.handlers,
        codec=context.codec,
        batch_records=context.settings.batch_records,
        positions=storage.offsets,
    )
    return HintReader(source, storage, fetcher)


def _never(*_: object) -> Decision[None]:
    raise AssertionError("hints are moved, not decided")
