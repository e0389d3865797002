from collections.abc import AsyncIterator

import pytest

from deploy.embedded.stack import Stack
from tests.integration.inventory.rig import House, house


@pytest.fixture
async def inventory(
    stack: Stack, topic_prefix: str, database_url: str, valkey_url: str
) -> AsyncIterator[House]:
    """A house of inventory on the shared servers."""
    async with house(stack, topic_prefix, database_url, valkey_url) as built:
        yield built
