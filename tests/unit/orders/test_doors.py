"""The doors of orders while a server is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import asyncpg
import httpx2
import pytest

from chassis.clock import ManualClock
from chassis.commands import CommandDesk, StillPending
from chassis.postgres import Pool
from chassis.producer import DeliveryFailed
from services.orders.doors import Doors
from tests.unit.orders.life import NOON

TOKEN = "token-of-the-test"
DOORS = (("GET", "/funnel"), ("GET", "/orders/TB1"), ("POST", "/orders/TB1/hold"))


@dataclass(kw_only=True)
class Behind:
    """Kafka and Postgres, each as far as a door needs it."""

    postgres: Exception | None = None
    kafka: Exception | None = None
    asked: list[Any] = field(default_factory=list)

    @asynccontextmanager
    async def acquire(self, **_patience: float) -> AsyncIterator[Behind]:
        if self.postgres is not None:
            raise self.postgres
        yield self

    async def fetchval(self, *_asked: object) -> str:
        return "{}"

    async def ask(self, command: Any, _timeout_s: float) -> StillPending:
        if self.kafka is not None:
            raise self.kafka
        self.asked.append(command)
        return StillPending(command.command_id)


async def answered(behind: Behind, method: str, path: str, token: str = TOKEN) -> httpx2.Response:
    doors = Doors(
        pool=cast("Pool", behind),
        desk=cast("CommandDesk", behind),
        clock=ManualClock(NOON),
        token=TOKEN,
        ask_timeout_s=1.0,
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=doors.app()),
        base_url="http://door",
        headers={"authorization": f"Bearer {token}"},
    ) as client:
        body = {"reason": "等买家确认", "actor": "客服01"} if method == "POST" else None
        return await client.request(method, path, json=body)


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize(
    "away", [OSError("refused"), TimeoutError(), asyncpg.QueryCanceledError("too long")], ids=repr
)
async def test_while_postgres_is_away_a_door_says_when_to_ask_again(
    method: str, path: str, away: Exception
) -> None:
    behind = Behind(postgres=away)
    answer = await answered(behind, method, path)
    assert (answer.status_code, answer.json()["code"]) == (503, "away")
    assert answer.headers["retry-after"] == "2"
    assert behind.asked == []


async def test_a_command_that_kafka_did_not_take_is_to_be_asked_again() -> None:
    answer = await answered(Behind(kafka=DeliveryFailed("timed out")), "POST", "/orders/TB1/hold")
    assert (answer.status_code, answer.json()["code"]) == (503, "away")
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_a_stranger_learns_nothing_of_it(method: str, path: str) -> None:
    answer = await answered(Behind(postgres=OSError("refused")), method, path, token="guessed")
    assert answer.status_code == 401
