"""The list of details to fetch, on real Postgres and against a party that answers over HTTP."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.crypto import MasterKeys, PayloadSeal
from chassis.http import Door
from chassis.outgoing import Outgoing
from chassis.postgres import Pool, open_pool
from chassis.processor import Emitted
from chassis.producer import DeliveryFailed
from chassis.testing.memory import MemoryBroker, MemoryPublisher
from schemas.events.channel_payloads import PayloadReceived
from services.ingest.channels import (
    ChannelError,
    Credentials,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
    RawOrder,
)
from services.ingest.channels.douyin import CHANNEL
from services.ingest.domain.abandoned import Abandoned
from services.ingest.fetching import Fetcher, Wanted, want
from services.ingest.shared import ABANDONED_DOOR, Shared
from services.ingest.shops import Shop

PATIENCE_S = 20.0
CONCURRENCY = 16
NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)


class Party:
    """A channel that answers each detail call with the number it was asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.failing: Counter[str] = Counter()
        """How many calls for an order fail from now on."""
        self.gone: set[str] = set()
        self.held = asyncio.Event()
        self.held.set()
        self.called = asyncio.Event()

    async def detail(self, request: Request) -> Response:
        order_no = request.path_params["order_no"]
        self.asked[order_no] += 1
        self.called.set()
        # Answers come at different times, as from any platform.
        await asyncio.sleep(int(order_no) % 7 * 0.004)
        await self.held.wait()
        if order_no in self.gone:
            return Response(b"no such order", status_code=404)
        if self.failing[order_no]:
            self.failing[order_no] -= 1
            return Response(b"busy", status_code=500)
        return Response(order_no.encode())


def _request(credentials: Credentials, order_no: str, _now: datetime) -> HttpRequest:
    url = f"{credentials.base_url}/detail/{order_no}"
    return HttpRequest(method="GET", url=url, headers=(), body=b"")


def _read(answer: HttpAnswer) -> RawOrder | ChannelError:
    if answer.status == 404:
        return ChannelError(kind=ErrorKind.REFUSED, code="http_404", detail="")
    if answer.status != 200:
        return ChannelError(kind=ErrorKind.RETRY, code="busy", detail="")
    return RawOrder(order_no=answer.body.decode(), modified_at=None, body=answer.body)


class Hesitant(MemoryPublisher):
    """Loses the next `refuses` batches."""

    refuses = 0

    def publish(self, emitted: Sequence[Emitted], *, in_line: bool = False) -> asyncio.Future[None]:
        if emitted and self.refuses:
            self.refuses -= 1
            lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            lost.set_exception(DeliveryFailed("planned"))
            return lost
        return super().publish(emitted, in_line=in_line)


@dataclass(kw_only=True)
class Rig:
    """A fetcher with everything around it."""

    pool: Pool
    publisher: Hesitant
    party: Party
    broker: MemoryBroker
    fetcher: Fetcher
    payloads_seal: PayloadSeal

    async def list(self, wanted: Sequence[Wanted]) -> None:
        async with self.pool.acquire() as connection:
            await want(connection, wanted)

    def hint(self, *order_nos: str) -> Sequence[asyncio.Event]:
        """Hands orders over as a reader of hints does; an event each that tells when it is settled."""
        settled = [asyncio.Event() for _ in order_nos]
        for row, event in zip(wanted(*order_nos), settled, strict=True):
            self.fetcher.fetch(row, event.set)
        return settled

    async def listed(self) -> int:
        return int(await self.pool.fetchval("SELECT count(*) FROM ingest.fetches"))

    async def until_listed(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.pool.fetchval("SELECT count(*) FROM ingest.fetches") != count:  # noqa: ASYNC110 — Postgres has no event
                await asyncio.sleep(0.01)

    def received(self) -> tuple[PayloadReceived, ...]:
        """What was published."""
        events = [codec().decode(value) for value in self.broker.values("channel-payloads")]
        return tuple(event for event in events if isinstance(event, PayloadReceived))

    def payloads(self) -> Counter[str]:
        """How often each order's payload was published."""
        return Counter(event.channel_order_no for event in self.received())


def wanted(*order_nos: str) -> list[Wanted]:
    return [
        Wanted(
            source_key=f"douyin|shop-1|{order_no}",
            channel="douyin",
            shop="shop-1",
            channel_order_no=order_no,
            door="push",
            accepted_at=NOW,
        )
        for order_no in order_nos
    ]


async def all_of(settled: Sequence[asyncio.Event]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for event in settled:
            await event.wait()


@pytest.fixture
async def rig(database_url: str) -> AsyncIterator[Rig]:
    pool = await open_pool(database_url, 4)
    party, broker = Party(), MemoryBroker()
    publisher = Hesitant(broker)
    door = Door(Starlette(routes=[Route("/detail/{order_no}", party.detail)]), "127.0.0.1", 0)
    port = await door.open()
    shop = Shop(
        channel="douyin",
        shop="shop-1",
        app_key="k",
        app_secret="s",
        access_token="t",
        base_url=f"http://127.0.0.1:{port}",
    )
    keys = MasterKeys({1: base64.b64decode(base64.b64encode(b"k" * 32))})
    async with Outgoing() as outgoing:
        shared = Shared(
            pool=pool,
            outgoing=outgoing,
            publisher=publisher,  # type: ignore[arg-type]  # passes the publisher's suite
            desk=None,  # type: ignore[arg-type]  # no command is issued here
            codec=codec(),
            clock=SystemClock(),
            payloads=PayloadSeal(keys, SystemClock()),
            channels={"douyin": replace(CHANNEL, detail_request=_request, read_detail=_read)},
            shops={("douyin", "shop-1"): shop},
        )
        fetcher = Fetcher(shared, concurrency=CONCURRENCY)
        running = asyncio.create_task(fetcher.run())
        yield Rig(
            pool=pool,
            publisher=publisher,
            party=party,
            broker=broker,
            fetcher=fetcher,
            payloads_seal=shared.payloads,
        )
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await door.close()
    await pool.close()


async def test_what_was_handed_over_is_fetched_once_and_settled_whenever_answers_come(
    rig: Rig,
) -> None:
    numbers = [str(number) for number in range(300)]
    settled: list[asyncio.Event] = []
    for at in range(0, len(numbers), 10):
        settled += rig.hint(*numbers[at : at + 10])
        await asyncio.sleep(0.005)
    await all_of(settled)
    assert rig.payloads() == Counter(numbers)
    assert rig.party.asked == Counter(numbers)
    assert await rig.listed() == 0, "what goes well costs Postgres nothing"


async def test_hints_of_one_order_share_a_call_that_has_not_begun(rig: Rig) -> None:
    rig.party.held.clear()
    busy = rig.hint(*(str(number) for number in range(CONCURRENCY)))
    settled = rig.hint("99", "99", "99")
    rig.party.held.set()
    await all_of([*busy, *settled])
    assert rig.party.asked["99"] == 1


async def test_a_hint_that_comes_during_the_call_is_fetched_once_more(rig: Rig) -> None:
    rig.party.held.clear()
    first = rig.hint("5")
    async with asyncio.timeout(PATIENCE_S):
        await rig.party.called.wait()
    second = rig.hint("5")
    rig.party.held.set()
    await all_of([*first, *second])
    assert rig.payloads() == Counter({"5": 2})


async def test_a_listed_order_asked_for_again_during_its_call_is_fetched_once_more(
    rig: Rig,
) -> None:
    rig.party.held.clear()
    await rig.list(wanted("5"))
    async with asyncio.timeout(PATIENCE_S):
        await rig.party.called.wait()
    await rig.list(wanted("5"))
    rig.party.held.set()
    await rig.until_listed(0)
    assert rig.payloads() == Counter({"5": 2})


async def test_rows_nobody_holds_are_taken_when_they_are_due(rig: Rig) -> None:
    await rig.list(wanted("1", "2"))
    await rig.until_listed(0)
    assert rig.payloads() == Counter(["1", "2"])


async def test_a_failed_call_is_settled_by_the_list_and_tried_until_it_succeeds(rig: Rig) -> None:
    rig.party.failing["4"] = 2
    await all_of(rig.hint("4", "6"))
    row = await rig.pool.fetchrow("SELECT channel_order_no, attempts FROM ingest.fetches")
    assert row is not None
    assert (row["channel_order_no"], row["attempts"]) == ("4", 1)
    await rig.until_listed(0)
    assert rig.party.asked["4"] == 3
    assert rig.payloads() == Counter(["4", "6"])


async def test_a_failed_call_for_what_is_on_the_list_asks_there_once_more(rig: Rig) -> None:
    rig.party.failing["4"] = 2
    await rig.list(wanted("4"))
    await all_of(rig.hint("4"))
    await rig.until_listed(0)
    assert rig.payloads()["4"] >= 1


async def test_a_payload_that_kafka_did_not_take_is_fetched_again(rig: Rig) -> None:
    rig.publisher.refuses = 1
    await all_of(rig.hint("7"))
    assert rig.party.asked["7"] == 2
    assert rig.payloads() == Counter(["7"])


async def test_a_detail_that_is_gone_is_given_up_by_name_and_not_before_its_time(rig: Rig) -> None:
    rig.party.gone.add("4")
    await all_of(rig.hint("4"))
    async with asyncio.timeout(PATIENCE_S):
        while await rig.pool.fetchval("SELECT refused FROM ingest.fetches") < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert rig.payloads() == Counter(), "refused twice is not gone"
    # An hour later, with nine refusals behind it.
    await rig.pool.execute(
        "UPDATE ingest.fetches SET refused = 9, refused_since = now() - interval '61 minutes', "
        "due_at = now()"
    )
    await rig.until_listed(0)
    (told,) = rig.received()
    assert (told.channel_order_no, told.door) == ("4", ABANDONED_DOOR)
    gone = msgspec.json.decode(rig.payloads_seal.open_payload(told.body), type=Abandoned)
    assert (gone.code, gone.refusals) == ("http_404", 10)


async def test_an_order_that_appears_after_all_is_fetched(rig: Rig) -> None:
    rig.party.gone.add("4")
    await all_of(rig.hint("4"))
    assert await rig.pool.fetchval("SELECT refused FROM ingest.fetches") == 1
    rig.party.gone.clear()
    await rig.until_listed(0)
    assert [told.door for told in rig.received()] == ["push"]
