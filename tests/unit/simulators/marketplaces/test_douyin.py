from typing import Any

from simulators.clock import ManualClock
from simulators.orders import Order
from simulators.simulation import Simulation
from tests.unit.simulators.calls import douyin, douyin_answer, douyin_call, place, shop_named

SHOP = shop_named("douyin-1")


def search(simulation: Simulation, clock: ManualClock, page: int, size: int) -> dict[str, Any]:
    answer = douyin(
        simulation,
        SHOP,
        "order.searchList",
        page=page,
        size=size,
        update_time_start=clock() // 1_000 - 3_600,
        update_time_end=clock() // 1_000 + 3_600,
        order_by="update_time",
        order_asc=True,
    )
    assert answer["code"] == 10000
    found: dict[str, Any] = answer["data"]
    return found


def two_lines(simulation: Simulation) -> Order:
    order = place(simulation, "douyin")
    while len(order.lines) < 2:
        order = place(simulation, "douyin")
    return order


def pack(code: str, *line_nos: str) -> dict[str, Any]:
    goods = [{"shipped_order_id": line_no, "shipped_num": 1} for line_no in line_nos]
    return {"logistics_code": code, "company_code": "zhongtong", "shipped_order_info": goods}


def test_one_changed_byte_of_body_or_parameters_is_refused(simulation: Simulation) -> None:
    order = place(simulation, "douyin")
    method = "order.orderDetail"
    params, body = douyin_call(simulation, SHOP, method, {"shop_order_id": order.order_no})

    def code(params: dict[str, str], body: bytes) -> int:
        return int(douyin_answer(simulation, method, params, body)["code"])

    assert code(params, body) == 10000
    assert code(params, body.replace(b"001", b"002", 1)) == 40003
    for name in ("timestamp", "v", "sign"):
        assert code(params | {name: params[name] + "0"}, body) == 40003
    assert code(params | {"access_token": "x"}, body) == 30001
    assert code(params, b"{") == 40004


def test_the_path_must_name_the_signed_method(simulation: Simulation) -> None:
    params, body = douyin_call(simulation, SHOP, "order.orderDetail", {"shop_order_id": "1"})
    answer = douyin_answer(simulation, "order.logisticsAdd", params, body)
    assert answer["code"] == 40002


def test_pages_count_from_zero_and_together_hold_every_order_once(
    simulation: Simulation, clock: ManualClock
) -> None:
    placed = {simulation.world.place(channel="douyin").order_no for _ in range(47)}
    found: list[str] = []
    for page in range(5):
        result = search(simulation, clock, page, 10)
        assert result["total"] == 47
        found += [row["order_id"] for row in result["shop_order_list"]]
    assert len(found) == 47
    assert set(found) == placed


def test_amounts_add_up_in_douyins_own_fields(simulation: Simulation, clock: ManualClock) -> None:
    for _ in range(100):
        place(simulation, "douyin")
    for row in search(simulation, clock, 0, 100)["shop_order_list"]:
        lines = row["sku_order_list"]
        assert row["order_amount"] == row["pay_amount"] + row["promotion_amount"]
        assert row["pay_amount"] == sum(line["pay_amount"] for line in lines) + row["post_amount"]
        parts = ("promotion_shop_amount", "promotion_platform_amount")
        assert row["promotion_amount"] == sum(row[part] for part in parts)
        for line in lines:
            assert line["sum_amount"] == line["origin_amount"] * line["item_num"]
            assert line["pay_amount"] == line["order_amount"] - line["promotion_amount"]
            gift = line["given_product_type"] == "FREE"
            assert (line["origin_amount"] == 0) is gift


def test_an_open_refund_stops_shipping_with_60040_until_it_is_answered(
    simulation: Simulation,
) -> None:
    order = place(simulation, "douyin")
    simulation.world.act(order.key, "cancel_paid")
    call = {
        "order_id": order.order_no,
        "logistics_code": "75001",
        "company_code": "zhongtong",
        "is_refund_reject": False,
    }
    refused = douyin(simulation, SHOP, "order.logisticsAdd", **call)
    assert (refused["code"], refused["sub_code"]) == (50002, "isv.business-failed:60040")
    items = [{"aftersale_id": one} for one in simulation.world.records.after_sales]
    assert douyin(simulation, SHOP, "afterSale.operate", type=202, items=items)["code"] == 40004
    why = {"reason": "已使用", "remark": "已使用", "reject_reason_code": int(SHOP.refusal_code)}
    refusals = [one | why for one in items]
    refused_claims = douyin(simulation, SHOP, "afterSale.operate", type=202, items=refusals)
    assert {item["status_code"] for item in refused_claims["data"]["items"]} == {10000}
    assert douyin(simulation, SHOP, "order.logisticsAdd", **call)["code"] == 10000


def test_agreeing_twice_closes_the_order_once(simulation: Simulation, clock: ManualClock) -> None:
    order = place(simulation, "douyin")
    simulation.world.act(order.key, "cancel_paid")
    items = [{"aftersale_id": one} for one in simulation.world.records.after_sales]
    for code in (10000, 50002):
        answer = douyin(simulation, SHOP, "afterSale.operate", type=201, items=items)
        assert {item["status_code"] for item in answer["data"]["items"]} == {code}
    assert simulation.tally.counts["douyin:agree:applied"] == len(items)
    assert simulation.tally.counts["douyin:agree:duplicate"] == len(items)
    rows = search(simulation, clock, 0, 100)["shop_order_list"]
    row = next(row for row in rows if row["order_id"] == order.order_no)
    assert (row["order_status"], row["main_status"]) == (4, 21)


def test_shipping_again_with_the_same_number_is_refused_and_counted(simulation: Simulation) -> None:
    order = place(simulation, "douyin")
    call = {"order_id": order.order_no, "logistics_code": "75001", "company_code": "zhongtong"}
    codes = [douyin(simulation, SHOP, "order.logisticsAdd", **call)["code"] for _ in range(2)]
    assert codes == [10000, 50002]
    assert simulation.world.records.orders[order.key].shipments[0].count == 2


def test_a_multi_pack_call_is_all_or_nothing(simulation: Simulation) -> None:
    order = two_lines(simulation)
    first, *rest = (line.line_no for line in order.lines)
    method = "order.logisticsAddMultiPack"
    wrong = [pack("75001", first), pack("75002", "no such line")]
    answer = douyin(simulation, SHOP, method, order_id=order.order_no, pack_list=wrong)
    assert answer["code"] == 50002
    assert simulation.world.records.orders[order.key].shipments == ()
    right = [pack("75001", first), pack("75002", *rest)]
    answer = douyin(simulation, SHOP, method, order_id=order.order_no, pack_list=right)
    assert answer["code"] == 10000
    assert simulation.world.records.orders[order.key].state == "shipped"


def test_single_packs_ship_an_order_part_by_part(simulation: Simulation) -> None:
    order = two_lines(simulation)
    first, *rest = (line.line_no for line in order.lines)
    states = []
    for code, line_nos in (("75001", (first,)), ("75002", tuple(rest))):
        call = pack(code, *line_nos)
        assert douyin(simulation, SHOP, "order.logisticsAddSinglePack", **call)["code"] == 10000
        states.append(simulation.world.records.orders[order.key].state)
    assert states == ["part_shipped", "shipped"]


def test_claims_are_listed_with_their_sub_order(simulation: Simulation, clock: ManualClock) -> None:
    order = place(simulation, "douyin")
    simulation.world.act(order.key, "cancel_paid")
    answer = douyin(
        simulation,
        SHOP,
        "afterSale.List",
        page=0,
        size=10,
        update_start_time=clock() // 1_000 - 60,
        update_end_time=clock() // 1_000 + 60,
    )
    rows = answer["data"]["items"]
    assert sum(row["aftersale_info"]["refund_amount"] for row in rows) == order.paid_fen
    assert {row["order_info"]["shop_order_id"] for row in rows} == {order.order_no}
