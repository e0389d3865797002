"""The reservation API over a running inventory: one effect a key, precise refusals, books that agree."""

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from chassis.clock import SystemClock
from schemas.events.reservations import (
    ReservationConfirmed,
    ReservationEnded,
    ReservationMade,
    ReservationShort,
)
from services.inventory.written import WantedReservation, read_as, reservation_id
from tests.integration.inventory.test_stock_flow import SOUND, level
from tests.integration.inventory.tills import WANTED, Till
from tests.unit.inventory.events import placed, receipt


async def test_goods_are_held_sold_and_handed_over(till: Till) -> None:
    made = await till.reserve("sale-0001", hold_s=60)
    assert made.status_code == 201
    body = made.json()
    assert body["reservation_id"] == reservation_id("sale-0001")
    assert (body["state"], body["warehouse"], body["rule"]) == ("held", "HZ", "asked")
    assert body["lines"] == [
        {"sku": "A", "quantity": 2, "held": 2},
        {"sku": "B", "quantity": 1, "held": 1},
    ]
    assert await level(till.house, "HZ", "A") == (5, 2)

    sold = await till.act("confirm", body["reservation_id"])
    assert (sold.status_code, sold.json()["state"]) == (200, "confirmed")
    assert sold.json()["expires_at"] is None
    for _ in range(2):
        gone = await till.act("confirm", body["reservation_id"], {"handed_over": True})
        assert (gone.status_code, gone.json()["state"]) == (200, "handed_over")
    assert await level(till.house, "HZ", "A") == (3, 0)
    kept = await till.act("release", body["reservation_id"])
    assert (kept.status_code, kept.json()["code"]) == (409, "already_handed_over")
    again = await till.reserve("sale-0001", hold_s=60)
    assert (again.status_code, again.json()) == (201, body), "the first answer, for ever"
    shown = await till.client.get(f"/reservations/{body['reservation_id']}")
    assert shown.json()["state"] == "handed_over"
    found = await till.client.get("/reservations", params={"reference": "till-1/42"})
    assert [one["reservation_id"] for one in found.json()["reservations"]] == [
        body["reservation_id"]
    ]
    assert await till.running.invariants() == SOUND
    await till.house.drained()
    assert [type(event) for event in await till.house.emitted("reservations")] == [
        ReservationMade,
        ReservationConfirmed,
        ReservationConfirmed,
    ]
    ledger = await till.house.fetch(
        "SELECT sku, quantity FROM inventory.ledger WHERE kind = 'deduction' ORDER BY sku"
    )
    assert [tuple(row) for row in ledger] == [("A", -2), ("B", -1)]


async def test_a_release_gives_back_once_and_a_sale_is_not_possible_after_it(till: Till) -> None:
    made = (await till.reserve("sale-0001")).json()["reservation_id"]
    for _ in range(2):
        released = await till.act("release", made)
        assert (released.status_code, released.json()["state"]) == (200, "released")
    assert await level(till.house, "HZ", "A") == (5, 0)
    late = await till.act("confirm", made)
    assert (late.status_code, late.json()["code"]) == (409, "reservation_released")
    assert await till.running.invariants() == SOUND
    await till.house.drained()
    assert [type(event) for event in await till.house.emitted("reservations")] == [
        ReservationMade,
        ReservationEnded,
    ]


async def test_a_hold_ends_with_its_lease_and_is_not_confirmed_after_it(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (await till.reserve("sale-0001", hold_s=5)).json()
    before = await till.running.reservations.expire_due()
    assert before == 0
    over = datetime.fromisoformat(body["expires_at"])
    monkeypatch.setattr(SystemClock, "now", lambda _clock: over)
    late = await till.act("confirm", body["reservation_id"])
    assert (late.status_code, late.json()["code"]) == (409, "reservation_expired")
    assert await level(till.house, "HZ", "A") == (5, 2), "the timer has not been there"
    assert await till.running.reservations.expire_due() == 1
    assert await till.running.reservations.expire_due() == 0
    assert await level(till.house, "HZ", "A") == (5, 0)
    late = await till.act("confirm", body["reservation_id"], {"handed_over": True})
    assert (late.status_code, late.json()["code"]) == (409, "reservation_expired")
    released = await till.act("release", body["reservation_id"])
    assert (released.status_code, released.json()["state"]) == (200, "expired")
    assert await till.running.invariants() == SOUND


async def test_all_or_nothing_unless_a_part_is_asked_for(till: Till) -> None:
    lines = [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 9}]
    short = await till.reserve("sale-0001", lines=lines)
    assert (short.status_code, short.json()["code"]) == (409, "insufficient_stock")
    assert "never split" in short.json()["detail"]
    assert short.json()["missing"] == [{"sku": "B", "quantity": 9, "available": 3}]
    assert await level(till.house, "HZ", "A") == (5, 0)
    nothing = await till.act("confirm", reservation_id("sale-0001"))
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_held")

    part = await till.reserve("sale-0002", lines=lines, partial=True)
    assert part.status_code == 201
    assert [line["held"] for line in part.json()["lines"]] == [2, 3]
    assert await level(till.house, "HZ", "B") == (3, 3)
    none_left = await till.reserve("sale-0003", lines=[{"sku": "B", "quantity": 1}], partial=True)
    assert none_left.json()["missing"] == [{"sku": "B", "quantity": 1, "available": 0}]
    assert await till.running.invariants() == SOUND
    await till.house.drained()
    assert [type(event) for event in await till.house.emitted("reservations")] == [
        ReservationShort,
        ReservationMade,
        ReservationShort,
    ]
    # A later receipt does not change what was answered.
    await till.house.publish([receipt("r3", "HZ", [("B", 50)])])
    await till.house.drained()
    assert (await till.reserve("sale-0001", lines=lines)).json() == short.json()


async def test_without_a_warehouse_the_rules_choose_one(till: Till) -> None:
    made = await till.reserve(
        "sale-0001", warehouse=None, province="广东省", lines=[{"sku": "A", "quantity": 1}]
    )
    assert made.json()["warehouse"] == "GZ"
    assert made.json()["rule"].startswith("sourcing/default@")


async def test_the_same_key_has_one_effect_however_many_ask_at_once(till: Till) -> None:
    answers = await asyncio.gather(*(till.reserve("sale-0001") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await level(till.house, "HZ", "A") == (5, 2)
    other = await till.reserve("sale-0001", lines=[{"sku": "A", "quantity": 1}])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    # Two bodies race for one key: one of them wins, and every answer is about that one.
    bodies = [[{"sku": "A", "quantity": n}] for n in (1, 2)] * 8
    raced = await asyncio.gather(*(till.reserve("sale-0002", lines=lines) for lines in bodies))
    won = {answer.text for answer in raced if answer.status_code == 201}
    assert len(won) == 1
    assert sum(answer.status_code == 201 for answer in raced) == 8
    assert {a.json()["code"] for a in raced if a.status_code != 201} == {"idempotency_key_reused"}
    assert await till.running.invariants() == SOUND


async def test_two_processes_asked_under_one_key_act_once(till: Till) -> None:
    async with till.house.running() as other:
        wanted = read_as(WantedReservation, json.dumps(WANTED).encode())
        assert isinstance(wanted, WantedReservation)
        command = wanted.command("sale-0001", hold_s=60)
        answers = await asyncio.gather(
            *(
                desk.ask(replace(command, reservation_id=reservation_id(f"sale-{n:04}")))
                for n in range(2)
                for desk in (till.running.reservations, other.reservations) * 5
            )
        )
        assert len({answer.reservation_id for answer in answers}) == 2  # type: ignore[union-attr]
        await other.direct_stock.told()
        assert await level(till.house, "HZ", "A") == (5, 4)
        assert await till.running.invariants() == SOUND


async def test_a_batch_answers_each_for_itself(till: Till) -> None:
    def one(key: str, **changed: Any) -> dict[str, Any]:
        return {"idempotency_key": key, **WANTED, **changed}

    answered = await till.client.post(
        "/reservations/batch",
        json={
            "reservations": [
                one("sale-0001"),
                one("sale-0002", lines=[{"sku": "A", "quantity": 9}]),
                one("sale-0003", lines=[{"sku": "nobody-knows", "quantity": 1}]),
                one("sale-0004", lines=[{"sku": "A", "quantity": 3}]),
            ]
        },
    )
    assert answered.status_code == 200
    results = answered.json()["results"]
    assert [result["status"] for result in results] == [201, 409, 422, 201]
    fault = results[2]["problem"]["errors"][0]
    assert fault == {
        "code": "unknown_sku",
        "detail": "nobody-knows",
        "pointer": "#/reservations/2/lines/0/sku",
    }
    alone = await till.reserve("sale-0001")
    assert alone.json() == results[0]["reservation"], "a key means the same in both forms"

    ids = [reservation_id(f"sale-000{n}") for n in (1, 4, 5)]
    confirmed = await till.client.post(
        "/reservations/confirm", json={"reservation_ids": ids, "handed_over": True}
    )
    assert [result["status"] for result in confirmed.json()["results"]] == [200, 200, 404]
    released = await till.client.post("/reservations/release", json={"reservation_ids": ids})
    assert [one["problem"]["code"] for one in released.json()["results"]] == [
        "already_handed_over",
        "already_handed_over",
        "unknown_reservation",
    ]
    assert await level(till.house, "HZ", "A") == (0, 0)
    assert await till.running.invariants() == SOUND


async def test_availability_by_sku_and_warehouse(till: Till) -> None:
    await till.house.publish([placed("o1", [("A", 2)])])
    await till.house.drained()
    seen = await till.client.get("/availability", params={"sku": ["A", "B"], "warehouse": "HZ"})
    assert seen.json() == [
        {"warehouse": "HZ", "sku": "A", "on_hand": 5, "reserved": 2, "available": 3},
        {"warehouse": "HZ", "sku": "B", "on_hand": 3, "reserved": 0, "available": 3},
    ]
    many = await till.client.post("/availability", json={"skus": ["A"]})
    assert [one["warehouse"] for one in many.json()] == ["GZ", "HZ"]
    for answer, where in (
        (await till.client.get("/availability", params={"sku": ["A", "x"]}), {"parameter": "sku"}),
        (
            await till.client.post("/availability", json={"skus": ["A", "x"]}),
            {"pointer": "#/skus/1"},
        ),
    ):
        assert answer.json()["errors"] == [{"code": "unknown_sku", "detail": "x", **where}]


def _line(**changed: Any) -> dict[str, Any]:
    return {"lines": [{"sku": "A", "quantity": 1, **changed}]}


BAD_BODIES = [
    (_line(quantity=0), 422, "out_of_range", "#/lines/0/quantity"),
    (_line(quantity=-1), 422, "out_of_range", "#/lines/0/quantity"),
    (_line(quantity=10**9 + 1), 422, "out_of_range", "#/lines/0/quantity"),
    (_line(quantity=2**70), 422, "out_of_range", "#/lines/0/quantity"),
    (_line(quantity=1.5), 422, "wrong_type", "#/lines/0/quantity"),
    (_line(quantity="1"), 422, "wrong_type", "#/lines/0/quantity"),
    (_line(quantity=True), 422, "wrong_type", "#/lines/0/quantity"),
    (_line(quantity=None), 422, "wrong_type", "#/lines/0/quantity"),
    (_line(sku=""), 422, "malformed_text", "#/lines/0/sku"),
    (_line(sku="A\0"), 422, "malformed_text", "#/lines/0/sku"),
    (_line(sku="A\n"), 422, "malformed_text", "#/lines/0/sku"),
    (_line(sku="H|A"), 422, "malformed_text", "#/lines/0/sku"),
    (_line(sku="A" * 65), 422, "malformed_text", "#/lines/0/sku"),
    (_line(sku="nobody-knows"), 422, "unknown_sku", "#/lines/0/sku"),
    (_line(price=1), 422, "unknown_field", "#/lines/0/price"),
    ({"lines": [{"sku": "A"}]}, 422, "missing_field", "#/lines/0/quantity"),
    ({"lines": []}, 422, "wrong_length", "#/lines"),
    ({"lines": [{"sku": "A", "quantity": 1}] * 2}, 422, "duplicate_sku", "#/lines/1/sku"),
    ({"lines": [{"sku": f"S{n}", "quantity": 1} for n in range(201)]}, 422, "wrong_length", "#/lines"),
    ({"warehouse": "MOON"}, 422, "unknown_warehouse", "#/warehouse"),
    ({"reference": ""}, 422, "malformed_text", "#/reference"),
    ({"hold_s": 0}, 422, "out_of_range", "#/hold_s"),
    ({"hold_s": 86_401}, 422, "out_of_range", "#/hold_s"),
    ({"partial": 1}, 422, "wrong_type", "#/partial"),
    ({"idempotency_key": "sale-0009"}, 422, "unknown_field", "#/idempotency_key"),
]  # fmt: skip


async def test_bad_input_is_refused_where_it_is_wrong_and_changes_nothing(till: Till) -> None:
    before = await till.books()
    for changed, status, code, pointer in BAD_BODIES:
        answer = await till.reserve("sale-0009", **changed)
        told = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, told["code"]) == (status, code), (changed, told)
        assert told["errors"][0]["pointer"] == pointer, (changed, told)

    post = till.client.post
    key = {"idempotency-key": "sale-0009"}
    is_json = {**key, "content-type": "application/json"}
    whole = json.dumps(WANTED).encode()
    for answer, status, code in (
        (await post("/reservations", json=WANTED), 400, "idempotency_key_missing"),
        (await till.reserve("short"), 400, "idempotency_key_malformed"),
        (await till.reserve("k" * 129), 400, "idempotency_key_malformed"),
        (await post("/reservations", content=whole, headers=key), 415, "unsupported_media_type"),
        (await post("/reservations", content=b"", headers=is_json), 400, "not_json"),
        (await post("/reservations", content=whole[:-1], headers=is_json), 400, "not_json"),
        (await post("/reservations", content=whole + b"x", headers=is_json), 400, "not_json"),
        (await post("/reservations", content=b'{"reference": NaN}', headers=is_json), 400, "not_json"),
        (await post("/reservations", content=b'{"reference": "\xff"}', headers=is_json), 400, "not_json"),
        (await post("/reservations", content=b"[" * 100_000, headers=is_json), 422, "wrong_type"),
        (await post("/reservations", content=b" " * 1_000_001, headers=is_json), 413, "too_large"),
        (await till.act("confirm", "rsv-1"), 400, "malformed_id"),
        (await till.act("release", "RSV-" + "a" * 20), 400, "malformed_id"),
        (await till.act("confirm", "rsv-" + "a" * 20, {"handed_over": "yes"}), 422, "wrong_type"),
        (await till.act("confirm", "rsv-" + "a" * 20), 404, "unknown_reservation"),
        (await till.act("release", "rsv-" + "a" * 20), 404, "unknown_reservation"),
        (await till.client.get("/reservations/rsv-" + "a" * 20), 404, "unknown_reservation"),
        (await till.client.get("/reservations"), 400, "malformed_code"),
        (await till.client.get("/availability"), 400, "no_sku"),
        (await till.client.get("/availability?sku=A%00"), 400, "malformed_code"),
        (await till.client.get("/availability?sku=A&warehouse=MOON"), 404, "unknown_warehouse"),
        (await till.client.get("/availability?" + "sku=A&" * 501), 400, "too_many"),
        (await post("/reservations/release", json={"reservation_ids": ["x"]}), 422, "malformed_text"),
        (await till.client.delete("/reservations"), 405, "method_not_allowed"),
        (await till.client.get("/nowhere"), 404, "no_such_path"),
    ):  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        if status == 400:
            assert answer.json()["errors"][0]["code"] == code, "where it is, as the document says"
    other = await till.client.options("/availability")
    assert (other.status_code, other.headers["allow"]) == (405, "GET, HEAD, POST")
    stranger = await till.client.post(
        "/reservations", json=WANTED, headers={"authorization": "Bearer x"}
    )
    assert (stranger.status_code, stranger.json()["code"]) == (401, "unauthorised")
    assert await till.books() == before
    assert await till.running.invariants() == SOUND


async def test_a_receipt_may_not_bear_the_name_of_a_reservation(till: Till) -> None:
    await till.house.publish([receipt(reservation_id("sale-0001"), "HZ", [("A", 1)])])
    await till.house.drained()
    assert await level(till.house, "HZ", "A") == (5, 0)
    assert (await till.reserve("sale-0001")).status_code == 201
