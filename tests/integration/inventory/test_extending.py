"""A payment in progress keeps goods longer, and its end and an extension are decided once."""

import asyncio
import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import httpx2

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from schemas.events.reservations import (
    ReservationConfirmed,
    ReservationEnded,
    ReservationExtended,
    ReservationMade,
)
from schemas.events.stock import StockHoldExtended, StockReleased, StockReserved
from services.inventory.domain.model import Line
from services.inventory.domain.reservations import (
    ExtendReservation,
    Refused,
    Reservation,
    ReserveGoods,
)
from services.inventory.timers import Expiry
from services.inventory.written import reservation_id
from tests.integration.inventory.papers import Office
from tests.integration.inventory.rig import House
from tests.integration.inventory.test_stock_flow import SOUND, level
from tests.integration.inventory.tills import Till
from tests.unit.inventory.events import NOW, extended, paid, placed, receipt

MINUTE = timedelta(minutes=1)


async def extend(till: Till, reservation: str, key: str, body: Any = None) -> httpx2.Response:
    return await till.client.post(
        f"/reservations/{reservation}/extend", json=body or {}, headers={"idempotency-key": key}
    )


async def test_a_payment_in_progress_keeps_goods_as_long_and_as_often_as_the_rule_says(
    till: Till,
) -> None:
    made = (await till.reserve("sale-0001", hold_s=60)).json()
    key = made["reservation_id"]
    first = await extend(till, key, "pay-0001")
    assert first.status_code == 200, first.text
    until = datetime.fromisoformat(first.json()["expires_at"])
    longer = until - datetime.fromisoformat(made["expires_at"])
    assert 3 * MINUTE < longer <= 5 * MINUTE, "few are left, so five minutes from now"
    again = await extend(till, key, "pay-0001")
    assert (again.status_code, again.json()) == (200, first.json())
    other = await extend(till, key, "pay-0001", {"for_s": 30})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    once_more = await extend(till, key, "pay-0002")
    assert (once_more.status_code, once_more.json()["code"]) == (409, "extension_limit")
    assert await level(till.house, "HZ", "A") == (5, 2), "no goods move"
    await till.act("confirm", key)
    sold = await extend(till, key, "pay-0003")
    assert (sold.status_code, sold.json()["code"]) == (409, "already_confirmed")
    assert await till.running.invariants() == SOUND
    await till.house.drained()
    events: list[Any] = await till.house.emitted("reservations")
    assert [type(event) for event in events] == [
        ReservationMade,
        ReservationExtended,
        ReservationConfirmed,
    ]
    assert events[1].extensions == 1
    assert events[1].rule.endswith("#nearly-sold-out")


async def test_what_cannot_be_kept_longer_is_refused_and_nothing_changes(till: Till) -> None:
    made = (await till.reserve("sale-0001", hold_s=60)).json()["reservation_id"]
    gone = (await till.reserve("sale-0002", lines=[{"sku": "A", "quantity": 1}])).json()
    await till.act("release", gone["reservation_id"])
    before = await till.books()
    path = f"/reservations/{made}/extend"
    without = await till.client.post(path, json={})
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")
    for body, code in (
        ({"for_s": 0}, "out_of_range"),
        ({"for_s": -5}, "out_of_range"),
        ({"for_s": 1.5}, "wrong_type"),
        ({"for_s": 10**12}, "out_of_range"),
        ({"minutes": 5}, "unknown_field"),
    ):
        refused = await extend(till, made, "pay-0001", body)
        assert (refused.status_code, refused.json()["code"]) == (422, code), body
    unknown = await extend(till, reservation_id("nobody-asked"), "pay-0001")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_reservation")
    malformed = await extend(till, "rsv-1", "pay-0001")
    assert (malformed.status_code, malformed.json()["code"]) == (400, "malformed_id")
    released = await extend(till, gone["reservation_id"], "pay-0001")
    assert (released.status_code, released.json()["code"]) == (409, "reservation_released")
    assert await till.books() == before


async def test_a_batch_is_extended_each_for_itself(till: Till) -> None:
    made = (await till.reserve("sale-0001", hold_s=60)).json()["reservation_id"]
    asked = [
        {"reservation_id": made, "idempotency_key": "pay-0001"},
        {"reservation_id": reservation_id("nobody-asked"), "idempotency_key": "pay-0002"},
    ]
    answered = await till.client.post("/reservations/extend", json={"extensions": asked})
    results = answered.json()["results"]
    assert [result["status"] for result in results] == [200, 404]
    twice = await till.client.post("/reservations/extend", json={"extensions": [asked[0]] * 2})
    fault = twice.json()["errors"][0]
    assert (fault["code"], fault["pointer"]) == (
        "duplicate_idempotency_key",
        "#/extensions/1/idempotency_key",
    )


async def test_the_end_of_a_reservation_and_its_extension_are_decided_once(
    inventory: House,
) -> None:
    clock = ManualClock(NOW)
    rng = random.Random(7)
    async with inventory.running(clock=clock) as one, inventory.running(clock=clock) as other:
        await inventory.publish([receipt("r1", "HZ", [("A", 60)])])
        await inventory.drained()
        asked = [_asked(number) for number in range(60)]
        await asyncio.gather(*(one.reservations.ask(question) for question in asked))
        clock.advance(59_900)
        answers: dict[str, Any] = {}

        async def pays(number: int, desk: Any) -> None:
            key = asked[number].reservation_id
            question = ExtendReservation(reservation_id=key, key="pay-1", for_s=0)
            answers[key] = await desk.ask(question)

        async def time_passes() -> None:
            for _ in range(20):
                clock.advance(10)
                await other.reservations.expire_due()

        async def while_it_does(number: int) -> None:
            await asyncio.sleep(rng.random() / 5)
            await pays(number, rng.choice((one, other)).reservations)

        await asyncio.gather(*(pays(number, one.reservations) for number in range(10)))
        await asyncio.gather(time_passes(), *(while_it_does(number) for number in range(10, 50)))
        await asyncio.gather(*(pays(number, one.reservations) for number in range(50, 60)))
        await other.reservations.expire_due()
        kept = {key for key, answer in answers.items() if isinstance(answer, Reservation)}
        late = {answer.code for answer in answers.values() if isinstance(answer, Refused)}
        assert len(kept) >= 10
        assert late == {"expired"}
        assert await level(inventory, "HZ", "A") == (60, len(kept))
        await other.direct_stock.told()
        assert await one.invariants() == SOUND
        clock.advance(10 * 60_000)
        assert await other.reservations.expire_due() == len(kept), "none is kept for ever"
        await inventory.drained()
    told = await _by_key(inventory, "reservations")
    for key, events in told.items():
        was_kept = [ReservationExtended] if key in kept else []
        assert events == [ReservationMade, *was_kept, ReservationEnded]


def _asked(number: int) -> ReserveGoods:
    return ReserveGoods(
        reservation_id=reservation_id(f"race-{number:04}"),
        digest="d",
        reference=f"race-{number}",
        warehouse="HZ",
        channel="",
        province="",
        lines=(Line(1, "A", 1),),
        partial=False,
        hold_s=60,
    )


async def test_the_end_of_an_orders_hold_and_its_extension_are_decided_once(
    inventory: House,
) -> None:
    clock = ManualClock(NOW)
    orders = [f"race-{number}" for number in range(40)]
    async with inventory.running(clock=clock, batch_records=7) as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 90)])])
        await inventory.drained()
        await inventory.publish([placed(one, [("A", 1)]) for one in orders])
        await inventory.drained()
        # The timer's process is ahead of the writer's: to it they are due.
        timers = ManualClock(NOW + 31 * MINUTE)
        clock.advance(29 * 60_000)
        desk = CommandDesk(inventory.publisher, codec(), "inventory")
        extensions = [extended(one, "pay-1") for one in orders]
        _, due, _ = await asyncio.gather(
            inventory.publish(extensions[:15]),
            Expiry(running.pool, desk, timers).look(),
            inventory.publish(extensions[15:]),
        )
        assert due == 40
        await inventory.drained()
        by_order = await _by_key(inventory, "stock")
        kept = [one for one, events in by_order.items() if StockHoldExtended in events]
        for one, events in by_order.items():
            assert events == [StockReserved, StockHoldExtended if one in kept else StockReleased]
        assert await level(inventory, "HZ", "A") == (90, len(kept))
        # Asked for again, since the first asking was about an earlier end.
        timers.advance(30 * 60_000)
        assert await Expiry(running.pool, desk, timers).look() == len(kept)
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (90, 0)
        assert await running.invariants() == SOUND


async def _by_key(house: House, domain: str) -> dict[str, list[type]]:
    """What was told of each; a batch may be published twice, and whoever reads drops the second by its version."""
    told: dict[str, dict[int, type]] = defaultdict(dict)
    emitted: list[Any] = await house.emitted(domain)
    for event in emitted:
        told[getattr(event, event.__struct_fields__[0])][event.version] = type(event)
    return {key: list(events.values()) for key, events in told.items()}


async def test_somebody_who_sees_a_payment_keeps_an_orders_goods(office: Office) -> None:
    async def says(order: str, *more: str) -> tuple[int, str]:
        return await office.at_terminal("extend", order, "-r", "payment page is open", *more)

    assert (await says("nobody"))[0] == 2
    for event in (receipt("r1", "HZ", [("A", 90)]), placed("o1", [("A", 1)])):
        await office.house.publish([event])
        await office.house.drained()
    (row,) = await office.house.fetch(
        "SELECT expires_at FROM inventory.reservations WHERE key = 'o1'"
    )
    until = row["expires_at"].isoformat()
    assert await says("o1", "--minutes", "5") == (0, f"o1: {until}\n"), "it is kept for longer"
    await office.house.publish([paid("o1")])
    await office.house.drained()
    code, output = await says("o1")
    assert code == 1
    assert "paid" in output
