"""The composition root of inventory: wiring only."""

from __future__ import annotations

from datetime import timedelta

from starlette.applications import Starlette
from starlette.routing import Mount

from chassis.errors import Unavailable
from chassis.log import logger
from chassis.processor import Processor
from chassis.service import Context, Parts
from chassis.topics import consumed_by
from chassis.valkey import connect
from services.inventory.approvals import read_approvals
from services.inventory.counters import ValkeyCounters
from services.inventory.document_doors import document_routes
from services.inventory.domain.model import Aggregate
from services.inventory.doors import inventory_app
from services.inventory.handlers import HANDLERS
from services.inventory.invariants import Books
from services.inventory.rebuild import EpochKeeper
from services.inventory.reconciliation_doors import reconciliation_routes
from services.inventory.reconciling import Reconciler, read_thresholds
from services.inventory.settings import InventorySettings
from services.inventory.sourcing import read_sourcing
from services.inventory.store import COLUMNS, TABLE, EpochInForce, StockSource
from services.inventory.timers import (
    ADD_UP_EVERY_MS,
    CHECK_EVERY_MS,
    BookCheck,
    Expiry,
    LevelPublisher,
    Sweeper,
    repeat,
)

NAME = "inventory"


def processor(source: StockSource) -> Processor[Aggregate]:
    """The one processor of inventory, over its facts."""
    return Processor(
        name=NAME,
        table=TABLE,
        state=Aggregate,
        handlers=HANDLERS,
        columns=COLUMNS,
        facts=source,
        sources=consumed_by(NAME),
    )


async def build(context: Context[InventorySettings]) -> Parts:
    """Wires inventory. Valkey may be away: then Postgres decides alone until it is back."""
    settings, pool, clock = context.settings, context.pool, context.clock
    client = connect(settings.valkey_url.get_secret_value())
    counters = ValkeyCounters(client, settings.topic_prefix)
    epochs = EpochInForce()
    keeper = EpochKeeper(pool, counters, epochs, clock)
    try:
        await keeper.look()
    except Unavailable as error:
        logger.warning("starting without valkey", why=str(error))
    sourcing = read_sourcing(settings.rules_dir)
    hold_for, approvals = timedelta(seconds=settings.hold_s), read_approvals(settings.rules_dir)
    source = StockSource(counters, epochs, sourcing, hold_for, approvals)
    books = Books(pool, counters, epochs)
    expiry = Expiry(pool, context.desk, clock)
    sweeper = Sweeper(pool, counters, epochs, settings.sweep_after_ms)
    levels = LevelPublisher(pool, context.publisher, context.codec, NAME)
    check = BookCheck(pool, books)
    token = settings.api_token.get_secret_value()
    return Parts(
        processors=[processor(source)],
        door=Starlette(
            routes=[
                *document_routes(
                    pool,
                    context.desk,
                    clock,
                    token=token,
                    answer_timeout_s=settings.receipt_timeout_s,
                ),
                *reconciliation_routes(
                    Reconciler(pool, read_thresholds(settings.rules_dir), clock),
                    settings.stock_sources,
                    token=token,
                ),
                Mount(
                    "/",
                    inventory_app(
                        books,
                        context.desk,
                        clock,
                        token=token,
                        receipt_timeout_s=settings.receipt_timeout_s,
                    ),
                ),
            ]
        ),
        tasks=[
            keeper.run,
            lambda: repeat(expiry.look, settings.timer_ms),
            lambda: repeat(sweeper.look, settings.timer_ms),
            lambda: repeat(levels.look, settings.timer_ms),
            lambda: repeat(check.look, CHECK_EVERY_MS),
            lambda: repeat(check.add_up, ADD_UP_EVERY_MS),
        ],
    )
