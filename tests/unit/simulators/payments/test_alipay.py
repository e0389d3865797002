import json
from base64 import b64decode
from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from simulators.clock import ManualClock
from simulators.money import yuan
from simulators.orders import Order
from simulators.simulation import Simulation
from tests.unit.simulators.calls import alipay, alipay_params, as_json, place, refund


def moved_fen(simulation: Simulation) -> int:
    return sum(one.amount_fen * one.moved for one in simulation.alipay.refunds.values())


def query(simulation: Simulation, order: Order, request_no: str) -> dict[str, str]:
    return alipay(
        simulation,
        "alipay.trade.fastpay.refund.query",
        out_trade_no=f"{order.channel}:{order.order_no}",
        out_request_no=request_no,
    )


def test_one_changed_byte_is_refused_and_moves_nothing(simulation: Simulation) -> None:
    order = place(simulation, "jd")
    business = {
        "out_trade_no": f"jd:{order.order_no}",
        "refund_amount": "0.01",
        "out_request_no": "R1",
    }
    params = alipay_params(simulation, "alipay.trade.refund", business)
    changed = params | {"biz_content": params["biz_content"].replace("0.01", "0.02")}
    for wrong in (changed, params | {"sign": "AAAA"}, params | {"sign": "签"}):
        node = as_json(simulation.alipay.answer(wrong).body)["alipay_trade_refund_response"]
        assert node["sub_code"] == "isv.invalid-signature"
    assert simulation.alipay.refunds == {}


def test_answers_are_signed_over_the_exact_text_of_their_node(simulation: Simulation) -> None:
    order = place(simulation, "jd")
    business = {
        "out_trade_no": f"jd:{order.order_no}",
        "refund_amount": "0.01",
        "out_request_no": "R1",
    }
    params = alipay_params(simulation, "alipay.trade.refund", business)
    text = simulation.alipay.answer(params).body.decode()
    key = '"alipay_trade_refund_response":'
    node = text[text.index(key) + len(key) : text.index(',"sign":')]
    sign = b64decode(json.loads(text)["sign"])
    public = simulation.keys.gateway.public_key()
    public.verify(sign, node.encode(), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(sign, node.encode() + b" ", padding.PKCS1v15(), hashes.SHA256())


def test_the_same_request_moves_money_once(simulation: Simulation) -> None:
    order = place(simulation, "taobao")
    changes = [refund(simulation, order, "R1", "1.00")["fund_change"] for _ in range(3)]
    assert changes == ["Y", "N", "N"]
    assert moved_fen(simulation) == 100
    assert refund(simulation, order, "R2", "0.50")["refund_fee"] == "1.50"


def test_the_same_request_with_another_amount_is_discordant(simulation: Simulation) -> None:
    order = place(simulation, "taobao")
    refund(simulation, order, "R1", "1.00")
    node = refund(simulation, order, "R1", "2.00")
    assert node["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert moved_fen(simulation) == 100


def test_refunds_never_exceed_what_was_paid(simulation: Simulation) -> None:
    order = place(simulation, "douyin")
    assert refund(simulation, order, "R1", yuan(order.paid_fen))["code"] == "10000"
    node = refund(simulation, order, "R2", "0.01")
    assert node["sub_code"] == "ACQ.REASON_TRADE_REFUND_FEE_ERR"
    assert moved_fen(simulation) == order.paid_fen


def test_an_unpaid_or_unknown_trade_cannot_be_refunded(simulation: Simulation) -> None:
    unpaid = place(simulation, "jd", paid=False)
    assert refund(simulation, unpaid, "R1", "0.01")["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    node = alipay(
        simulation,
        "alipay.trade.refund",
        out_trade_no="nowhere:1",
        refund_amount="0.01",
        out_request_no="R1",
    )
    assert node["sub_code"] == "ACQ.TRADE_NOT_EXIST"


@pytest.mark.parametrize("amount", ["0.00", "-1", "1.001", "x"])
def test_an_amount_that_is_none_is_refused(simulation: Simulation, amount: str) -> None:
    order = place(simulation, "jd")
    assert refund(simulation, order, "R1", amount)["sub_code"] == "ACQ.INVALID_PARAMETER"


def test_a_query_tells_a_refund_from_none(simulation: Simulation) -> None:
    order = place(simulation, "jd")
    assert "refund_status" not in query(simulation, order, "R1")
    refund(simulation, order, "R1", "0.10")
    found = query(simulation, order, "R1")
    assert (found["refund_status"], found["refund_amount"]) == ("REFUND_SUCCESS", "0.10")


def test_a_system_error_moves_nothing(simulate: Callable[..., Simulation]) -> None:
    simulation = simulate(odds={"system_error": 1.0})
    order = place(simulation, "jd")
    assert refund(simulation, order, "R1", "0.10")["sub_code"] == "ACQ.SYSTEM_ERROR"
    assert "refund_status" not in query(simulation, order, "R1")
    assert moved_fen(simulation) == 0


def test_a_late_success_moves_money_once_after_it_was_answered_as_an_error(
    simulate: Callable[..., Simulation], clock: ManualClock
) -> None:
    simulation = simulate(odds={"late_success": 1.0})
    order = place(simulation, "jd")
    for _ in range(2):
        assert refund(simulation, order, "R1", "0.10")["sub_code"] == "ACQ.SYSTEM_ERROR"
    assert "refund_status" not in query(simulation, order, "R1")
    clock.advance(4_000)
    simulation.advance()
    assert query(simulation, order, "R1")["refund_status"] == "REFUND_SUCCESS"
    assert refund(simulation, order, "R1", "0.10")["fund_change"] == "N"
    assert moved_fen(simulation) == 10
