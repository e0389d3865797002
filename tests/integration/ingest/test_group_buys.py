"""The leaders' door on real Postgres: the form, the API, the cut-off, shortages, and what Kafka is told."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

import httpx2
import msgspec
import pytest

from chassis.producer import DeliveryFailed
from services.ingest.domain.campaigns import LatePolicy
from tests.integration.ingest.group_buy_rig import (
    FORM,
    NAME,
    PHONE,
    PIXEL,
    STAFF,
    Fields,
    Rig,
    doors_on,
)
from tests.unit.ingest.group_buys.builders import CAMPAIGN, shanghai


@pytest.fixture
async def rig(database_url: str) -> AsyncIterator[Rig]:
    async with doors_on(database_url) as rig:
        yield rig


async def test_a_leader_fills_in_the_form_and_the_order_goes_sealed_to_kafka(rig: Rig) -> None:
    await rig.open()
    page = await rig.client.get(rig.path())
    assert page.status_code == 200
    assert "中秋水果团" in page.text
    assert "09月18日 20:00" in page.text
    assert "script" not in page.text
    assert "水岸" not in page.text, "another leader's station"
    for header, value in [("referrer-policy", "no-referrer"), ("cache-control", "no-store")]:
        assert page.headers[header] == value
    fields = Fields(page.text).sent | {
        "quantity.APPLE-5": "2",
        "name": f" {NAME} ",
        "phone": "+86 130-0000-0001",
        "station_id": "s2",
        "paid": "yes",
    }
    sent = await rig.send(rig.path(), fields)
    assert sent.status_code == 303
    receipt = await rig.client.get(sent.headers["location"])
    assert "第 1 号" in receipt.text
    assert "¥59.80" in receipt.text
    assert "130****0001" in receipt.text
    assert NAME not in receipt.text
    assert PHONE not in sent.headers["location"]
    assert await rig.relay.round() == 0, "nothing is told before its goods are here"
    rows = await rig.pool.fetch("SELECT o::text AS row FROM ingest.group_buy_orders o")
    assert all(PHONE not in row["row"] and NAME not in row["row"] for row in rows)
    await rig.release()
    assert await rig.relay.round() == 1
    assert await rig.relay.round() == 0
    (payload,) = rig.told()
    assert payload.accepted_at == shanghai("09-18 09:00")
    assert (payload.channel, payload.shop) == ("groupbuy", "lin")
    (order,) = rig.orders().values()
    assert (order.receiver.name, order.receiver.phone) == (NAME, PHONE)
    assert (order.state, order.times.created) == ("awaiting_shipment", shanghai("09-18 09:00"))


async def test_the_same_form_twice_is_one_order_and_a_changed_one_is_refused(rig: Rig) -> None:
    await rig.open()
    fields = Fields((await rig.client.get(rig.path())).text).sent | {
        "quantity.EGG-30": "1",
        "name": NAME,
        "phone": PHONE,
        "station_id": "s1",
        "paid": "yes",
    }
    answers = await asyncio.gather(*(rig.send(rig.path(), fields) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    changed = await rig.send(rig.path(), fields | {"quantity.EGG-30": "2"})
    assert changed.status_code == 409
    fresh = Fields(changed.text).sent
    assert fresh["submission"] != fields["submission"]
    assert fresh["quantity.EGG-30"] == "2"
    assert (await rig.send(rig.path(), fresh)).status_code == 303
    assert await rig.pool.fetchval("SELECT count(*) FROM ingest.group_buy_orders") == 2


async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(rig: Rig) -> None:
    await rig.open()
    blank = Fields((await rig.client.get(rig.path())).text).sent
    written = {
        "quantity.APPLE-5": "4",
        "quantity.EGG-30": "１",
        "name": "<i>&\"'",
        "phone": "123",
        "note": "x" * 101,
    }
    answer = await rig.send(rig.path(), blank | written)
    assert answer.status_code == 422
    found = Fields(answer.text)
    assert found.faults.keys() == {"phone", "note", "paid", "lines.EGG-30"}
    assert found.sent | written == found.sent, "what was written is still there"
    assert "<i>" not in answer.text
    mended = found.sent | {"phone": PHONE, "note": "", "paid": "yes", "quantity.EGG-30": ""}
    answer = await rig.send(rig.path(), mended)
    assert answer.status_code == 422
    assert Fields(answer.text).faults == {
        "lines.APPLE-5": "每人限购 3 件，还可买 3 件",
        "station_id": "请选择自提点",
    }
    assert Fields(answer.text).sent["submission"] == blank["submission"], "still the same form"
    assert not rig.told()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"form_token": ""}, 403),
        ({"form_token": "签名"}, 403),
        ({"submission": "a" * 22}, 403),
        ({"submission": ""}, 403),
    ],
)
async def test_a_form_from_elsewhere_is_not_taken(
    rig: Rig, changed: dict[str, str], status: int
) -> None:
    await rig.open()
    fields = Fields((await rig.client.get(rig.path())).text).sent
    good = {"quantity.EGG-30": "1", "name": NAME, "phone": PHONE, "station_id": "s1", "paid": "yes"}
    answer = await rig.send(rig.path(), fields | good | changed)
    assert answer.status_code == status
    other = await rig.send(rig.path("wu"), fields | good | {"station_id": "s3"})
    assert other.status_code == 403, "the form of another link"
    assert await rig.pool.fetchval("SELECT count(*) FROM ingest.group_buy_orders") == 0


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"a=1", {"content-type": "text/plain"}, 400),
        (b"\xff", FORM, 400),
        (b"name=%ff", FORM, 400),
        (b"&".join(b"a%d=1" % n for n in range(100)), FORM, 400),
        (b"a=" + b"x" * 40_000, FORM, 413),
    ],
)
async def test_what_is_no_form_is_a_page_that_says_so(
    rig: Rig, content: bytes, headers: dict[str, str], status: int
) -> None:
    await rig.open()
    answer = await rig.client.post(rig.path(), content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


async def test_links_that_let_nobody_in(rig: Rig) -> None:
    await rig.open()
    for path, status, words in [
        (rig.path()[:-1] + "x", 401, "链接无效"),
        (rig.path(expires_at=shanghai("09-18 09:00")), 410, "链接已过期"),
        (rig.path("stranger"), 404, "没有找到"),
    ]:
        page = await rig.client.get(path)
        assert (page.status_code, words in page.text) == (status, True)
        assert (await rig.client.get(f"/api{path}")).status_code == status
    closed_in = await rig.client.post(rig.path()[:-1] + "x", content=b"a=1", headers=FORM)
    assert closed_in.status_code == 401


async def test_an_order_of_another_leader_is_not_shown(rig: Rig) -> None:
    await rig.open()
    mine = (await rig.order("key-00001")).json()["order_no"]
    assert (await rig.client.get(f"{rig.path()}/orders/{mine}")).status_code == 200
    assert (await rig.client.get(f"{rig.path('wu')}/orders/{mine}")).status_code == 404
    assert mine in (await rig.client.get(f"{rig.path()}/orders")).text
    assert mine not in (await rig.client.get(f"{rig.path('wu')}/orders")).text


async def test_the_api_keeps_the_rules_of_the_form(rig: Rig) -> None:
    await rig.open()
    shown = await rig.client.get(f"/api{rig.path()}")
    assert [one["station_id"] for one in shown.json()["stations"]] == ["s1", "s2"]
    first = await rig.order("key-00001")
    again = await rig.order("key-00001")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"repeated": True}
    assert (await rig.order("key-00001", note="x")).status_code == 409
    assert (await rig.order("short")).status_code == 400
    assert (await rig.order("key-00002", more=1)).status_code == 400
    wrong = await rig.order("key-00003", phone="1", paid=False, lines=[])
    assert wrong.status_code == 422
    assert [one["field"] for one in wrong.json()["errors"]] == ["phone", "paid"]
    assert wrong.headers["content-type"] == "application/problem+json"
    large = await rig.order("key-00004", note="x" * 40_000)
    assert large.status_code == 413


@pytest.mark.parametrize("late", list(LatePolicy))
async def test_a_retry_after_the_cut_off_gets_the_first_answer_and_a_new_order_is_late(
    rig: Rig, late: LatePolicy
) -> None:
    await rig.open(late=late)
    rig.at("09-18 19:59:59.999")
    first = await rig.order("key-00001")
    assert first.status_code == 201
    rig.at("09-18 20:00:00")
    again = await rig.order("key-00001")
    assert (again.status_code, again.json()["round"]) == (200, "2025-09-18")
    new = await rig.order("key-00002")
    if late is LatePolicy.REJECT:
        assert (new.status_code, new.json()["code"]) == (409, "cut_off")
    else:
        assert (new.status_code, new.json()["round"]) == (201, "2025-09-19")
    rig.at("09-19 03:00")
    plan = (await rig.staff("GET", "/autumn/plan")).json()
    assert (plan["day"], plan["orders"], plan["final"]) == ("2025-09-18", 1, True)
    await rig.release()
    rig.publisher.away = True
    with pytest.raises(DeliveryFailed):
        await rig.relay.round()
    rig.at("09-19 09:00")
    rig.publisher.away = False
    assert await rig.relay.round() == 1
    (order,) = rig.orders().values()
    assert order.order_no == first.json()["order_no"]
    assert order.times.created == shanghai("09-18 19:59:59.999")


async def test_who_begins_to_send_in_time_and_ends_later_is_late(rig: Rig) -> None:
    await rig.open()
    fields = Fields((await rig.client.get(rig.path())).text).sent
    body = urlencode(
        fields
        | {"quantity.EGG-30": "1", "name": NAME, "phone": PHONE, "station_id": "s1", "paid": "yes"}
    ).encode()
    rig.at("09-18 19:59:59")

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:20]
        rig.at("09-18 20:00:00")
        yield body[20:]

    answer = await rig.client.post(rig.path(), content=slowly(), headers=FORM)
    assert (answer.status_code, "已截单" in answer.text) == (409, True)


async def test_limits_and_caps_hold_against_many_doors_at_once(rig: Rig) -> None:
    await rig.open()
    apples = [{"sku": "APPLE-5", "quantity": 3}]
    answers = await asyncio.gather(
        *(rig.order(f"key-{n:05d}", phone=f"1300000{n:04d}", lines=apples) for n in range(12))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 6, 422: 6}
    pieces = await rig.pool.fetchval("SELECT sum(quantity) FROM ingest.group_buy_lines")
    assert pieces == 18, "of 20, and nobody is given a part of an order"
    numbers = sorted(answer.json()["number"] for answer in answers if answer.status_code == 201)
    assert numbers == [1, 2, 3, 4, 5, 6]
    one_more = [{"sku": "APPLE-5", "quantity": 1}]
    refused = await rig.order("key-again", phone=_first_buyer(answers), lines=one_more)
    assert refused.json()["errors"][0]["code"] == "over_limit"


def _first_buyer(answers: list[httpx2.Response]) -> str:
    place = next(n for n, answer in enumerate(answers) if answer.status_code == 201)
    return f"1300000{place:04d}"


async def test_a_shortage_is_shared_once_and_the_released_orders_go_out_with_their_share(
    rig: Rig,
) -> None:
    await rig.open()
    quantities = [("lin", "s1", 3), ("lin", "s2", 2), ("wu", "s3", 1), ("wu", "s3", 1)]
    numbers: dict[str, int] = {}
    for n, (leader, station_id, quantity) in enumerate(quantities):
        rig.clock.advance(1000)
        answer = await rig.order(
            f"key-{n:05d}",
            leader,
            station_id=station_id,
            phone=f"1300000{n:04d}",
            lines=[{"sku": "EGG-30", "quantity": quantity}],
        )
        numbers[answer.json()["order_no"]] = n
    short = {"sku": "EGG-30", "got": 4, "actor": "chen", "reason": "供货不足"}
    rig.at("09-18 20:00:59.999")
    early = await rig.staff("POST", "/autumn/shortages", short)
    assert (early.status_code, early.json()["code"]) == (409, "round_open")
    rig.at("09-18 20:01:00")
    for wrong in ({"got": 7}, {"sku": "APPLE-5"}):
        answer = await rig.staff("POST", "/autumn/shortages", short | wrong)
        assert answer.status_code == 409
    first = await rig.staff("POST", "/autumn/shortages", short)
    assert first.status_code == 200, first.text
    rig.clock.advance(60_000)
    assert (await rig.staff("POST", "/autumn/shortages", short)).json() == first.json()
    other = await rig.staff("POST", "/autumn/shortages", short | {"got": 5, "actor": "wang"})
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")
    shares = {numbers[s["order_no"]]: s["allotted"] for s in first.json()["shares"]}
    # 4 of 7 over 3, 2, 2 pieces is 1.71, 1.14, 1.14.
    assert shares == {0: 2, 1: 1, 2: 1, 3: 0}
    act = {"actor": "chen", "reason": "到货"}
    released = await rig.staff("POST", "/autumn/release", act)
    assert (released.status_code, released.json()["orders"]) == (200, 4)
    assert (await rig.staff("POST", "/autumn/release", act)).json() == released.json()
    refused = await rig.staff("POST", "/autumn/shortages", short | {"sku": "APPLE-5"})
    assert refused.json()["code"] == "round_released"
    assert await rig.relay.round() == 4
    assert await rig.relay.round() == 0
    orders = {numbers[order_no]: order for order_no, order in rig.orders().items()}
    assert {n: (order.state, order.items[0].qty) for n, order in orders.items()} == {
        0: ("awaiting_shipment", 2),
        1: ("awaiting_shipment", 1),
        2: ("awaiting_shipment", 1),
        3: ("closed_refunded", 1),
    }
    kept = await rig.pool.fetch("SELECT payload FROM ingest.group_buy_orders")
    assert {row["payload"] for row in kept} == {b""}, "the neighbours' data are gone from here"
    (order_no,) = [name for name, n in numbers.items() if n == 0]
    page = await rig.client.get(f"{rig.path()}/orders/{order_no}")
    assert (page.status_code, "130****" in page.text) == (200, False)


async def test_a_settled_round_takes_nothing_more_whatever_a_clock_says(rig: Rig) -> None:
    await rig.open()
    await rig.order("key-00001", lines=[{"sku": "EGG-30", "quantity": 2}])
    await rig.pool.execute(
        "INSERT INTO ingest.group_buy_rounds VALUES ('autumn', $1, 'chen', now(), '')",
        date(2025, 9, 18),
    )
    late = await rig.order("key-00002")
    assert (late.status_code, late.json()["code"]) == (409, "round_settled")
    assert (
        await rig.order("key-00001", lines=[{"sku": "EGG-30", "quantity": 2}])
    ).status_code == 200


async def test_a_wrong_order_is_taken_back_before_the_cut_off_and_counts_no_more(rig: Rig) -> None:
    await rig.open()
    apples = [{"sku": "APPLE-5", "quantity": 3}]
    order_no = (await rig.order("key-00001", lines=apples)).json()["order_no"]
    page_path = f"{rig.path()}/orders/{order_no}"
    token = Fields((await rig.client.get(page_path)).text).sent["form_token"]
    assert (await rig.send(page_path, {"form_token": "x"})).status_code == 403
    stranger = f"{rig.path('wu')}/orders/{order_no}"
    assert (await rig.client.delete(f"/api{stranger}")).status_code == 404
    for _ in range(2):
        assert (await rig.send(page_path, {"form_token": token})).status_code == 303
    assert "已撤回" in (await rig.client.get(page_path)).text
    assert (await rig.client.delete(f"/api{page_path}")).json()["status"] == "withdrawn"
    again = await rig.order("key-again", lines=apples)
    assert again.status_code == 201, "the limit is free again"
    rig.at("09-18 20:00")
    late = await rig.client.delete(f"/api{rig.path()}/orders/{again.json()['order_no']}")
    assert (late.status_code, late.json()["code"]) == (409, "too_late")
    plan = (await rig.staff("GET", "/autumn/plan?day=2025-09-18")).json()
    assert (plan["orders"], plan["lines"][0]["ordered"]) == (1, 3)
    await rig.release()
    assert await rig.relay.round() == 1


async def test_closing_ends_a_campaign_at_once_and_for_good(rig: Rig) -> None:
    await rig.open(late=LatePolicy.NEXT_DAY)
    act = {"actor": "chen", "reason": "货源不足"}
    first = await rig.staff("POST", "/autumn/close", act)
    rig.clock.advance(60_000)
    assert (await rig.staff("POST", "/autumn/close", act)).json() == first.json()
    assert (await rig.order("key-00001")).json()["code"] == "closed"
    page = await rig.client.get(rig.path())
    assert "已经关闭" in page.text
    assert "<button" not in page.text


async def test_a_campaign_is_opened_once_and_its_plan_reads_as_a_table(rig: Rig) -> None:
    await rig.open()
    await rig.open()
    other = msgspec.structs.replace(CAMPAIGN, title="=1+1")
    answer = await rig.staff("POST", "", {"campaign": other, "actor": "chen"})
    assert (answer.status_code, answer.json()["code"]) == (409, "campaign_differs")
    faulty = msgspec.structs.replace(CAMPAIGN, campaign_id="c", cut_off="00:00")
    answer = await rig.staff("POST", "", {"campaign": faulty, "actor": "chen"})
    assert (answer.status_code, answer.json()["code"]) == (409, "campaign_faulty")
    await rig.order("key-00001")
    answer = await rig.staff("GET", "/autumn/plan?day=2025-09-18&format=csv")
    head, row = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert dict(zip(head, row, strict=True))["订购件数"] == "1"
    assert (await rig.staff("GET", "/autumn/plan?day=x")).status_code == 400
    assert (await rig.staff("GET", "/winter/plan")).status_code == 404
    (listed,) = (await rig.staff("GET", "")).json()
    assert (listed["orders"], listed["total_fen"]) == (1, 2500)


async def test_staffs_doors_want_the_token(rig: Rig) -> None:
    await rig.open()
    for method, path in [
        ("GET", ""),
        ("POST", ""),
        ("GET", "/autumn/plan"),
        ("POST", "/autumn/close"),
        ("POST", "/autumn/links"),
        ("POST", "/autumn/shortages"),
        ("POST", "/autumn/release"),
        ("PUT", "/autumn/pictures/EGG-30"),
    ]:
        answer = await rig.client.request(method, f"/api/group-buys{path}")
        assert answer.status_code == 401, (method, path)


async def test_a_picture_is_shown_to_whoever_has_the_link(rig: Rig) -> None:
    await rig.open()
    put = "/api/group-buys/autumn/pictures"
    for path, content, status in [
        (f"{put}/EGG-30", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (f"{put}/PEAR", PIXEL, 404),
        (f"{put}/EGG-30", PIXEL + b"x" * 600_000, 413),
        (f"{put}/EGG-30", PIXEL, 204),
    ]:
        answer = await rig.client.put(path, content=content, headers=STAFF)
        assert answer.status_code == status
    page = await rig.client.get(rig.path())
    (source,) = re.findall(r'<img src="([^"]+)"', page.text)
    picture = await rig.client.get(source)
    assert (picture.content, picture.headers["content-type"]) == (PIXEL, "image/png")
    assert picture.headers["x-content-type-options"] == "nosniff"


async def test_a_link_made_for_a_leader_opens_the_form_until_it_ends(rig: Rig) -> None:
    await rig.open()
    made = (await rig.staff("POST", "/autumn/links", {"leader_id": "wu"})).json()
    assert datetime.fromisoformat(made["expires_at"]) == shanghai("09-21 20:00")
    assert "水岸" in (await rig.client.get(made["url"])).text
    stranger = await rig.staff("POST", "/autumn/links", {"leader_id": "x"})
    assert stranger.json()["code"] == "leader_unknown"
    rig.clock.advance(round(timedelta(days=4).total_seconds() * 1000))
    assert (await rig.client.get(made["url"])).status_code == 410


async def test_an_order_that_no_longer_opens_does_not_stop_the_others(rig: Rig) -> None:
    await rig.open()
    lost = (await rig.order("key-00001")).json()["order_no"]
    await rig.pool.execute(
        "UPDATE ingest.group_buy_orders SET payload = 'x' WHERE order_no = $1", lost
    )
    kept = (await rig.order("key-00002")).json()["order_no"]
    await rig.release()
    assert await rig.relay.round() == 2
    assert await rig.relay.round() == 0
    assert rig.orders().keys() == {kept}
