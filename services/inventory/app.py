"""The composition root of inventory: wiring only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from starlette.routing import Route

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.direct import DirectSource, DirectWork
from chassis.errors import Unavailable
from chassis.log import logger
from chassis.postgres import Pool
from chassis.processor import Processor
from chassis.producer import Publisher
from chassis.service import Context, Parts
from chassis.storage import PostgresStorage
from chassis.topics import consumed_by
from chassis.valkey import connect
from chassis.worker import Worker
from services.inventory.approvals import read_approvals
from services.inventory.availability import AvailabilityPublisher
from services.inventory.availability_doors import availability_routes
from services.inventory.backorders import Backorders, read_line
from services.inventory.campaign_doors import campaign_routes
from services.inventory.campaign_watch import CampaignWatch
from services.inventory.counters import ValkeyCounters
from services.inventory.document_doors import document_routes
from services.inventory.domain.model import Aggregate
from services.inventory.doors import inventory_app
from services.inventory.handlers import EXTENSION_HANDLERS, HANDLERS
from services.inventory.hold_doors import hold_routes
from services.inventory.invariants import Books
from services.inventory.leases import read_leases
from services.inventory.new_promises import NewPromises
from services.inventory.outlook import PAUSE_TIMES, Outlook, OutlookPublisher
from services.inventory.parameters import read_parameters
from services.inventory.planning import PLAN_EVERY_MS, WATCH_EVERY_MS, Planner
from services.inventory.presale import read_presale
from services.inventory.presale_doors import presale_routes
from services.inventory.promise_watch import PromiseWatch
from services.inventory.quota_doors import quota_routes
from services.inventory.quotas import Quotas, read_quotas
from services.inventory.rebuild import EpochKeeper
from services.inventory.reconciliation_doors import reconciliation_routes
from services.inventory.reconciling import Reconciler, read_thresholds
from services.inventory.replenishing import Replenishment
from services.inventory.replenishment_doors import replenishment_routes
from services.inventory.reservations import Reservations
from services.inventory.reserving import DIRECT_HANDLERS
from services.inventory.settings import InventorySettings
from services.inventory.shares import OpenCampaigns, begin_counting
from services.inventory.shelf_life import ShelfLife, read_shelf_life
from services.inventory.shelf_life_watch import SHELF_LIFE_EVERY_MS, ShelfLifeWatch
from services.inventory.sourcing import Sourcing, read_sourcing
from services.inventory.store import COLUMNS, TABLE, EpochInForce, StockSource
from services.inventory.telling_books import BooksTeller
from services.inventory.timers import (
    ADD_UP_EVERY_MS,
    CHECK_EVERY_MS,
    LEVELS_PAUSE_TIMES,
    OFFERS_PAUSE_TIMES,
    BookCheck,
    Expiry,
    LevelPublisher,
    Sweeper,
    repeat,
)

NAME = "inventory"
DIRECT_NAME = "inventory-direct"
"""Owner of the outbox rows and metrics of what is asked at the doors."""
DIRECT_PUBLISHING_MAX = 64
"""Batches of a few reservations each: a till does not wait until Kafka has taken those of others."""


def processor(source: StockSource) -> Processor[Aggregate]:
    """The one processor of inventory, over its facts."""
    return Processor(
        name=NAME,
        table=TABLE,
        state=Aggregate,
        handlers={**HANDLERS, **EXTENSION_HANDLERS} if source.asks_extensions else HANDLERS,
        columns=COLUMNS,
        facts=source,
        sources=consumed_by(NAME),
    )


def direct_worker(
    desk: DirectSource,
    source: StockSource,
    pool: Pool,
    publisher: Publisher,
    *,
    codec: Codec,
    clock: Clock,
) -> Worker:
    """The same loop over the same tables and facts, for reservations asked at the doors."""
    reservations: Processor[Aggregate] = Processor(
        name=DIRECT_NAME,
        table=TABLE,
        state=Aggregate,
        handlers=DIRECT_HANDLERS,
        columns=COLUMNS,
        facts=source,
    )
    return Worker(
        reservations,
        source=desk,
        storage=PostgresStorage(pool, reservations, codec, DirectWork),
        publisher=publisher,
        codec=codec,
        clock=clock,
        publishing_max=DIRECT_PUBLISHING_MAX,
    )


def office_routes(
    context: Context[InventorySettings], quotas: Quotas, outlook: Outlook
) -> list[Route]:
    """The doors of documents, of holds, of quotas and presale, of reconciliation and of replenishment."""
    settings, pool, clock = context.settings, context.pool, context.clock
    token = settings.api_token.get_secret_value()
    return [
        *document_routes(
            pool,
            context.desk,
            clock,
            token=token,
            answer_timeout_s=settings.receipt_timeout_s,
        ),
        *hold_routes(context.desk, clock, token=token, answer_timeout_s=settings.receipt_timeout_s),
        *availability_routes(pool, token=token),
        *quota_routes(pool, quotas, token=token),
        *campaign_routes(
            *(pool, context.desk, clock, quotas),
            token=token,
            answer_timeout_s=settings.receipt_timeout_s,
        ),
        *presale_routes(pool, outlook, clock, token=token),
        *reconciliation_routes(
            Reconciler(pool, read_thresholds(settings.rules_dir), clock),
            settings.stock_sources,
            token=token,
        ),
        *replenishment_routes(
            Replenishment(pool, read_sourcing(settings.rules_dir)), clock, token=token
        ),
    ]


def planner_of(context: Context[InventorySettings]) -> Planner:
    """Who plans what to order. Raises StartRefused when the rules make no sense."""
    rules_dir = context.settings.rules_dir
    return Planner(
        context.pool,
        context.clock,
        context.publisher,
        context.codec,
        parameters=read_parameters(rules_dir),
        sourcing=read_sourcing(rules_dir),
        from_hour=context.settings.replenish_from_hour,
    )


def _telling(
    context: Context[InventorySettings], quotas: Quotas, outlook: Outlook
) -> list[Callable[[], Awaitable[None]]]:
    """What tells others of the stock: its levels, what channels may offer, and what is to come."""
    settings = context.settings
    levels = LevelPublisher(context.pool, context.publisher, context.codec, NAME)
    offers = AvailabilityPublisher(
        context.pool,
        context.publisher,
        context.codec,
        quotas,
        clock=context.clock,
        producer=NAME,
    )
    to_come = OutlookPublisher(
        context.pool,
        context.publisher,
        context.codec,
        outlook,
        clock=context.clock,
        producer=NAME,
    )
    return [
        lambda: repeat(levels.look, settings.timer_ms, pause_times=LEVELS_PAUSE_TIMES),
        lambda: repeat(offers.look, settings.availability_ms, pause_times=OFFERS_PAUSE_TIMES),
        lambda: repeat(to_come.look, settings.timer_ms, pause_times=PAUSE_TIMES),
    ]


def _asking(
    context: Context[InventorySettings],
    sourcing: Sourcing,
    quotas: Quotas,
    campaigns: OpenCampaigns,
) -> list[Callable[[], Awaitable[None]]]:
    """What asks the single writer for what is due. Raises StartRefused."""
    pool, clock, pause_ms = context.pool, context.clock, context.settings.timer_ms
    expiry = Expiry(pool, context.desk, clock)
    line = read_line(context.settings.rules_dir)
    backorders = Backorders(pool, context.desk, clock, sourcing, line, quotas)
    promises = PromiseWatch(pool, context.desk, clock)
    new_promises = NewPromises(
        *(pool, context.desk, clock),
        sourcing=sourcing,
        line=line,
        quotas=quotas,
        presale=read_presale(context.settings.rules_dir),
    )
    watch = CampaignWatch(pool, context.desk, clock, campaigns)
    return [
        lambda: repeat(expiry.look, pause_ms),
        lambda: repeat(backorders.look, pause_ms),
        lambda: repeat(promises.look, pause_ms),
        lambda: repeat(new_promises.look, pause_ms, pause_times=PAUSE_TIMES),
        lambda: repeat(watch.look, pause_ms),
        lambda: repeat(watch.listen, pause_ms),
    ]


def _stock(
    settings: InventorySettings,
    counters: ValkeyCounters,
    epochs: EpochInForce,
    sourcing: Sourcing,
    *,
    shelf_life: ShelfLife,
    quotas: Quotas,
    campaigns: OpenCampaigns,
) -> Callable[..., StockSource]:
    """Makes sources of facts over the same counters and tables. Raises StartRefused."""
    leases = read_leases(settings.rules_dir, timedelta(seconds=settings.hold_s))
    approvals = read_approvals(settings.rules_dir)
    return partial(
        StockSource,
        *(counters, epochs, sourcing, leases, approvals),
        shelf_life=shelf_life,
        quotas=quotas,
        presale=read_presale(settings.rules_dir),
        campaigns=campaigns,
    )


async def build(context: Context[InventorySettings]) -> Parts:
    """Wires inventory. Valkey may be away: then Postgres decides alone until it is back."""
    settings, pool, clock = context.settings, context.pool, context.clock
    client = connect(settings.valkey_url.get_secret_value())
    counters = ValkeyCounters(client, settings.topic_prefix)
    epochs, campaigns = EpochInForce(), OpenCampaigns()
    keeper = EpochKeeper(pool, counters, epochs, clock)
    try:
        await keeper.look()
    except Unavailable as error:
        logger.warning("starting without valkey", why=str(error))
    sourcing, quotas = read_sourcing(settings.rules_dir), read_quotas(settings.rules_dir)
    shelf_life = read_shelf_life(settings.rules_dir)
    await begin_counting(pool, quotas)
    stock = _stock(
        *(settings, counters, epochs, sourcing),
        shelf_life=shelf_life,
        quotas=quotas,
        campaigns=campaigns,
    )
    source, desk = stock(), DirectSource()
    asked, codec = stock(answer=desk.answer), context.codec
    direct = direct_worker(desk, asked, pool, context.publisher, codec=codec, clock=clock)
    outlook = Outlook(read_presale(settings.rules_dir), quotas)
    reservations = Reservations(
        *(desk, pool, clock, outlook), hold_s=settings.hold_s, timeout_s=settings.reserve_timeout_s
    )
    books = Books(pool, counters, epochs)
    sweeper = Sweeper(pool, counters, epochs, settings.sweep_after_ms)
    check = BookCheck(pool, books, BooksTeller(context.publisher, codec, clock, NAME))
    planner = planner_of(context)
    watch = ShelfLifeWatch(pool, context.desk, clock, shelf_life)
    return Parts(
        processors=[processor(source)],
        door=inventory_app(
            books,
            context.desk,
            clock,
            reservations,
            token=settings.api_token.get_secret_value(),
            receipt_timeout_s=settings.receipt_timeout_s,
            also=office_routes(context, quotas, outlook),
        ),
        tasks=[
            keeper.run,
            direct.run,
            lambda: repeat(reservations.expire_due, settings.timer_ms),
            *_asking(context, sourcing, quotas, campaigns),
            lambda: repeat(sweeper.look, settings.timer_ms),
            *_telling(context, quotas, outlook),
            lambda: repeat(check.look, CHECK_EVERY_MS),
            lambda: repeat(check.tell, settings.timer_ms),
            lambda: repeat(check.add_up, ADD_UP_EVERY_MS),
            lambda: repeat(planner.plan_due, PLAN_EVERY_MS),
            lambda: repeat(planner.watch, WATCH_EVERY_MS),
            lambda: repeat(watch.look, SHELF_LIFE_EVERY_MS),
        ],
        not_ready=[lambda: direct.waiting_for],
    )
