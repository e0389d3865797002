"""Calls to foreign parties over a real socket: what goes out, what comes back, and what "no answer" means."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from chassis.http import Door
from chassis.outgoing import NoAnswer, Outgoing

LIMIT_S = 0.3


class Seen(NamedTuple):
    method: str
    query: bytes
    headers: dict[str, str]
    body: bytes


class Party:
    """A foreign party that keeps what it was sent."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        query = request.scope["query_string"]
        self.seen.append(Seen(request.method, query, dict(request.headers), body))
        return PlainTextResponse("好", status_code=429, headers={"Retry-After": "3"})

    async def elsewhere(self, _request: Request) -> Response:
        return RedirectResponse("/answer", status_code=302)

    async def silent(self, request: Request) -> Response:
        self.seen.append(Seen(request.method, b"", {}, b""))
        await asyncio.sleep(10 * LIMIT_S)
        return PlainTextResponse("too late")


@pytest.fixture
async def party() -> Party:
    return Party()


@pytest.fixture
async def base_url(party: Party) -> AsyncIterator[str]:
    routes = [
        Route("/answer", party.answer, methods=["GET", "POST"]),
        Route("/elsewhere", party.elsewhere),
        Route("/silent", party.silent, methods=["POST"]),
    ]
    door = Door(Starlette(routes=routes), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{await door.open()}"
    await door.close()


async def test_a_signed_url_goes_out_byte_for_byte_and_any_status_is_an_answer(
    party: Party, base_url: str
) -> None:
    query = "sign=a%2Bb%2f%7e&name=%E5%A5%BD+x&empty="
    async with Outgoing() as outgoing:
        came = await outgoing.call(
            "POST",
            f"{base_url}/answer?{query}",
            headers=(("Content-Type", "text/plain"), ("X-Sign", "s")),
            body="正文".encode(),
        )
    assert (came.status, came.headers["retry-after"], came.body.decode()) == (429, "3", "好")
    [seen] = party.seen
    assert (seen.method, seen.body.decode(), seen.query.decode()) == ("POST", "正文", query)
    assert (seen.headers["content-type"], seen.headers["x-sign"]) == ("text/plain", "s")


async def test_a_redirect_is_an_answer_and_is_not_followed(party: Party, base_url: str) -> None:
    async with Outgoing() as outgoing:
        came = await outgoing.call("GET", f"{base_url}/elsewhere")
    assert (came.status, came.headers["location"]) == (302, "/answer")
    assert party.seen == []


async def test_silence_is_no_answer_and_the_call_went_out_once(party: Party, base_url: str) -> None:
    async with Outgoing(timeout_s=LIMIT_S) as outgoing:
        with pytest.raises(NoAnswer, match="Timeout"):
            await outgoing.call("POST", f"{base_url}/silent", body=b"pay")
    assert len(party.seen) == 1


async def test_nobody_at_the_address_is_no_answer() -> None:
    async with Outgoing() as outgoing:
        with pytest.raises(NoAnswer, match="Connect"):
            await outgoing.call("POST", "http://127.0.0.1:9/")


async def test_a_closed_client_opens_again_when_it_is_asked(base_url: str) -> None:
    async with Outgoing() as outgoing:
        await outgoing.call("GET", f"{base_url}/answer")
        await outgoing.close()
        assert (await outgoing.call("GET", f"{base_url}/answer")).status == 429
