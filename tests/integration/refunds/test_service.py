"""The whole service on real Kafka and Postgres, paying through a gateway over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from chassis.clock import SystemClock
from schemas.events.refunds import (
    RefundApproved,
    RefundRequested,
    RefundSettled,
    RestockLine,
    ReturnConfirmed,
)
from tests.integration.refunds.peer import assert_paid_once
from tests.integration.refunds.running import World
from tests.integration.refunds.test_cli import said
from tests.unit.refunds.desk import cancelled, delivered, line, paid, placed, shipped

NOW = SystemClock().now()


def order(order_id: str, *lines_fen: tuple[int, int], freight_fen: int = 0) -> list[Struct]:
    """A paid order of (pieces, fen) lines."""
    lines = [line(no, pieces, fen) for no, (pieces, fen) in enumerate(lines_fen, start=1)]
    paid_fen = sum(fen for _, fen in lines_fen) + freight_fen
    return [
        placed(*lines, freight_fen=freight_fen, order_id=order_id),
        paid(paid_fen, order_id=order_id),
    ]


def settled(count: int) -> Callable[[list[Struct]], bool]:
    return lambda events: sum(isinstance(event, RefundSettled) for event in events) >= count


def asked(order_id: str, key: str = "k1", **more: object) -> dict[str, object]:
    return {"order_id": order_id, "request_key": key, "actor": "agent-1", "reason": "少发", **more}


async def test_an_order_goes_back_part_by_part_to_the_last_fen(world: World) -> None:
    await world.publish([*order("o1", (3, 9_999), (1, 20_000), freight_fen=800)])
    await world.publish([shipped("o1"), delivered(NOW, "o1")])
    async with world.service() as service:
        part = {"lines": [{"line_no": 1, "quantity": 2}]}
        first = await service.request(asked("o1", "k1", **part))
        assert first.status_code == 201, first.text
        again = await service.request(asked("o1", "k1", **part))
        assert again.json()["refund_id"] == first.json()["refund_id"]

        too_many = await service.request(asked("o1", "k2", **part))
        assert (too_many.status_code, too_many.json()["code"]) == (409, "quantity_above_left")
        assert too_many.json()["title"] == "超过该行可退件数"

        rest = await service.request(
            asked("o1", "k3", kind="return_and_refund", include_freight=True)
        )
        case = rest.json()
        assert (case["amount_fen"], case["tier"]) == (
            30_799 - first.json()["amount_fen"],
            "finance",
        )
        path = f"/refunds/o1/{case['refund_id']}"
        mine = await service.post(f"{path}/approve", {"actor": "agent-1", "role": "finance"})
        assert (mine.status_code, mine.json()["code"]) == (409, "maker_is_checker")
        approved = await service.post(f"{path}/approve", {"actor": "fin-1", "role": "finance"})
        assert (approved.status_code, approved.json()["state"]) == (200, "awaiting_goods")
        saw = {"actor": "wh-1", "good": True, "reason": "验收单 YS-7"}
        back = await service.post(f"{path}/returned", saw)
        assert (back.status_code, back.json()["state"]) == (200, "paying")
        again = await service.post(f"{path}/returned", saw | {"actor": "wh-2"})
        assert again.json()["goods_check"] == back.json()["goods_check"]
        assert (
            back.json()["goods_check"].items() >= {"actor": "wh-1", "reason": "验收单 YS-7"}.items()
        )
        shown = await said(service, "show", "o1")
        assert "wh-1 验收退货：良品（依据：验收单 YS-7）" in shown.output

        events = await world.refund_events(settled(2))
        totals = (await service.door.get("/totals")).json()
    [came] = [event for event in events if isinstance(event, ReturnConfirmed)]
    assert (came.refund_id, came.actor, came.good) == (case["refund_id"], "wh-1", True)
    assert [(one.line_no, one.quantity) for one in came.lines] == [(1, 1), (2, 1)]
    told = [event for event in events if isinstance(event, RefundSettled)]
    assert sum(event.amount_fen for event in told) == 30_799
    assert told[-1].order_fully_refunded
    assert {line.sku for line in told[-1].restock} == {"SKU-1", "SKU-2"}
    assert RestockLine(sku="SKU-1", quantity=1) in told[-1].restock
    assert [event.version for event in events] == list(range(1, len(events) + 1))  # type: ignore[attr-defined]
    assert [type(event) for event in events[:2]] == [RefundRequested, RefundApproved]
    assert (totals["requested"], totals["settled"]) == (2, 2)
    assert totals["gone"] == [{"currency": "CNY", "settled_fen": 30_799, "beyond_fen": 0}]
    trade = "taobao:To1"
    assert_paid_once(
        world.peer.ledger, {(trade, event.refund_id): event.amount_fen for event in told}
    )


async def test_doors_want_a_token_and_a_body_that_makes_sense(world: World) -> None:
    async with world.service() as service:
        bare = {"authorization": "Bearer wrong"}
        assert (await service.door.post("/refunds", headers=bare)).status_code == 401
        assert (await service.door.get("/totals", headers=bare)).status_code == 401
        assert (await service.door.post("/refunds", content=b"{")).status_code == 422
        assert (await service.door.post("/refunds", content=b"9" * 70_000)).status_code == 413
        unknown = await service.post("/refunds", asked("nowhere"))
        assert (unknown.status_code, unknown.json()["code"]) == (409, "order_unknown")
        assert (await service.door.get("/refunds?limit=x")).status_code == 422
        for verb, body in (
            ("approve", {"actor": " ", "role": "finance"}),
            ("refuse", {"actor": "", "role": "finance", "reason": "已使用"}),
            ("refuse", {"actor": "fin-1", "role": "finance"}),
            ("returned", {"actor": "", "good": True}),
            ("returned", {"actor": "wh-1", "good": True, "reason": "长" * 501}),
        ):
            nobody = await service.post(f"/refunds/o1/r1/{verb}", body)
            assert (nobody.status_code, nobody.json()["code"]) == (422, "bad_request"), verb


async def test_a_kill_between_call_and_record_moves_money_once(world: World) -> None:
    """SIGKILL after the gateway acted and before it answered; an unshipped order, so a cancel lets it go."""
    await world.publish(order("o1", (1, 9_900)))
    world.peer.refund_plan = ["act kill"]
    async with world.service() as service:
        world.peer.on_fault = service.kill
        response = await service.request(asked("o1"))
        assert response.json()["state"] == "awaiting_goods"
        assert world.peer.ledger == []
        await world.publish([cancelled("o1")])
        assert await service.process.wait() == -9
    assert len(world.peer.ledger) == 1
    async with world.service() as service:
        events = await world.refund_events(settled(1))
        [listed] = (await service.door.get("/refunds?order_id=o1")).json()["refunds"]
    told = [event for event in events if isinstance(event, RefundSettled)]
    assert [(event.amount_fen, event.shipped, event.restock) for event in told] == [
        (9_900, False, ())
    ]
    assert (listed["state"], listed["payout_stage"], listed["payout_sends"]) == (
        "settled",
        "done",
        1,
    )
    assert (world.peer.refund_calls, world.peer.query_calls) == (1, 1)
    assert_paid_once(world.peer.ledger, {("taobao:To1", told[0].refund_id): 9_900})


async def test_events_given_twice_and_out_of_order_change_nothing(world: World) -> None:
    placing, paying = order("o1", (2, 5_000))
    parcel = replace(delivered(NOW, "o1"), version=2)
    await world.publish([paying, parcel, placing, shipped("o1"), placing, paying])
    async with world.service() as service:
        response = await service.request(asked("o1"))
        assert (response.json()["amount_fen"], response.json()["tier"]) == (5_000, "auto")
        await world.refund_events(settled(1))
    assert len(world.peer.ledger) == 1
