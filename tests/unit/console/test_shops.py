"""Shops and their minutes on doubles: what holds of two states, and counts that equal the cards."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from msgspec import Struct
from msgspec.structs import replace

from chassis.codec import codec
from chassis.processor import Kept, Known, fold
from schemas.events.quarantine import QuarantineEnded
from services.console.domain.minutes import minute_changes
from services.console.domain.model import Card
from services.console.reasons import NOBODY
from services.console.shops import SHOPS
from tests.browser.story import NOON, Story, quarantined, refused, shop_state
from tests.unit.console.test_handlers import project, record, whole_life

Minutes = Counter[tuple[datetime, str, str, str]]


def shop_after(events: Sequence[Struct]) -> Struct | None:
    known = Known(kept={})
    fold(SHOPS, codec(), [record(event, at) for at, event in enumerate(events)], known, NOON)
    return known.kept["jd|s"].state


def test_of_two_states_the_later_one_holds_and_a_repeat_changes_nothing() -> None:
    first = shop_state("jd", "s", NOON)
    later = shop_state("jd", "s", NOON + timedelta(seconds=2), state="throttled")
    healed = replace(first, occurred_at=NOON + timedelta(seconds=4))
    assert shop_after([first, later]) == later
    assert shop_after([later, first, later]) == later
    assert shop_after([first, later, healed]) == healed


def counts(events: Sequence[Struct], size: int) -> tuple[Minutes, dict[str, Kept[Card]]]:
    """What the rows of all batches come to."""
    kept: dict[str, Kept[Card]] = {}
    found: Minutes = Counter()
    for start in range(0, len(events), size):
        kept, facts = project(events[start : start + size], kept)
        for minute, channel, shop, orders, applied, was_refused in minute_changes(
            facts.before, kept
        ):
            found[minute, channel, shop, "orders"] += orders
            found[minute, channel, shop, "applied"] += applied
            found[minute, channel, shop, "refused"] += was_refused
    return Counter({key: count for key, count in found.items() if count}), kept


def night() -> list[Struct]:
    """Three orders of two shops, one write-back refused and then taken, one payload set aside."""
    told, late, other = Story("DS1"), Story("DS2", at=NOON + timedelta(minutes=3)), Story("DS3")
    other.channel = "jd"
    answered = refused(late, "isv.invalid", NOON + timedelta(minutes=7))
    return [*whole_life(told), *late.placed(), answered, *other.placed(), quarantined("31")]


NIGHT = Counter(
    {
        (NOON, "taobao", "旗舰店", "orders"): 1,
        (NOON + timedelta(minutes=3), "taobao", "旗舰店", "orders"): 1,
        (NOON, "jd", "旗舰店", "orders"): 1,
        (NOON + timedelta(minutes=30), "taobao", "旗舰店", "applied"): 1,
        (NOON + timedelta(minutes=7), "taobao", "旗舰店", "refused"): 1,
    }
)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_minutes_count_orders_and_answers_however_events_are_cut_into_batches(size: int) -> None:
    found, _ = counts(night(), size)
    assert found == NIGHT


def test_minutes_are_the_same_in_whichever_order_topics_come() -> None:
    for seed in range(50):
        shuffling = random.Random(seed)
        waiting: dict[str, list[Struct]] = {}
        for event in night():
            waiting.setdefault(str(event.TOPIC), []).append(event)  # type: ignore[attr-defined]
        mixed = []
        while waiting:
            topic = shuffling.choice(sorted(waiting))
            mixed.append(waiting[topic].pop(0))
            if not waiting[topic]:
                del waiting[topic]
        found, _ = counts(mixed, 3)
        assert found == NIGHT, f"seed {seed}"


def test_what_happened_twice_counts_once() -> None:
    found, _ = counts([*night(), *night()], 4)
    assert found == NIGHT


def test_a_payload_set_aside_is_no_order_before_or_after() -> None:
    ended = QuarantineEnded(
        source_key="jd|京东店|31",
        version=2,
        occurred_at=NOON,
        entry_key="jd|京东店|31",
        outcome="discarded",
        order_id="",
        actor="客服01",
        reason="",
    )
    found, _ = counts([quarantined("31"), ended], 1)
    assert found == Counter()


def test_a_refused_write_back_says_what_it_was_about_and_why() -> None:
    story = Story("DS1")
    kept, facts = project([*story.placed(), refused(story, "isv.invalid: 订单已关闭", NOON)])
    card = kept["DS1"].state
    assert card is not None
    assert (card.flags, card.write_backs) == (("write_back_refused",), ((NOON, False),))
    assert facts.entries[-1][6] == "发货 · 订单已关闭（isv.invalid）"


def test_that_there_is_nobody_to_tell_is_no_news() -> None:
    story = Story("DS1")
    kept, facts = project([*story.placed(), refused(story, NOBODY, NOON)])
    card = kept["DS1"].state
    assert card is not None
    assert (card.flags, card.write_backs) == ((), ())
    assert all(line[4] != "WriteBackRefused" for line in facts.entries)
