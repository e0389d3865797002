"""Orders of our own leaders' door: told when their goods may go out, over the pieces they were allotted."""

import json
from typing import Any

import pytest
from msgspec import Struct

from chassis.clock import ManualClock
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal, new_master_key_text
from chassis.processor import Moment, Record
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.orders import OrderCancelled, OrderPlaced
from services.ingest.channels import Credentials, Shipment, Unsupported
from services.ingest.channels.groupbuy import CHANNEL
from services.ingest.channels.groupbuy.extension import GroupbuyExtension
from services.ingest.domain.leader_order import order_no_of
from services.ingest.domain.matching import TRUSTING, Catalogue, Component, SkuMapping
from services.ingest.domain.model import ProblemCode
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import NormaliserFacts, Reader
from services.ingest.normalise import decide_payload
from tests.contract.genuine_pushes import EXAMPLES
from tests.unit.ingest.channels.builders import NOW, codes, encoded, order_of

WHOLE: dict[str, Any] = json.loads((EXAMPLES / "groupbuy" / "leader_order_whole.json").read_text())
KEYS = MasterKeys.parse(new_master_key_text(1))
PAYLOADS, PERSONAL = PayloadSeal(KEYS, ManualClock(NOW)), PersonalSeal(KEYS)
READER = Reader({"groupbuy": CHANNEL}, PAYLOADS, PERSONAL)


def leader_order(*allotted: int, **changed: Any) -> dict[str, Any]:
    """The example, in full or with so many pieces allotted."""
    lines = [
        line | {"allotted": pieces}
        for line, pieces in zip(WHOLE["lines"], allotted or (2, 3), strict=True)
    ]
    return WHOLE | {"lines": lines} | changed


@pytest.mark.parametrize(
    ("allotted", "state", "pieces", "paid_fen", "back_fen"),
    [
        ((2, 3), "awaiting_shipment", [2, 3], 13480, 0),
        ((2, 1), "awaiting_shipment", [2, 1], 8480, 5000),
        ((0, 3), "awaiting_shipment", [3], 7500, 5980),
        ((0, 0), "closed_refunded", [2, 3], 13480, 13480),
    ],
)
def test_what_was_allotted_is_what_ships(
    allotted: tuple[int, ...], state: str, pieces: list[int], paid_fen: int, back_fen: int
) -> None:
    (found,) = CHANNEL.normalise(encoded(leader_order(*allotted)))
    order = order_of(found)
    assert found.problems == ()
    assert (order.state, order.hold) == (state, "")
    assert [item.qty for item in order.items] == pieces
    assert (order.paid_fen, order.payable_fen) == (paid_fen, paid_fen)
    assert isinstance(order.extensions, GroupbuyExtension)
    assert order.extensions.refunded_fen == back_fen


def test_a_line_keeps_its_id_whatever_else_did_not_come() -> None:
    (found,) = CHANNEL.normalise(encoded(leader_order(0, 3)))
    assert [item.line_id for item in order_of(found).items] == [f"{WHOLE['order_no']}-2"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"schema": "leader-order/2"}, ProblemCode.NOT_AN_ORDER),
        ({"order_no": "250000-1"}, ProblemCode.BAD_SHAPE),
        ({"accepted_at": "2026-09-18T11:59:59.999"}, ProblemCode.BAD_SHAPE),
        ({"accepted_at": "0001-01-01T00:00:00+08:00"}, ProblemCode.BAD_SHAPE),
        ({"released_at": "0001-01-01T00:00:00+08:00"}, ProblemCode.BAD_SHAPE),
        ({"lines": []}, ProblemCode.BAD_SHAPE),
        ({"lines": WHOLE["lines"][:1] * 2}, ProblemCode.BAD_SHAPE),
        ({"lines": [WHOLE["lines"][0] | {"allotted": 3}]}, ProblemCode.BAD_SHAPE),
        ({"lines": [WHOLE["lines"][0] | {"unit_price_fen": 29.9}]}, ProblemCode.BAD_SHAPE),
        ({"buyer": {"name": "某", "phone": "1300000000"}}, ProblemCode.BAD_SHAPE),
        ({"more": 1}, ProblemCode.BAD_SHAPE),
    ],
)  # fmt: skip
def test_a_payload_our_door_does_not_write_is_refused(
    changed: dict[str, Any], code: ProblemCode
) -> None:
    (found,) = CHANNEL.normalise(encoded(leader_order(**changed)))
    assert found.blocked
    assert codes(found) == {code}


def test_a_refusal_tells_nothing_of_the_neighbour() -> None:
    (found,) = CHANNEL.normalise(
        encoded(leader_order(buyer={"name": "测试收货人" * 9, "phone": "13000000001"}))
    )
    assert found.blocked
    assert "测试" not in f"{found.problems}"


def test_one_submission_is_one_order_number() -> None:
    assert order_no_of("autumn", "lin", "a") == order_no_of("autumn", "lin", "a")
    others = [("autumn", "lin", "b"), ("autumn", "wu", "a"), ("spring", "lin", "a")]
    assert len({order_no_of(*parts) for parts in [("autumn", "lin", "a"), *others]}) == 4


def test_nobody_is_told_of_a_shipment() -> None:
    shipment = Shipment(
        order_no=WHOLE["order_no"],
        lines=(),
        whole=True,
        carrier="SF",
        waybill_no="SF1",
        request_id="",
    )
    shop = Credentials(app_key="", app_secret="", access_token="", base_url="http://127.0.0.1:1")
    assert isinstance(CHANNEL.shipment_request(shop, shipment, NOW), Unsupported)


class Desk:
    """One order's payloads through the normaliser's decision."""

    def __init__(self, catalogue: Catalogue = TRUSTING) -> None:
        self._catalogue = catalogue
        self.known: KnownOrder | None = None
        self._wrapped_keys: dict[str, bytes] = {}
        self._offset = 0

    def take(self, payload: dict[str, Any]) -> tuple[Struct, ...]:
        self._offset += 1
        event = PayloadReceived(
            source_key=f"groupbuy|lin|{WHOLE['order_no']}",
            channel="groupbuy",
            shop="lin",
            channel_order_no=WHOLE["order_no"],
            door="leader",
            accepted_at=NOW,
            body=PAYLOADS.seal_payload(encoded(payload)),
        )
        record = Record(
            source="channel-payloads",
            partition=0,
            offset=self._offset,
            key=event.source_key,
            version=1,
            event=event,
            raw=b"",
        )
        arrivals = {(0, self._offset): READER.arrival(event)}
        facts = NormaliserFacts(READER, arrivals, [1], self._wrapped_keys, {}, self._catalogue)
        decision = decide_payload(self.known, event, facts, Moment(NOW, record))
        self._wrapped_keys |= facts.new_keys
        self.known = decision.state
        return decision.events


def test_an_order_is_placed_once_paid_and_free_to_ship() -> None:
    desk = Desk()
    (placed,) = desk.take(leader_order(2, 1))
    assert isinstance(placed, OrderPlaced)
    assert placed.order_id.startswith("GB20260918")
    assert placed.payment is not None
    assert f"{placed.occurred_at:%d %H:%M} {placed.payment.paid_at:%d %H:%M}" == "18 11:59 19 14:30"
    assert (placed.hold, placed.payment.paid_fen, placed.province) == ("", 8480, "浙江省")
    assert [(line.sku, line.quantity) for line in placed.lines] == [("APPLE-5", 2), ("EGG-30", 1)]
    assert desk.take(leader_order(2, 1)) == ()


def test_an_article_that_is_a_bundle_of_ours_is_opened_over_the_pieces_it_was_allotted() -> None:
    box = SkuMapping(
        mapping_id=7, components=(Component(sku="EGG-10", quantity=3), Component(sku="CRATE"))
    )
    (placed,) = Desk(Catalogue(mappings={("", "", "", "EGG-30"): box})).take(leader_order(2, 1))
    assert isinstance(placed, OrderPlaced)
    assert [(line.sku, line.quantity, line.paid_fen) for line in placed.lines] == [
        ("APPLE-5", 2, 5980),
        ("EGG-10", 3, 1875),
        ("CRATE", 1, 625),
    ]


def test_an_article_that_is_no_sku_of_ours_waits_for_a_mapping() -> None:
    (placed,) = Desk(Catalogue(skus={"APPLE-5"})).take(leader_order(2, 1))
    assert isinstance(placed, OrderPlaced)
    assert [line.sku for line in placed.lines] == ["APPLE-5", ""]


def test_an_order_that_gets_nothing_is_known_and_closed() -> None:
    placed, cancelled = Desk().take(leader_order(0, 0))
    assert isinstance(placed, OrderPlaced)
    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.refunded_by_channel
