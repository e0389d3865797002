"""Returns of stores on real Postgres: handed over once, as soon as their sale and their SKUs are known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from chassis.clock import SystemClock
from chassis.postgres import Pool, open_pool
from schemas.events.commands_refunds import RequestRefund
from services.ingest.domain.matching import ChannelLine, MerchantCodes
from services.ingest.returns import Returned, Returns, keep_returns
from services.ingest.shared import Shared
from services.ingest.skus import learn


@dataclass(kw_only=True)
class Desk:
    """Keeps what it is given."""

    issued: list[RequestRefund] = field(default_factory=list)

    async def issue(self, commands: Sequence[RequestRefund]) -> None:
        self.issued += commands


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database_url, 2)
    yield opened
    opened.terminate()


def returned(number: str, sale: str, sku: str = "A") -> Returned:
    line = ChannelLine(
        line_id="1", channel_sku_id="69", merchant_code=sku, title="马克杯", quantity=1,
        unit_price_fen=990, discount_fen=90, is_gift=False,
    )  # fmt: skip
    return Returned(
        key=f"pos|S001|{number}",
        channel="pos",
        shop="S001",
        return_no=number,
        sale_no=sale,
        lines=(line,),
    )


async def sell(pool: Pool, number: str, order_id: str | None) -> None:
    await pool.execute(
        "INSERT INTO ingest.orders (key, document, order_id, channel, shop, channel_order_no, quarantined) "
        "VALUES ('pos|S001|' || $1::text, '{}', $2::text, 'pos', 'S001', $1::text, $2::text IS NULL) "
        "ON CONFLICT (key) DO UPDATE SET order_id = excluded.order_id",
        number,
        order_id,
    )


async def test_a_return_is_handed_over_once_when_its_sale_and_its_goods_are_known(
    pool: Pool,
) -> None:
    desk = Desk()
    shared = cast("Shared", type("S", (), {"pool": pool, "desk": desk, "clock": SystemClock()}))
    returns = Returns(shared, MerchantCodes.KNOWN)
    await learn(pool, ["A"])
    waiting: list[Any] = [
        returned("R1", "1"),
        returned("R2", "2"),
        returned("R3", "1", sku="NEW"),
        returned("R4", "never"),
    ]
    for _ in range(2):
        await keep_returns(pool, waiting)
    await sell(pool, "2", None)
    assert await returns.look() == 0, "no sale is known; one waits in the quarantine"

    await sell(pool, "1", "PO1")
    assert await returns.look() == 1
    (command,) = desk.issued
    assert (command.order_id, command.actor, command.lines) == ("PO1", "channel:pos", ())
    assert command.taken_back is not None
    assert (command.taken_back.gateway, command.taken_back.request_no) == ("counter", "R1")
    assert [(g.sku, g.quantity, g.amount_fen) for g in command.taken_back.goods] == [("A", 1, 900)]

    await sell(pool, "2", "PO2")
    await learn(pool, ["NEW"])
    for _ in range(2):
        await returns.look()
    told = {one.taken_back.request_no: one.order_id for one in desk.issued if one.taken_back}
    assert told == {"R1": "PO1", "R2": "PO2", "R3": "PO1"}
    assert len(desk.issued) == len({one.refund_id for one in desk.issued}) == len(told)
    left = await pool.fetch("SELECT return_no FROM ingest.returns WHERE NOT requested")
    assert [row["return_no"] for row in left] == ["R4"]
