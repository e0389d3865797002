"""The poller as a task of a service."""

import asyncio
from typing import Any

from services.ingest.channels.pos import CHANNEL as POS
from services.ingest.polling import Poller
from services.ingest.shops import Shop


class NothingToPoll:
    """Shops of which none can be asked."""

    def __init__(self, *shops: Shop) -> None:
        self.shops = {(shop.channel, shop.shop): shop for shop in shops}
        self.channels = {"pos": POS}


async def test_where_no_shop_can_be_asked_the_poller_waits_and_does_not_end_the_service() -> None:
    till = Shop(
        channel="pos", shop="1", app_key="", app_secret="", access_token="", base_url=""
    )  # fmt: skip
    for shops in ((), (till,)):
        shared: Any = NothingToPoll(*shops)
        running = asyncio.create_task(Poller(shared, interval_s=1.0).run())
        done, _ = await asyncio.wait({running}, timeout=0.05)
        assert not done
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
