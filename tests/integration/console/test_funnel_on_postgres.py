"""The counters over a long time: always the cards, and no more rows than a day has."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.console.projections import fold_counters
from services.console.views import Filters
from tests.browser.story import NOON, Story
from tests.integration.console.rig import Rig


async def counted(rig: Rig, **narrowed: str) -> dict[str, int]:
    steps = await rig.desk.views.funnel(Filters(**narrowed))
    return {step.state: step.orders for step in steps if step.orders}


async def rows(rig: Rig) -> int:
    found: int = await rig.pool.fetchval("SELECT count(*)::int FROM console.funnel")
    return found


@pytest.mark.parametrize("folds", [1, 2])
async def test_hours_of_the_past_become_one_and_count_the_same(rig: Rig, folds: int) -> None:
    stories = [Story(f"DS{day}", at=NOON - timedelta(days=day)) for day in range(6)]
    stories[5].channel = "jd"
    await rig.project([event for story in stories for event in story.placed()])
    for _ in range(folds):
        await fold_counters(rig.pool, rig.clock.now())
    assert await counted(rig) == {"awaiting_payment": 6}
    assert await counted(rig, channel="jd") == {"awaiting_payment": 1}
    # Today's hour and yesterday's, and the past of two channels.
    assert await rows(rig) == 4
    # An old order goes on.
    await rig.project([*stories[3].paid()])
    for _ in range(folds):
        assert await counted(rig) == {"awaiting_payment": 5, "awaiting_review": 1}
        await fold_counters(rig.pool, rig.clock.now())
    assert await counted(rig) == {"awaiting_payment": 5, "awaiting_review": 1}
    assert await rows(rig) == 5


async def test_an_hour_of_the_past_can_still_be_asked_for(rig: Rig) -> None:
    await rig.project([*Story("DS1", at=NOON - timedelta(days=9)).placed()])
    await rig.project([*Story("DS2", at=NOON - timedelta(days=9, hours=-1)).placed()])
    await fold_counters(rig.pool, rig.clock.now())
    assert await counted(rig, hour="2026-11-02T12") == {"awaiting_payment": 1}
    assert await counted(rig, hour="2026-11-02T11") == {}
    assert await counted(rig, hour="2026-11-02T12", channel="jd") == {}


async def test_what_people_can_choose_is_counted_by_the_hour(rig: Rig) -> None:
    stories = [Story(f"DS{hour:02d}", at=NOON - timedelta(hours=hour)) for hour in range(28)]
    await rig.project([event for story in stories for event in story.placed()])
    await fold_counters(rig.pool, rig.clock.now())
    for hour in range(28):
        chosen = f"{NOON + timedelta(hours=8 - hour):%Y-%m-%dT%H}"
        assert await counted(rig, hour=chosen) == {"awaiting_payment": 1}, chosen
    # The clock says 13:00: the 27 hours from 10:00 yesterday on are apart yet, or the past.
    assert await rows(rig) == 27
