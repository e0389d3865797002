"""Composition root: settings → processor, dispatcher, doors, gauges."""

from __future__ import annotations

from starlette.applications import Starlette

from chassis import plugins
from chassis.crypto import MasterKeys, PersonalSeal
from chassis.rules import load_tables
from chassis.service import Context, Parts
from services.fulfillment.calls import peer_of
from services.fulfillment.carriers import Provider
from services.fulfillment.dispatch import Dispatcher
from services.fulfillment.doors import WarehouseDoors
from services.fulfillment.handlers import processor
from services.fulfillment.settings import FulfillmentSettings
from services.fulfillment.store import ParcelReader, carrier_table
from services.fulfillment.tracking import TrackingDoor
from services.fulfillment.watch import Watch
from services.fulfillment.weights import SkuWeights


async def build(context: Context[FulfillmentSettings]) -> Parts:
    """Puts the service together."""
    settings, reader = context.settings, ParcelReader(context.pool)
    seal = PersonalSeal(MasterKeys.parse(settings.master_keys.get_secret_value()))
    tracking = TrackingDoor(
        providers=plugins.load("services.fulfillment.carriers", "PROVIDER", Provider),
        secrets={n: s.get_secret_value() for n, s in settings.tracking_secrets.items()},
        bytes_max=settings.tracking_bytes_max,
        reader=reader,
        desk=context.desk,
        clock=context.clock,
    )
    warehouse = WarehouseDoors(
        reader=reader,
        sku_weights=SkuWeights(context.pool),
        desk=context.desk,
        clock=context.clock,
        token=settings.api_token.get_secret_value(),
    )
    dispatcher = Dispatcher(
        pool=context.pool,
        desk=context.desk,
        clock=context.clock,
        peer=peer_of(settings),
        seal=seal,
        calls_max=settings.waybill_calls_max,
    )
    watch = Watch(reader=reader, clock=context.clock, interval_s=settings.watch_interval_s)
    connected = bool(settings.waybill_url)
    return Parts(
        processors=[processor(carrier_table(load_tables(settings.rules_dir)))],
        door=Starlette(routes=[*warehouse.routes(), *tracking.routes()]),
        tasks=[
            watch.run,
            *([dispatcher.run] if connected and not settings.waybills_paused else []),
        ],
        not_ready=[lambda: "" if connected else "DANSHU_FULFILLMENT_WAYBILL_URL is not set"],
    )
