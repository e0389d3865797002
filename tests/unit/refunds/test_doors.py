"""The doors of refunds: what they let in, and what they say while a server is away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import httpx2
import pytest
from msgspec import Struct
from starlette.applications import Starlette

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.commands import CommandDesk, StillPending
from chassis.errors import Unavailable
from chassis.producer import DeliveryFailed
from services.refunds.doors import NAME_CHARS_MAX, REASON_CHARS_MAX, Doors
from services.refunds.listing import Desk
from tests.unit.refunds.desk import NOON

TOKEN = "token-of-the-test"
ASKED = {"order_id": "TB1", "request_key": "k1", "actor": "客服01", "reason": "少发"}
CASE = "/refunds/TB1/refund-1"
BODIES: dict[str, dict[str, Any]] = {
    "/refunds": ASKED,
    f"{CASE}/approve": {"actor": "主管01", "role": "supervisor", "reason": "同意"},
    f"{CASE}/refuse": {"actor": "主管01", "role": "supervisor", "reason": "理由不足"},
    f"{CASE}/returned": {"actor": "仓管01", "good": True, "reason": "质检单 7"},
    f"{CASE}/look-again": {"actor": "财务01", "reason": "渠道已恢复", "request_key": "k1"},
    f"{CASE}/paid-by-hand": {"actor": "财务01", "refund_no": "R-7"},
    f"{CASE}/resolve-double-refund": {
        "actor": "财务01",
        "reason": "已查账单",
        "outcome": "only_ours",
        "request_key": "k1",
    },
}


class Unsent(Struct):
    """As much of a case as tells that its payout was never sent."""

    payout_gave_up: str = "currency_not_taken"


@dataclass(kw_only=True)
class Behind:
    """Kafka and the tables, each as far as a door needs it."""

    failing: Exception | None = None
    asked: list[Any] = field(default_factory=list)
    listed: tuple[Unsent, ...] = (Unsent(),)

    async def ask(self, command: Any, _timeout_s: float) -> StillPending:
        if self.failing is not None:
            raise self.failing
        self.asked.append(command)
        return StillPending(command.command_id)

    async def cases(self, **_narrowed: object) -> tuple[Unsent, ...]:
        if self.failing is not None:
            raise self.failing
        return self.listed

    doubts = cases


async def answered(
    behind: Behind, path: str, body: object = None, method: str = "POST"
) -> httpx2.Response:
    doors = Doors(
        token=TOKEN,
        commands=cast("CommandDesk", behind),
        desk=cast("Desk", behind),
        clock=ManualClock(NOON),
        answer_timeout_s=1.0,
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=Starlette(routes=doors.routes())),
        base_url="http://door",
        headers={"authorization": f"Bearer {TOKEN}"},
    ) as client:
        return await client.request(method, path, json=body)


@pytest.mark.parametrize("path", BODIES)
async def test_a_body_of_sense_becomes_a_command(path: str) -> None:
    behind = Behind()
    assert (await answered(behind, path, BODIES[path])).status_code == 202
    assert len(behind.asked) == 1


TEXTS = [
    (path, name)
    for path, body in BODIES.items()
    for name, value in body.items()
    if isinstance(value, str) and name != "outcome"
]


@pytest.mark.parametrize(("path", "name"), TEXTS)
async def test_a_text_that_cannot_be_kept_is_refused_and_nothing_is_published(
    path: str, name: str
) -> None:
    long = "长" * (max(NAME_CHARS_MAX, REASON_CHARS_MAX) + 1)
    for text in ("\0", "a\0", "a\0b", "a\x1b", long):
        behind = Behind()
        refused = await answered(behind, path, BODIES[path] | {name: text})
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_request"), repr(text)
        assert behind.asked == []


@pytest.mark.parametrize("case", ["%00/refund-1", "TB1/%00", "TB1/a%0Ab", "TB1/" + "7" * 129])
@pytest.mark.parametrize("path", [path for path in BODIES if path != "/refunds"])
async def test_a_path_that_names_nothing_is_refused(path: str, case: str) -> None:
    behind = Behind()
    refused = await answered(behind, path.replace("TB1/refund-1", case), BODIES[path])
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_request")
    assert behind.asked == []


@pytest.mark.parametrize(
    "query", ["refunds?order_id=%00", "refunds?state=%00", "double-refunds?order_id=%00"]
)
async def test_a_list_is_not_narrowed_by_what_postgres_cannot_read(query: str) -> None:
    refused = await answered(Behind(), f"/{query}", method="GET")
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_request")
    assert (await answered(Behind(), f"/{query.split('?', 1)[0]}", method="GET")).status_code == 200


async def test_a_reason_may_have_lines() -> None:
    behind = Behind()
    await answered(behind, "/refunds", ASKED | {"reason": "少发\n补发过一次"})
    (command,) = behind.asked
    assert command.reason == "少发\n补发过一次"


@pytest.mark.parametrize("away", [DeliveryFailed("timed out"), Unavailable("Postgres")], ids=repr)
async def test_while_a_server_is_away_a_door_says_when_to_ask_again(away: Exception) -> None:
    lists = [("/refunds", None, "GET"), ("/double-refunds", None, "GET")]
    for path, body, method in [*((p, b, "POST") for p, b in BODIES.items()), *lists]:
        answer = await answered(Behind(failing=away), path, body, method)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), path
        assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize("name", ["line_no", "quantity"])
async def test_pieces_that_no_record_can_say_are_refused(name: str) -> None:
    for number, status in ((0, 422), (-1, 422), (2**31, 422), (2**31 - 1, 202)):
        behind = Behind()
        line = {"line_no": 1, "quantity": 1} | {name: number}
        answer = await answered(behind, "/refunds", ASKED | {"lines": [line]})
        assert answer.status_code == status, number
        assert len(behind.asked) == (status == 202)
        for command in behind.asked:
            assert codec().decode(codec().encode(command)) == command


@pytest.mark.parametrize(
    ("listed", "code"),
    [((), "refund_unknown"), ((Unsent(payout_gave_up="no_answer"),), "payout_not_for_hand")],
)
async def test_only_what_was_never_sent_may_be_paid_by_hand(
    listed: tuple[Unsent, ...], code: str
) -> None:
    behind = Behind(listed=listed)
    path = f"{CASE}/paid-by-hand"
    refused = await answered(behind, path, BODIES[path])
    assert (refused.status_code, refused.json()["code"], behind.asked) == (409, code, [])
