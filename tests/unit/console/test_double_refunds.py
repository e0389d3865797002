"""Money that may have gone back twice, on the order's card and timeline."""

from __future__ import annotations

import msgspec

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
