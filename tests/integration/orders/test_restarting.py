"""Who is started again under its name goes on at once; two that live must not share one."""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.embedded.stack import Stack
from tests.integration.orders.rig import PATIENCE_S, Rig, fresh, rig_on
from tests.unit.orders import life

GIVEN_UP_LATE = '{"session.timeout.ms": "300000", "log_level": "0"}'
"""Kafka takes the dead for living longer than any test waits."""


@pytest.fixture
def rig(stack: Stack, topic_prefix: str, database_url: str) -> Iterator[Rig]:
    with rig_on(stack, topic_prefix, database_url) as prepared:
        prepared.given["DANSHU_KAFKA_OPTIONS"] = GIVEN_UP_LATE
        yield prepared


async def know(rig: Rig, *order_ids: str) -> None:
    """Orders are told, and the service comes to know them."""
    before = (await rig.rows("SELECT count(*) FROM orders.orders"))[0][0]
    await rig.publish([fresh(life.placed(), order_id) for order_id in order_ids])
    await rig.until(
        "SELECT count(*) FROM orders.orders", lambda count: count == before + len(order_ids)
    )


async def test_who_was_killed_goes_on_at_once_under_its_name(rig: Rig) -> None:
    async with rig.service() as doomed:
        await know(rig, "TB1")
        doomed.process.kill()
        await doomed.process.wait()
    async with rig.service():
        await know(rig, "TB2")
    # An orderly end keeps the place, too.
    async with rig.service():
        await know(rig, "TB3")


async def test_of_two_under_one_name_the_older_ends_and_says_why(rig: Rig) -> None:
    async with rig.service(DANSHU_INSTANCE="a") as older:
        await know(rig, "TB1")
        async with rig.service(DANSHU_INSTANCE="a"):
            await know(rig, "TB2")
            async with asyncio.timeout(PATIENCE_S):
                assert await older.process.wait() == 2
            await know(rig, "TB3")
    assert "give each a DANSHU_INSTANCE of its own" in "".join(older.log)
