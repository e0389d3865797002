"""A refund in a currency that the gateway does not take, from the request to the person who paid it by hand."""

from __future__ import annotations

from msgspec.structs import replace

from schemas.events.refunds import PayoutGivenUp, RefundRequested, RefundSettled
from tests.integration.refunds.running import World
from tests.integration.refunds.test_cli import said
from tests.integration.refunds.test_resuming import ended, told
from tests.unit.refunds.desk import line, paid, placed


async def test_it_is_approved_by_hand_never_sent_and_ends_by_a_persons_word(world: World) -> None:
    order = replace(placed(line(1, 2, 18_000), order_id="o1"), currency="USD")
    await world.publish([order, paid(18_000, "o1")])
    async with world.service() as service:
        wanted = {
            "order_id": "o1",
            "request_key": "k1",
            "actor": "agent-1",
            "lines": [{"line_no": 1, "quantity": 1}],
        }
        case = (await service.request(wanted)).json()
        path = f"/refunds/o1/{case['refund_id']}"
        assert (case["state"], case["tier"], case["currency"]) == (
            "awaiting_approval",
            "risk",
            "USD",
        )
        by_hand = ("paid-by-hand", "o1", case["refund_id"], "--actor", "fin-1", "--no", "R-7")
        early = await said(service, *by_hand)
        assert (early.exit_code, "没有发出的退款" in str(early.exception)) == (1, True)
        for role, actor in (("finance", "fin-1"), ("risk", "risk-1")):
            agreed = await service.post(f"{path}/approve", {"actor": actor, "role": role})
            assert agreed.status_code == 200, agreed.text
        [given_up] = [
            event for event in await world.refund_events(told) if isinstance(event, PayoutGivenUp)
        ]
        shown = await said(service, "show", "o1")
        assert "USD 90.00" in shown.output
        assert "支付渠道不收这个币种，没有发出" in shown.output
        done = await said(service, *by_hand)
        assert "已退款 USD 90.00" in done.output, done.exception
        events = await world.refund_events(ended)
        totals = (await service.door.get("/totals")).json()
    assert (given_up.reason, given_up.sends, given_up.currency) == ("currency_not_taken", 0, "USD")
    assert [event.currency for event in events if isinstance(event, RefundRequested)] == ["USD"]
    [settled] = [event for event in events if isinstance(event, RefundSettled)]
    assert (settled.gateway, settled.gateway_request_no, settled.amount_fen) == (
        "channel",
        "R-7",
        9_000,
    )
    assert totals["gone"] == [{"currency": "USD", "settled_fen": 9_000, "beyond_fen": 0}]
    assert (totals["needs_person"], totals["double_refunds"]) == (0, 0)
    assert (world.peer.refund_calls, world.peer.ledger) == (0, [])
