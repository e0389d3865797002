import hashlib
import json
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from simulators.carriers.tracking import SALT, STEPS
from simulators.clock import ManualClock
from simulators.simulation import Simulation
from tests.unit.simulators.calls import cainiao_call, place, waybill_request

URL = "http://127.0.0.1:9/tracking"


@pytest.fixture
def simulation(simulate: Callable[..., Simulation]) -> Simulation:
    return simulate(tracking_push_url=URL, tracking_step_s=1.0, confirm_after_s=2.0)


def issue(simulation: Simulation) -> str:
    answer = cainiao_call(simulation, "TMS_WAYBILL_GET", waybill_request("1"))
    return str(answer["waybillCloudPrintResponseList"][0]["waybillCode"])


def test_a_parcel_moves_only_after_it_was_handed_over_and_only_once(
    simulation: Simulation, clock: ManualClock
) -> None:
    waybill = issue(simulation)
    clock.advance(60_000)
    simulation.advance()
    assert simulation.tracking.parcels == {}
    assert simulation.cainiao.hand_over(waybill)
    assert not simulation.cainiao.hand_over(waybill)
    assert not simulation.cainiao.hand_over("unknown")


def test_each_step_is_pushed_with_the_trace_so_far_until_signed(
    simulation: Simulation, clock: ManualClock
) -> None:
    simulation.cainiao.hand_over(issue(simulation))
    states, lengths, closings = [], [], []
    for _ in range(len(STEPS) + 2):
        clock.advance(1_000)
        simulation.tracking.advance()
        for push in simulation.tracking.queue.take():
            told = json.loads(push.content)
            states.append(told["lastResult"]["state"])
            lengths.append(len(told["lastResult"]["data"]))
            closings.append((told["status"], told["lastResult"]["ischeck"]))
    assert states == [step[0] for step in STEPS]
    assert lengths == [1, 2, 3, 4, 5]
    assert closings == [("polling", "0")] * 4 + [("shutdown", "1")]


def test_a_push_is_a_form_signed_over_the_exact_param_text(
    simulation: Simulation, clock: ManualClock
) -> None:
    simulation.cainiao.hand_over(issue(simulation))
    clock.advance(1_000)
    simulation.advance()
    queue = simulation.tracking.queue
    (push,) = queue.take()
    form = parse_qs(queue.encode("", [push.content]).body.decode())
    expected = hashlib.md5((form["param"][0] + SALT).encode()).hexdigest().upper()
    assert form["sign"] == [expected]
    assert queue.accepted(b'{"result":true,"returnCode":"200","message":""}')
    assert not queue.accepted(b'{"result":false}')


def test_an_order_ends_a_pause_after_its_parcel_was_signed_for(
    simulation: Simulation, clock: ManualClock
) -> None:
    order, waybill = place(simulation, "taobao"), issue(simulation)
    simulation.world.ship(order.key, waybill=waybill, company="ZTO")
    simulation.cainiao.hand_over(waybill)
    states = []
    for _ in range(8):
        clock.advance(1_000)
        simulation.advance()
        states.append(simulation.world.records.orders[order.key].state)
    assert states == ["shipped"] * 6 + ["finished"] * 2


def test_a_stalled_parcel_never_arrives(
    simulate: Callable[..., Simulation], clock: ManualClock
) -> None:
    simulation = simulate(odds={"stalled_parcel": 1.0}, tracking_step_s=1.0)
    waybill = issue(simulation)
    simulation.cainiao.hand_over(waybill)
    clock.advance(60_000)
    for _ in range(10):
        simulation.advance()
    assert len(simulation.tracking.parcels[waybill].scans) == 3


def test_telling_the_marketplace_hands_over_when_so_set(
    simulate: Callable[..., Simulation],
) -> None:
    simulation = simulate(handover_on_write_back=True)
    order, waybill = place(simulation, "jd"), issue(simulation)
    simulation.world.ship(order.key, waybill=waybill, company="ZTO")
    assert list(simulation.tracking.parcels) == [waybill]
