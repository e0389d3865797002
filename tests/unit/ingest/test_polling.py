"""The poller as a task of a service, and what it asks for."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from chassis.clock import ManualClock
from services.ingest import polling
from services.ingest.channels import HttpAnswer, HttpRequest
from services.ingest.channels.pdd import CHANNEL as PDD
from services.ingest.channels.pos import CHANNEL as POS
from services.ingest.domain.shop_health import ShopHealth
from services.ingest.polling import Poller, ShopPoller
from services.ingest.shops import Shop

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
EMPTY = b'{"order_sn_increment_get_response":{"order_sn_list":[],"total_count":0}}'


class NothingToPoll:
    """Shops of which none can be asked."""

    def __init__(self, *shops: Shop) -> None:
        self.shops = {(shop.channel, shop.shop): shop for shop in shops}
        self.channels = {"pos": POS}


class NothingNew:
    """A clock and a channel; its shop answers that nothing has changed."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.channels = {"pdd": PDD}
        self.pool = self.outgoing = None


def shop_of(channel: str, **settings: Any) -> Shop:
    return Shop(
        channel=channel,
        shop="1",
        app_key="",
        app_secret="",
        access_token="",
        base_url="",
        **settings,
    )


async def test_where_no_shop_can_be_asked_the_poller_waits_and_does_not_end_the_service() -> None:
    for shops in ((), (shop_of("pos"),)):
        shared: Any = NothingToPoll(*shops)
        running = asyncio.create_task(Poller(shared, interval_s=1.0).run())
        done, _ = await asyncio.wait({running}, timeout=0.05)
        assert not done
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("settled_after_s", [None, 0.0, 180.0, 300.0, 600.0, 1620.0])
async def test_every_second_is_asked_for_once_the_platform_lists_it(
    settled_after_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: Any = NothingNew()
    asked: set[int] = set()

    async def read_health(*_: object) -> ShopHealth:
        return ShopHealth(since=NOW, polled_until=NOW)

    async def no_effect(*_: object) -> None:
        return None

    async def send(_outgoing: object, request: HttpRequest, *_: str) -> HttpAnswer:
        fields = dict(parse_qsl(request.body.decode()))
        asked.update(range(int(fields["start_updated_at"]), int(fields["end_updated_at"]) + 1))
        return HttpAnswer(status=200, headers={}, body=EMPTY)

    monkeypatch.setattr(polling, "read_health", read_health)
    monkeypatch.setattr(polling, "keep_health", no_effect)
    monkeypatch.setattr(polling, "send", send)
    monkeypatch.setattr(ShopPoller, "_take", no_effect)
    poller = ShopPoller(shared, shop_of("pdd", settled_after_s=settled_after_s), interval_s=15.0)
    for _ in range(50 * 4):
        shared.clock.advance(15_000)
        assert await poller.poll_once() is None
    after_s = 180.0 if settled_after_s is None else settled_after_s
    settled = shared.clock.now() - timedelta(seconds=after_s)
    wanted = set(range(int(NOW.timestamp()), int(settled.timestamp()) + 1))
    assert len(wanted) >= 22 * 60
    assert wanted <= asked
