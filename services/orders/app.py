"""Composition root of the orders service: wiring only."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.processor import Processor
from chassis.service import Context, Parts
from services.orders.carrying import asked_by_carriers, carrying
from services.orders.domain.model import Order
from services.orders.doors import Doors
from services.orders.settings import OrdersSettings
from services.orders.store import COLUMNS, OrderFactsSource, Tables, read_tables
from services.orders.watchdogs import watch


def processor(tables: Tables, carried: Sequence[str] = ()) -> Processor[Order]:
    """The orders processor over these decision tables; orders that are ready carry these facts of theirs."""
    return Processor(
        name="orders",
        table="orders.orders",
        state=Order,
        handlers=carrying(carried),
        columns=COLUMNS,
        facts=OrderFactsSource(tables),
        # Stock is held before this: what follows has a moment, and events of one order come together.
        gather_ms=100,
    )


async def build(context: Context[OrdersSettings]) -> Parts:
    """The running parts of one process."""
    settings = context.settings
    doors = Doors(
        pool=context.pool,
        desk=context.desk,
        clock=context.clock,
        token=settings.api_token.get_secret_value(),
        ask_timeout_s=settings.ask_timeout_s,
    )
    return Parts(
        processors=(
            processor(read_tables(settings.rules_dir), asked_by_carriers(settings.rules_dir)),
        ),
        door=doors.app(),
        tasks=(lambda: watch(context.pool, context.desk, context.clock, settings),),
    )
