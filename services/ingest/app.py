"""Wiring of ingest: the doors first, which lean on no server, then all that works behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from chassis import topics
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal
from chassis.leader import lead_for_ever
from chassis.outgoing import Outgoing
from chassis.plugins import load
from chassis.processor import Decision, Processor
from chassis.producer import Publisher
from chassis.service import Context, Early, EarlyDoor, Parts, Reason
from chassis.source import KafkaSource, gathered
from chassis.spool import Spool
from chassis.storage import PostgresStorage
from schemas.events.channel_hints import HintReceived
from schemas.events.stock_levels import StockLevelChanged
from services.ingest.aftersales import AftersalesPoller
from services.ingest.archive import Archive
from services.ingest.availability import AVAILABILITY
from services.ingest.carrier_codes import warn_of_missing_codes
from services.ingest.catalogue import CatalogueReader
from services.ingest.channels import Channel
from services.ingest.domain.matching import MerchantCodes
from services.ingest.doors import Entrance, PushDoor
from services.ingest.evidence import EvidenceKeeper
from services.ingest.facts import NormaliserFactsSource, Reader
from services.ingest.fetching import Fetcher
from services.ingest.group_buys.app import leader_routes
from services.ingest.group_buys.relay import Relay
from services.ingest.handlers import normaliser
from services.ingest.hints import HintReader
from services.ingest.imports.door import ImportDoor
from services.ingest.intake import KAFKA_TIMEOUT_MS, Intake
from services.ingest.keeping import Keeping
from services.ingest.listing_doors import listing_routes
from services.ingest.listings import Listings
from services.ingest.mapping_doors import MappingDoors
from services.ingest.mappings import Mappings
from services.ingest.matching import Matcher
from services.ingest.polling import Poller
from services.ingest.quarantine_doors import QuarantineDoors
from services.ingest.returns import Returns
from services.ingest.settings import IngestSettings
from services.ingest.shared import Shared
from services.ingest.shop_states import ShopTeller
from services.ingest.shops import read_shops
from services.ingest.skus import SkuReader, from_the_beginning
from services.ingest.writeback import WriteBackDispatcher, write_backs

LEAD_POLLING = 5_101_353
SKUS_GATHER_MS = 1_000
"""Nobody waits for a SKU within a second."""


def open_early(early: Early[IngestSettings]) -> EarlyDoor:
    """The push doors, over a producer and a spool of their own."""
    settings, clock = early.settings, early.clock
    channels = load("services.ingest.channels", "CHANNEL", Channel)
    payloads = PayloadSeal(_keys(settings), clock)
    doors = "doors" in settings.roles
    spool = None
    if doors and settings.spool_dir is not None:
        spool = Spool(
            settings.spool_dir, bytes_max=settings.spool_bytes_max, seal=payloads, clock=clock
        )
    options = {**settings.kafka(), "delivery.timeout.ms": KAFKA_TIMEOUT_MS}
    intake = Intake(Publisher(options, settings.topic_prefix), spool, clock)
    entrance = Entrance(
        channels=channels,
        shops=read_shops(settings.shops_file, channels),
        payloads=payloads,
        codec=early.codec,
        clock=clock,
        intake=intake,
    )
    return EarlyDoor(
        door=PushDoor(entrance, settings).app() if doors else None,
        close=intake.close,
        degraded=intake.degraded,
        opened=entrance,
    )


async def build(context: Context[IngestSettings]) -> Parts:
    """What the process's roles ask for, over the channels and shops of the doors."""
    settings, roles = context.settings, context.settings.roles
    entrance: Entrance = context.opened
    shared = Shared(
        pool=context.pool,
        outgoing=Outgoing(),
        publisher=context.publisher,
        desk=context.desk,
        codec=context.codec,
        clock=context.clock,
        payloads=entrance.payloads,
        channels=entrance.channels,
        shops=entrance.shops,
    )
    personal = PersonalSeal(_keys(settings))
    reader = Reader(shared.channels, shared.payloads, personal)
    processors: list[Processor[Any]] = []
    not_ready: list[Reason] = []
    tasks: list[Callable[[], Awaitable[None]]] = [shared.outgoing.close_when_cancelled]
    if "doors" in roles:
        relay = Relay(shared, channel=settings.leader_channel)
        leaders = leader_routes(shared, settings, personal, relay)
        entrance.staff.open(Starlette(routes=[*_staff_routes(context, shared, reader), *leaders]))
        tasks += [
            entrance.intake.run,
            partial(entrance.pushes.write_for_ever, context.pool),
            relay.run,
        ]
    if "normalise" in roles:
        catalogue = CatalogueReader(settings.merchant_codes)
        skus = _sku_reader(context)
        not_ready.append(skus.waiting_for)
        processors.append(normaliser(NormaliserFactsSource(reader, catalogue)))
        tasks += [
            EvidenceKeeper(shared, days=settings.evidence_days).run,
            *([_archive(context, shared).run] if settings.payload_days else []),
            skus.run,
            Matcher(shared, settings.merchant_codes).run,
        ]
    if "channels" in roles:
        warn_of_missing_codes(shared.shops, shared.channels, settings.rules_dir)
        fetcher = Fetcher(shared, concurrency=settings.fetch_concurrency)
        hints = _hint_reader(context, fetcher)
        not_ready.append(hints.waiting_for)
        processors += [write_backs(shared.channels.values()), AVAILABILITY]
        tasks += [
            hints.run,
            fetcher.run,
            partial(_poll, shared, settings.poll_interval_s),
            ShopTeller(shared).run,
            Returns(shared, settings.merchant_codes).run,
            WriteBackDispatcher(
                shared,
                attempts_max=settings.write_back_attempts_max,
                per_shop_per_s=settings.write_backs_per_shop_per_s,
                merchant_codes=settings.merchant_codes,
            ).run,
        ]
    return Parts(processors=processors, tasks=tasks, not_ready=not_ready)


async def _poll(shared: Shared, interval_s: float) -> None:
    """One process asks the shops: each has its quota of calls, and every answer is the same."""
    parts = (
        Poller(shared, interval_s=interval_s).run,
        AftersalesPoller(shared, interval_s=interval_s).run,
    )
    await lead_for_ever(shared.pool, LEAD_POLLING, parts, name="polling")


def _archive(context: Context[IngestSettings], shared: Shared) -> Archive:
    settings = context.settings
    return Archive(
        shared,
        lambda: Keeping(settings.kafka(), settings.topic_prefix, context.codec),
        days=settings.payload_days,
        bytes_max=settings.payload_bytes_max,
    )


def _keys(settings: IngestSettings) -> MasterKeys:
    return MasterKeys.parse(settings.master_keys.get_secret_value())


def _staff_routes(
    context: Context[IngestSettings], shared: Shared, reader: Reader
) -> list[BaseRoute]:
    settings = context.settings
    token = settings.api_token.get_secret_value()
    quarantine = QuarantineDoors(
        pool=shared.pool,
        desk=shared.desk,
        clock=shared.clock,
        reader=reader,
        token=token,
        ask_timeout_s=settings.ask_timeout_s,
    )
    trusted = settings.merchant_codes is MerchantCodes.TRUSTED
    mappings = Mappings(shared.pool, shared.channels.keys(), trusted=trusted)
    return [
        Mount("/quarantine", quarantine.app()),
        *ImportDoor(shared, token=token).routes(),
        *MappingDoors(mappings, token).routes(),
        *listing_routes(Listings(shared.pool, shared.channels), token),
    ]


def _hint_reader(context: Context[IngestSettings], fetcher: Fetcher) -> HintReader:
    hints: Processor[None] = Processor(
        name="ingest-fetch", table="", state=None, handlers={HintReceived: _never}
    )
    storage = PostgresStorage(context.pool, hints, context.codec)
    source = KafkaSource(
        context.settings.kafka_member(),
        prefix=context.settings.topic_prefix,
        processor=hints.name,
        sources=topics.consumed_by(hints.name),
        handlers=hints.handlers,
        codec=context.codec,
        batch_records=context.settings.batch_records,
        positions=storage.offsets,
    )
    return HintReader(source, storage, fetcher, context.pool, context.clock)


def _sku_reader(context: Context[IngestSettings]) -> SkuReader:
    levels: Processor[None] = Processor(
        name="ingest-skus", table="", state=None, handlers={StockLevelChanged: _never}
    )
    source = KafkaSource(
        gathered(SKUS_GATHER_MS) | context.settings.kafka_member(),
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
