"""After-sales requests that cannot be handed over do not keep others from it, on real Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest

from chassis.clock import ManualClock
from chassis.postgres import open_pool
from chassis.processor import Kept
from schemas.events.commands_refunds import RequestRefund
from services.ingest import aftersales
from services.ingest.aftersales_store import keep_aftersales
from services.ingest.channels import Aftersale
from services.ingest.domain.model import LineRefundState
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.shops import Shop

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
SHOP = Shop(
    channel="taobao", shop="s1", app_key="k", app_secret="s", access_token="t", base_url="http://x"
)


class Desk:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.issued: list[RequestRefund] = []

    async def issue(self, commands: Sequence[RequestRefund]) -> None:
        self.issued += commands


def asked(number: str, line_id: str) -> Aftersale:
    return Aftersale(
        refund_no=number,
        order_no="4001",
        line_id=line_id,
        state=LineRefundState.REQUESTED,
        raw_state="",
        amount_fen=990,
        goods_come_back=False,
        reason="",
        modified_at=NOON,
        version="",
        phase="",
    )


async def test_those_that_cannot_be_handed_over_yet_take_turns_with_those_that_can(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftersales, "ROWS_MAX", 3)
    pool = await open_pool(database_url, 2)
    known = KnownOrder(
        order_id="TB1", channel="taobao", shop="s1", channel_order_no="4001", lines=(("l1", 1),)
    )
    await pool.execute(
        "INSERT INTO ingest.orders (key, document, order_id, channel, shop, channel_order_no, quarantined) "
        "VALUES ('taobao|s1|4001', $1::json, 'TB1', 'taobao', 's1', '4001', false)",
        msgspec.json.encode(Kept(state=known)).decode(),
    )
    # Lines that the channel gave another id since.
    for number in range(5):
        await keep_aftersales(pool, SHOP, [asked(f"lost-{number}", "gone")])
    await keep_aftersales(pool, SHOP, [asked("good", "l1")])
    desk = Desk()
    shared = cast("Any", type("S", (), {"pool": pool, "desk": desk, "clock": ManualClock(NOON)}))
    poller = aftersales.AftersalesPoller(shared, interval_s=1)
    for _ in range(2):
        await poller._hand_over()
    assert [command.order_id for command in desk.issued] == ["TB1"]
    for _ in range(4):
        await poller._hand_over()
    assert len(desk.issued) == 1
    rows = await pool.fetch("SELECT refund_no FROM ingest.aftersales WHERE requested")
    assert [row["refund_no"] for row in rows] == ["good"]
    pool.terminate()
