"""The projection and the web on real Postgres: what was projected is what people and programs see."""

from __future__ import annotations

import re
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from msgspec import Struct

from chassis.crypto import PersonalSeal
from services.console.live import events
from services.console.projections import fold_counters
from services.console.settings import ConsoleSettings
from services.console.views import Filters, Views
from services.console.web import HEADERS, Desk
from services.console.words import TITLES
from tests.browser.story import ADDRESS, NAME, NOON, PHONE, Story, quarantined, sealed
from tests.integration.console.rig import KEYS, PASSWORD, Rig, sign_in


def life(story: Story) -> list[Struct]:
    steps = (story.placed, story.paid, story.routed, story.labelled, story.shipped)
    return [event for step in steps for event in step()]


async def counted(rig: Rig, **narrowed: str) -> dict[str, int]:
    steps = await rig.desk.views.funnel(Filters(**narrowed))
    return {step.state: step.orders for step in steps if step.orders}


# ---- the projection --------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_records", [1, 7, 1000])
async def test_tables_say_the_same_however_events_are_batched(rig: Rig, batch_records: int) -> None:
    stories = [Story(f"DS{number}") for number in range(5)]
    await rig.project(
        [event for story in stories for event in life(story)] + list(Story("DS9").placed()),
        batch_records,
    )
    rows = await rig.pool.fetch(
        "SELECT order_id, state, state_title, channel_order_no, paid_fen, held_at, routed_at, waybill_no, "
        "province, line_summary, flags FROM console.orders WHERE state = 'shipped' ORDER BY order_id"
    )
    assert [row["order_id"] for row in rows] == [story.order_id for story in stories]
    assert dict(rows[0]) | {"order_id": "", "waybill_no": ""} == {
        "order_id": "",
        "state": "shipped",
        "state_title": "已发货",
        "channel_order_no": stories[0].channel_order_no,
        "paid_fen": 22590,
        "held_at": NOON + timedelta(seconds=1),
        "routed_at": NOON + timedelta(seconds=62),
        "waybill_no": "",
        "province": "浙江省",
        "line_summary": "纯棉圆领短袖 白色 L 等 3 件",
        "flags": [],
    }
    per_order = await rig.pool.fetch(
        "SELECT order_id, count(*) AS n FROM console.timeline GROUP BY order_id ORDER BY order_id"
    )
    assert [row["n"] for row in per_order] == [len(life(Story("X")))] * 5 + [2]
    assert await counted(rig) == {"shipped": 5, "awaiting_payment": 1}


async def test_events_published_twice_change_nothing(rig: Rig) -> None:
    story = Story("DS1")
    told = life(story)
    await rig.project(told)
    before = await rig.pool.fetch("SELECT * FROM console.timeline ORDER BY source, seq")
    await rig.project(told)
    assert await rig.pool.fetch("SELECT * FROM console.timeline ORDER BY source, seq") == before
    assert await counted(rig) == {"shipped": 1}


async def test_counters_stay_right_while_they_are_summed_up(rig: Rig) -> None:
    story, other = Story("DS1"), Story("DS2", channel="jd", at=NOON + timedelta(hours=1))
    await rig.project(story.placed())
    await fold_counters(rig.pool, rig.clock.now())
    await rig.project([*story.paid(), *other.placed()])
    await fold_counters(rig.pool, rig.clock.now())
    await fold_counters(rig.pool, rig.clock.now())
    await rig.project(story.routed())
    assert await counted(rig) == {"awaiting_print": 1, "awaiting_payment": 1}
    assert await counted(rig, channel="jd") == {"awaiting_payment": 1}
    assert await counted(rig, hour="2026-11-11T12") == {"awaiting_print": 1}
    assert await rig.pool.fetchval("SELECT sum(orders)::int FROM console.funnel") == 2


async def test_open_pages_hear_of_changes_after_the_commit(rig: Rig) -> None:
    with rig.broadcast.page() as page:
        stream = events(page, 0, rig.desk.reading)
        assert b"hello" in await anext(stream)
        await rig.project([*Story("DS1").placed(), *Story("DS2").placed()])
        assert b'"orders":["DS1","DS2"]' in await anext(stream)
    assert await rig.pool.fetchval("SELECT count(*)::int FROM console.cards") == 2


# ---- lists -----------------------------------------------------------------------------------------


async def test_pages_of_a_list_follow_each_other_without_gap_or_repeat(rig: Rig) -> None:
    stories = [
        Story(f"DS{number:02d}", at=NOON + timedelta(minutes=number // 3)) for number in range(25)
    ]
    await rig.project([event for story in stories for event in story.placed()])
    client = await rig.signed_in()
    seen: list[str] = []
    before = ""
    for _ in range(4):
        page = (await client.get("/api/orders", params={"limit": 7, "before": before})).json()
        seen += [order["order_id"] for order in page["orders"]]
        before = page["before"]
    assert before == ""
    newest_first = sorted(stories, key=lambda story: (story.at, story.order_id), reverse=True)
    assert seen == [story.order_id for story in newest_first]


async def test_filters_of_different_kinds_all_hold(rig: Rig) -> None:
    held, plain = Story("DS1", channel="jd"), Story("DS2", channel="jd")
    late = Story("DS3", channel="jd", at=NOON + timedelta(hours=2))
    told = [*held.placed(), *held.short(), *plain.placed(), *late.placed(), *late.short()]
    await rig.project([*told, *Story("DS4").placed(), quarantined("31")])
    client = await rig.signed_in()

    async def found(**narrowed: str) -> list[str]:
        answer = (await client.get("/api/orders", params=narrowed)).json()
        return [order["order_id"] for order in answer["orders"]]

    assert await found(channel="jd", flag="short") == ["DS3", "DS1"]
    assert await found(channel="jd", flag="short", hour="2026-11-11T12") == ["DS1"]
    assert await found(state="quarantined") == ["jd|京东店|31"]
    assert await found(channel="taobao") == ["DS4"]
    assert await counted(rig, flag="short") == {"awaiting_payment": 2}
    assert await found(flag="'; DROP TABLE console.cards; --") == await found()


@pytest.mark.parametrize("number", ["order_id", "channel_order_no", "waybill_no"])
async def test_one_box_finds_an_order_by_each_of_its_numbers(rig: Rig, number: str) -> None:
    story, other = Story("DS1"), Story("DS2")
    await rig.project([*life(story), *life(other)])
    client = await rig.signed_in()
    answer = await client.get("/api/orders", params={"q": f" {getattr(story, number)} "})
    assert [order["order_id"] for order in answer.json()["orders"]] == ["DS1"]


async def test_each_waybill_of_a_split_order_finds_it_and_is_on_its_page(rig: Rig) -> None:
    story, other = Story("DS1"), Story("DS2")
    first = life(story)
    second = msgspec.structs.replace(story.labelled()[0], waybill_no="W2")
    await rig.project([*first, second, *life(other)])
    client = await rig.signed_in()
    for number in (story.waybill_no, "W2", "DS1"):
        answer = await client.get("/api/orders", params={"q": number})
        assert [order["order_id"] for order in answer.json()["orders"]] == ["DS1"]
    page = (await client.get("/orders/DS1")).text
    assert f"W2<small>另有 {story.waybill_no}</small>" in page


async def test_a_flag_that_an_order_was_left_with_when_it_ended_finds_it_no_more(rig: Rig) -> None:
    story = Story("DS1")
    await rig.project([*story.placed(), *story.short(), *Story("DS2").placed()])
    # As before flags went with their orders' end.
    await rig.pool.execute("UPDATE console.cards SET state = 'cancelled' WHERE key = 'DS1'")
    assert not await counted(rig, flag="short")
    client = await rig.signed_in()
    assert (await client.get("/api/orders", params={"flag": "short"})).json()["orders"] == []


# ---- one order -------------------------------------------------------------------------------------


async def placed_with_receiver(rig: Rig) -> Story:
    story = Story("DS1")
    block = sealed(PersonalSeal(KEYS), "DS1")
    story.personal = block.ciphertext
    await rig.pool.execute(
        "INSERT INTO chassis.personal_keys VALUES ($1, $2)", "DS1", block.wrapped_key
    )
    await rig.project([*life(story), *story.refund_requested(), *story.refund_settled()])
    return story


async def test_an_order_shows_money_goods_and_a_masked_receiver(rig: Rig) -> None:
    await placed_with_receiver(rig)
    client = await rig.signed_in()
    api = await client.get("/api/orders/DS1")
    content = api.json()["content"]
    assert content["money"] == {
        "goods_fen": 22790,
        "discount_fen": 1000,
        "freight_fen": 800,
        "payable_fen": 22590,
        "currency": "CNY",
    }
    assert sum(line["paid_fen"] for line in content["lines"]) + 800 == 22590
    assert content["receiver"]["name"] == "测*"
    assert content["receiver"]["phone"] == "130****1234"
    page = await client.get("/orders/DS1")
    for clear in (NAME, PHONE, ADDRESS):
        assert clear not in api.text
        assert clear not in page.text


async def test_an_erased_receiver_stays_erased(rig: Rig) -> None:
    await placed_with_receiver(rig)
    await rig.pool.execute("DELETE FROM chassis.personal_keys")
    client = await rig.signed_in()
    receiver = (await client.get("/api/orders/DS1")).json()["content"]["receiver"]
    assert (receiver["name"], receiver["phone"]) == ("", "")
    assert receiver["note"] == "个人信息已按要求擦除"


async def test_the_timeline_spans_all_services_newest_first_with_positions(rig: Rig) -> None:
    await placed_with_receiver(rig)
    client = await rig.signed_in()
    timeline = (await client.get("/api/orders/DS1")).json()["timeline"]
    assert [line["title"] for line in timeline[:2]] == ["退款到账", "申请退款"]
    assert timeline[-1]["title"] == "买家下单"
    assert {line["source_title"] for line in timeline} == {
        "平台接单",
        "平台回传",
        "订单",
        "库存",
        "仓储物流",
        "售后退款",
    }
    assert {line["title"] for line in timeline} <= set(TITLES.values())
    times = [line["at"] for line in timeline]
    assert times == sorted(times, reverse=True)
    assert len({(line["source"], line["partition"], line["offset"]) for line in timeline}) == len(
        timeline
    )


async def test_a_quarantined_payload_has_a_page_under_its_odd_key(rig: Rig) -> None:
    await rig.project([quarantined("3/1?x")])
    client = await rig.signed_in()
    row = re.search(r'class="open"[^>]* href="([^"]+)"', (await client.get("/")).text)
    assert row is not None
    page = await client.get(row[1])
    assert page.status_code == 200
    assert "没有商品行" in page.text


async def test_what_people_typed_elsewhere_is_text_here(rig: Rig) -> None:
    story = Story("DS1")
    placed = story.placed()[0]
    line = msgspec.structs.replace(placed.lines[0], title="<script>alert(1)</script>")  # type: ignore[attr-defined]
    await rig.project([msgspec.structs.replace(placed, lines=(line,), shop="<b>店</b>")])
    client = await rig.signed_in()
    for path in ("/", "/orders/DS1"):
        text = (await client.get(path)).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
        assert "<b>店" not in text


async def test_no_program_names_reach_a_reader(rig: Rig) -> None:
    story = Story("DS1")
    await rig.project([*life(story), *story.short(), *story.refund_requested(), quarantined("31")])
    client = await rig.signed_in()
    for path in ("/", "/?state=shipped&channel=jd", "/orders/DS1", "/shops", "/login", "/nowhere"):
        page = (await client.get(path)).text
        page = re.sub(r'<details class="drawer".*?</details>', "", page, flags=re.DOTALL)
        page = re.sub(r"<pre>.*?</pre>|<head>.*?</head>", "", page, flags=re.DOTALL)
        text = re.sub(r"<[^>]+>", " ", page)
        assert not re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text), path


# ---- doors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/orders/DS1", "/?state=shipped", "/shops"])
async def test_pages_lead_to_the_sign_in_and_back(rig: Rig, path: str) -> None:
    client = rig.browser()
    answer = await client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    back = await sign_in(client, "demo", PASSWORD, to=path)
    assert back.headers["location"] == path


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://127.0.0.1/orders/DS1?from=list", "/login?next=%2Forders%2FDS1%3Ffrom%3Dlist"),
        ("http://127.0.0.1/payouts/look-again", "/login"),
        ("http://127.0.0.1/", "/login"),
        ("http://elsewhere.example/orders/DS1", "/login"),
        ("http://127.0.0.1:81/orders/DS1", "/login"),
        ("javascript:alert(1)", "/login"),
        ("http://[", "/login"),
        ("", "/login"),
    ],
)
async def test_a_form_without_a_session_leads_back_to_the_page_it_is_on(
    rig: Rig, referer: str, back: str
) -> None:
    sent = await rig.browser().post(
        "/payouts/look-again", data={"reason": "好了"}, headers={"referer": referer}
    )
    assert (sent.status_code, sent.headers["location"]) == (303, back)


@pytest.mark.parametrize("path", ["/payouts/look-again", "/double-refunds/resolve", "/logout"])
async def test_a_form_s_address_says_that_nothing_was_sent_and_leads_on(
    rig: Rig, path: str
) -> None:
    for client in (rig.browser(), rig.with_session()):
        page = await client.get(path)
        assert page.status_code == 405
        assert "这个地址不能直接打开" in page.text
        assert "没有提交任何内容" in page.text
        assert '<a class="button" href="/">回到实时订单</a>' in page.text


async def test_a_page_of_an_earlier_session_learns_the_token_of_this_one(rig: Rig) -> None:
    client = await rig.signed_in()
    token = (await client.get("/api/session")).json()["form_token"]
    assert f'name="form_token" value="{token}"' in (await client.get("/")).text
    assert (await rig.browser().get("/api/session")).status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/api/orders", "/api/orders/DS1", "/api/funnel", "/api/shops", "/api/live", "/openapi.json"],
)
async def test_the_api_answers_nobody_without_a_session(rig: Rig, path: str) -> None:
    answer = await rig.browser().get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "请先登录"


async def test_every_answer_carries_the_security_headers(rig: Rig) -> None:
    client = await rig.signed_in()
    for path in ("/", "/login", "/nowhere", "/static/console.css", "/api/funnel", "/api/nowhere"):
        answer = await client.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (path, name)
        assert "unsafe" not in answer.headers["content-security-policy"]


async def test_a_form_from_elsewhere_is_refused(rig: Rig) -> None:
    client = rig.browser()
    good = {"name": "demo", "password": PASSWORD}
    assert (await client.post("/login", data=good)).status_code == 403
    await client.get("/login")
    assert (await client.post("/login", data={**good, "form_token": "x"})).status_code == 403
    signed = await rig.signed_in()
    assert (await signed.post("/logout", data={"form_token": "x"})).status_code == 403
    assert (await signed.get("/")).status_code == 200


async def test_guessing_is_slowed_down(rig: Rig) -> None:
    client = rig.browser()
    for _ in range(5):
        assert (await sign_in(client, "demo", "wrong")).status_code == 401
    paused = await sign_in(client, "demo", PASSWORD)
    assert paused.status_code == 429
    assert paused.headers["retry-after"] == "60"
    rig.clock.advance(60_000)
    assert (await sign_in(client, "demo", PASSWORD)).status_code == 303


async def test_cookies_are_out_of_reach_of_scripts(rig: Rig) -> None:
    answer = await sign_in(rig.browser(), "demo", PASSWORD)
    [cookie] = [c for c in answer.headers.get_list("set-cookie") if c.startswith("danshu_session=")]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_signing_out_ends_the_session_in_this_browser(rig: Rig) -> None:
    client = await rig.signed_in()
    token = re.search(r'name="form_token" value="(\w+)"', (await client.get("/")).text)
    assert token is not None
    assert (await client.post("/logout", data={"form_token": token[1]})).status_code == 303
    assert (await client.get("/")).status_code == 303


async def test_without_users_the_sign_in_page_says_how_to_get_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ConsoleSettings(users={})
    desk = Desk(
        settings=settings,
        views=rig.desk.views,
        shop_views=rig.desk.shop_views,
        stock_views=rig.desk.stock_views,
        stock_whole=rig.desk.stock_whole,
        broadcast=rig.broadcast,
        reading=rig.desk.reading,
        ask=rig.asked,
        sessions=rig.desk.sessions,
        guesses=rig.desk.guesses,
        templates=rig.desk.templates,
    )
    rig.app.state.desk = desk
    client = rig.browser()
    assert "danshu console password" in (await client.get("/login")).text
    assert (await sign_in(client, "demo", PASSWORD)).status_code == 401


async def test_an_unexpected_error_shows_a_number_and_no_text(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    client = await rig.signed_in()
    monkeypatch.setattr(Views, "orders", fail)
    for path in ("/", "/api/orders"):
        answer = await client.get(path)
        assert answer.status_code == 500
        assert "事件编号" in answer.text
        assert "secret" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "away", [ConnectionRefusedError(), asyncpg.AdminShutdownError(), TimeoutError()]
)
async def test_while_postgres_is_away_that_is_said(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, away: Exception
) -> None:
    async def fail(*_: object) -> None:
        raise away

    client = await rig.signed_in()
    monkeypatch.setattr(Views, "orders", fail)
    for path in ("/", "/api/orders"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "暂时不可用" in answer.text


async def test_htmx_gets_the_board_alone_and_a_lost_session_nothing(rig: Rig) -> None:
    client = await rig.signed_in()
    part = await client.get("/", headers={"hx-request": "true"})
    assert part.text.startswith('<div id="board"')
    assert part.headers["vary"] == "HX-Request"
    lost = await rig.browser().get("/", headers={"hx-request": "true"})
    assert (lost.status_code, lost.text, "hx-redirect" in lost.headers) == (401, "", False)


async def test_a_page_of_a_large_list_takes_the_index(rig: Rig) -> None:
    await rig.pool.execute(
        "INSERT INTO console.cards SELECT 'DS' || i, '{}', "
        "  (ARRAY['shipped','completed','awaiting_print'])[1 + i % 3], 'taobao', i::text, "
        "  '2026-11-11T00:00Z'::timestamptz + i * interval '1 s', NULL, '', '' "
        "FROM generate_series(1, 20000) AS i"
    )
    await rig.pool.execute("ANALYZE console.cards")
    for where in ("placed_at IS NOT NULL", "placed_at IS NOT NULL AND state = 'awaiting_print'"):
        plan = await rig.pool.fetch(
            f"EXPLAIN SELECT key, document FROM console.cards WHERE {where} "
            "ORDER BY placed_at DESC, key DESC LIMIT 51"
        )
        text = "\n".join(row[0] for row in plan)
        assert "Index Scan" in text, text
        assert "Seq Scan" not in text, text
