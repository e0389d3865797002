import asyncio
import contextlib
import hashlib
import json
from collections.abc import Callable

import httpx2
import pytest

from simulators.clock import ManualClock
from simulators.faults import FaultPlan, Odds
from simulators.pushes import (
    ATTEMPTS_MAX,
    Patience,
    Posting,
    Push,
    PushQueue,
    deliver_for_ever,
)
from simulators.simulation import Simulation
from tests.unit.simulators.calls import place, shop_named

SHOP = shop_named("douyin-1")
URL = "http://127.0.0.1:9/push"


@pytest.fixture
def subscribed(simulate: Callable[..., Simulation]) -> Callable[..., Simulation]:
    urls = {SHOP.shop: URL}
    return lambda **settings: simulate(push_urls=urls, tracking_push_url=URL, **settings)


def test_nobody_is_told_who_has_not_subscribed(simulation: Simulation) -> None:
    place(simulation, "douyin")
    assert simulation.pushes[SHOP.shop].take() == ()
    assert simulation.pushes[SHOP.shop].counts["unsubscribed"] > 0


def test_a_posting_is_a_signed_list_of_messages_in_order(
    subscribed: Callable[..., Simulation],
) -> None:
    simulation = subscribed()
    queue = simulation.pushes[SHOP.shop]
    place(simulation, "jd")
    order = place(simulation, "douyin")
    batch = queue.take()
    posting = queue.encode(batch[0].group, [push.content for push in batch])
    text = SHOP.app_key.encode() + posting.body + SHOP.app_secret.encode()
    assert posting.headers["event-sign"] == hashlib.md5(text).hexdigest()
    assert posting.headers["app-key"] == SHOP.app_key
    messages = [one for one in json.loads(posting.body) if order.order_no in one["data"]]
    assert [message["tag"] for message in messages] == ["100", "101"]
    paid = json.loads(messages[1]["data"])
    assert paid["p_id"] == int(order.order_no)
    assert paid["pay_amount"] == order.paid_fen
    assert len({message["msg_id"] for message in json.loads(posting.body)}) == len(batch)


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b'{"code":0,"msg":"success"}', True), (b'{"code":1}', False), (b"ok", False), (b"", False)],
)
def test_only_code_zero_is_received(simulation: Simulation, body: bytes, expected: bool) -> None:
    assert simulation.pushes[SHOP.shop].accepted(body) is expected


def test_what_is_not_accepted_comes_again_later_with_the_same_id(
    subscribed: Callable[..., Simulation], clock: ManualClock
) -> None:
    simulation = subscribed()
    queue = simulation.pushes[SHOP.shop]
    place(simulation, "douyin")
    first = queue.take()
    queue.settle(first, accepted=False)
    assert queue.take() == ()
    clock.advance(500)
    again = queue.take()
    assert [push.content for push in again] == [push.content for push in first]
    queue.settle(again, accepted=True)
    clock.advance(60_000)
    assert queue.take() == ()
    assert queue.counts["delivered"] == len(first)


def test_a_door_that_never_accepts_is_given_up_at_last(
    subscribed: Callable[..., Simulation], clock: ManualClock
) -> None:
    queue = subscribed().tracking.queue
    queue.add("W1", "{}")
    for _ in range(ATTEMPTS_MAX):
        queue.settle(queue.take(), accepted=False)
        clock.advance(60_000)
    assert len(queue) == 0
    assert queue.counts["given_up"] == 1


async def test_a_door_hears_nothing_before_it_knows_the_platforms_word(
    simulation: Simulation, clock: ManualClock
) -> None:
    shop = shop_named("wechat_channels-1")
    queue = simulation.pushes[shop.shop]
    simulation.subscribe({shop.shop: URL})
    place(simulation, "wechat_channels")
    asked: list[str] = []
    echoes = False

    def door(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.method)
        if request.method == "POST":
            return httpx2.Response(200, content=b"success")
        echo = request.url.params["echostr"] if echoes else "?"
        return httpx2.Response(200, content=echo.encode())

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(door)) as client:
        delivery = asyncio.create_task(deliver_for_ever(queue, client, 1))
        while not queue.counts["greetings_failed"]:  # noqa: ASYNC110 — nobody tells of a failed one
            await asyncio.sleep(0)
        assert "POST" not in asked
        echoes = True
        while not queue.counts["delivered"]:
            clock.advance(1_000)
            queue.changed.set()
            await asyncio.sleep(0)
        delivery.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await delivery
    assert queue.greeted_url == URL
    assert asked.index("POST") > 0


def test_every_push_may_come_twice_and_late(
    subscribed: Callable[..., Simulation], clock: ManualClock
) -> None:
    simulation = subscribed(odds={"duplicate_push": 1.0, "late_push": 1.0})
    queue = simulation.tracking.queue
    queue.add("W1", "one")
    assert queue.take() == ()
    taken = []
    for _ in range(20):
        clock.advance(1_000)
        batch = queue.take()
        if batch:
            taken += [(push.content, push.copy) for push in batch]
            queue.settle(batch, accepted=True)
    assert taken == [("one", False), ("one", True)]
    assert (queue.counts["delivered"], queue.counts["duplicates_sent"]) == (1, 1)


def test_groups_do_not_share_a_posting_and_lose_nothing(
    subscribed: Callable[..., Simulation],
) -> None:
    queue = subscribed().pushes[SHOP.shop]
    for number in range(6):
        queue.add("odd" if number % 2 else "even", number)
    assert [push.content for push in queue.take()] == [0, 2, 4]
    assert [push.content for push in queue.take()] == [1, 3, 5]


def queue_of(clock: ManualClock, patience: Patience, odds: Odds | None = None) -> PushQueue:
    queue = PushQueue(
        "door",
        encode=lambda _group, _messages: Posting(headers={}, body=b""),
        accepted=lambda _body: True,
        batch_max=10,
        plan=FaultPlan(7, odds or Odds()),
        clock=clock,
        patience=patience,
    )
    queue.subscribe(URL)
    return queue


def test_a_platform_that_never_repeats_gives_up_what_failed_once(clock: ManualClock) -> None:
    queue = queue_of(clock, Patience(attempts_max=1))
    queue.add("S1", "lost")
    queue.settle(queue.take(), accepted=False)
    clock.advance(3_600_000)
    assert queue.take() == ()
    assert queue.counts["given_up"] == 1


def test_failures_in_a_row_switch_a_webhook_off_until_it_is_saved_anew(clock: ManualClock) -> None:
    queue = queue_of(clock, Patience(attempts_max=1, failures_max=3))
    for accepted in (False, False, True, False, False):
        queue.add("S1", "one")
        queue.settle(queue.take(), accepted=accepted)
    assert queue.url == URL
    queue.add("S1", "the fifth failure but the third in a row")
    queue.settle(queue.take(), accepted=False)
    assert queue.url == ""
    queue.add("S1", "unheard")
    assert queue.counts["unsubscribed"] == 1
    queue.subscribe(URL, Push(group="S1", content="ping"))
    queue.add("S1", "heard")
    assert [push.content for push in queue.take()] == ["ping", "heard"]


def test_an_outbox_waits_for_its_url_and_for_a_line(clock: ManualClock) -> None:
    queue = queue_of(clock, Patience(outbox=True), Odds(offline=1.0))
    queue.subscribe("")
    for number in range(3):
        queue.add("S1", number)
    clock.advance(60_000)
    assert queue.take() == ()
    queue.subscribe(URL)
    assert [push.content for push in queue.take()] == [0, 1, 2]
    queue.add("S1", 3)
    clock.advance(4_000)
    queue.add("S1", 4)
    assert queue.take() == ()
    clock.advance(26_000)
    assert [push.content for push in queue.take()] == [3, 4]


def test_a_platform_that_is_down_pushes_afterwards(
    subscribed: Callable[..., Simulation], clock: ManualClock
) -> None:
    simulation = subscribed()
    queue = simulation.pushes[SHOP.shop]
    simulation.plan.take_down("douyin", clock() + 60_000)
    place(simulation, "douyin")
    assert queue.take() == ()
    clock.advance(60_000)
    assert queue.take()
