from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.embedded.stack import Stack
from tests.integration.inventory import papers
from tests.integration.inventory.papers import Office
from tests.integration.inventory.rig import House, house, prepare
from tests.integration.inventory.tills import Till, open_till
from tests.support import stack as stacks


@pytest.fixture(scope="session")
def inventory_topics(stack: Stack) -> Iterator[str]:
    """Topics all houses share: a hundred partitions a test would be most of its time."""
    with stacks.fresh_topics(stack.kafka_bootstrap) as prefix:
        prepare(stack, prefix)
        yield prefix


@pytest.fixture
async def inventory(
    stack: Stack, inventory_topics: str, database_url: str, valkey_url: str
) -> AsyncIterator[House]:
    """A house of inventory on the shared servers; earlier houses' events are behind it."""
    async with house(stack, inventory_topics, database_url, valkey_url) as built:
        yield built


@pytest.fixture
async def till(inventory: House) -> AsyncIterator[Till]:
    """A till at the doors of that house."""
    async with open_till(inventory) as opened:
        yield opened


@pytest.fixture
async def office(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    """That house with its doors open, and a terminal."""
    async with papers.office(inventory, tmp_path, monkeypatch) as opened:
        yield opened
