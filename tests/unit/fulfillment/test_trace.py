"""Asking SF where a parcel is, over real HTTP: the answer is the example's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typer.testing import CliRunner, Result

from chassis.clock import ManualClock
from chassis.errors import StartRefused
from chassis.http import Door
from chassis.outgoing import Outgoing
from cli.fulfillment import app
from services.fulfillment.carriers import CallFailed
from services.fulfillment.carriers.sf import standard_md5
from services.fulfillment.settings import FulfillmentSettings
from services.fulfillment.trace import trace
from tests.unit.fulfillment.parcels import NOON

EXAMPLE = json.loads(
    (
        Path(__file__).parents[2] / "contract" / "examples" / "carriers" / "sf_search_routes.json"
    ).read_text("utf-8")
)


async def answer(request: Request) -> Response:
    """SF with one parcel: it checks signature and phone."""
    form = dict(parse_qsl((await request.body()).decode()))
    signed = standard_md5(form["msgData"] + form["timestamp"], "check-word")
    if form["msgDigest"] != signed:
        return Response(b'{"apiResultCode":"A1006","apiResultData":null}')
    assert json.loads(form["msgData"]) == EXAMPLE["msgData"]
    return Response(json.dumps(EXAMPLE["response"]).encode())


@asynccontextmanager
async def sf() -> AsyncIterator[FulfillmentSettings]:
    door = Door(Starlette(routes=[Route("/std/service", answer, methods=["POST"])]), "127.0.0.1", 0)
    port = await door.open()
    try:
        yield FulfillmentSettings(
            waybill_provider="sf",
            waybill_url=f"http://127.0.0.1:{port}/std/service",
            waybill_partner_id="partner",
            waybill_secret=SecretStr("check-word"),
            waybill_monthly_card="7551234567",
        )
    finally:
        await door.close()


async def traced(settings: FulfillmentSettings) -> object:
    async with Outgoing() as outgoing:
        return await trace(settings, "SF0000000000001", "13000000001", ManualClock(NOON), outgoing)


async def test_the_steps_of_a_parcel_come_oldest_first() -> None:
    async with sf() as settings:
        found = await traced(settings)
        assert isinstance(found, tuple)
        assert [step.status for step in found] == ["picked_up", "delivered"]
        wrong = settings.model_copy(update={"waybill_secret": SecretStr("other")})
        refused = await traced(wrong)
        assert isinstance(refused, CallFailed)
        assert refused.code == "A1006"
    assert isinstance(await traced(settings), CallFailed)


async def test_a_provider_that_cannot_be_asked_is_named() -> None:
    with pytest.raises(StartRefused, match="cainiao tells no routes"):
        await traced(FulfillmentSettings())
    async with sf() as settings:
        with pytest.raises(StartRefused, match="DANSHU_FULFILLMENT_WAYBILL_URL is not set"):
            await traced(settings.model_copy(update={"waybill_url": ""}))


async def test_the_command_prints_a_line_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> Result:
        arguments = ["trace", "SF0000000000001", "--phone", "0001"]
        return CliRunner().invoke(app, arguments)

    async with sf() as settings:
        for name, value in (
            ("PROVIDER", "sf"),
            ("URL", settings.waybill_url),
            ("PARTNER_ID", "partner"),
            ("SECRET", "check-word"),
            ("MONTHLY_CARD", "7551234567"),
        ):
            monkeypatch.setenv(f"DANSHU_FULFILLMENT_WAYBILL_{name}", value)
        shown = await asyncio.to_thread(asked)
        assert shown.exit_code == 0, shown.output
        steps = [json.loads(line) for line in shown.stdout.splitlines()]
        assert [step["place"] for step in steps] == ["杭州市", "厦门市"]
        monkeypatch.setenv("DANSHU_FULFILLMENT_WAYBILL_SECRET", "other")
        shown = await asyncio.to_thread(asked)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr == "danshu: sf gives no answer: A1006\n"
