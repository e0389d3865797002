"""Wiring of the console."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from chassis.crypto import MasterKeys, PersonalSeal
from chassis.processor import Processor
from chassis.service import Context, Parts
from services.console import api, double_refunds, openapi, pages, payouts, stock_pages, web
from services.console.forgetting import forget_now_and_then
from services.console.live import Broadcast
from services.console.progress import Lookout
from services.console.projections import fold_counters, projection
from services.console.settings import ConsoleSettings
from services.console.shop_views import ShopViews
from services.console.shops import SHOPS
from services.console.signin import Guesses, Sessions
from services.console.stock import LEVELS
from services.console.stock_health import StockWhole
from services.console.stock_views import SECTIONS, StockViews
from services.console.views import Views

FOLD_EVERY_S = 1.0


def web_app(desk: web.Desk) -> FastAPI:
    """Pages, API and assets over one desk."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    app.include_router(api.router)
    app.include_router(pages.router)
    app.include_router(payouts.router)
    app.include_router(double_refunds.router)
    app.include_router(stock_pages.router)
    app.add_api_route("/openapi.json", openapi.door, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=web.FOLDER / "static"), name="static")
    app.add_middleware(web.SecurityHeaders)
    web.install_errors(app)
    return app


async def build(context: Context[ConsoleSettings]) -> Parts:
    """The projections, the web, and the tasks that sum up the counters, forget what is old and look how far the tables are."""
    settings = context.settings
    master_keys = settings.master_keys.get_secret_value()
    seal = PersonalSeal(MasterKeys.parse(master_keys)) if master_keys else None
    session_key = settings.session_key.get_secret_value().encode() or os.urandom(32)
    broadcast = Broadcast()
    processors: tuple[Processor[Any], ...] = (
        projection(broadcast.announce),
        SHOPS,
        LEVELS,
        *(one for section in SECTIONS.values() for one in section.processors),
    )
    lookout = Lookout(
        settings.kafka(),
        settings.topic_prefix,
        context.pool,
        context.clock,
        [processor.name for processor in processors],
    )
    desk = web.Desk(
        settings=settings,
        views=Views(context.pool, context.codec, context.clock, seal),
        shop_views=ShopViews(context.pool, context.clock),
        stock_views=StockViews(context.pool, context.clock, settings.stock_low_pieces),
        stock_whole=StockWhole(context.pool, context.clock, settings.stock_low_pieces),
        broadcast=broadcast,
        reading=lookout.reading,
        ask=context.desk.ask,
        sessions=Sessions(session_key, context.clock, settings.session_hours),
        guesses=Guesses(context.clock),
        templates=web.templates(),
    )

    async def fold_now_and_then() -> None:
        while True:
            await asyncio.sleep(FOLD_EVERY_S)
            await fold_counters(context.pool, context.clock.now())

    return Parts(
        processors=processors,
        door=web_app(desk),
        tasks=(
            fold_now_and_then,
            lambda: forget_now_and_then(context.pool, context.clock),
            lookout.run,
        ),
    )
