"""The simulators' ledger as the checker reads it."""

from __future__ import annotations

import json
from typing import Any

from demo.reading import outside_of
from demo.snapshots import Outside
from simulators import ledger
from simulators.clock import ManualClock
from simulators.settings import Mix, Settings
from simulators.simulation import Simulation

PAID = Mix(paid_at_once_pct=100, paid_later_pct=0, cancel_paid_pct=0, after_sale_pct=0)


def a_world() -> Simulation:
    settings = Settings(faults="none", mix=PAID)
    return Simulation(settings, ManualClock(1_795_800_000_000))


def read(simulation: Simulation) -> Outside:
    document: Any = json.loads(b"".join(ledger.document(simulation)))
    return outside_of(document, stock_units=7)


def test_what_was_told_and_what_was_claimed_is_read() -> None:
    simulation = a_world()
    world = simulation.world
    order = world.place(channel="jd")
    while sum(bool(line.paid_fen) for line in order.lines) < 2:
        order = world.place(channel="jd")
    for _ in range(3):
        world.ship(order.key, waybill="W1", company="ZTO")
    shipped = world.records.orders[order.key]
    paid_for = [line.line_no for line in shipped.lines if line.paid_fen]
    world.claim(shipped, line_nos=(paid_for[0],))
    simulation.plan.counts.update(
        {"jd:act_then_timeout": 1, "jd:error_after": 2, "jd:slow": 4, "pdd:error_after": 8}
    )

    outside = read(simulation)

    [told] = [one for one in outside.orders if one.order_no == order.order_no]
    assert (told.shipped_waybills, told.told_again) == (("W1",), 2)
    assert told.freight_fen == order.freight_fen
    assert outside.lost_answers == {"jd": 3, "pdd": 8}
    [claim] = outside.claims
    assert (claim.order_no, claim.in_part) == (order.order_no, True)
    assert (outside.waybills, outside.carried, outside.stock_units) == ((), frozenset(), 7)


def test_a_claim_over_all_that_was_paid_for_is_none_in_part() -> None:
    simulation = a_world()
    world = simulation.world
    order = world.place(channel="jd")
    assert world.claim(order)
    [claim] = read(simulation).claims
    assert not claim.in_part
