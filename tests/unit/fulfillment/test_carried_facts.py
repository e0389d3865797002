"""What only a channel tells goes along with an order that is ready, where the carrier table asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import StartRefused
from chassis.rules import load_tables
from schemas.events.order_states import OrderReadyToFulfil
from schemas.events.orders import ChannelExtension, OrderPlaced
from services.fulfillment.store import carrier_table
from services.orders.app import processor
from services.orders.carrying import asked_by_carriers
from tests.support.extensions import pdd, rules_asking
from tests.unit.fulfillment.parcels import Ledger
from tests.unit.orders import life
from tests.unit.orders.life import Life

FACTS = {
    "ext.sf_free": "bool",
    "ext.seller_flag": "int",
    "ext.market_type": "text",
    "ext.tags": "text list",
}
SF_FREE = {
    "id": "sf-free",
    "when": {
        "channel": "pdd",
        "ext.sf_free": True,
        "ext.seller_flag": 3,
        "ext.market_type": "local",
        "ext.tags": "'vip' in ext.tags",
    },
    "then": {"carrier": "SF", "service": "express", "reason": "平台顺丰包邮"},
}
ASKED = pdd(sf_free=True, seller_flag=3, market_type="local", tags=("vip",))


def ready(asked: tuple[str, ...], *events: Any) -> OrderReadyToFulfil:
    """What fulfillment is told of an order of Pinduoduo."""

    class Carrying(Life):
        processor = processor(life.TABLES, asked)

    (told,) = [
        event
        for event in Carrying(*events, life.reserved()).events
        if isinstance(event, OrderReadyToFulfil)
    ]
    return told


def placed(extension: ChannelExtension | None, channel: str = "pdd") -> OrderPlaced:
    return life.placed(channel=channel, extension=extension)


def carrier(rules: Path, order: OrderReadyToFulfil) -> tuple[str, str]:
    """Carrier and row by which a parcel of the order was planned."""
    ledger = Ledger(table=carrier_table(load_tables(rules)))
    ledger.apply(order)
    parcel = ledger.parcel()
    assert parcel is not None
    return parcel.carrier, parcel.rule.rpartition("#")[2]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return rules_asking(tmp_path, "carrier", FACTS, SF_FREE)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((placed(ASKED), life.paid()), ("SF", "sf-free")),
        ((placed(pdd(sf_free=False)), life.paid()), ("ZTO", "hangzhou-delta")),
        ((placed(None), life.paid()), ("SF", "error")),
        ((placed(ASKED, "taobao"), life.paid()), ("ZTO", "hangzhou-delta")),
        (
            (placed(None), life.amended("extension", extension=ASKED), life.paid()),
            ("SF", "sf-free"),
        ),
    ],
    ids=["told", "told otherwise", "not told", "another channel's", "amended"],
)
def test_the_carrier_table_decides_by_it_and_guesses_nothing(
    rules: Path, events: tuple[Any, ...], expected: tuple[str, str]
) -> None:
    assert carrier(rules, ready(asked_by_carriers(rules), *events)) == expected


def test_nothing_is_carried_that_is_not_asked_for(rules: Path) -> None:
    assert asked_by_carriers(rules) == tuple(FACTS)
    order = ready((), placed(ASKED), life.paid())
    assert order.told is None
    assert carrier(rules, order) == ("SF", "error")
    named = [one.name for one in ready(("ext.tags",), placed(ASKED), life.paid()).told or ()]
    assert named == ["ext.tags"]


@pytest.mark.parametrize("facts", [{"ext.sf-free": "bool"}, {"ext.sffree": "bool"}])
def test_a_fact_that_no_channel_tells_is_refused(tmp_path: Path, facts: Mapping[str, str]) -> None:
    rules = rules_asking(tmp_path, "carrier", facts, SF_FREE | {"when": {"channel": "pdd"}})
    with pytest.raises(StartRefused, match=r"ext\.sf"):
        carrier_table(load_tables(rules))
