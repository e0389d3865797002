"""What an order's page shows of what the channel said."""

from __future__ import annotations

import pytest

from schemas.events.orders import OrderAmended
from services.console.content import content_of
from tests.support.extensions import taobao
from tests.unit.orders import life

PLACED = life.placed(extension=taobao(trade_from="WAP"))


@pytest.mark.parametrize(
    ("amended", "shown"),
    [
        (None, {"交易类型": "fixed", "交易来源": "WAP"}),
        (life.amended("hold"), {"交易类型": "fixed", "交易来源": "WAP"}),
        (
            life.amended("extension.pre_sale", extension=taobao(trade_type="step", pre_sale=True)),
            {"交易类型": "step", "预售": "是", "交易来源": "WAP"},
        ),
    ],
)
def test_what_only_its_channel_tells_is_shown_as_last_told(
    amended: OrderAmended | None, shown: dict[str, str]
) -> None:
    content = content_of(PLACED, amended, None, None)
    assert {told.label: told.value for told in content.extension} == shown


def test_an_order_that_was_told_none_shows_none() -> None:
    assert content_of(life.placed(), None, None, None).extension == ()
