from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import json

from simulators.clock import ManualClock
from simulators.drawing import Step
from simulators.orders import AfterSale, Order
from simulators.registry import MARKETPLACES
from simulators.settings import Mix, Settings
from simulators.simulation import Simulation
from simulators.world import World
from tests.unit.simulators.calls import place


def live(simulation: Simulation, clock: ManualClock, count: int) -> bytes:
    for _ in range(count):
        simulation.world.place()
        clock.advance(50)
        simulation.world.advance()
    return json.encode(list(simulation.world.records.orders.values()))


def current(simulation: Simulation, order: Order) -> Order:
    return simulation.world.records.orders[order.key]


def test_the_same_seed_makes_the_same_world(simulate: Callable[..., Simulation]) -> None:
    worlds = []
    for _ in range(2):
        clock = ManualClock(1_800_000_000_000)
        simulation = simulate(faults="storm")
        simulation.world.clock = clock
        worlds.append(live(simulation, clock, 300))
    assert worlds[0] == worlds[1]


def test_another_seed_or_run_makes_other_orders(simulate: Callable[..., Simulation]) -> None:
    numbers = [
        simulate(seed=seed, run=run).world.place().order_no
        for seed, run in ((7, 0), (8, 0), (7, 1))
    ]
    assert len(set(numbers)) == 3


def test_the_nth_order_does_not_depend_on_what_happened_between(
    simulate: Callable[..., Simulation],
) -> None:
    plain, busy = simulate(), simulate()
    first = [plain.world.place().lines for _ in range(20)]
    second = []
    for _ in range(20):
        order = busy.world.place()
        second.append(order.lines)
        busy.world.act(order.key, "pay")
        busy.world.ship(order.key, waybill=f"W{order.serial}", company="ZTO")
    assert first == second


def test_amounts_of_every_order_add_up(simulation: Simulation) -> None:
    for _ in range(2_000):
        order = simulation.world.place()
        off_fen = sum(line.discount_fen for line in order.lines)
        coupons_fen = order.shop_coupon_fen + order.platform_coupon_fen
        assert order.paid_fen == order.goods_fen - off_fen - coupons_fen + order.freight_fen
        assert order.paid_fen == sum(line.paid_fen for line in order.lines) + order.freight_fen
        assert order.stated_paid_fen == order.paid_fen
        assert all(line.paid_fen > 0 or line.gift for line in order.lines)
        assert len({line.sku.code for line in order.lines}) == len(order.lines)


def test_contradictions_are_planted_and_named(simulate: Callable[..., Simulation]) -> None:
    world = simulate(odds={"contradiction": 0.5}).world
    orders = [world.place() for _ in range(400)]
    reasons = {order.contradiction for order in orders}
    wrong = {"amount_mismatch", "quantity_impossible", "unknown_sku", "address_missing"}
    assert reasons == {""} | wrong
    for order in orders:
        differs = order.stated_paid_fen != order.paid_fen
        assert differs is (order.contradiction == "amount_mismatch")


def test_every_change_moves_the_modified_second(simulation: Simulation, clock: ManualClock) -> None:
    order = place(simulation, "taobao", paid=False)
    times = [order.modified_at_ms]
    steps: tuple[Step, ...] = ("pay", "address", "memo")
    for step in steps:
        assert simulation.world.act(order.key, step)
        times.append(current(simulation, order).modified_at_ms)
    assert times == [times[0] + 1_000 * place for place in range(4)]


def test_what_the_state_does_not_allow_does_not_happen(simulation: Simulation) -> None:
    order = place(simulation, "jd")
    assert not simulation.world.act(order.key, "pay")
    assert not simulation.world.act(order.key, "cancel")
    assert current(simulation, order) == order


def test_a_window_finds_each_order_once_under_its_last_change(
    simulation: Simulation, clock: ManualClock
) -> None:
    order = place(simulation, "douyin")
    clock.advance(60_000)
    simulation.world.act(order.key, "memo")
    records, at_ms = simulation.world.records, order.modified_at_ms
    early = records.window(order.shop, start_ms=at_ms - 1_000, end_ms=at_ms + 1_000)
    late = records.window(order.shop, start_ms=at_ms + 59_000, end_ms=at_ms + 61_000)
    created = records.window(order.shop, start_ms=at_ms, end_ms=at_ms, by_created=True)
    assert order.order_no not in {one.order_no for one in early}
    assert [one.order_no for one in late] == [order.order_no]
    assert order.order_no in {one.order_no for one in created}


def test_intents_run_when_they_fall_due(
    simulate: Callable[..., Simulation], clock: ManualClock
) -> None:
    mix = Mix(paid_at_once_pct=0, paid_later_pct=100, pay_after_s=(5, 5))
    world = simulate(mix=mix).world
    order = world.place()
    clock.advance(4_999)
    world.advance()
    assert world.records.orders[order.key].state == "unpaid"
    clock.advance(1)
    world.advance()
    paid = world.records.orders[order.key]
    assert (paid.state, paid.paid_at_ms - paid.created_at_ms) == ("paid", 5_000)


def test_shipping_twice_is_a_duplicate_and_shipping_otherwise_a_refusal(
    simulation: Simulation,
) -> None:
    order, world = place(simulation, "taobao"), simulation.world
    assert world.ship(order.key, waybill="W1", company="ZTO") == ("applied", "")
    shipped = current(simulation, order)
    assert world.ship(order.key, waybill="W1", company="ZTO")[0] == "duplicate"
    assert world.ship(order.key, waybill="W2", company="ZTO") == ("refused", "already_shipped")
    again = current(simulation, order)
    assert [(one.waybill, one.count) for one in again.shipments] == [("W1", 2)]
    assert again.modified_at_ms == shipped.modified_at_ms


def test_an_order_that_is_not_paid_cannot_be_shipped(simulation: Simulation) -> None:
    order = place(simulation, "taobao", paid=False)
    verdict = simulation.world.ship(order.key, waybill="W1", company="ZTO")
    assert verdict == ("refused", "not_paid")


def test_an_order_in_two_parcels_ends_when_both_arrived(
    simulate: Callable[..., Simulation],
) -> None:
    simulation = simulate(mix=Mix(after_sale_pct=0))
    world = simulation.world
    order = place(simulation, "douyin")
    while len(order.lines) < 2:
        order = place(simulation, "douyin")
    first, *rest = (line.line_no for line in order.lines)
    world.ship(order.key, waybill="W1", company="ZTO", line_nos=(first,))
    assert current(simulation, order).state == "part_shipped"
    world.ship(order.key, waybill="W2", company="ZTO", line_nos=tuple(rest))
    assert not world.deliver("W2")
    assert world.deliver("W1")
    assert current(simulation, order).state == "finished"


def claims(simulation: Simulation, order: Order) -> list[AfterSale]:
    found = simulation.world.records.after_sales.values()
    return [one for one in found if one.order_no == order.order_no]


def test_cancelling_a_paid_order_claims_all_that_was_paid(simulation: Simulation) -> None:
    for channel in ("taobao", "jd", "douyin"):
        for _ in range(30):
            order = place(simulation, channel)
            assert simulation.world.act(order.key, "cancel_paid")
            opened = claims(simulation, order)
            assert sum(one.amount_fen for one in opened) == order.paid_fen
            ship = simulation.world.ship(order.key, waybill=f"W{order.serial}", company="ZTO")
            assert ship == ("refused", "refund_open")
            for one in opened:
                assert simulation.world.agree(one.after_sale_id) == ("applied", "")
                assert simulation.world.agree(one.after_sale_id) == ("duplicate", "")
                refusal = simulation.world.refuse(one.after_sale_id)
                assert refusal == ("refused", "already_agreed")
            closed = current(simulation, order)
            assert closed.state == "closed"
            assert {line.refund for line in closed.lines} == {"agreed"}


def test_a_refused_claim_lets_the_order_ship(simulation: Simulation) -> None:
    order = place(simulation, "jd")
    simulation.world.act(order.key, "cancel_paid")
    simulation.world.refuse(claims(simulation, order)[0].after_sale_id)
    assert simulation.world.ship(order.key, waybill="W1", company="ZTO") == ("applied", "")


def test_a_withdrawn_claim_lets_the_order_ship_and_is_past_answering(
    simulation: Simulation,
) -> None:
    order = place(simulation, "jd")
    world = simulation.world
    world.act(order.key, "cancel_paid")
    assert world.ship(order.key, waybill="W1", company="ZTO") == ("refused", "refund_open")
    assert world.act(order.key, "withdraw")
    assert not world.act(order.key, "withdraw")
    claim = claims(simulation, order)[0]
    assert claim.status == "withdrawn"
    assert world.agree(claim.after_sale_id) == ("refused", "already_withdrawn")
    assert world.ship(order.key, waybill="W1", company="ZTO") == ("applied", "")


def test_of_the_claims_a_share_is_withdrawn_unless_it_was_answered_before(
    clock: ManualClock,
) -> None:
    world = World(Settings(faults="none", mix=Mix(withdraw_pct=100)), clock, MARKETPLACES)
    left, answered = paid(world), paid(world)
    world.claim(left)
    for claim in world.claim(answered):
        world.refuse(claim.after_sale_id)
    clock.advance(20_000)
    world.advance()
    assert {one.refund for one in world.records.orders[left.key].lines if one.paid_fen} == {
        "withdrawn"
    }
    assert {one.refund for one in world.records.orders[answered.key].lines if one.paid_fen} == {
        "refused"
    }


@pytest.mark.parametrize(
    ("refuse_pct", "status", "state"), [(100, "refused", "paid"), (0, "agreed", "closed")]
)
def test_a_share_of_the_claims_is_decided_by_a_clerk_in_the_back_office(
    clock: ManualClock, refuse_pct: int, status: str, state: str
) -> None:
    mix = Mix(back_office_pct=100, back_office_refuse_pct=refuse_pct)
    world = World(Settings(faults="none", mix=mix), clock, MARKETPLACES)
    order = paid(world)
    [claim] = world.claim(order)
    clock.advance(500)
    world.advance()
    assert world.records.after_sales[claim.after_sale_id].status == "open"
    clock.advance(10_000)
    world.advance()
    decided = world.records.after_sales[claim.after_sale_id]
    assert (decided.status, decided.answered_by) == (status, "shop")
    assert world.records.orders[order.key].state == state
    answer = {"refused": "already_refused", "agreed": "already_agreed"}[status]
    other = world.agree if status == "refused" else world.refuse
    assert other(claim.after_sale_id) == ("refused", answer)


def test_no_clerk_decides_anything_unless_it_is_asked_for(clock: ManualClock) -> None:
    world = World(Settings(faults="none"), clock, MARKETPLACES)
    order = paid(world)
    [claim] = world.claim(order)
    clock.advance(60_000)
    world.advance()
    assert world.records.after_sales[claim.after_sale_id].status == "open"
    assert world.act(order.key, "refuse")
    assert not world.act(order.key, "settle")


def world_where(clock: ManualClock, **jd: Any) -> World:
    marketplaces = {**MARKETPLACES, "jd": replace(MARKETPLACES["jd"], **jd)}
    return World(Settings(faults="none"), clock, marketplaces)


def paid(world: World) -> Order:
    while True:
        order = world.place(channel="jd")
        if order.paid_at_ms:
            return order


def test_a_shop_that_settles_claims_itself_has_done_so_at_once(clock: ManualClock) -> None:
    world = world_where(clock, settles_after_ms=0)
    order = paid(world)
    (claim,) = world.claim(order)
    settled = world.records.orders[order.key]
    assert settled.state == "closed"
    assert [one.after_sale_id for one in settled.refunds] == [claim.after_sale_id]
    assert [one.amount_fen for one in settled.refunds] == [order.paid_fen]


def test_a_shop_that_settles_claims_later_holds_the_order_until_then(clock: ManualClock) -> None:
    world = world_where(clock, settles_after_ms=5_000)
    order = paid(world)
    world.claim(order)
    clock.advance(4_999)
    world.advance()
    assert world.records.orders[order.key].refund_open
    clock.advance(1)
    world.advance()
    assert world.records.orders[order.key].state == "closed"
    assert not world.act(order.key, "settle")


def test_what_the_buyer_takes_along_is_finished_and_never_amended(clock: ManualClock) -> None:
    world = world_where(clock, taken_along=lambda _order: True, amendable=False, freight=False)
    order = paid(world)
    assert (order.state, order.freight_fen) == ("finished", 0)
    assert not world.act(order.key, "memo")
    unpaid = next(order for _ in range(200) if not (order := world.place(channel="jd")).paid_at_ms)
    assert world.act(unpaid.key, "pay")
    assert world.records.orders[unpaid.key].state == "finished"
