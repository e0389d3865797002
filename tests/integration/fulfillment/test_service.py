"""Fulfillment as a process: real Kafka and Postgres, carriers over HTTP in their own format."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from deploy.embedded.stack import Stack
from schemas.events.shipments import (
    ParcelDelivered,
    ParcelMoved,
    ParcelShipped,
    WaybillIssued,
    WaybillNotVoided,
    WaybillReplaced,
    WaybillVoided,
)
from simulators.carriers.tracking import SALT
from simulators.signing import kuaidi100_sign
from tests.integration.fulfillment.rig import CANARY, Rig, prepare, rig_on
from tests.support import stack as stacks
from tests.unit.fulfillment.parcels import cancel_requested, held, lifted, line, part, ready

STEPS = ("pick", "pack", "ship")


@pytest.fixture(scope="module")
def shared_topics(stack: Stack) -> Iterator[str]:
    with stacks.fresh_topics(stack.kafka_bootstrap) as prefix:
        prepare(stack, prefix)
        yield prefix


@pytest.fixture
async def rig(stack: Stack, shared_topics: str, database_url: str) -> AsyncIterator[Rig]:
    async with rig_on(stack, shared_topics, database_url) as prepared:
        yield prepared


def kinds(told: list[Any]) -> Counter[str]:
    return Counter(type(event).__name__ for event in told)


async def test_each_parcel_gets_one_label_although_answers_are_lost_and_the_service_is_killed(
    rig: Rig,
) -> None:
    rig.carriers.misbehave(act_then_timeout=0.25, short_list=0.15)
    wanted = rig.orders(60)
    async with rig.service() as first:
        await rig.ready(wanted)
        await rig.until(lambda: bool(rig.carriers.waybills()))
        await first.kill()
    async with rig.service():
        # In peace from the last number on: a parcel that is unlucky ten times may take as many quarters of a minute.
        await rig.until(lambda: len(rig.carriers.waybills()) == len(wanted))
        rig.carriers.misbehave()
        await rig.until_stages(labelled=60)

    faults = rig.carriers.simulation.plan.counts
    assert faults["cainiao:act_then_timeout"] > 0
    assert faults["cainiao:short_list"] > 0
    given = rig.carriers.waybills()
    assert sorted(one.object_id for one in given) == [f"{order_id}-1" for order_id in wanted]
    assert any(one.asked > 1 for one in given)
    told = await rig.told()
    issued = [event for event in told if isinstance(event, WaybillIssued)]
    assert {(e.parcel_id, e.waybill_no) for e in issued} == {
        (one.object_id, one.waybill) for one in given
    }
    assert CANARY not in "".join(rig.log) + repr(told)


async def test_parcels_go_all_the_way_and_arrive_once(rig: Rig) -> None:
    wanted = rig.orders(5)
    async with rig.service() as fulfillment:
        rig.carriers.misbehave(duplicate_push=0.5)
        rig.carriers.simulation.tracking.queue.url = (
            f"{str(fulfillment.http.base_url).rstrip('/')}/tracking/kuaidi100"
        )
        weights: list[dict[str, Any]] = [{"sku": "CL01-01", "weight_g": 1_400}]
        said = {"actor": "alice", "reason": "称重", "weights": weights}
        for changed in (1, 0):
            kept = await fulfillment.http.post("/sku-weights", json=said)
            assert kept.json() == {"kept": 1, "changed": changed}
        weights[0]["weight_g"] = 1_500
        said |= {"actor": "bob", "reason": "换包装"}
        assert (await fulfillment.http.post("/sku-weights", json=said)).status_code == 200
        shown = (await fulfillment.http.get("/sku-weights?sku=CL01-01")).json()
        assert (shown["sku"], shown["weight_g"]) == ("CL01-01", 1_500)
        assert [
            (one["weight_g"], one["former_weight_g"], one["actor"], one["reason"])
            for one in shown["changes"]
        ] == [(1_500, 1_400, "bob", "换包装"), (1_400, None, "alice", "称重")]
        status, printed = await rig.cli("weight", "CL01-01")
        assert (status, json.loads(printed)) == (0, shown)
        assert (await rig.cli("weight", "NONE"))[0] == 2
        await rig.ready(wanted, lines=(line(quantity=2),))
        await rig.until_stages(labelled=5)

        queue = (await fulfillment.http.get("/parcels", params={"state": "labelled"})).json()
        assert sorted(one["order_id"] for one in queue["parcels"]) == wanted
        assert {one["weight_g"] for one in queue["parcels"]} == {3_000}
        assert {one["carrier"] for one in queue["parcels"]} == {"ZTO"}
        # One list, three steps a parcel: they are decided in the order of the list.
        actions = [
            {"order_id": order_id, "action": step, "actor": "测试仓管"}
            for order_id in wanted
            for step in STEPS
        ]
        answer = await fulfillment.http.post("/parcels/commands", json=actions, timeout=30)
        assert {one["outcome"] for one in answer.json()["results"]} == {"done"}
        for given in rig.carriers.waybills():
            assert rig.carriers.simulation.cainiao.hand_over(given.waybill)
        await rig.until_stages(delivered=5)
        # Whatever is still pushed twice changes nothing.
        await rig.until(lambda: len(rig.carriers.simulation.tracking.queue) == 0)

    told = await rig.told()
    counted = kinds(told)
    assert {counted[f"Parcel{step}"] for step in ("Planned", "Picked", "Packed", "Shipped")} == {5}
    assert counted["ParcelDelivered"] == 5
    for order_id in wanted:
        moves = [
            event.occurred_at
            for event in told
            if event.order_id == order_id and isinstance(event, ParcelMoved | ParcelDelivered)
        ]
        assert moves == sorted(moves)


async def test_a_person_replaces_a_waybill_and_the_hand_over_tells_the_new_one(rig: Rig) -> None:
    [order_id] = rig.orders(1)
    async with rig.service() as fulfillment:
        await rig.ready([order_id])
        await rig.until_stages(labelled=1)
        http, door = fulfillment.http, f"/parcels/{order_id}/replace-waybill"
        asked = {
            "actor": "测试仓管",
            "carrier": "SF",
            "waybill_no": "SF20000001",
            "reason": "贴错面单",
        }

        assert (await http.post(door, json=asked | {"reason": ""})).status_code == 400
        refused = await http.post(door, json=asked | {"waybill_no": "?"})
        assert (refused.status_code, refused.json()["code"]) == (409, "waybill_malformed")
        [made] = rig.carriers.waybills()
        # The provider voids it, and its answer is lost.
        rig.carriers.misbehave(act_then_timeout=1.0)
        for _ in range(2):
            done = await http.post(door, json=asked | {"command_id": "replace-1"})
            assert (done.status_code, done.json()["outcome"]) == (200, "done")
        await rig.until(lambda: rig.carriers.simulation.plan.counts["cainiao:act_then_timeout"] > 1)
        rig.carriers.misbehave()
        await rig.until_row("SELECT bool_and(dispatch_due_at IS NULL) FROM fulfillment.parcels")
        assert [one.discarded for one in rig.carriers.waybills()] == [True]
        again = await http.post(door, json=asked | {"carrier": "ZTO", "waybill_no": made.waybill})
        assert (again.status_code, again.json()["code"]) == (409, "waybill_void")
        shown = (await http.get(f"/parcels/{order_id}")).json()
        assert (shown["carrier"], shown["waybill_no"]) == ("SF", "SF20000001")
        steps = [{"order_id": order_id, "action": step, "actor": "测试仓管"} for step in STEPS]
        answer = await http.post("/parcels/commands", json=steps, timeout=30)
        assert {one["outcome"] for one in answer.json()["results"]} == {"done"}
        words = ("replace-waybill", order_id, "--carrier", "ZTO", "--actor", "bob")
        code, said = await rig.cli(*words, "--number", "?", "--reason", "改派")
        assert code == 1
        assert "运单号只有字母" in said
        code, said = await rig.cli(*words, "--number", "75000009", "--reason", "改派")
        assert (code, said.strip()) == (0, "已执行：75000009")
        await rig.until_row("SELECT bool_and(dispatch_due_at IS NULL) FROM fulfillment.parcels")
        shown = (await http.get(f"/parcels/{order_id}")).json()
        assert [(one["waybill_no"], one["state"], one["why"]) for one in shown["formers"]] == [
            (made.waybill, "void", ""),
            ("SF20000001", "left", "by_hand"),
        ]

    told = [event for event in await rig.told() if event.order_id == order_id]
    before, after = [event for event in told if isinstance(event, WaybillReplaced)]
    assert (before.former_carrier, before.actor) == ("ZTO", "测试仓管")
    assert (after.former_waybill_no, after.actor, after.reason) == ("SF20000001", "bob", "改派")
    [shipped] = [event for event in told if isinstance(event, ParcelShipped)]
    assert (shipped.carrier, shipped.waybill_no) == ("SF", "SF20000001")
    [voided] = [event for event in told if isinstance(event, WaybillVoided)]
    assert (voided.carrier, voided.waybill_no) == ("ZTO", made.waybill)
    [left] = [event for event in told if isinstance(event, WaybillNotVoided)]
    assert (left.waybill_no, left.reason) == ("SF20000001", "by_hand")


async def test_a_replaced_label_that_the_carrier_has_is_named_and_left(rig: Rig) -> None:
    [order_id] = rig.orders(1)
    async with rig.service() as fulfillment:
        await rig.ready([order_id])
        await rig.until_stages(labelled=1)
        for step in STEPS:
            assert await fulfillment.step_all(step, [order_id]) == ["done"]
        [made] = rig.carriers.waybills()
        assert rig.carriers.simulation.cainiao.hand_over(made.waybill)
        asked = {"actor": "测试仓管", "carrier": "ZTO", "waybill_no": "75000009", "reason": "改派"}
        door = f"/parcels/{order_id}/replace-waybill"
        assert (await fulfillment.http.post(door, json=asked)).status_code == 200
        await rig.until_row("SELECT bool_and(dispatch_due_at IS NULL) FROM fulfillment.parcels")
        assert [one.discarded for one in rig.carriers.waybills()] == [False]
    [left] = [event for event in await rig.told() if isinstance(event, WaybillNotVoided)]
    assert (left.waybill_no, left.reason) == (made.waybill, "B21:快件已揽收，不能取消")


async def test_a_cancelled_parcels_label_is_voided_whatever_became_of_its_call(rig: Rig) -> None:
    labelled, unknown, never = rig.orders(3)
    async with rig.service() as fulfillment:
        await rig.ready([labelled])
        await rig.until_stages(labelled=1)
        rig.carriers.misbehave(act_then_timeout=1.0)
        await rig.ready([unknown])
        await rig.until(lambda: len(rig.carriers.waybills()) == 2)
        await rig.publish([held(order_id=never)])
        await rig.ready([never])
        await rig.until_stages(labelled=1, planned=2)
        assert await fulfillment.step_all("pick", [never]) == ["waybill_missing"]

        await rig.publish([cancel_requested(o) for o in (labelled, unknown, never)])
        await rig.until_stages(cancelled=3)
        rig.carriers.misbehave()
        await rig.until(lambda: all(one.discarded for one in rig.carriers.waybills()))
        assert len(rig.carriers.waybills()) == 2
        assert await fulfillment.step_all("pick", [labelled]) == ["cancelled"]
        await rig.until_row("SELECT bool_and(dispatch_due_at IS NULL) FROM fulfillment.parcels")
    counted = kinds(await rig.told())
    assert (counted["ParcelCancelled"], counted["WaybillIssued"]) == (3, 1)


async def test_a_changed_address_gets_a_label_of_its_own_and_the_former_one_is_voided(
    rig: Rig,
) -> None:
    [order_id] = rig.orders(1)
    async with rig.service():
        await rig.ready([order_id])
        await rig.until_stages(labelled=1)
        [row] = await rig.rows(
            "SELECT document->'state'->>'personal' AS block FROM fulfillment.parcels"
        )
        moved = ready(
            order_id,
            channel_order_no=f"40{order_id}",
            personal=b64decode(row["block"]),
            province="西藏自治区",
            city="拉萨市",
            district="城关区",
        )
        await rig.publish([held("address", order_id), moved, lifted("address", order_id)])
        await rig.until(lambda: len(rig.carriers.waybills()) == 2)
        await rig.until_stages(labelled=1)
        await rig.until_row("SELECT bool_and(dispatch_due_at IS NULL) FROM fulfillment.parcels")
        former, newest = rig.carriers.waybills()
        assert (former.discarded, newest.discarded) == (True, False)
        assert (newest.object_id, newest.cp_code) == (f"{order_id}-1R1", "SF")
        [row] = await rig.rows("SELECT waybill_no FROM fulfillment.parcels")
        assert row["waybill_no"] == newest.waybill
    told = await rig.told()
    assert kinds(told)["WaybillIssued"] == 2
    [voided] = [event for event in told if isinstance(event, WaybillVoided)]
    assert (voided.carrier, voided.waybill_no) == ("ZTO", former.waybill)


async def test_an_order_that_two_warehouses_send_is_two_parcels_to_the_end(rig: Rig) -> None:
    sent, stopped = rig.orders(2)
    lines = (line("A", 2, 1), line("B", 1, 2))
    parts = (part("HZ", (1, 2)), part("GZ", (2, 1)))
    async with rig.service() as fulfillment:
        await rig.ready([sent, stopped], lines=lines, parts=parts)
        await rig.until_stages(labelled=4)
        await rig.publish([cancel_requested(stopped)])
        await rig.until_stages(labelled=2, cancelled=2)
        await rig.until(lambda: sum(one.discarded for one in rig.carriers.waybills()) == 2)

        queue = (await fulfillment.http.get("/parcels", params={"state": "labelled"})).json()
        assert {(p["parcel_id"], p["warehouse"], p["pieces"]) for p in queue["parcels"]} == {
            (f"{sent}-1", "HZ", 2),
            (f"{sent}-2", "GZ", 1),
        }
        for step in STEPS:
            actions = [
                {"order_id": sent, "parcel_id": f"{sent}-2", "action": step, "actor": "测试仓管"}
            ]
            answer = await fulfillment.http.post("/parcels/commands", json=actions, timeout=30)
            (result,) = answer.json()["results"]
            assert (result["outcome"], result["parcel_id"]) == ("done", f"{sent}-2")
        await rig.until_stages(labelled=1, shipped=1, cancelled=2)
        shown = (await fulfillment.http.get(f"/parcels/{sent}")).json()
        assert (shown["state"], [one["state"] for one in shown["further"]]) == (
            "labelled",
            ["shipped"],
        )
        assert await fulfillment.step_all("pick", [sent]) == ["done"]
        assert await fulfillment.step_all("pack", [sent]) == ["done"]
        shipped = await rig.cli("ship", sent, "--parcel", f"{sent}-1")
        assert shipped == (0, f"已执行：{sent}-1\n")
        await rig.until_stages(shipped=2, cancelled=2)
        rows = await rig.rows("SELECT dispatch_due_at FROM fulfillment.every_parcel")
        assert not any(row["dispatch_due_at"] for row in rows)
    told = await rig.told()
    gone = [one for one in told if isinstance(one, ParcelShipped)]
    assert [(one.parcel_id, one.parcels_left) for one in gone] == [
        (f"{sent}-2", 1),
        (f"{sent}-1", 0),
    ]
    assert len({one.waybill_no for one in gone}) == 2
    assert {one.object_id for one in rig.carriers.waybills()} == {
        f"{order}-{number}" for order in (sent, stopped) for number in (1, 2)
    }


async def test_a_held_parcel_waits_and_an_unservable_one_is_refused_with_its_reason(
    rig: Rig,
) -> None:
    held_back, nowhere, unknown_warehouse = rig.orders(3)
    async with rig.service() as fulfillment:
        await rig.ready([held_back])
        await rig.ready([nowhere], province="")
        await rig.ready([unknown_warehouse], warehouse="XX")
        await rig.until_stages(labelled=1, waybill_refused=2)
        await rig.publish([held(order_id=held_back)])
        await rig.until_row("SELECT held FROM fulfillment.parcels WHERE key = $1", held_back)
        assert await fulfillment.step_all("pick", [held_back]) == ["held"]
        await rig.publish([lifted(order_id=held_back)])
        await rig.until_row("SELECT NOT held FROM fulfillment.parcels WHERE key = $1", held_back)
        one = await fulfillment.http.post(f"/parcels/{held_back}/pick", json={"actor": "测试仓管"})
        assert (one.status_code, one.json()["outcome"]) == (200, "done")
        again = await fulfillment.http.post(
            f"/parcels/{held_back}/ship", json={"actor": "测试仓管"}
        )
        assert (again.status_code, again.json()["code"]) == (409, "not_packed")
        assert again.json()["title"] == "还没有打包"
        shown = (await fulfillment.http.get(f"/parcels/{held_back}")).json()
        assert (shown["title"], shown["waybill_no"][:2]) == ("已拣货", "75")
        assert (await fulfillment.http.get("/parcels/nobody")).status_code == 404

        assert await rig.cli("pack", held_back) == (0, f"已执行：{held_back}-1\n")
        status, printed = await rig.cli("show", held_back)
        assert (status, json.loads(printed)["state"]) == (0, "packed")
        assert CANARY not in printed
        assert await rig.cli("pick", held_back) == (1, "未执行：这一步已经做过\n")
        assert (await rig.cli("ship", "nobody"))[0] == 2
        assert (await rig.cli("show", "nobody"))[0] == 2
    reasons = {
        e.order_id: e.reason for e in await rig.told() if type(e).__name__ == "WaybillRefused"
    }
    assert reasons == {
        nowhere: "receiver_region_missing",
        unknown_warehouse: "warehouse_unknown:XX",
    }


def push(param: str, secret: str = SALT) -> bytes:
    return urlencode({"sign": kuaidi100_sign(param, secret), "param": param}).encode()


PUSH_ROWS = [
    # body, status, counted as
    (
        push('{"status":"polling","lastResult":{"nu":"750001","state":"3"}}', "x"),
        401,
        "bad_signature",
    ),
    (b"sign=\xff", 400, "not_a_form"),
    (b"garbage", 400, "param_missing"),
    (b"", 400, "param_missing"),
    (push("[]"), 400, "bad_param"),
    (push('{"status":"polling","lastResult":{"nu":"7","state":"3"}}'), 400, "bad_waybill"),
    (push('{"status":"polling","lastResult":{"nu":"750007","state":"3"}}'), 404, "unknown_waybill"),
    (
        push(
            '{"status":"polling","lastResult":'
            '{"nu":"750007","state":"0","data":[{"time":"9999-01-01 00:00:00"}]}}'
        ),
        400,
        "bad_time",
    ),
    (b"param=" + b"x" * 70_000, 413, "too_large"),
    (push('{"status":"abort"}'), 200, "accepted"),
]


async def test_doors_refuse_strangers_forgers_and_garbage_and_count_them(rig: Rig) -> None:
    async with rig.service() as fulfillment:
        http = fulfillment.http
        for body, status, _ in PUSH_ROWS:
            answer = await http.post("/tracking/kuaidi100", content=body)
            assert answer.status_code == status
            assert json.loads(answer.content)["result"] is (status == 200)
        assert (await http.post("/tracking/nobody", content=b"")).status_code == 404
        assert (await http.post("/tracking/cainiao", content=b"")).status_code == 404
        counted = await fulfillment.metrics()
        for _, _, outcome in PUSH_ROWS:
            assert f'door="tracking/kuaidi100",outcome="{outcome}"' in counted
        assert 'danshu_fulfillment_overdue_parcels{stage="labelled"} 0.0' in counted

        assert (await http.get("/parcels?state=shipped")).status_code == 400
        assert (await http.get("/parcels?limit=0")).status_code == 400
        assert (await http.post("/parcels/commands", content=b"[" * 50_000)).status_code == 400
        weights = [{"sku": "a", "weight_g": 1}]
        for wrong, what in (
            ({"weights": weights, "reason": "r"}, "actor"),
            ({"weights": weights, "actor": " ", "reason": "r"}, "$.actor"),
            ({"weights": weights, "actor": "alice"}, "reason"),
            ({"weights": weights, "actor": "alice", "reason": ""}, "$.reason"),
            ({"weights": [{"sku": "a", "weight_g": 0}], "actor": "a", "reason": "r"}, "weight_g"),
            (weights, "object"),
        ):
            refused = await http.post("/sku-weights", json=wrong)
            assert refused.status_code == 400
            assert what in refused.json()["detail"]
        assert (await http.get("/sku-weights")).status_code == 400
        assert (await http.get("/sku-weights?sku=a")).status_code == 404
        assert (await http.post("/parcels/X/eat", json={"actor": "a"})).status_code == 404
        http.headers["authorization"] = "Bearer of-nobody"
        for method, path in (
            ("GET", "/parcels"),
            ("POST", "/parcels/commands"),
            ("POST", "/parcels/X/pick"),
            ("POST", "/parcels/X/replace-waybill"),
            ("GET", "/sku-weights"),
            ("POST", "/sku-weights"),
        ):
            assert (await http.request(method, path)).status_code == 401
