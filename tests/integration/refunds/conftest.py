"""Tables of the refunds service, empty, and a gateway beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chassis.postgres import Pool, open_pool
from deploy.embedded.stack import Stack
from tests.integration.refunds.peer import Peer, running_peer
from tests.integration.refunds.running import World


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """The service's tables in a database of this test."""
    opened = await open_pool(database_url, 4)
    yield opened
    await opened.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """A gateway with a ledger of its own."""
    async with running_peer() as running:
        yield running


@pytest.fixture
async def world(
    stack: Stack, database_url: str, topic_prefix: str, peer: Peer
) -> AsyncIterator[World]:
    """Everything the service needs to run as a process of its own."""
    built = World(stack, database_url, topic_prefix, peer)
    await built.create_topics()
    yield built
    built.close()
