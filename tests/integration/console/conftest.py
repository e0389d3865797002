"""The console on real Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.crypto import PersonalSeal
from chassis.postgres import open_pool
from services.console.app import web_app
from services.console.live import Broadcast, Reading
from services.console.settings import ConsoleSettings
from services.console.shop_views import ShopViews
from services.console.signin import Guesses, Sessions, hash_password
from services.console.stock_health import StockWhole
from services.console.stock_views import StockViews
from services.console.views import Views
from services.console.web import Desk, templates
from tests.browser.story import NOON
from tests.integration.console.rig import KEYS, PASSWORD, Asked, Rig


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
async def rig(database_url: str, password_hash: str) -> AsyncIterator[Rig]:
    pool = await open_pool(database_url, 4)
    clock = ManualClock(NOON + timedelta(hours=1))
    broadcast = Broadcast()
    asked = Asked()
    desk = Desk(
        settings=ConsoleSettings(
            users={"demo": SecretStr(password_hash)}, page_orders=10, page_skus=10
        ),
        views=Views(pool, codec(), clock, PersonalSeal(KEYS)),
        shop_views=ShopViews(pool, clock),
        stock_views=StockViews(pool, clock, low_pieces=10),
        stock_whole=StockWhole(pool, clock, low_pieces=10),
        broadcast=broadcast,
        reading=lambda: Reading(until="13:00:00", late=False, waiting=0),
        ask=asked,
        sessions=Sessions(b"session key of this test", clock, hours=12),
        guesses=Guesses(clock),
        templates=templates(),
    )
    yield Rig(
        pool=pool,
        clock=clock,
        broadcast=broadcast,
        asked=asked,
        desk=desk,
        app=web_app(desk),
    )
    await pool.close()
