from collections.abc import Callable

import pytest

from simulators.simulation import Simulation
from tests.unit.simulators.calls import (
    as_json,
    cainiao_call,
    cainiao_params,
    waybill_request,
)


def codes(simulation: Simulation, *object_ids: str, province: str = "浙江省") -> dict[str, str]:
    request = waybill_request(*object_ids, province=province)
    answer = cainiao_call(simulation, "TMS_WAYBILL_GET", request)
    assert answer["success"] == "true"
    rows = answer["waybillCloudPrintResponseList"]
    return {row["objectId"]: row["waybillCode"] for row in rows}


def test_one_changed_byte_is_refused(simulation: Simulation) -> None:
    params = cainiao_params("TMS_WAYBILL_GET", waybill_request("1"))
    changed = params | {"logistics_interface": params["logistics_interface"] + " "}
    answer = as_json(simulation.cainiao.answer(changed).body)
    assert (answer["success"], answer["errorCode"]) == ("false", "S03")
    assert simulation.cainiao.waybills == {}


def test_the_same_request_gets_the_same_waybill_and_is_counted(simulation: Simulation) -> None:
    first = codes(simulation, "1", "2")
    assert first == codes(simulation, "1", "2")
    assert len(set(first.values())) == 2
    assert [one.asked for one in simulation.cainiao.waybills.values()] == [2, 2]


def test_a_parcel_without_a_province_is_left_out_of_the_answer(simulation: Simulation) -> None:
    assert codes(simulation, "1", province="") == {}


def test_a_short_list_issues_no_waybill_for_what_it_leaves_out(
    simulate: Callable[..., Simulation],
) -> None:
    simulation = simulate(odds={"short_list": 1.0})
    assert codes(simulation, "1") == {}
    assert simulation.cainiao.waybills == {}


def test_a_discarded_waybill_is_not_handed_over_and_the_next_request_gets_another(
    simulation: Simulation,
) -> None:
    waybill = codes(simulation, "1")["1"]
    discard = {"cpCode": "ZTO", "waybillCode": waybill}
    for _ in range(2):
        answer = cainiao_call(simulation, "TMS_WAYBILL_DISCARD", discard)
        assert answer["success"] == "true"
    assert not simulation.cainiao.hand_over(waybill)
    assert codes(simulation, "1")["1"] != waybill


def test_a_parcel_in_the_carriers_hands_cannot_be_discarded(simulation: Simulation) -> None:
    waybill = codes(simulation, "1")["1"]
    assert simulation.cainiao.hand_over(waybill)
    discard = {"cpCode": "ZTO", "waybillCode": waybill}
    assert cainiao_call(simulation, "TMS_WAYBILL_DISCARD", discard)["success"] == "false"


@pytest.mark.parametrize(
    ("msg_type", "content", "code"),
    [
        ("TMS_WAYBILL_GET", {"cpCode": "NONE", "tradeOrderInfoDtos": []}, "B10"),
        ("TMS_WAYBILL_GET", {"cpCode": "ZTO"}, "S01"),
        ("TMS_NOTHING", {}, "S04"),
    ],
)
def test_what_cannot_be_done_has_a_code(
    simulation: Simulation, msg_type: str, content: dict[str, object], code: str
) -> None:
    assert cainiao_call(simulation, msg_type, content)["errorCode"] == code
