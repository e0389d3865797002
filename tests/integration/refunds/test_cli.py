"""`danshu refunds` against the running service."""

from __future__ import annotations

import asyncio
import os
import re

from typer.testing import CliRunner, Result

from cli.refunds import app
from tests.integration.refunds.running import TOKEN, Running, World
from tests.unit.refunds.desk import line, paid, placed


async def said(service: Running, *arguments: str) -> Result:
    """What a command says; in a thread, because it waits for the service's answer."""
    url = str(service.door.base_url)
    # None unsets: what the test run itself is told is none of the command's business.
    unset: dict[str, str | None] = {n: None for n in os.environ if n.startswith("DANSHU_")}
    environment = unset | {"DANSHU_API_TOKEN": TOKEN}
    return await asyncio.to_thread(
        CliRunner().invoke, app, [*arguments, "--url", url], env=environment
    )


async def test_a_refund_is_asked_for_approved_and_shown(world: World) -> None:
    await world.publish([placed(line(1, 2, 60_000), order_id="o1"), paid(60_000, "o1")])
    async with world.service() as service:
        await service.request(
            {
                "order_id": "o1",
                "request_key": "k1",
                "actor": "agent-1",
                "lines": [{"line_no": 1, "quantity": 1}],
            }
        )
        ask = ("request", "o1", "--key", "k1", "--actor", "agent-1", "--line", "1:1")
        asked = await said(service, *ask)
        assert "待审批 ¥300.00" in asked.output
        found = re.search(r"refund-\w+", asked.output)
        assert found
        look = ("look-again", "o1", found[0])
        assert (await said(service, *look)).exit_code == 2
        assert (await said(service, *look, "--actor", "fin-1")).exit_code == 2
        early = await said(service, *look, "--actor", "fin-1", "--reason", "再查一次")
        assert early.exit_code == 1
        assert "退款单不在打款中" in str(early.exception)
        judge = ("approve", "o1", found[0], "--role", "finance", "--actor")
        mine = await said(service, *judge, "agent-1")
        assert mine.exit_code == 1
        assert "申请人不能审批自己的退款" in str(mine.exception)
        assert (await said(service, *judge, "fin-1")).exit_code == 0
        shown = await said(service, "show", "o1")
        assert found[0] in shown.output
        assert shown.output.count("refund-") == 1, "the same key asked for no second refund"
        wrong = await said(service, *ask[:-1], "one")
        assert wrong.exit_code == 2
