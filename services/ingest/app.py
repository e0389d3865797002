"""Wiring of ingest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

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
from services.ingest.evidence import EvidenceKeeper
from services.ingest.facts import NormaliserFactsSource, Reader
from services.ingest.fetching import Fetcher, HintReader
from services.ingest.handlers import normaliser
from services.ingest.polling import Poller
from services.ingest.quarantine_doors import QuarantineDoors
from services.ingest.settings import IngestSettings
from services.ingest.shared import Shared
from services.ingest.shops import read_shops
from services.ingest.writeback import WRITE_BACKS, WriteBackDispatcher


async def build(context: Context[IngestSettings]) -> Parts:
    """What the process's roles ask for, over one set of channels and shops."""
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
    roles = settings.roles
    reader = Reader(channels, shared.payloads, PersonalSeal(keys))
    processors: list[Processor[Any]] = []
    tasks: list[Callable[[], Awaitable[None]]] = [shared.outgoing.close_when_cancelled]
    if "normalise" in roles:
        processors.append(normaliser(NormaliserFactsSource(reader)))
        tasks.append(EvidenceKeeper(shared, days=settings.evidence_days).run)
    if "channels" in roles:
        fetcher = Fetcher(shared, concurrency=settings.fetch_concurrency)
        processors.append(WRITE_BACKS)
        tasks += [
            _hint_reader(context, fetcher).run,
            fetcher.run,
            Poller(shared, interval_s=settings.poll_interval_s).run,
            AftersalesPoller(shared, interval_s=settings.poll_interval_s).run,
            WriteBackDispatcher(
                shared,
                attempts_max=settings.write_back_attempts_max,
                per_shop_per_s=settings.write_backs_per_shop_per_s,
            ).run,
        ]
    return Parts(
        processors=processors,
        door=_doors(context, shared, reader) if "doors" in roles else None,
        tasks=tasks,
    )


def _doors(context: Context[IngestSettings], shared: Shared, reader: Reader) -> Starlette:
    settings = context.settings
    quarantine = QuarantineDoors(
        pool=context.pool,
        desk=context.desk,
        clock=context.clock,
        reader=reader,
        token=settings.api_token.get_secret_value(),
        ask_timeout_s=settings.ask_timeout_s,
    )
    return Starlette(
        routes=[
            Mount("/quarantine", quarantine.app()),
            Mount("/", PushDoor(shared, settings).app()),
        ]
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
