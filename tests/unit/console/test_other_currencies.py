"""Money of an order that is not in yuan, on its card and timeline."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.browser.story import Story
from tests.unit.console.test_handlers import project


@pytest.mark.parametrize("refunds_first", [False, True])
def test_money_is_told_in_the_currency_of_the_order_whichever_topic_comes_first(
    refunds_first: bool,
) -> None:
    story = Story("DS1")
    orders = [replace(story.placed()[0], currency="USD"), *story.paid()]
    refunds = [
        replace(event, currency="USD")
        for event in (
            *story.refund_requested(),
            *story.payout_given_up(),
            *story.double_refund_suspected(),
            *story.double_refund_resolved("recovered"),
            *story.refund_settled(),
        )
    ]
    kept, facts = project([*refunds, *orders] if refunds_first else [*orders, *refunds])
    card = kept["DS1"].state
    assert card is not None
    assert card.currency == "USD"
    details = [entry[6] for entry in facts.entries]
    assert "USD 225.90" in details
    assert sum("USD 29.90" in detail for detail in details) == 5
    assert not [detail for detail in details if "¥" in detail]
