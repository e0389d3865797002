"""The whole platform loses servers and processes under traffic, and nothing is lost, doubled or oversold.

`make faults SEED=7` draws other traffic, moments and victims, and goes several times through them.
"""

import random
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from demo.checker import Report
from tests.faults.market import SERVICES, Market, open_market
from tests.support.stack import PrivateStack

pytestmark = [pytest.mark.faults, pytest.mark.serial, pytest.mark.timeout(600)]

BETWEEN = 45
"""Orders placed outside between one fault and the next: three seconds' worth."""
FROZEN = 225
"""Orders placed while a service is frozen: fifteen seconds, longer than its session with Kafka."""


async def test_valkey_kafka_and_postgres_are_lost_one_after_the_other(
    private_stack: PrivateStack, tmp_path: Path, seed: int, rounds: int
) -> None:
    chance = random.Random(seed)
    async with open_market(private_stack, tmp_path, seed) as market:
        faults: list[Callable[[], Awaitable[None]]] = [
            market.flush_valkey,
            partial(market.kill_server, "valkey"),
            partial(market.restart_server, "kafka"),
            partial(market.kill_server, "postgres"),
            *([partial(market.kill_server, "kafka")] if rounds > 1 else []),
        ]
        await market.open()
        for _ in range(rounds):
            for fault in chance.sample(faults, len(faults)):
                await market.placed(chance.randrange(BETWEEN // 2, BETWEEN))
                await fault()
        await market.placed(BETWEEN)
        _assert_sound(await market.close())


async def test_every_service_is_killed_and_inventory_is_frozen(
    private_stack: PrivateStack, tmp_path: Path, seed: int, rounds: int
) -> None:
    chance = random.Random(seed)
    async with open_market(private_stack, tmp_path, seed) as market:
        await market.open()
        for _ in range(rounds):
            for victim in chance.sample(SERVICES, len(SERVICES)):
                await market.placed(chance.randrange(BETWEEN))
                await market.kill(victim)
            await _freeze(market, "inventory")
        await market.placed(BETWEEN)
        _assert_sound(await market.close())
        assert market.platform.supervisor.restarts() >= rounds * len(SERVICES)


async def _freeze(market: Market, service: str) -> None:
    await market.ready(service)
    await market.freeze(service)
    await market.placed(FROZEN)
    await market.thaw(service)


def _assert_sound(report: Report) -> None:
    assert report.clean, report.findings
    assert not report.unfinished
    assert report.saw_everything, report.looked_at
