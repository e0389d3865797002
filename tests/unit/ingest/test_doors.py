"""The push door over a channel made up for it: what reaches Kafka, in which form, and what does not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, cast

import httpx2
import pytest

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.crypto import MasterKeys, PayloadSeal, new_master_key_text
from chassis.testing.memory import MemoryBroker, MemoryPublisher
from schemas.events.channel_hints import HintReceived
from schemas.events.channel_payloads import PayloadReceived
from services.ingest.channels import (
    ChannelError,
    Credentials,
    ErrorKind,
    Hint,
    HintKind,
    Push,
    PushRequest,
    RawOrder,
)
from services.ingest.channels.douyin import CHANNEL as DOUYIN
from services.ingest.doors import Entrance, PushDoor
from services.ingest.intake import Intake
from services.ingest.push_counts import PushCounts
from services.ingest.settings import IngestSettings
from services.ingest.shops import Shop

NOW = datetime(2026, 5, 20, 2, 11, 12, tzinfo=UTC)
ORDER = b'{"id":7,"name":"whole"}'


def hint(kind: HintKind, order_no: str) -> Hint:
    return Hint(order_no=order_no, message_id="m1", kind=kind, kind_code="1", shop="", at=None)


PUSHED = (
    RawOrder(order_no="7", modified_at=NOW, body=ORDER),
    hint(HintKind.ORDER, "8"),
    hint(HintKind.PROBE, ""),
    hint(HintKind.OTHER, ""),
)


def verify(credentials: Credentials, push: PushRequest) -> bool:
    """Genuine when the query names the secret, and sent within the door's own minute."""
    return push.query.get("sign") == credentials.app_secret and push.at == NOW


def read(credentials: Credentials, push: PushRequest) -> tuple[Hint | RawOrder, ...] | ChannelError:
    if push.headers["topic"] == "odd" or credentials.app_key != "key":
        return ChannelError(kind=ErrorKind.REFUSED, code="odd", detail="")
    return PUSHED


def opened(credentials: Credentials, push: PushRequest) -> bytes | None:
    """Sealed pushes begin with the secret that seals them."""
    secret = credentials.push_secret.encode()
    return push.body.removeprefix(secret) if push.body.startswith(secret) else None


def read_opened(credentials: Credentials, push: PushRequest) -> tuple[Hint, ...]:
    del credentials
    return (hint(HintKind.ORDER, push.body.decode()),)


def greeting(credentials: Credentials, push: PushRequest) -> bytes | None:
    known = push.query.get("token") == credentials.push_token
    return push.query.get("echo", "").encode() if known else None


CHANNEL = replace(DOUYIN, name="made-up", push=Push(verify=verify, read=read, reply=b"took it"))
SEALED_PUSH = Push(
    verify=lambda _credentials, push: "sign" in push.query,
    read=read_opened,
    reply=b"success",
    opened=opened,
    greeting=greeting,
)
SEALED_CHANNEL = replace(DOUYIN, name="sealed", push=SEALED_PUSH)
SEALED_SHOP = Shop(
    channel="sealed",
    shop="s1",
    app_key="key",
    app_secret="",
    access_token="",
    base_url="",
    push_secret="open:",
    push_token="known",
)
SHOP = Shop(
    channel="made-up", shop="s1", app_key="key", app_secret="planted", access_token="", base_url=""
)
SEAL = PayloadSeal(MasterKeys.parse(new_master_key_text(1)), ManualClock(NOW))


class Door:
    """The door and what came out of it."""

    def __init__(
        self, client: httpx2.AsyncClient, broker: MemoryBroker, pushes: PushCounts
    ) -> None:
        self.client = client
        self.broker = broker
        self.pushes = pushes

    async def push(
        self, path: str = "/push/made-up/s1?sign=planted", **headers: str
    ) -> httpx2.Response:
        return await self.client.post(path, content=b"{}", headers={"topic": "orders", **headers})

    def events(self, topic: str) -> list[Any]:
        return [codec().decode(value) for value in self.broker.values(topic)]


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    broker = MemoryBroker()
    intake = Intake(cast("Any", MemoryPublisher(broker)), None, ManualClock(NOW))
    entrance = Entrance(
        channels=MappingProxyType({"made-up": CHANNEL, "sealed": SEALED_CHANNEL}),
        shops={("made-up", "s1"): SHOP, ("sealed", "s1"): SEALED_SHOP},
        payloads=SEAL,
        codec=codec(),
        clock=ManualClock(NOW),
        intake=intake,
    )
    app = PushDoor(entrance, IngestSettings()).app()
    running = asyncio.create_task(intake.run())
    await asyncio.sleep(0)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ingest") as client:
        yield Door(client, broker, entrance.pushes)
    running.cancel()


async def test_a_whole_order_goes_sealed_onto_the_payload_topic(door: Door) -> None:
    answer = await door.push()
    assert (answer.status_code, answer.content) == (200, b"took it")
    (payload,) = door.events("channel-payloads")
    assert isinstance(payload, PayloadReceived)
    assert (payload.source_key, payload.channel_order_no) == ("made-up|s1|7", "7")
    assert (payload.door, payload.accepted_at) == ("push", NOW)
    assert ORDER not in payload.body
    assert SEAL.open_payload(payload.body) == ORDER


async def test_a_number_no_order_has_is_taken_in_without_it(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = (
        RawOrder(order_no="7" * 4_000, modified_at=NOW, body=ORDER),
        hint(HintKind.ORDER, "8" * 4_000),
    )
    monkeypatch.setitem(globals(), "PUSHED", pushed)
    assert (await door.push()).status_code == 200
    (payload,) = door.events("channel-payloads")
    assert isinstance(payload, PayloadReceived)
    assert (payload.source_key, payload.channel_order_no) == ("made-up|s1|", "")
    assert SEAL.open_payload(payload.body) == ORDER
    assert door.events("channel-hints") == []


async def test_genuine_pushes_are_counted_and_forged_ones_are_not(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[str, datetime]] = []
    monkeypatch.setattr(door.pushes, "note", lambda shop, at: noted.append((shop.shop, at)))
    await door.push()
    await door.push("/push/made-up/s1?sign=forged")
    await door.push("/push/made-up/unknown?sign=planted")
    assert noted == [("s1", NOW)]


async def test_a_hint_is_fetched_later_and_a_probe_leaves_no_trace(door: Door) -> None:
    await door.push()
    (received,) = door.events("channel-hints")
    assert isinstance(received, HintReceived)
    assert (received.source_key, received.message_id) == ("made-up|s1|8", "m1")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/push/made-up/s1?sign=other", {}, 401),
        ("/push/made-up/s1", {}, 401),
        ("/push/made-up/s1?sign=planted", {"topic": "odd"}, 400),
        ("/push/made-up/s2?sign=planted", {}, 404),
        ("/push/elsewhere/s1?sign=planted", {}, 404),
    ],
)
async def test_what_is_refused_reaches_no_topic(
    door: Door, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await door.push(path, **headers)
    assert answer.status_code == status
    assert not door.broker.partitions


async def test_an_encrypted_push_is_opened_before_it_is_read(door: Door) -> None:
    answer = await door.client.post("/push/sealed/s1?sign=1", content=b"open:9")
    assert (answer.status_code, answer.content) == (200, b"success")
    (received,) = door.events("channel-hints")
    assert received.source_key == "sealed|s1|9"


async def test_a_push_that_cannot_be_opened_is_forged(door: Door) -> None:
    answer = await door.client.post("/push/sealed/s1?sign=1", content=b"closed:9")
    assert answer.status_code == 401
    assert not door.broker.partitions


@pytest.mark.parametrize(
    ("path", "status", "content"),
    [
        ("/push/sealed/s1?token=known&echo=hello", 200, b"hello"),
        ("/push/sealed/s1?token=other&echo=hello", 401, None),
        ("/push/sealed/s1", 401, None),
        ("/push/sealed/s2?token=known&echo=hello", 404, None),
        ("/push/made-up/s1?token=known&echo=hello", 404, None),
    ],
)
async def test_a_platforms_check_of_the_door_is_answered_where_the_channel_makes_one(
    door: Door, path: str, status: int, content: bytes | None
) -> None:
    answer = await door.client.get(path)
    assert answer.status_code == status
    assert content is None or answer.content == content
