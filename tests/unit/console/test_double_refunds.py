"""Money that may have gone back twice, on the order's card and timeline."""

from __future__ import annotations

import msgspec
import pytest

from chassis.currency import amount_text
from services.console import words
from services.refunds.domain.doubt import OUTCOMES
from tests.browser.story import Story
from tests.unit.console.test_handlers import card_of, project


def test_money_that_may_have_gone_twice_is_flagged_until_only_the_channel_has_paid() -> None:
    story = Story("DS1")
    [requested] = story.refund_requested()
    [suspected] = story.double_refund_suspected()
    [settled] = story.refund_settled()
    told = [requested, suspected]
    assert card_of(told, "DS1").flags == ("after_sale", "double_refund")
    line = str(project(told)[1].entries[-1])
    said = "平台已退款，我方打款已发出 · 平台退 ¥30.00，我方退款单 ¥29.90"
    assert all(words in line for words in ("疑似重复退款", said, "channel:taobao", "T-900"))
    both = card_of([*told, settled], "DS1")
    assert (both.flags, both.double_refunds) == (("double_refund",), ("R1",))
    once = msgspec.structs.replace(settled, gateway="channel", gateway_request_no="T-900")
    card = card_of([*told, once], "DS1")
    assert (card.flags, card.double_refunds, card.refund_fen) == ((), (), 2990)
    assert "¥29.90 · 平台后台已退款" in str(project([*told, once])[1].entries[-1])
    beyond = msgspec.structs.replace(
        suspected, reason="beyond_books", beyond_fen=100, version=3, there_fen=None
    )
    line = str(project([*told, beyond])[1].entries[-1])
    assert "平台退款超出账面可退金额 · 平台退 金额未告知" in line
    assert "多出 ¥1.00" in line


@pytest.mark.parametrize("outcome", ["written_off", "recovered"])
def test_what_a_person_says_lowers_the_flag_and_corrects_what_went_back(outcome: str) -> None:
    story = Story("DS1")
    told = [*story.refund_requested(), *story.double_refund_suspected(), *story.refund_settled()]
    [resolved] = story.double_refund_resolved(outcome)
    card = card_of([*told, resolved], "DS1")
    gone_fen = 5990 if outcome == "written_off" else 2990
    assert (card.flags, card.double_refunds, card.refund_fen) == ((), (), gone_fen)
    line = str(project([*told, resolved])[1].entries[-1])
    gone = amount_text(gone_fen, "CNY")
    said = f"{words.DOUBLE_OUTCOMES[outcome]} · 这笔共退 {gone} · 两边账单各有一笔"
    assert all(text in line for text in ("重复退款已核实", said, "李会计"))
    [again] = story.double_refund_suspected()
    assert card_of([*told, resolved, again], "DS1").double_refunds == ("R1",)


def test_all_of_the_money_or_none_of_it_any_more() -> None:
    story = Story("DS1")
    [requested] = story.refund_requested()
    [settled] = story.refund_settled()
    whole = msgspec.structs.replace(settled, order_fully_refunded=True)
    [suspected] = story.double_refund_suspected()
    [resolved] = story.double_refund_resolved("only_ours")
    nothing = msgspec.structs.replace(resolved, amount_fen=0, difference_fen=-2990)
    told = [requested, whole, suspected]
    assert "refunded" in card_of(told, "DS1").flags
    card = card_of([*told, nothing], "DS1")
    assert (card.flags, card.refund_fen) == ((), 0)
    assert "这笔共退" not in str(project([*told, nothing])[1].entries[-1])


def test_the_closing_of_its_order_lowers_the_flag_of_what_was_not_paid_by_us() -> None:
    story = Story("DS1")
    told = [*story.refund_requested(), *story.double_refund_suspected()]
    [refused] = story.refund_refused("refunded_by_channel")
    card = card_of([*told, refused], "DS1")
    assert (card.flags, card.double_refunds) == ((), ())


def test_each_outcome_has_words() -> None:
    assert tuple(words.DOUBLE_OUTCOMES) == OUTCOMES


def test_what_the_channel_did_and_the_case_could_not_follow_is_a_line() -> None:
    story = Story("DS1")
    told = [*story.refund_requested(), *story.refund_agreed_there(), *story.refund_ended_too_late()]
    entries = [str(one) for one in project(told)[1].entries]
    assert "平台已同意，等平台打款" in entries[1]
    assert "¥29.90 · 平台打款后自动入账，不要在这里再批一次" in entries[1]
    assert "申请了结太晚" in entries[2]
    assert "买家已撤回退款申请，我方打款已发出 ¥29.90，需人工跟进" in entries[2]
    [late] = story.refund_ended_too_late()
    settled = msgspec.structs.replace(late, version=3, outcome="refused", settled=True)
    line = str(project([*told[:2], settled])[1].entries[-1])
    assert "平台后台已拒绝，我方已打款 ¥29.90" in line
    assert card_of(told, "DS1").flags == ("after_sale",)
