"""A poller that has nobody to ask."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.ingest.polling import Poller


async def test_without_a_shop_to_poll_it_works_until_it_is_cancelled() -> None:
    shared = cast("Any", SimpleNamespace(shops={}, channels={}))
    running = asyncio.create_task(Poller(shared, interval_s=15).run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not running.done(), "whatever ends a task ends the service"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
