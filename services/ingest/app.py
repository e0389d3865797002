"""Wiring of ingest."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount

from chassis import topics
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal
from chassis.http import Outgoing
from chassis.plugins import load
from chassis.processor import Decision, Processor
from chassis.service import Context, Parts
from chassis.source import KafkaSource, gathered
from chassis.storage import PostgresStorage
from schemas.events.channel_hints import HintReceived
from schemas.events.stock_levels import StockLevelChanged
from services.ingest.aftersales import AftersalesPoller
from services.ingest.catalogue import CatalogueReader
from services.ingest.channels import Channel
from services.ingest.domain.matching import MerchantCodes
from services.ingest.doors import PushDoor
from services.ingest.fetching import Fetcher, HintReader
from services.ingest.mapping_doors import MappingDoors
from services.ingest.mappings import Mappings
from services.ingest.matching import Matcher
from services.ingest.normalise import NormaliserFactsSource, normaliser
from services.ingest.polling import Poller
from services.ingest.settings import IngestSettings
from services.ingest.shared import Shared
from services.ingest.shops import read_shops
from services.ingest.skus import SkuReader, from_the_beginning
from services.ingest.writeback import WRITE_BACKS, WriteBackDispatcher

SKUS_GATHER_MS = 1_000
"""Nobody waits for a SKU within a second."""


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
    facts = NormaliserFactsSource(
        channels, shared.payloads, PersonalSeal(keys), CatalogueReader(settings.merchant_codes)
    )
    trusted = settings.merchant_codes is MerchantCodes.TRUSTED
    mappings = MappingDoors(
        Mappings(context.pool, channels.keys(), trusted=trusted),
        settings.api_token.get_secret_value(),
    )
    return Parts(
        processors=(normaliser(facts), WRITE_BACKS),
        door=Starlette(
            routes=[*mappings.routes(), Mount("/", app=PushDoor(shared, settings).app())]
        ),
        tasks=(
            shared.outgoing.close_when_cancelled,
            _hint_reader(context, fetcher).run,
            _sku_reader(context).run,
            Matcher(shared, settings.merchant_codes).run,
            fetcher.run,
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


def _sku_reader(context: Context[IngestSettings]) -> SkuReader:
    levels: Processor[None] = Processor(
        name="ingest-skus", table="", state=None, handlers={StockLevelChanged: _never}
    )
    source = KafkaSource(
        gathered(SKUS_GATHER_MS) | context.settings.kafka(),
        prefix=context.settings.topic_prefix,
        processor=levels.name,
        sources=topics.consumed_by(levels.name),
        # A level's key says all there is to learn: nothing is decoded.
        handlers={},
        codec=context.codec,
        batch_records=context.settings.batch_records,
        positions=from_the_beginning,
    )
    return SkuReader(source, context.pool)


def _never(*_: object) -> Decision[None]:
    raise AssertionError("what is only moved is not decided")
