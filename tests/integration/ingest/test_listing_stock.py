"""From a reservation to the number at the platform: real servers, and simulated marketplaces behind a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast
from unittest.mock import ANY

import httpx2
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from typer.testing import CliRunner

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.http import Door
from chassis.outgoing import Outgoing
from chassis.plugins import load
from chassis.postgres import Pool, migrate, open_pool
from chassis.source import KafkaSource
from chassis.storage import PostgresStorage
from chassis.worker import Worker
from cli.ingest import app as ingest_commands
from deploy.embedded.stack import Stack
from schemas.events.listing_stock import ListingStockTold
from services.ingest.__main__ import MIGRATIONS
from services.ingest.availability import AVAILABILITY
from services.ingest.channels import Channel
from services.ingest.domain.mapping_rules import WrittenMapping
from services.ingest.domain.matching import Component
from services.ingest.listing_doors import listing_routes
from services.ingest.listings import Listings, ListingsChanged, WrittenListing
from services.ingest.mappings import Changed, Mappings
from services.ingest.shared import Shared
from services.ingest.shops import Shop
from services.ingest.writeback import WriteBackDispatcher
from services.inventory.availability import AvailabilityPublisher
from services.inventory.quotas import read_quotas
from simulators.app import build
from simulators.orders import Shop as SimulatedShop
from simulators.registry import SHOPS
from simulators.settings import Settings
from simulators.simulation import Simulation
from simulators.stock import ShownStock
from tests.integration.inventory.rig import RULES, House, Running, house, prepare, until
from tests.support import stack as stacks
from tests.unit.inventory.events import cancelled, placed, receipt

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "token-of-this-test"
PER_SHOP_PER_S = 50.0
LOOK_S = 0.05
CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)
TOLD = [shop for shop in SHOPS if CHANNELS[shop.channel].stock is not None]
DOWN = "jd:down"
OWN = {"youzan", "shopify", "woocommerce"}


class Shelf:
    """Inventory, ingest and the marketplaces, with hands on all of them."""

    def __init__(self, built: House, pool: Pool, simulation: Simulation) -> None:
        self.house = built
        self.simulation = simulation
        self.listings = Listings(pool, CHANNELS)
        self.mappings = Mappings(pool, CHANNELS.keys(), trusted=True)
        self._unused = iter(simulation.world.catalog.skus)
        self.sku = self.other = ""

    def turn_to_new_goods(self) -> None:
        """Gives a test two SKUs that no other test has."""
        self.sku, self.other = next(self._unused).code, next(self._unused).code

    async def list(self, *skus: str, channels: set[str] | None = None) -> int:
        """Every telling shop's listings of these SKUs; returns how many."""
        written = [
            WrittenListing(
                channel=one.channel,
                shop=one.shop,
                channel_sku_id=one.sku_id,
                item_id=one.item_id,
                merchant_code=one.merchant_code,
            )
            for shop in TOLD
            if channels is None or shop.channel in channels
            for one in self.simulation.world.shelves.listings(shop.shop)
            if one.merchant_code in skus
        ]
        changed = await self.listings.change(written, actor="test")
        assert isinstance(changed, ListingsChanged), changed
        assert changed.set == len(written)
        return len(written)

    def shown(self, shop: str, sku: str) -> ShownStock | None:
        """What a shop shows of the listing with this merchant code."""
        found = [
            one
            for one in self.simulation.world.shelves.shown.values()
            if one.shop == shop and one.merchant_code == sku
        ]
        return found[0] if found else None

    async def until_shown(self, expected: Callable[[str], int], sku: str = "") -> None:
        """Returns when every telling shop shows the number of its channel."""

        async def there() -> bool:
            numbers = {shop.shop: self.shown(shop.shop, sku or self.sku) for shop in TOLD}
            return all(
                (one := numbers[shop.shop]) is not None and one.quantity == expected(shop.channel)
                for shop in TOLD
            )

        await until(there)

    async def until_settled(self, shop: str, quantity: int, sku: str = "") -> ShownStock:
        """Returns when a shop shows a number and nothing waits to be told."""

        async def there() -> bool:
            one = self.shown(shop, sku or self.sku)
            due = await self.house.fetch("SELECT 1 FROM ingest.listings WHERE due")
            return one is not None and one.quantity == quantity and not due

        await until(there)
        one = self.shown(shop, sku or self.sku)
        assert one is not None
        return one


async def _looking(running: Running, built: House) -> None:
    offers = AvailabilityPublisher(
        running.pool,
        built.publisher,
        codec(),
        read_quotas(RULES),
        clock=SystemClock(),
        producer="inventory",
    )
    while True:
        await offers.look()
        await asyncio.sleep(LOOK_S)


def _shop(one: SimulatedShop, base_url: str) -> Shop:
    return Shop(
        channel=one.channel,
        shop=one.shop,
        app_key=one.app_key,
        app_secret=one.app_secret,
        access_token=one.access_token,
        base_url=base_url,
        stock_location=one.stock_location,
    )


@asynccontextmanager
async def _hearing(built: House, pool: Pool) -> AsyncIterator[None]:
    """Ingest hears of what channels may offer, from here on."""
    await pool.execute(
        "INSERT INTO chassis.consumer_offsets (processor, topic, partition, next) "
        "VALUES ($1, 'channel-availability', 0, $2)",
        AVAILABILITY.name,
        built.starts["channel-availability", 0],
    )
    storage = PostgresStorage(pool, AVAILABILITY, codec())
    source = KafkaSource(
        built.kafka,
        prefix=built.prefix,
        processor=AVAILABILITY.name,
        sources=AVAILABILITY.sources,
        handlers=AVAILABILITY.handlers,
        codec=codec(),
        batch_records=200,
        positions=storage.offsets,
    )
    worker = Worker(
        AVAILABILITY,
        source=source,
        storage=storage,
        publisher=built.publisher,
        codec=codec(),
        clock=SystemClock(),
    )
    source.start()
    working = asyncio.ensure_future(worker.run())
    yield
    worker.stop()
    await working
    await source.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(stack: Stack) -> AsyncIterator[Shelf]:
    """Everything, opened once: each test has goods of its own."""
    app = build(Settings(faults="none"))
    door = Door(app, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{await door.open()}"
    async with AsyncExitStack() as held:
        prefix = held.enter_context(stacks.fresh_topics(stack.kafka_bootstrap))
        url = held.enter_context(stacks.fresh_database(stack.postgres_url))
        number = held.enter_context(stacks.fresh_valkey_database(stack.valkey_url))
        await asyncio.to_thread(prepare, stack, prefix)
        valkey_url = stacks.numbered(stack.valkey_url, number)
        built = await held.enter_async_context(house(stack, prefix, url, valkey_url))
        outgoing = await held.enter_async_context(Outgoing())
        await migrate(url, {"ingest": MIGRATIONS})
        pool = await open_pool(url, 4)
        held.callback(pool.terminate)
        shared = Shared(
            pool=pool,
            outgoing=outgoing,
            publisher=built.publisher,
            desk=cast("Any", None),
            codec=codec(),
            clock=SystemClock(),
            payloads=cast("Any", None),
            channels=CHANNELS,
            shops={(one.channel, one.shop): _shop(one, base_url) for one in TOLD},
        )
        dispatcher = WriteBackDispatcher(shared, attempts_max=3, per_shop_per_s=PER_SHOP_PER_S)
        await held.enter_async_context(_hearing(built, pool))
        running = await held.enter_async_context(built.running())
        await held.enter_async_context(_at_work(dispatcher.run(), _looking(running, built)))
        yield Shelf(built, pool, app.state.simulation)
    await door.close()


@asynccontextmanager
async def _at_work(*endless: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in endless]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def shelf(opened: Shelf) -> Shelf:
    opened.turn_to_new_goods()
    return opened


async def test_a_reservation_changes_the_number_at_every_platform(shelf: Shelf) -> None:
    count = await shelf.list(shelf.sku)
    assert count == len(TOLD)
    await shelf.house.publish([receipt(f"r-{shelf.sku}", "HZ", [(shelf.sku, 100)])])
    await shelf.until_shown(lambda channel: 70 if channel in OWN else 68)

    await shelf.house.publish([placed(f"o1-{shelf.sku}", [(shelf.sku, 10)])])
    await shelf.until_shown(lambda channel: 63 if channel in OWN else 61)
    await shelf.house.publish([cancelled(f"o1-{shelf.sku}")])
    await shelf.until_shown(lambda channel: 70 if channel in OWN else 68)

    # Ten pieces are left: the platforms' five are two above the threshold, then below it.
    await shelf.house.publish([placed(f"o2-{shelf.sku}", [(shelf.sku, 90)])])
    await shelf.until_shown(lambda channel: 7 if channel in OWN else 5)
    await shelf.house.publish([placed(f"o3-{shelf.sku}", [(shelf.sku, 3)])])
    await shelf.until_shown(lambda channel: 4 if channel in OWN else 0)

    own = {one.sku_id for one in shelf.simulation.world.shelves.shown.values()}
    told = [
        event
        for event in await shelf.house.emitted("listing-stock")
        if isinstance(event, ListingStockTold) and event.channel_sku_id in own
    ]
    assert {event.outcome for event in told} == {"applied"}
    assert {event.listing_key.partition("|")[0] for event in told} == {one.channel for one in TOLD}
    assert all(event.occurred_at >= event.stock_changed_at for event in told)
    delays = "danshu_ingest_stock_delay_seconds_count"
    assert (REGISTRY.get_sample_value(delays, {"channel": "taobao"}) or 0) >= 5


async def test_the_newest_number_is_told_when_a_platform_is_back(shelf: Shelf) -> None:
    await shelf.list(shelf.sku, channels={"jd"})
    await shelf.house.publish([receipt(f"r-{shelf.sku}", "HZ", [(shelf.sku, 100)])])
    before = await shelf.until_settled("jd-1", 68)

    shelf.simulation.plan.take_down("jd", 2**62)
    for number in range(5):
        await shelf.house.publish([placed(f"o{number}-{shelf.sku}", [(shelf.sku, 10)])])
        await shelf.house.drained()
        await asyncio.sleep(2 * LOOK_S)

    async def wanted() -> bool:
        rows = await shelf.house.fetch(
            "SELECT DISTINCT wanted FROM ingest.listings WHERE merchant_code = $1", shelf.sku
        )
        return [row["wanted"] for row in rows] == [33] and shelf.simulation.plan.counts[DOWN] > 0

    await until(wanted)
    still = shelf.shown("jd-1", shelf.sku)
    assert still is not None
    assert still.quantity == 68
    shelf.simulation.plan.take_down("jd", 0)

    after = await shelf.until_settled("jd-1", 33)
    assert after.count == before.count + 1


async def test_a_bundle_is_as_many_as_can_be_made(shelf: Shelf) -> None:
    await shelf.list(shelf.sku, shelf.other, channels={"douyin"})
    box = (Component(sku=shelf.sku, quantity=3), Component(sku=shelf.other))
    mapped = await shelf.mappings.change(
        [
            WrittenMapping(
                channel="douyin", shop="douyin-1", merchant_code=shelf.other, components=box
            )
        ],
        actor="test",
        allow_unknown=True,
    )
    assert isinstance(mapped, Changed), mapped
    await shelf.house.publish(
        [receipt(f"r-{shelf.sku}", "HZ", [(shelf.sku, 100), (shelf.other, 60)])],
    )
    # 68 of one make 22 boxes, of which the other has 40.
    await shelf.until_settled("douyin-1", 22, shelf.other)
    await shelf.until_settled("douyin-1", 68)
    await shelf.house.publish([placed(f"o1-{shelf.sku}", [(shelf.other, 50)])])
    await shelf.until_settled("douyin-1", 5, shelf.other)


async def test_what_a_platform_refuses_is_kept_with_its_words_and_not_told_again(
    shelf: Shelf,
) -> None:
    strange = WrittenListing(
        channel="taobao", shop="taobao-1", channel_sku_id="1", item_id="2", merchant_code=shelf.sku
    )
    assert await shelf.listings.change([strange], actor="test") == ListingsChanged(
        set=1, removed=0, unchanged=0
    )
    assert await shelf.listings.change([strange], actor="test") == ListingsChanged(
        set=0, removed=0, unchanged=1
    )
    await shelf.house.publish([receipt(f"r-{shelf.sku}", "HZ", [(shelf.sku, 100)])])

    async def refused() -> bool:
        return bool(await _refused(shelf))

    await until(refused)
    (one,) = await _refused(shelf)
    assert (one.told, one.due, one.attempts) == (68, False, 1)
    assert "ITEM_NOT_FOUND" in one.reason
    assert shelf.simulation.tally.counts["taobao:stock:refused"] == 1

    faults = await shelf.listings.change(
        [
            WrittenListing(channel="kuaishou", shop="k", channel_sku_id="1"),
            WrittenListing(channel="taobao", shop="t", channel_sku_id="1"),
            WrittenListing(channel="nobody", shop="t", channel_sku_id="1"),
        ],
        actor="test",
    )
    assert [fault.code for fault in cast("tuple[Any, ...]", faults)] == [
        "channel_takes_no_stock",
        "item_missing",
        "channel_unknown",
    ]


async def test_a_file_of_listings_is_taken_whole_or_refused_by_row(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(Starlette(routes=listing_routes(shelf.listings, TOKEN)), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{await door.open()}"
    monkeypatch.setenv("DANSHU_API_TOKEN", TOKEN)
    monkeypatch.setenv("DANSHU_HOME", str(tmp_path))  # no stack of the developer is meant
    file = tmp_path / "listings.csv"
    header = "channel,shop,channel_sku_id,item_id,merchant_code\n"

    async def at_terminal(*arguments: str) -> tuple[int, str]:
        command = ["listing", *arguments, "--url", url]
        result = await asyncio.to_thread(CliRunner().invoke, ingest_commands, command)
        return result.exit_code, result.output

    file.write_text(header + "jd,jd-9,100,,A\ntaobao,t-9,5,,A\nnobody,n,1,1,A\n", "utf-8")
    code, output = await at_terminal("import", str(file))
    assert code == 1
    assert "row 3: item_missing" in output
    assert "row 4: channel_unknown" in output
    assert await at_terminal("list", "--shop", "jd-9") == (0, ANY)
    assert (await at_terminal("list", "--shop", "jd-9", "--json"))[1] == "[]\n"

    file.write_text(header + "jd,jd-9,100,,A\ntaobao,t-9,5,6,A\n", "utf-8")
    assert await at_terminal("import", str(file)) == (0, "2 set, 0 removed, 0 unchanged\n")
    assert await at_terminal("import", str(file)) == (0, "0 set, 0 removed, 2 unchanged\n")
    gone = ("remove", "-c", "jd", "-s", "jd-9", "--sku-id", "100")
    assert await at_terminal(*gone) == (0, "0 set, 1 removed, 0 unchanged\n")
    code, output = await at_terminal("list", "--json")
    assert '"shop":"t-9","channel_sku_id":"5","item_id":"6"' in output

    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}) as client:
        for body, status in (
            (b"{}", 422),
            (b"[" * 100_000, 422),
            (b'{"listings": [], "actor": "x"}', 422),
            (b'{"listings": [{"channel": "jd"}], "actor": "x"}', 422),
            (b"\xff", 422),
        ):
            answer = await client.post(f"{url}/listings", content=body)
            assert (answer.status_code, answer.json()["code"]) == (status, "malformed")
        assert (await client.get(f"{url}/listings?limit=0")).status_code == 400
        assert (await client.get(f"{url}/listings?after=x")).status_code == 400
    async with httpx2.AsyncClient() as nobody:
        assert (await nobody.get(f"{url}/listings")).status_code == 401
    await door.close()


async def _refused(shelf: Shelf) -> tuple[Any, ...]:
    return await shelf.listings.listed(
        channel="", shop="", code="", outcome="refused", after=("", "", ""), limit=10
    )


async def test_no_number_appears_behind_one_that_was_read(database_url: str) -> None:
    keep = "INSERT INTO ingest.availability (key, document) VALUES ($1, '{}') RETURNING revision"
    seen = "SELECT coalesce(max(revision), 0) FROM ingest.availability"
    pool = await open_pool(database_url, 3)
    async with pool.acquire() as one, pool.acquire() as other, pool.acquire() as reader:
        first = one.transaction()
        await first.start()
        earlier = await one.fetchval(keep, "early")
        later = asyncio.ensure_future(other.fetchval(keep, "late"))
        await asyncio.wait({later}, timeout=0.3)
        # Whoever reads now and goes on from there must not miss the one that is still open.
        assert await reader.fetchval(seen) < earlier
        await first.commit()
        assert await later > earlier
        assert await reader.fetchval(seen) == await later
    await pool.close()
