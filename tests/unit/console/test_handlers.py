"""What events do to cards, counters and timelines. Topics may come in any order, events of one topic in order."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from chassis import topics
from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.processor import Kept, Known, Record, encode_document, fold
from schemas.events import RECORDS
from schemas.events.order_states import OrderHeld, OrderHoldLifted
from schemas.events.orders import OrderAmended, OrderPlaced, Payment
from schemas.events.quarantine import QuarantineEnded
from schemas.events.refunds import ReturnConfirmed, ReturnedLine
from schemas.events.shipments import WaybillReplaced
from schemas.events.stock import (
    PartLine,
    PassedOver,
    PromisedLine,
    ReservedPart,
    StockPromiseChanged,
)
from services.console import words
from services.console.domain.model import Card, bucket_of
from services.console.entries import Entry
from services.console.handlers import HANDLERS
from services.console.projections import COLUMNS, Projected, counted, projection
from services.orders.domain.states import STATE_TITLES
from tests.browser.story import NOON, Story, quarantined

CLOCK = ManualClock(NOON)
PROCESSOR = projection(lambda _keys: None)


def record(event: Struct, offset: int = 0) -> Record:
    raw = codec().encode(event)
    peeked = codec().peek(raw)
    return Record(
        source=str(event.TOPIC),  # type: ignore[attr-defined]
        partition=0,
        offset=offset,
        key=peeked.key,
        version=peeked.version,
        event=codec().decode(raw),
        raw=raw,
    )


def project(
    events: Sequence[Struct], before: dict[str, Kept[Card]] | None = None
) -> tuple[dict[str, Kept[Card]], Projected]:
    """One batch through the real fold."""
    kept = dict(before or {})
    facts = Projected({key: one.state for key, one in kept.items()})
    known = Known(kept=kept, facts=facts)
    records = [record(event, offset) for offset, event in enumerate(events)]
    fold(PROCESSOR, codec(), records, known, CLOCK.now())
    return known.kept, facts


def card_of(events: Sequence[Struct], order_id: str) -> Card:
    kept, _ = project(events)
    card = kept[order_id].state
    assert card is not None
    return card


def whole_life(story: Story) -> list[Struct]:
    return [
        *story.placed(),
        *story.paid(),
        *story.routed(),
        *story.labelled(),
        *story.shipped(),
        *story.refund_requested(),
        *story.refund_settled(),
    ]


def test_every_event_of_every_consumed_topic_is_handled_and_has_a_title() -> None:
    consumed = set(topics.consumed_by("console"))
    kinds = {kind for kind in RECORDS if kind.TOPIC in consumed}  # type: ignore[attr-defined]
    assert set(HANDLERS) == kinds
    assert {kind.__name__ for kind in kinds} == set(words.TITLES)
    assert consumed == set(words.SOURCES)


def test_the_console_calls_states_as_the_orders_service_does() -> None:
    theirs = {str(state): title for state, title in STATE_TITLES.items() if state != "new"}
    assert theirs.items() <= words.STATES.items()


def test_a_whole_life_ends_as_one_card() -> None:
    story = Story("DS1")
    card = card_of(whole_life(story), "DS1")
    assert card.state == "shipped"
    assert (card.payable_fen, card.paid_fen, card.refund_fen) == (22590, 22590, 2990)
    assert card.held_at == NOON + timedelta(seconds=1)
    assert card.routed_at == NOON + timedelta(seconds=62)
    assert (card.warehouse, card.carrier, card.waybill_no) == ("HZ", "ZTO", story.waybill_no)
    assert card.line_summary == "纯棉圆领短袖 白色 L 等 3 件"
    assert card.flags == ()


def test_an_order_that_is_paid_when_first_seen_shows_what_was_paid() -> None:
    first, *_ = Story("DS1").placed()
    assert isinstance(first, OrderPlaced)
    payment = Payment(paid_at=first.occurred_at, paid_fen=22590)
    kept, facts = project([msgspec.structs.replace(first, payment=payment)])
    card = kept["DS1"].state
    assert card is not None
    assert card.paid_fen == 22590
    assert card.line_summary == "纯棉圆领短袖 白色 L 等 3 件"
    assert [entry[6] for entry in facts.entries] == ["纯棉圆领短袖 白色 L 等 3 件 · 已付 ¥225.90"]


def test_a_replaced_waybill_shows_on_the_card_and_who_replaced_it_in_the_timeline() -> None:
    replaced = WaybillReplaced(
        order_id="DS1",
        version=1,
        occurred_at=NOON,
        parcel_id="DS1-1",
        carrier="SF",
        waybill_no="SF20000001",
        former_carrier="ZTO",
        former_waybill_no="75000001",
        actor="仓管",
        reason="贴错面单",
    )
    kept, facts = project([replaced])
    card = kept["DS1"].state
    assert card is not None
    assert (card.carrier, card.waybill_no) == ("SF", "SF20000001")
    assert card.other_waybills == ("75000001",)
    [line] = facts.entries
    assert (line[5], line[7]) == ("运单已更换", "仓管")
    assert line[6] == "中通 75000001 → 顺丰 SF20000001 · 贴错面单"


def test_the_order_of_topics_does_not_matter() -> None:
    expected = card_of(whole_life(Story("DS1")), "DS1")
    for seed in range(50):
        shuffling = random.Random(seed)
        waiting: dict[str, list[Struct]] = {}
        for event in whole_life(Story("DS1")):
            waiting.setdefault(str(event.TOPIC), []).append(event)  # type: ignore[attr-defined]
        mixed = []
        while waiting:
            topic = shuffling.choice(sorted(waiting))
            mixed.append(waiting[topic].pop(0))
            if not waiting[topic]:
                del waiting[topic]
        assert card_of(mixed, "DS1") == expected, f"seed {seed}"


def test_an_order_known_by_its_stock_only_is_not_shown_nor_counted() -> None:
    story = Story("DS1")
    story.placed()
    kept, facts = project(story.paid()[:1])
    card = kept["DS1"].state
    assert card is not None
    assert card.placed_at is None
    assert counted(facts.before, kept) == []


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_counters_agree_with_cards_however_events_are_cut_into_batches(size: int) -> None:
    stories = [Story(f"DS{number}") for number in range(6)]
    events = [event for story in stories[:3] for event in whole_life(story)]
    events += [event for story in stories[3:] for event in story.placed()]
    events.append(quarantined("31"))
    kept: dict[str, Kept[Card]] = {}
    counts: Counter[object] = Counter()
    for start in range(0, len(events), size):
        kept, facts = project(events[start : start + size], kept)
        for *bucket, orders in counted(facts.before, kept):
            counts[tuple(bucket)] += orders
    expected = Counter(bucket_of(one.state or Card()) for one in kept.values())
    assert +counts == expected
    assert not -counts


def test_a_repeated_event_adds_nothing() -> None:
    events = Story("DS1").placed()
    kept, first = project(events)
    again, second = project(events, kept)
    assert len(first.entries) == 2
    assert second.entries == []
    assert again["DS1"].state == kept["DS1"].state


def test_each_event_adds_one_line_with_where_it_stands() -> None:
    events = whole_life(Story("DS1"))
    _, facts = project(events)
    assert len(facts.entries) == len(events)
    lines = {entry[4]: entry for entry in facts.entries}
    planned = lines["ParcelPlanned"]
    assert planned[0] == "DS1"
    assert planned[3] == "parcels"
    assert planned[5:9] == (
        "已派单",
        "杭州仓 · 中通 · 江浙沪走中通次日达",
        "",
        "carrier/default@1#hangzhou-delta",
    )
    assert lines["ParcelPicked"][7] == "拣货一组"
    assert isinstance(codec().decode(lines["OrderPlaced"][11] or b""), OrderPlaced)
    assert lines["OrderPaid"][11] is None


def test_lines_speak_business_words() -> None:
    story = Story("DS1")
    events = [*whole_life(story), *story.short(), quarantined("31")]
    _, facts = project(events)
    for line in facts.entries:
        shown = f"{line[5]} {line[6]}"
        assert not re.search(r"[a-z]+_[a-z]", shown), line


def held(code: str, version: int) -> OrderHeld:
    return OrderHeld(
        order_id="DS1", version=version, occurred_at=NOON, code=code, reason="", actor="", basis=""
    )


def lifted(code: str, version: int) -> OrderHoldLifted:
    return OrderHoldLifted(
        order_id="DS1", version=version, occurred_at=NOON, code=code, reason="", actor="", basis=""
    )


@pytest.mark.parametrize(
    ("events", "flags"),
    [
        ([held("risk", 1)], ("risk",)),
        ([held("risk", 1), held("manual", 2)], ("risk", "manual")),
        ([held("risk", 1), held("risk", 2)], ("risk",)),
        ([held("risk", 1), held("manual", 2), lifted("risk", 3)], ("manual",)),
        ([lifted("risk", 1)], ()),
    ],
)
def test_holds_are_flags(events: list[Struct], flags: tuple[str, ...]) -> None:
    assert card_of(events, "DS1").flags == flags


def test_short_goods_are_flagged_until_they_are_held() -> None:
    story = Story("DS1")
    short = story.short()[0]
    assert card_of([short], "DS1").flags == ("short",)
    reserved = story.paid()[0]
    assert card_of([short, reserved], "DS1").flags == ()


def test_an_order_that_is_sold_ahead_shows_its_date_until_it_is_held_or_the_promise_is_withdrawn() -> (
    None
):
    story = Story("DS1")
    short: Any = story.short()[0]
    first, later = NOON + timedelta(days=7), NOON + timedelta(days=11)
    line = PromisedLine(
        warehouse="HZ", sku="TS-WHITE-L", quantity=2, purchase_no="P1", expected_at=NOON
    )
    promised = replace(short, promised_for=first, promised=(line,), promise_rule="presale@1#tea")
    moved = StockPromiseChanged(
        order_id="DS1",
        version=short.version + 1,
        occurred_at=NOON,
        was_promised_for=first,
        promised_for=later,
        promised=(line,),
        why="redated",
    )
    withdrawn = replace(
        moved, version=moved.version + 1, promised_for=None, promised=None, why="not_coming"
    )
    card = card_of([promised, moved], "DS1")
    assert (card.flags, card.promised_for) == (("presale",), later)
    card = card_of([promised, moved, withdrawn], "DS1")
    assert (card.flags, card.promised_for) == (("short",), None)
    reserved: Any = replace(story.paid()[0], version=short.version + 1)
    assert card_of([promised, reserved], "DS1").flags == ()
    told = [str(one) for one in project([promised, moved, withdrawn])[1].entries]
    assert f"预售，答应 {words.minute(first)} 前发货：TS-WHITE-L 2 件等采购单 P1" in told[0]
    assert "presale@1#tea" in told[0]
    assert (
        f"采购单改期，原答应 {words.minute(first)}，预售，答应 {words.minute(later)} 前发货"
        in told[1]
    )
    assert "采购单的货不来了" in told[2]
    assert "已撤回，等待补货" in told[2]


def test_what_waits_for_its_payment_is_not_short_and_names_the_rule() -> None:
    short: Any = Story("DS1").short()[0]
    withheld = replace(short, lines=(), withheld_by="hold@1#budget")
    assert card_of([withheld], "DS1").flags == ()
    (line,) = project([withheld])[1].entries
    assert ("付款后再占" in str(line), "hold@1#budget" in str(line)) == (True, True)


@pytest.mark.parametrize(
    ("quota", "words"),
    [
        ("online", "（online 的配额已用完）"),
        ("shared", "（公共配额已用完）"),
        ("campaign:C1", "（其余留给活动 C1）"),
    ],
)
def test_goods_that_are_kept_for_other_channels_name_the_quota(quota: str, words: str) -> None:
    short: Any = Story("DS1").short()[0]
    kept = replace(short, lines=(replace(short.lines[0], quota=quota),))
    (line,) = project([kept])[1].entries
    assert f"TS-WHITE-L 需 2 仅 0{words}" in str(line)


def test_a_warehouse_that_was_passed_over_is_told_with_the_reason() -> None:
    reserved: Any = Story("DS1").paid()[0]
    lacking = PassedOver(warehouse="HZ", sku="A", wanted=2, available=1)
    (line,) = project([replace(reserved, warehouse="HF", passed_over=(lacking,))])[1].entries
    assert "合肥仓（杭州仓A 需 2 仅 1）" in str(line)


def test_an_order_that_several_warehouses_send_names_each_and_why_not_the_others() -> None:
    reserved: Any = Story("DS1").paid()[0]
    parts = tuple(
        ReservedPart(warehouse=one, lines=(PartLine(line_no=1, sku="A", quantity=pieces),))
        for one, pieces in (("HZ", 2), ("GZ", 1))
    )
    left_out = PassedOver(warehouse="HF", sku="A", wanted=3, available=1, why="more_parcels")
    told = replace(reserved, parts=parts, passed_over=(left_out,))
    (line,) = project([told])[1].entries
    assert "杭州仓 2 件 + 广州仓 1 件（合肥仓A 需 3 仅 1，加上它要多一个包裹）" in str(line)


def test_after_sale_lasts_until_the_last_refund_is_closed() -> None:
    story = Story("DS1")
    [requested] = story.refund_requested()
    [other] = story.refund_requested()
    other = msgspec.structs.replace(other, refund_id="R2")
    [settled] = story.refund_settled()
    assert card_of([requested, other], "DS1").flags == ("after_sale",)
    assert card_of([requested, other, settled], "DS1").flags == ("after_sale",)
    last = msgspec.structs.replace(settled, refund_id="R2", version=4, order_fully_refunded=True)
    card = card_of([requested, other, settled, last], "DS1")
    assert card.flags == ("refunded",)
    assert card.refund_fen == 2 * 2990


def test_a_payout_that_is_given_up_waits_for_a_person_until_the_last_is_resumed_or_ended() -> None:
    story = Story("DS1")
    [requested] = story.refund_requested()
    [given_up] = story.payout_given_up()
    [resumed] = story.payout_resumed()
    [settled] = story.refund_settled()
    told = [requested, given_up]
    card = card_of(told, "DS1")
    assert (card.flags, card.payouts_given_up) == (("after_sale", "payout"), ("R1",))
    line = str(project(told)[1].entries[-1])
    said = "¥29.90 · 支付渠道一直没有可用的答复 · 发出 1 次，连问无果 20 次"
    assert all(words in line for words in ("打款待人工核实", said, "payout"))
    other = msgspec.structs.replace(
        given_up, refund_id="R2", version=3, reason="", asks=0, underway=400
    )
    told += [other, msgspec.structs.replace(resumed, version=4)]
    assert "¥29.90 · 发出 1 次，答复处理中 400 次" in str(project(told)[1].entries)
    card = card_of(told, "DS1")
    assert ("payout" in card.flags, card.payouts_given_up) == (True, ("R2",))
    told.append(msgspec.structs.replace(settled, refund_id="R2", version=5))
    card = card_of(told, "DS1")
    assert ("payout" in card.flags, card.payouts_given_up) == (False, ())
    again = card_of([*told, msgspec.structs.replace(given_up, version=6)], "DS1")
    assert ("payout" in again.flags, again.payouts_given_up) == (True, ("R1",))


def test_a_payout_that_no_gateway_takes_waits_for_a_person_to_pay_at_the_shop() -> None:
    story = Story("DS1")
    [requested] = story.refund_requested()
    [given_up] = story.payout_given_up()
    unsent = msgspec.structs.replace(given_up, reason="currency_not_taken", currency="USD")
    card = card_of([requested, unsent], "DS1")
    assert (card.payouts_given_up, card.payouts_by_hand) == (("R1",), ("R1",))
    [settled] = story.refund_settled()
    told = [requested, unsent, msgspec.structs.replace(settled, version=3, gateway="channel")]
    card = card_of(told, "DS1")
    assert (card.payouts_given_up, card.payouts_by_hand, card.flags) == ((), (), ())
    # The gateway was taught the currency meanwhile, and something else went wrong.
    card = card_of([requested, unsent, msgspec.structs.replace(given_up, version=3)], "DS1")
    assert (card.payouts_given_up, card.payouts_by_hand) == (("R1",), ())


def test_a_return_is_told_with_who_saw_it_and_what_that_rests_on() -> None:
    [requested] = Story("DS1").refund_requested()
    came = ReturnConfirmed(
        order_id="DS1",
        version=2,
        occurred_at=NOON,
        refund_id="R1",
        lines=(ReturnedLine(line_no=1, sku="TEA", quantity=2),),
        good=False,
        actor="李仓管",
        reason="验收单 YS-7",
    )
    line = str(project([requested, came])[1].entries[-1])
    assert all(told in line for told in ("退货验收", "有损 2 件 · 验收单 YS-7", "李仓管"))
    bare = msgspec.structs.replace(came, good=True, reason="")
    assert "'良品 2 件'" in str(project([requested, bare])[1].entries[-1])


def test_a_payout_that_is_taken_up_again_is_told_with_who_and_why_and_stays_open() -> None:
    story = Story("DS1")
    told = [*story.refund_requested(), *story.payout_given_up(), *story.payout_resumed()]
    card = card_of(told, "DS1")
    assert (card.flags, card.open_refunds) == (("after_sale",), ("R1",))
    line = project(told)[1].entries[-1]
    assert all(told in str(line) for told in ("重新核实打款", "¥29.90 · 渠道恢复_请再查", "李会计"))
    assert "502" not in str(line), "what a program said is for the developers"


def test_an_amendment_names_what_changed_and_keeps_the_new_region() -> None:
    amendment = OrderAmended(
        order_id="DS1",
        version=2,
        occurred_at=NOON,
        changed=("region", "personal", "receiver_key"),
        channel_state="WAIT_SELLER_SEND_GOODS",
        province="江苏省",
        city="苏州市",
        district="姑苏区",
        personal=b"",
        personal_kind="masked",
        receiver_key="",
        address_vague=False,
        hold="",
    )
    placed = Story("DS1").placed()[0]
    kept, facts = project([placed, amendment])
    card = kept["DS1"].state
    assert card is not None
    assert card.city == "苏州市"
    assert facts.entries[1][6] == "收货地区、收件信息、收件人"


def test_a_quarantined_payload_is_a_card_of_its_own() -> None:
    card = card_of([quarantined("31")], "jd|京东店|31")
    assert card.state == "quarantined"
    assert card.line_summary == "没有商品行"
    assert card.flags == ("quarantined",)


def test_a_quarantined_payload_that_nobody_waits_for_is_no_card_any_more() -> None:
    ended = QuarantineEnded(
        source_key="jd|京东店|31",
        version=2,
        occurred_at=NOON,
        entry_key="jd|京东店|31",
        outcome="released",
        order_id="JD2026111100001",
        actor="客服01",
        reason="买家来电",
    )
    kept, facts = project([quarantined("31"), ended])
    card = kept["jd|京东店|31"].state
    assert card is not None
    assert (card.state, card.placed_at, card.flags) == ("", None, ())
    assert facts.entries[1][5:8] == ("隔离已结束", "放行：买家来电", "客服01")
    card = card_of(
        [quarantined("31"), ended, replace(quarantined("31"), version=3)], "jd|京东店|31"
    )
    assert (card.state, card.flags) == ("quarantined", ("quarantined",))


def test_documents_read_back_and_columns_follow_the_card() -> None:
    kept, _ = project(whole_life(Story("DS1")))
    one = kept["DS1"]
    assert msgspec.json.decode(encode_document(one), type=Kept[Card]) == one
    values = {column.name: column.value(one.state) for column in COLUMNS}
    assert values["state"] == "shipped"
    assert values["flags"] == ""
    flagged = card_of([held("risk", 1), held("manual", 2)], "DS1")
    assert {c.name: c.value(flagged) for c in COLUMNS}["flags"] == " risk manual "


def test_an_entry_is_as_wide_as_the_timeline() -> None:
    from services.console.projections import TIMELINE_COLUMNS

    _, facts = project(Story("DS1").placed())
    entry: Entry = facts.entries[0]
    assert len(entry) == len(TIMELINE_COLUMNS)
