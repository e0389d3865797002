"""How long a timer pauses between two looks."""

import asyncio

import pytest

from chassis.errors import Unavailable
from services.inventory import timers

TOOK_S = 0.02


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize(("times", "least_s"), [(0, 0.001), (4, 4 * TOOK_S)])
async def test_a_pause_is_as_asked_or_a_multiple_of_what_the_work_took(
    monkeypatch: pytest.MonkeyPatch, times: int, least_s: float, away: bool
) -> None:
    sleep, paused_s = asyncio.sleep, []

    async def work() -> None:
        await sleep(TOOK_S)
        if away:
            raise Unavailable("not now")

    async def pause(seconds: float) -> None:
        paused_s.append(seconds)
        if len(paused_s) == 2:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        await timers.repeat(work, 1, pause_times=times)
    if times:
        assert min(paused_s) >= least_s
    else:
        assert paused_s == [least_s, least_s]
