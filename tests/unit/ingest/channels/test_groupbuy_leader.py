"""Orders of our own leaders' door: held while the round is open, then shipped as far as they were allotted."""

import json
from itertools import permutations
from typing import Any

import pytest
from msgspec import Struct

from chassis.clock import ManualClock
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal, new_master_key_text
from chassis.processor import Moment, Record
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.orders import OrderAmended, OrderCancelled, OrderPlaced
from services.ingest.channels import Credentials, Shipment, Unsupported
from services.ingest.channels.groupbuy import CHANNEL
from services.ingest.domain.leader_order import order_no_of
from services.ingest.domain.model import ProblemCode
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.normalise import NormaliserFacts, NormaliserFactsSource, decide_payload
from tests.contract.genuine_pushes import EXAMPLES
from tests.unit.ingest.channels.builders import NOW, codes, encoded, order_of

OPEN: dict[str, Any] = json.loads((EXAMPLES / "groupbuy" / "leader_order_open.json").read_text())
LATER = "2026-09-19T14:30:00Z"
KEYS = MasterKeys.parse(new_master_key_text(1))
PAYLOADS, PERSONAL = PayloadSeal(KEYS, ManualClock(NOW)), PersonalSeal(KEYS)
SOURCE = NormaliserFactsSource({"groupbuy": CHANNEL}, PAYLOADS, PERSONAL)


def leader_order(*allotted: int, **changed: Any) -> dict[str, Any]:
    """The example; with pieces allotted it is released."""
    told = OPEN | ({"status": "released", "changed_at": LATER} if allotted else {})
    lines = [
        line | {"allotted": pieces}
        for line, pieces in zip(OPEN["lines"], allotted or (2, 3), strict=True)
    ]
    return told | {"lines": lines} | changed


@pytest.mark.parametrize(
    ("allotted", "state", "hold", "refunded"),
    [
        ((), "paid_on_hold", "group_buy_open", [0, 0]),
        ((2, 3), "awaiting_shipment", "", [0, 0]),
        ((2, 1), "awaiting_shipment", "", [0, 2]),
        ((0, 3), "awaiting_shipment", "", [2, 0]),
        ((0, 0), "closed_refunded", "", [2, 3]),
    ],
)
def test_what_was_allotted_decides_what_ships(
    allotted: tuple[int, ...], state: str, hold: str, refunded: list[int]
) -> None:
    (found,) = CHANNEL.normalise(encoded(leader_order(*allotted)))
    order = order_of(found)
    assert found.problems == ()
    assert (order.state, order.hold) == (state, hold)
    assert [item.refunded_qty for item in order.items] == refunded
    assert (order.paid_fen, order.payable_fen) == (13480, 13480)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"schema": "leader-order/2"}, ProblemCode.NOT_AN_ORDER),
        ({"order_no": "250000-1"}, ProblemCode.BAD_SHAPE),
        ({"accepted_at": "2026-09-18T11:59:59.999"}, ProblemCode.BAD_SHAPE),
        ({"accepted_at": "0001-01-01T00:00:00+08:00"}, ProblemCode.BAD_SHAPE),
        ({"lines": []}, ProblemCode.BAD_SHAPE),
        ({"lines": OPEN["lines"][:1] * 2}, ProblemCode.BAD_SHAPE),
        ({"lines": [OPEN["lines"][0] | {"allotted": 3}]}, ProblemCode.BAD_SHAPE),
        ({"lines": [OPEN["lines"][0] | {"unit_price_fen": 29.9}]}, ProblemCode.BAD_SHAPE),
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
        order_no=OPEN["order_no"],
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

    def __init__(self) -> None:
        self.known: KnownOrder | None = None
        self._wrapped_keys: dict[str, bytes] = {}
        self._offset = 0

    def take(self, payload: dict[str, Any]) -> tuple[Struct, ...]:
        self._offset += 1
        event = PayloadReceived(
            source_key=f"groupbuy|lin|{OPEN['order_no']}",
            channel="groupbuy",
            shop="lin",
            channel_order_no=OPEN["order_no"],
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
        arrivals = {(0, self._offset): SOURCE._arrival(event)}
        facts = NormaliserFacts({"groupbuy": CHANNEL}, PERSONAL, arrivals, [1], self._wrapped_keys)
        decision = decide_payload(self.known, event, facts, Moment(NOW, record))
        self._wrapped_keys |= facts.new_keys
        self.known = decision.state
        return decision.events


def test_an_order_is_placed_held_and_goes_on_when_its_round_is_released() -> None:
    desk = Desk()
    (placed,) = desk.take(leader_order())
    assert isinstance(placed, OrderPlaced)
    assert placed.order_id.startswith("GB20260918")
    assert (placed.hold, placed.payment is not None, placed.province) == (
        "group_buy_open",
        True,
        "浙江省",
    )
    assert desk.take(leader_order()) == ()
    (amended,) = desk.take(leader_order(2, 3))
    assert isinstance(amended, OrderAmended)
    assert (amended.changed, amended.hold) == (("hold",), "")


def test_an_order_that_ran_short_waits_for_a_person_and_one_with_nothing_is_closed() -> None:
    desk = Desk()
    desk.take(leader_order())
    (amended,) = desk.take(leader_order(2, 1))
    assert isinstance(amended, OrderAmended)
    assert amended.hold == "partly_refunded"
    desk = Desk()
    desk.take(leader_order())
    (cancelled,) = desk.take(leader_order(0, 0))
    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.refunded_by_channel


def test_whichever_snapshot_comes_first_the_same_is_known() -> None:
    known = []
    for payloads in permutations([leader_order(), leader_order(2, 1)]):
        desk = Desk()
        for payload in payloads:
            desk.take(payload)
        assert desk.known is not None
        known.append((desk.known.hold, desk.known.paid, desk.known.modified_at))
    assert known[0] == known[1]
