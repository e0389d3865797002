"""A till's reservation and the order it becomes, on real servers: held once, in every order of events."""

import asyncio
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from schemas.events.orders import OrderPlaced, Payment
from schemas.events.reservations import ReservationEnded
from schemas.events.stock import StockReserved, StockShort
from services.inventory.domain.reservations import Reservation
from tests.integration.inventory.rig import House
from tests.integration.inventory.test_stock_flow import SOUND, level
from tests.integration.inventory.tills import Till
from tests.unit.inventory.events import NOW, cancelled, paid, placed, receipt, refunded


async def reserved(till: Till, key: str, goods: Sequence[tuple[str, int]], **more: Any) -> str:
    lines = [{"sku": sku, "quantity": pieces} for sku, pieces in goods]
    made = await till.reserve(key, lines=lines, **more)
    assert made.status_code == 201, made.text
    return str(made.json()["reservation_id"])


async def outcomes(house: House) -> dict[str, str | None]:
    """Order → the reservation it has taken over, "short", or None."""
    told: dict[str, str | None] = {}
    for event in await house.emitted():
        if isinstance(event, StockReserved):
            told[event.order_id] = event.reservation_id
        elif isinstance(event, StockShort):
            told[event.order_id] = "short"
    return told


async def test_an_order_takes_over_what_its_till_had_reserved(till: Till) -> None:
    house = till.house
    made = await reserved(till, "sale-0001", [("A", 5)])
    await house.publish([placed("o1", [("A", 5)], reservation_id=made)])
    await house.drained()
    assert await level(house, "HZ", "A") == (5, 5), "all there is, and held once"
    assert await outcomes(house) == {"o1": made}
    now = (await till.client.get(f"/reservations/{made}")).json()
    assert (now["state"], now["order_id"], now["expires_at"]) == ("adopted", "o1", None)
    for verb, body in (("confirm", {}), ("release", {}), ("confirm", {"handed_over": True})):
        refused = await till.act(verb, made, body)
        assert (refused.status_code, refused.json()["code"]) == (409, "reservation_adopted")
    again = await reserved(till, "sale-0001", [("A", 5)])
    assert again == made, "the first answer stands"
    assert await till.running.invariants() == SOUND
    # The same again, and another order that names it, take nothing over.
    await house.publish(
        [
            placed("o1", [("A", 5)], reservation_id=made),
            placed("o2", [("A", 1)], reservation_id=made, province="广东省"),
        ]
    )
    await house.drained()
    assert await outcomes(house) == {"o1": made, "o2": None}
    await house.publish([paid("o1"), cancelled("o2")])
    await house.drained()
    assert await level(house, "HZ", "A") == (5, 5)
    assert await level(house, "GZ", "A") == (1, 0)
    (ended,) = [e for e in await house.emitted("reservations") if isinstance(e, ReservationEnded)]
    assert (ended.reason, ended.order_id) == ("adopted", "o1")
    assert await till.running.invariants() == SOUND


async def test_what_differs_is_held_or_let_go_in_addition(till: Till) -> None:
    house = till.house
    less = await reserved(till, "sale-0001", [("A", 3), ("B", 1)])
    more = await reserved(till, "sale-0002", [("B", 1)])
    for order in (
        placed("o1", [("A", 1)], reservation_id=less),
        placed("o2", [("A", 4), ("B", 2)], reservation_id=more),
    ):
        await house.publish([order])
        await house.drained()
    assert await outcomes(house) == {"o1": less, "o2": more}
    assert await level(house, "HZ", "A") == (5, 5)
    assert await level(house, "HZ", "B") == (3, 2)
    assert await till.running.invariants() == SOUND


async def test_an_order_for_more_than_there_is_leaves_the_till_what_it_has(till: Till) -> None:
    house = till.house
    made = await reserved(till, "sale-0001", [("A", 3)])
    await house.publish([placed("o1", [("A", 9)], reservation_id=made)])
    await house.drained()
    assert await outcomes(house) == {"o1": "short"}
    assert await level(house, "HZ", "A") == (5, 3)
    # Paid, it is asked for again, and takes over what is still held.
    for event in (receipt("r9", "HZ", [("A", 4)]), paid("o1")):
        await house.publish([event])
        await house.drained()
    assert await outcomes(house) == {"o1": made}
    assert await level(house, "HZ", "A") == (9, 9)
    assert await till.running.invariants() == SOUND


async def test_what_it_may_not_take_over_leaves_an_order_to_itself(till: Till) -> None:
    house = till.house
    released = await reserved(till, "sale-0001", [("A", 1)])
    await till.act("release", released)
    foreign = await reserved(till, "sale-0002", [("A", 1)], channel="pos")
    await house.publish([placed("no-reservation", [("B", 1)])])
    await house.drained()
    names = {"o1": released, "o2": foreign, "o3": "rsv-" + "a" * 20, "o4": "no-reservation"}
    await house.publish([placed(key, [("A", 1)], reservation_id=it) for key, it in names.items()])
    await house.drained()
    found = await outcomes(house)
    assert {key: found[key] for key in names} == dict.fromkeys(names)
    assert await level(house, "HZ", "A") == (5, 5), "four orders, and the foreign reservation"
    assert await till.running.invariants() == SOUND


async def test_an_order_and_its_till_race_and_one_of_them_has_the_goods(till: Till) -> None:
    """Tills sell, let go and hand over in two processes while the orders that name them arrive."""
    house = till.house
    await house.publish([receipt("r9", "HZ", [("A", 120)])])
    await house.drained()
    made = [await reserved(till, f"sale-{n:04}", [("A", 2)], warehouse="HZ") for n in range(40)]
    async with house.running(batch_records=5) as other:

        async def acts(number: int) -> str:
            await asyncio.sleep(0.005 * (number % 8))
            verb, body = [("confirm", {}), ("release", {}), ("confirm", {"handed_over": True})][
                number % 3
            ]
            answer = await till.act(verb, made[number], body)
            return str(answer.json().get("state") or answer.json()["code"])

        orders = [placed(f"o{n}", [("A", 2)], reservation_id=one) for n, one in enumerate(made)]
        publishing = [house.publish(orders[n : n + 4]) for n in range(0, 40, 4)]
        words = (await asyncio.gather(*publishing, *(acts(number) for number in range(40))))[10:]
        await house.drained()
        found = await outcomes(house)
        for number, one in enumerate(made):
            took_over = found[f"o{number}"] == one
            kept = await till.running.reservations.find(one)
            assert isinstance(kept, Reservation)
            assert (kept.state == "adopted") is took_over
            ended_first = words[number] in {"released", "handed_over"}
            assert took_over is not ended_first, (number, words[number], kept)
        gone = sum(2 for word in words if word == "handed_over")
        assert await level(house, "HZ", "A") == (125 - gone, 80)
        await other.stock.told()
        assert await till.running.invariants() == SOUND


async def test_what_a_till_handed_over_under_a_reservation_leaves_once(till: Till) -> None:
    house = till.house
    named = await reserved(till, "sale-0001", [("A", 2)])
    assert (await till.act("confirm", named, {"handed_over": True})).status_code == 200
    assert await level(house, "HZ", "A") == (3, 0)
    sold = [
        sale("o1", [("A", 2)], reservation_id=named),
        sale("o2", [("A", 1)]),
        sale("o3", [("A", 2)], reservation_id=await reserved(till, "sale-0002", [("A", 1)])),
    ]
    for order in (*sold, *sold):
        await house.publish([order])
        await house.drained()
    assert await level(house, "HZ", "A") == (0, 0)
    assert await outcomes(house) == {"o2": None, "o3": (sold[2].reservation_id)}
    back = [refunded("o1", [("A", 2)]), refunded("o2", [("A", 1)])]
    await house.publish([*back, *back])
    await house.drained()
    assert await level(house, "HZ", "A") == (3, 0)
    assert await till.running.invariants() == SOUND


def sale(key: str, goods: Sequence[tuple[str, int]], **more: Any) -> OrderPlaced:
    """What a till sold over the counter."""
    payment = Payment(paid_at=NOW, paid_fen=1_000)
    return replace(placed(key, goods, **more), handed_over=True, payment=payment)
