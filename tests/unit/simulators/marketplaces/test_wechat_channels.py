import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulators.clock import ManualClock
from simulators.doors import Call
from simulators.marketplaces.wechat_channels.pushes import seal, sign
from simulators.orders import Order
from simulators.simulation import Simulation
from tests.unit.simulators.calls import as_json, place, shop_named

SHOP = shop_named("wechat_channels-1")
CIPHER = (
    "x12/5hCt8WSD9FOFHMV9LxwjryeCBNzltNimZQdXRYgE19DV4rqv1of9FDqsune/FTjiNx6Wkm8Q38Adg1FhwvfTqkL7kiEP4F"
    "iCLsm4y+GdectXxd+I7Ibmz5m7qKPTALuqRZkEaQklWpMcwFOqwHaEu0xXWuW36pa15ETIW6ZUmLK12PQNxfhBcwaHfntjFy2O"
    "0X3LLPQrZAlWRkpR8scuxZcY8uiJWIOTo+BIwK/FAZy1vHQ0mSXhmffC3luh9V7VW2AOekdr+4J06y6rWDnuCG5FMtbk+i/yM1"
    "UTY2flEkdI3speD1AmDgItCHSlS49z9FK4TIAasvaaQ2+vhw=="
)


def call(
    simulation: Simulation, path: str, token: str = SHOP.access_token, **asked: Any
) -> dict[str, Any]:
    body = json.dumps(asked).encode()
    query = {"access_token": token} if token else {}
    request = Call(method="POST", path=f"/channels/ec/{path}", query=query, body=body)
    return as_json(simulation.servers["wechat_channels"].answer(request).body)


def listed(simulation: Simulation, clock: ManualClock, **asked: Any) -> dict[str, Any]:
    now_s = clock() // 1_000
    within = {"start_time": now_s - 3_600, "end_time": now_s + 3_600}
    asked = {"update_time_range": within, "page_size": 10, **asked}
    return call(simulation, "order/list/get", **asked)


def got(simulation: Simulation, order: Order) -> dict[str, Any]:
    found: dict[str, Any] = call(simulation, "order/get", order_id=order.order_no)["order"]
    return found


def parcel(waybill: str, *products: dict[str, Any]) -> dict[str, Any]:
    names = ("product_id", "sku_id")
    goods = [
        {name: one[name] for name in names} | {"product_cnt": one["sku_cnt"]} for one in products
    ]
    return {
        "delivery_id": "SF",
        "waybill_id": waybill,
        "deliver_type": 1,
        "product_infos": goods,
    }


def test_it_signs_as_the_published_vectors_show() -> None:
    of_url = sign("demotoken", "1779243072", "nonce01")
    assert of_url == "5db2e8df4d847e8b1413713353fe54fbf62a895c"
    of_message = sign("demotoken", "1779243072", "nonce01", CIPHER)
    assert of_message == "6b3262c3e180a48ca84d8b2ac1f355532ffc576a"


def test_an_event_is_sealed_for_its_app() -> None:
    aes_key = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
    event = b'{"Event":"channels_ec_order_pay"}'
    key = base64.b64decode(aes_key + "=")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    sealed = base64.b64decode(seal(event, aes_key=aes_key, app_id="wx1"))
    text = decryptor.update(sealed) + decryptor.finalize()
    text = text[: -text[-1]]
    assert int.from_bytes(text[16:20], "big") == len(event)
    assert text[20:] == event + b"wx1"


@pytest.mark.parametrize(("token", "code"), [("", 41001), ("long gone", 40001)])
def test_a_call_without_a_good_token_is_refused(
    simulation: Simulation, token: str, code: int
) -> None:
    assert call(simulation, "order/get", token, order_id="1")["errcode"] == code


def test_pages_name_every_order_once_and_keep_their_filters(
    simulation: Simulation, clock: ManualClock
) -> None:
    for _ in range(25):
        place(simulation, "wechat_channels")
    everything = {order_no for _, order_no in simulation.world.records.orders}
    found: list[str] = []
    answer: dict[str, Any] = {"has_more": True}
    asked: dict[str, Any] = {}
    while answer["has_more"]:
        answer = listed(simulation, clock, **asked)
        found += answer["order_id_list"]
        asked = {"next_key": answer["next_key"]}
        if answer["has_more"]:
            changed = listed(simulation, clock, **asked, status=20)
            assert changed["errcode"] == 606006
    assert sorted(found) == sorted(everything)


def test_a_window_is_a_week_of_orders_and_a_day_of_claims(
    simulation: Simulation, clock: ManualClock
) -> None:
    now_s = clock() // 1_000
    week = {"start_time": now_s - 7 * 86_400, "end_time": now_s}
    longer = week | {"start_time": week["start_time"] - 1}
    assert listed(simulation, clock, update_time_range=week)["errcode"] == 0
    assert listed(simulation, clock, update_time_range=longer)["errcode"] == 31042
    claims = "aftersale/getaftersalelist"
    for begin, code in ((now_s - 86_400, 0), (now_s - 86_401, 31042)):
        answer = call(simulation, claims, begin_update_time=begin, end_update_time=now_s)
        assert answer["errcode"] == code


def test_amounts_add_up_in_its_own_fields(simulation: Simulation) -> None:
    for _ in range(60):
        detail = got(simulation, place(simulation, "wechat_channels"))["order_detail"]
        price, products = detail["price_info"], detail["product_infos"]
        assert price["product_price"] == sum(p["sale_price"] * p["sku_cnt"] for p in products)
        net = price["product_price"] - price["discounted_price"]
        assert price["order_price"] == net + price["freight"]
        assert net == sum(product["real_price"] for product in products)


def test_parcels_hold_whole_lines_and_are_all_taken_or_none(simulation: Simulation) -> None:
    order = place(simulation, "wechat_channels")
    while len(order.lines) < 2:
        order = place(simulation, "wechat_channels")
    first, *rest = got(simulation, order)["order_detail"]["product_infos"]
    send = "order/delivery/send"
    too_many = parcel("1", first | {"sku_cnt": first["sku_cnt"] + 1})
    unknown = parcel("2", first | {"sku_id": "1"})
    for wrong in ([too_many], [parcel("1", first), unknown], [], ["1"]):
        answer = call(simulation, send, order_id=order.order_no, delivery_list=wrong)
        assert answer["errcode"] == 10020050
    assert got(simulation, order)["status"] == 20
    both = [parcel("1", first), parcel("2", *rest)]
    assert call(simulation, send, order_id=order.order_no, delivery_list=both)["errcode"] == 0
    shipped = got(simulation, order)
    assert shipped["status"] == 30
    parcels = shipped["order_detail"]["delivery_info"]["delivery_product_info"]
    assert [one["waybill_id"] for one in parcels] == ["1", "2"]


def test_a_refused_claim_says_so_and_needs_a_reason(simulation: Simulation) -> None:
    order = place(simulation, "wechat_channels")
    simulation.world.claim(order, line_nos=(order.lines[0].line_no,))
    (claim_id,) = simulation.world.records.after_sales
    reject, get = "aftersale/rejectapply", "aftersale/getaftersaleorder"
    asked = {"after_sale_order_id": claim_id}
    assert call(simulation, reject, **asked)["errcode"] == 10020050
    assert call(simulation, reject, **asked, reject_reason="已发出")["errcode"] == 0
    claim = call(simulation, get, **asked)["after_sale_order"]
    assert (claim["status"], claim["order_id"]) == ("MERCHANT_REJECT_REFUND", order.order_no)
    assert call(simulation, "aftersale/acceptapply", **asked)["errcode"] == 10020092


def test_a_posting_is_signed_over_its_cipher_and_only_success_is_received(
    simulation: Simulation,
) -> None:
    simulation.subscribe({SHOP.shop: "http://127.0.0.1:9/push"})
    place(simulation, "wechat_channels")
    queue = simulation.pushes[SHOP.shop]
    batch = queue.take()
    assert len(batch) == 1
    posting = queue.encode(batch[0].group, [batch[0].content])
    query, cipher = posting.query, json.loads(posting.body)["Encrypt"]
    parts = sorted((SHOP.push_token, query["timestamp"], query["nonce"], cipher))
    assert query["msg_signature"] == hashlib.sha1("".join(parts).encode()).hexdigest()
    assert [queue.accepted(body) for body in (b"success", b"", b"ok")] == [True, False, False]
