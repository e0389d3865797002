import base64
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulators.clock import ManualClock
from simulators.doors import Call
from simulators.marketplaces.kuaishou.pushes import seal
from simulators.marketplaces.kuaishou.server import sign
from simulators.simulation import Simulation
from tests.unit.simulators.calls import as_json, form_call, place, shop_named

SHOP = shop_named("kuaishou-1")
VECTOR = {
    "appkey": "ks000000000000000001",
    "method": "open.order.cursor.list",
    "version": "1",
    "access_token": "kstoken01",
    "timestamp": "1779243072000",
    "param": '{"orderViewStatus":1,"pageSize":50,"sort":1,"queryType":2,'
    '"beginTime":1779240000000,"endTime":1779243000000,"cursor":""}',
}
HEARTBEAT = b'{"test":true}'


def params_of(simulation: Simulation, method: str, param: dict[str, Any]) -> dict[str, str]:
    params = {
        "appkey": SHOP.app_key,
        "method": method,
        "version": "1",
        "access_token": SHOP.access_token,
        "timestamp": str(simulation.clock()),
        "signMethod": "HMAC_SHA256",
        "param": json.dumps(param),
    }
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    whole = f"{text}&signSecret={SHOP.app_secret}"
    digest = hmac.new(SHOP.app_secret.encode(), whole.encode(), "sha256").digest()
    return params | {"sign": base64.b64encode(digest).decode()}


def ask(
    simulation: Simulation, params: dict[str, str], *, writes: bool = False, path: str = ""
) -> dict[str, Any]:
    path = path or f"/{params['method'].replace('.', '/')}"
    call = form_call(path, params) if writes else Call(method="GET", path=path, query=params)
    return as_json(simulation.servers["kuaishou"].answer(call).body)


def read(simulation: Simulation, method: str, **param: Any) -> dict[str, Any]:
    return ask(simulation, params_of(simulation, method, param))


def write(simulation: Simulation, method: str, **param: Any) -> dict[str, Any]:
    return ask(simulation, params_of(simulation, method, param), writes=True)


def listed(simulation: Simulation, clock: ManualClock, **param: Any) -> dict[str, Any]:
    asked = {
        "orderViewStatus": 1,
        "pageSize": 10,
        "sort": 1,
        "queryType": 2,
        "beginTime": clock() - 3_600_000,
        "endTime": clock() + 3_600_000,
        "cursor": "",
        **param,
    }
    return read(simulation, "open.order.cursor.list", **asked)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("MD5", "bed9b136df2f98ca6af1f0f180667a5e"),
        ("HMAC_SHA256", "XZxW/EJXovc2JYsmae4eBVvEVIYWrtdN7xjtOmMMT7Y="),
        ("PLAIN", None),
    ],
)
def test_it_signs_as_the_published_vectors_show(method: str, expected: str | None) -> None:
    assert sign(VECTOR | {"signMethod": method}, "ks-sign-secret-demo") == expected


def test_it_seals_as_the_published_vector_shows() -> None:
    sealed = seal(HEARTBEAT, "xIoB9J/Q8sxAS8PLvIDpFA==")
    assert sealed == b"MULyMdc87+ir21uOKCeU/Q=="


def test_one_changed_byte_of_any_value_is_refused(simulation: Simulation) -> None:
    order = place(simulation, "kuaishou")
    params = params_of(simulation, "open.order.detail", {"oid": int(order.order_no)})
    path = "/open/order/detail"
    assert ask(simulation, params)["result"] == 1
    for name in params:
        answer = ask(simulation, params | {name: params[name] + "0"}, path=path)
        assert answer["result"] == (22 if name == "appkey" else 28)


def test_reads_are_get_writes_are_post_and_the_path_repeats_the_method(
    simulation: Simulation,
) -> None:
    order = place(simulation, "kuaishou")
    params = params_of(simulation, "open.order.detail", {"oid": int(order.order_no)})
    assert ask(simulation, params, writes=True)["result"] == 12
    assert ask(simulation, params, path="/open/order/cursor/list")["result"] == 12


def test_an_old_call_and_a_strangers_token_are_refused(
    simulation: Simulation, clock: ManualClock
) -> None:
    params = params_of(simulation, "open.order.detail", {"oid": 1})
    clock.advance(601_000)
    assert ask(simulation, params)["result"] == 27


def test_a_cursor_holds_its_place_while_orders_change(
    simulation: Simulation, clock: ManualClock
) -> None:
    for _ in range(25):
        place(simulation, "kuaishou")
    everything = {int(order_no) for _, order_no in simulation.world.records.orders}
    found: list[int] = []
    cursor = ""
    while cursor != "nomore":
        answer = listed(simulation, clock, cursor=cursor)["data"]
        found += [row["orderBaseInfo"]["oid"] for row in answer["orderList"]]
        cursor = answer["cursor"]
        # What changes meanwhile moves to the front, and nothing else moves for it.
        simulation.world.act(("kuaishou", str(found[0])), "memo")
    assert sorted(found) == sorted(everything)


@pytest.mark.parametrize(
    ("param", "wrong"),
    [
        ({"pageSize": 51}, "pageSize"),
        ({"beginTime": 1}, "endTime"),
        ({"cursor": "no_more"}, "cursor"),
        ({"queryType": None}, "queryType"),
    ],
)
def test_wrong_parameters_are_named(
    simulation: Simulation, clock: ManualClock, param: dict[str, Any], wrong: str
) -> None:
    answer = listed(simulation, clock, **param)
    assert answer["result"] == 13
    assert wrong in answer["error_msg"]


def test_an_order_is_one_item_whose_amounts_add_up(simulation: Simulation) -> None:
    for _ in range(60):
        order = place(simulation, "kuaishou")
        row = read(simulation, "open.order.detail", oid=int(order.order_no))["data"]
        base, item = row["orderBaseInfo"], row["orderItemInfo"]
        goods = item["price"] * item["num"]
        assert base["totalFee"] == goods - base["discountFee"] + base["expressFee"]
        assert item["discountFee"] <= base["discountFee"]


def test_a_claim_is_agreed_to_as_it_was_asked_for_or_refused(
    simulation: Simulation, clock: ManualClock
) -> None:
    order = place(simulation, "kuaishou")
    simulation.world.act(order.key, "cancel_paid")
    (claim,) = simulation.world.records.after_sales.values()
    asked = {"refundId": int(claim.after_sale_id), "refundHandingWay": 10, "desc": "同意"}
    approve = "open.seller.order.refund.approve"
    wrong = write(simulation, approve, **asked, refundAmount=claim.amount_fen + 1, status=10)
    assert wrong["result"] == 14
    assert (
        write(simulation, "open.refund.reject", refundId=int(claim.after_sale_id), reasonCode=1)[
            "result"
        ]
        == 1
    )
    late = write(simulation, approve, **asked, refundAmount=claim.amount_fen, status=10)
    assert (late["result"], late["error_msg"]) == (14, "售后单状态已变更")
    answer = read(
        simulation,
        "open.seller.order.refund.pcursor.list",
        type=9,
        queryType=2,
        pageSize=100,
        currentPage=1,
        pcursor="",
        beginTime=clock() - 60_000,
        endTime=clock() + 60_000,
    )
    (row,) = answer["data"]["refundOrderInfoList"]
    assert (row["oid"], row["status"], answer["data"]["pcursor"]) == (
        int(order.order_no),
        70,
        "nomore",
    )


def test_messages_open_with_the_shops_key_only(simulation: Simulation) -> None:
    queue = simulation.pushes[SHOP.shop]
    simulation.subscribe({SHOP.shop: "http://127.0.0.1:9/push"})
    order = place(simulation, "kuaishou")
    batch = queue.take()
    body = queue.encode(batch[0].group, [one.content for one in batch]).body
    key = base64.b64decode(SHOP.push_secret)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
    text = decryptor.update(base64.b64decode(body)) + decryptor.finalize()
    messages = json.loads(text[: -text[-1]])
    mine = [one for one in messages if one["bizId"] == int(order.order_no)]
    assert [one["event"] for one in mine] == [
        "kwaishop_order_addOrder",
        "kwaishop_order_paySuccess",
    ]
    assert json.loads(mine[1]["info"])["status"] == 30
    assert [queue.accepted(text) for text in (b'{"result":1}', b'{"result":0}', b"ok")] == [
        True,
        False,
        False,
    ]
