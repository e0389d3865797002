"""One shop polled through an outage of its channel, on real Postgres and over HTTP: shown, caught up, nothing lost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.crypto import MasterKeys, PayloadSeal
from chassis.http import Door
from chassis.outgoing import Outgoing
from chassis.postgres import Pool, open_pool
from chassis.testing.memory import MemoryBroker, MemoryPublisher
from schemas.events.channel_payloads import PayloadReceived
from services.ingest import aftersales, app, polling
from services.ingest.channels import (
    ChannelError,
    Credentials,
    HttpAnswer,
    HttpRequest,
    Page,
    PageToken,
    PollWindow,
    RawOrder,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels.douyin import CHANNEL
from services.ingest.domain.shop_health import ShopHealth
from services.ingest.polling import ShopPoller
from services.ingest.shared import Shared
from services.ingest.shop_store import health_of_all
from services.ingest.shops import Shop

CLONE = Path(__file__).parents[3]
NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
MINUTE_MS = 60_000
ROWS = 5


class Party:
    """A channel with an order a minute, pages of five, and a status that the test sets."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.status = 200
        self.answers_left = -1
        """Pages it still gives before its status is told; -1: no end."""
        self.changed: dict[str, tuple[int, int]] = {}
        self.windows: list[tuple[int, int]] = []

    def change(self, order_no: str) -> None:
        _, version = self.changed.get(order_no, (0, 0))
        self.changed[order_no] = (int(self._clock.now().timestamp()), version + 1)

    async def page(self, request: Request) -> Response:
        if self.answers_left == 0 or (self.answers_left < 0 and self.status != 200):
            return Response(b"", status_code=self.status)
        self.answers_left -= self.answers_left > 0
        asked = request.query_params
        since, until, page = int(asked["since"]), int(asked["until"]), int(asked["page"])
        self.windows.append((since, until))
        rows = [
            (number, at, version)
            for number, (at, version) in sorted(self.changed.items())
            if since <= at <= until
        ]
        part = rows[page * ROWS : (page + 1) * ROWS]
        return JSONResponse({"rows": part, "more": len(rows) > (page + 1) * ROWS})


def _ask(
    credentials: Credentials, window: PollWindow, page: PageToken | None, _now: datetime
) -> HttpRequest:
    since, until = int(window.since.timestamp()), int(window.until.timestamp())
    number = page.number if page else 0
    url = f"{credentials.base_url}/page?since={since}&until={until}&page={number}"
    return HttpRequest(method="GET", url=url, headers=(), body=b"")


def _read(answer: HttpAnswer, page: PageToken | None) -> Page | ChannelError:
    if fault := calls.http_error(answer):
        return fault
    found = json.loads(answer.body)
    return Page(
        orders=tuple(
            RawOrder(
                order_no=number,
                modified_at=datetime.fromtimestamp(at, UTC),
                body=f"{number} v{version}".encode(),
            )
            for number, at, version in found["rows"]
        ),
        detail_needed=(),
        next_page=PageToken(number=(page.number if page else 0) + 1) if found["more"] else None,
    )


class Rig:
    """A poller which is started anew whenever the test likes, with everything around it."""

    def __init__(
        self, shared: Shared, party: Party, clock: ManualClock, broker: MemoryBroker
    ) -> None:
        self.shared = shared
        self._broker = broker
        self.party = party
        self.clock = clock
        self.restart()

    def restart(self) -> None:
        (shop,) = self.shared.shops.values()
        self.poller = ShopPoller(self.shared, shop, interval_s=15)

    async def pass_minutes(self, minutes: int) -> None:
        for _ in range(minutes):
            self.clock.advance(MINUTE_MS)
            self.party.change(f"{len(self.party.changed):05d}")

    async def health(self) -> ShopHealth:
        async with self.shared.pool.acquire() as connection:
            ((_, _, health),) = await health_of_all(connection)
        return health

    def published(self) -> Counter[str]:
        """How often each version of each order went to Kafka."""
        events = [codec().decode(value) for value in self._broker.values("channel-payloads")]
        return Counter(
            self.shared.payloads.open_payload(event.body).decode()
            for event in events
            if isinstance(event, PayloadReceived)
        )


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, 2)
    yield pool
    await pool.close()


@pytest.fixture
async def rig(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(polling, "THROTTLE_PAUSE_S", 0.0)
    clock = ManualClock(NOW)
    party, broker = Party(clock), MemoryBroker()
    door = Door(Starlette(routes=[Route("/page", party.page)]), "127.0.0.1", 0)
    shop = Shop(
        channel="douyin",
        shop="shop-1",
        app_key="k",
        app_secret="s",
        access_token="t",
        base_url=f"http://127.0.0.1:{await door.open()}",
    )
    async with Outgoing() as outgoing:
        shared = Shared(
            pool=pool,
            outgoing=outgoing,
            publisher=MemoryPublisher(broker),  # type: ignore[arg-type]  # passes the publisher's suite
            desk=None,  # type: ignore[arg-type]  # no command is issued here
            codec=codec(),
            clock=clock,
            payloads=PayloadSeal(MasterKeys({1: b"k" * 32}), clock),
            channels={"douyin": replace(CHANNEL, poll_request=_ask, read_page=_read)},
            shops={("douyin", "shop-1"): shop},
        )
        yield Rig(shared, party, clock, broker)
    await door.close()


@pytest.mark.parametrize(
    ("status", "state", "kind"),
    [(429, "throttled", "throttled"), (503, "unreachable", "retry"), (400, "refused", "refused")],
)
async def test_an_outage_is_shown_and_caught_up_without_a_gap(
    rig: Rig, status: int, state: str, kind: str
) -> None:
    await rig.pass_minutes(3)
    assert await rig.poller.poll_once() is None
    reached = rig.clock.now()
    rig.party.status = status
    for _ in range(3):
        await rig.pass_minutes(60)
        assert await rig.poller.poll_once() is not None
    health = await rig.health()
    assert (health.state, health.failures, health.error) == (state, 3, f"http_{status}")
    assert (health.polled_until, health.since) == (reached, rig.clock.now())
    assert health.errors == {kind: 3}
    rig.restart()  # what is known of the shop is not lost with the process
    await rig.pass_minutes(1)
    assert await rig.poller.poll_once() is not None
    assert (await rig.health()).failures == 4

    # It answers again, but only for a while: what was taken then is not asked for again.
    rig.party.answers_left = 12
    assert await rig.poller.poll_once() is not None
    between = await rig.health()
    assert between.state == state
    assert between.polled_until is not None
    assert reached < between.polled_until < rig.clock.now()
    rig.party.status, rig.party.answers_left = 200, -1
    rig.party.windows.clear()
    assert await rig.poller.poll_once() is None
    overlap = CHANNEL.window_overlap
    first_since = datetime.fromtimestamp(rig.party.windows[0][0], UTC)
    assert first_since == between.polled_until - overlap
    health = await rig.health()
    assert (health.state, health.failures) == ("normal", 0)
    assert (health.polled_until, health.since) == (rig.clock.now(), rig.clock.now())
    assert health.newest_order_at == rig.clock.now()
    assert set(rig.published()) == {f"{number} v1" for number in rig.party.changed}


async def test_while_it_catches_up_it_says_so(rig: Rig) -> None:
    assert await rig.poller.poll_once() is None
    rig.party.status = 503
    for _ in range(3):
        await rig.poller.poll_once()
    await rig.pass_minutes(200)
    rig.party.status = 200
    states: list[str] = []
    take = rig.poller._take

    async def noting(page: Page) -> None:
        await take(page)
        states.append((await rig.health()).state)

    rig.poller._take = noting  # type: ignore[method-assign]
    await rig.poller.poll_once()
    assert set(states) == {"catching_up"}
    assert (await rig.health()).state == "normal"


async def test_pages_without_end_are_this_shops_trouble_and_narrow_its_window(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "PAGES_MAX", 3)
    await rig.poller.poll_once()
    await rig.pass_minutes(4 * ROWS)
    error = await rig.poller.poll_once()
    assert error is not None
    assert error.code == "paging_does_not_end"
    assert (await rig.health()).failures == 1
    while await rig.poller.poll_once() is not None:
        assert (await rig.health()).failures < 5
    assert set(rig.published()) == {f"{number} v1" for number in rig.party.changed}


async def test_an_expired_token_is_a_state_of_its_own_at_once(rig: Rig) -> None:
    rig.party.status = 401
    assert await rig.poller.poll_once() is not None
    health = await rig.health()
    assert (health.state, health.failures) == ("token_expired", 1)
    rig.party.status = 200
    assert await rig.poller.poll_once() is None
    assert (await rig.health()).state == "normal"


async def test_the_overlap_is_skipped_and_a_second_change_within_a_second_is_not(rig: Rig) -> None:
    rig.party.change("1")
    await rig.poller.poll_once()
    rig.party.change("1")
    rig.clock.advance(15_000)
    for _ in range(3):
        await rig.poller.poll_once()
    assert rig.published() == {"1 v1": 1, "1 v2": 1}


async def test_shops_are_listed_by_the_command(rig: Rig, database_url: str) -> None:
    rig.party.status = 401
    await rig.poller.poll_once()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "ingest", "shops", "--json"),
        cwd=CLONE,
        env={**os.environ, "DANSHU_POSTGRES_URL": database_url},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    (row,) = json.loads(said)
    assert (row["channel"], row["shop"], row["state"]) == ("douyin", "shop-1", "token_expired")
    assert (row["failures"], row["delay_s"], row["errors"]) == (1, None, "token:1")
    assert row["last_error"] == "http_401 11-11 04:00:00Z"


async def test_long_unpolled_is_asked_for_in_steps_that_stay(rig: Rig) -> None:
    await rig.poller.poll_once()
    rig.clock.advance(int(timedelta(hours=5) / timedelta(milliseconds=1)))
    rig.party.windows.clear()
    await rig.poller.poll_once()
    lengths = {until - since for since, until in rig.party.windows}
    assert lengths == {3600 + int(CHANNEL.window_overlap.total_seconds())}
    assert len(rig.party.windows) == 5


async def test_of_two_processes_one_asks_the_shops(
    pool: Pool, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking: list[str] = []

    async def run(poller: object) -> None:
        asking.append(type(poller).__name__)
        await asyncio.Event().wait()

    monkeypatch.setattr(polling.Poller, "run", run)
    monkeypatch.setattr(aftersales.AftersalesPoller, "run", run)
    both = [asyncio.create_task(app._poll(rig.shared, 1.0)) for _ in range(2)]
    await asyncio.wait(both, timeout=1.0)
    assert sorted(asking) == ["AftersalesPoller", "Poller"]
    for one in both:
        one.cancel()
    await asyncio.wait(both)
