"""The whole platform for end-to-end tests, started once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from demo.platform import Platform
from demo.staff import Staff
from deploy.embedded.stack import Stack
from tests.e2e.outside import Outside
from tests.support import stack as stacks


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def outside(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outside]:
    """Every service, calm simulators, stock booked, and people at their desks."""
    async with AsyncExitStack() as held:
        url = held.enter_context(stacks.fresh_database(stack.postgres_url))
        prefix = held.enter_context(stacks.fresh_topics(stack.kafka_bootstrap))
        platform = Platform(
            stack,
            tmp_path_factory.mktemp("platform"),
            prefix=prefix,
            postgres_url=url,
            simulator={
                "seed": 11,
                "faults": "none",
                "tracking_step_s": 0.3,
                "confirm_after_s": 0.3,
            },
            settings={"DANSHU_INGEST_POLL_INTERVAL_S": "0.5"},
        )
        await held.enter_async_context(platform)
        staff = Staff(platform)
        await staff.stock_up()
        report = await staff.compare_stock()
        working = asyncio.create_task(staff.run())
        yield Outside(platform, compared=report)
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
