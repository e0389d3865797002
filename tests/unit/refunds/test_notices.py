"""The door for notices, with WeChat Pay's samples: who is heard, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
import pytest
from starlette.applications import Starlette

from chassis.clock import ManualClock
from chassis.errors import Unavailable
from services.refunds.gateways import gateways
from services.refunds.notices import NOTICE_BYTES_MAX, NoticeDoor
from tests.contract.gateway_samples import NoticeSample, samples_of

SENT_AT = datetime.fromtimestamp(1779243072, UTC)
GENUINE, PAYMENT, SEALED_OTHERWISE, _ = samples_of("wechatpay").notices


@dataclass(kw_only=True)
class Hurried:
    """Remembers which refunds were to be asked about."""

    away: bool = False
    numbers: list[str] = field(default_factory=list)

    async def __call__(self, request_no: str) -> None:
        if self.away:
            raise Unavailable("Postgres: away")
        self.numbers.append(request_no)


async def answered(
    sample: NoticeSample, hurried: Hurried, *, path: str = "/notices/wechatpay", more: bytes = b""
) -> httpx2.Response:
    door = NoticeDoor(
        gateway=gateways()["wechatpay"],
        credentials=samples_of("wechatpay").credentials,
        hurry=hurried,
        clock=ManualClock(SENT_AT),
    )
    app = Starlette(routes=door.routes())
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://door") as client:
        return await client.post(path, content=sample.body.encode() + more, headers=sample.headers)


async def test_a_notice_has_its_refund_asked_about_each_time_it_comes() -> None:
    hurried = Hurried()
    for _ in range(2):
        answer = await answered(GENUINE, hurried)
        assert (answer.status_code, answer.json()["code"]) == (200, "SUCCESS")
    assert hurried.numbers == ["refund-aaaabbbbccccddddeeee"] * 2


async def test_news_of_something_else_are_received_and_nothing_follows() -> None:
    hurried = Hurried()
    assert (await answered(PAYMENT, hurried)).status_code == 200
    assert hurried.numbers == []


@pytest.mark.parametrize(
    ("ask", "status", "message"),
    [
        (lambda hurried: answered(GENUINE, hurried, more=b" "), 401, "bad_signature"),
        (lambda hurried: answered(SEALED_OTHERWISE, hurried), 400, "does_not_open"),
        (
            lambda hurried: answered(GENUINE, hurried, more=b" " * NOTICE_BYTES_MAX),
            413,
            "too_large",
        ),
    ],
)
async def test_what_is_refused_is_told_in_the_gateways_words(
    ask: Callable[[Hurried], object], status: int, message: str
) -> None:
    hurried = Hurried()
    answer = await ask(hurried)  # type: ignore[misc]
    assert (answer.status_code, answer.json()) == (status, {"code": "FAIL", "message": message})
    assert hurried.numbers == []


async def test_while_postgres_is_away_the_gateway_is_to_try_again() -> None:
    answer = await answered(GENUINE, Hurried(away=True))
    assert (answer.status_code, answer.json()["code"]) == (503, "FAIL")


@pytest.mark.parametrize("path", ["/notices/alipay", "/notices/gold"])
async def test_only_the_gateway_in_use_has_a_door(path: str) -> None:
    hurried = Hurried()
    assert (await answered(GENUINE, hurried, path=path)).status_code == 404
    assert hurried.numbers == []
