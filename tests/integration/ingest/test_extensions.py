"""What only its channel tells of an order, through a real ingest process: told, kept, amended, shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from chassis.clock import SystemClock
from chassis.crypto import MasterKeys, PayloadSeal, new_master_key_text
from deploy.embedded.stack import Stack
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.orders import OrderAmended, OrderPlaced
from tests.integration.orders.rig import PATIENCE_S, Rig, rig_on
from tests.unit.ingest.quarantine_desk import KEY, TRADE_NO, trade

MASTER_KEYS = new_master_key_text(1)
SEAL = PayloadSeal(MasterKeys.parse(MASTER_KEYS), SystemClock())
BUYER = "open-uid-of-a-buyer"
PROMISE = "付款后48小时内"


def payload(body: bytes) -> PayloadReceived:
    return PayloadReceived(
        source_key=KEY,
        channel="taobao",
        shop="s1",
        channel_order_no=TRADE_NO,
        door="poll",
        accepted_at=SystemClock().now(),
        body=SEAL.seal_payload(body),
    )


@pytest.fixture
async def rig(stack: Stack, topic_prefix: str, database_url: str) -> AsyncIterator[Rig]:
    with rig_on(stack, topic_prefix, database_url) as rig:
        rig.module, rig.terminal_module = "services.ingest", "cli.ingest"
        rig.given["DANSHU_MASTER_KEYS"] = MASTER_KEYS
        yield rig


async def emitted(rig: Rig, count: int) -> list[Any]:
    """What was told of the order, once it is so much."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            events = await rig.emitted("orders")
            if len(events) >= count:
                return events
            await asyncio.sleep(0.1)


async def test_it_is_told_kept_amended_by_name_and_shown_without_the_buyer(rig: Rig) -> None:
    given = {"buyer_open_uid": BUYER, "est_con_time": PROMISE}
    first, flagged = trade(**given), trade(at="10:00:00", seller_flag=3, **given)
    async with rig.service():
        await rig.publish([payload(body) for body in (first, flagged, first, flagged)])
        await rig.until("SELECT count(*) FROM ingest.evidence", lambda count: count == 4)
        placed, amended = await emitted(rig, 2)
        assert isinstance(placed, OrderPlaced)
        assert placed.extension is not None
        assert placed.extension.taobao is not None
        assert placed.extension.taobao.promised_ship_minutes == 2880
        assert isinstance(amended, OrderAmended)
        assert amended.changed == ("extension.seller_flag",)
        assert amended.extension is not None
        assert amended.extension.taobao is not None
        assert amended.extension.taobao.seller_flag == 3

        (row,) = await rig.rows(
            "SELECT extension, document::text AS document FROM ingest.orders "
            "WHERE (extension ->> 'promised_ship_minutes')::int = 2880"
        )
        kept = json.loads(row["extension"])
        assert (kept["type"], kept["seller_flag"]) == ("taobao", 3)
        assert BUYER not in row["extension"] + row["document"]

        (shown,) = json.loads((await rig.terminal("show", TRADE_NO))[1])
        assert shown["extension"] == kept | {"buyer_key": "*"}
        (revealed,) = json.loads((await rig.terminal("show", TRADE_NO, "--reveal"))[1])
        assert revealed["extension"]["buyer_key"] == BUYER

        with pytest.raises(asyncpg.CheckViolationError, match="extension_of_its_channel"):
            await rig.rows("UPDATE ingest.orders SET channel = 'jd'")

        # As if the order had been taken in before it was kept.
        await rig.rows(
            "UPDATE ingest.orders SET extension = NULL, "
            "document = replace(document::text, '\"extension\":', '\"not_yet\":')::json"
        )
        status, said = await rig.terminal("replay", TRADE_NO, "--apply", "-r", "补记")
        assert (status, "extension" in said) == (0, True)
        (*_, told) = await emitted(rig, 3)
        assert isinstance(told, OrderAmended)
        assert (told.changed, told.extension) == (("extension",), amended.extension)
