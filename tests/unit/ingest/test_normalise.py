"""What the normaliser tells downstream of one order's payloads, sealed and opened as in production."""

from typing import Any

import pytest
from msgspec import Struct

from chassis.clock import ManualClock
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal, new_master_key_text
from chassis.processor import Moment, Record
from schemas.events.channel_payloads import MatchRequested, PayloadReceived
from schemas.events.orders import OrderAmended, OrderCancelled, OrderPaid, OrderPlaced
from services.ingest.catalogue import CatalogueReader
from services.ingest.channels.taobao import CHANNEL as TAOBAO
from services.ingest.domain.matching import TRUSTING, MerchantCodes
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.matching import decide_match
from services.ingest.normalise import NormaliserFacts, NormaliserFactsSource, decide_payload
from tests.unit.ingest.channels.builders import NOW, Native, encoded, taobao_line, taobao_trade

KEYS = MasterKeys.parse(new_master_key_text(1))
PAYLOADS = PayloadSeal(KEYS, ManualClock(NOW))
PERSONAL = PersonalSeal(KEYS)
CHANNELS = {"taobao": TAOBAO}
SOURCE = NormaliserFactsSource(CHANNELS, PAYLOADS, PERSONAL, CatalogueReader(MerchantCodes.TRUSTED))
TRADE_NO = "4000000000000000010"
SOURCE_KEY = f"taobao|s1|{TRADE_NO}"
SECOND = "4000000000000000012"
SHIPPED = "WAIT_BUYER_CONFIRM_GOODS"


class Desk:
    """One order's payloads through the decision, one after another."""

    def __init__(self) -> None:
        self.known: KnownOrder | None = None
        self.catalogue = TRUSTING
        self.effects: list[object] = []
        self._offset = 0
        self._wrapped_keys: dict[str, bytes] = {}

    def take(self, trade: Native) -> tuple[Struct, ...]:
        """What one payload makes the normaliser tell."""
        body = encoded({"trade_fullinfo_get_response": {"trade": trade}})
        payload = PayloadReceived(
            source_key=SOURCE_KEY,
            channel="taobao",
            shop="s1",
            channel_order_no=TRADE_NO,
            door="poll",
            accepted_at=NOW,
            body=PAYLOADS.seal_payload(body),
        )
        self._offset += 1
        record = Record(
            source="channel-payloads",
            partition=0,
            offset=self._offset,
            key=payload.source_key,
            version=1,
            event=payload,
            raw=b"",
        )
        arrivals = {(0, self._offset): SOURCE._arrival(payload)}
        facts = NormaliserFacts(
            CHANNELS, PERSONAL, arrivals, [1], self._wrapped_keys, self.catalogue
        )
        decision = decide_payload(self.known, payload, facts, Moment(NOW, record))
        self._wrapped_keys |= facts.new_keys
        self.known = decision.state
        self.effects += decision.effects
        return decision.events

    def match(self) -> tuple[Struct, ...]:
        """What a request to match makes the normaliser tell."""
        request = MatchRequested(source_key=SOURCE_KEY, revision=1, requested_at=NOW)
        record = Record(
            source="channel-payloads",
            partition=0,
            offset=0,
            key=SOURCE_KEY,
            version=0,
            event=request,
            raw=b"",
        )
        facts = NormaliserFacts(CHANNELS, PERSONAL, {}, [], {}, self.catalogue)
        decision = decide_match(self.known, request, facts, Moment(NOW, record))
        self.known = decision.state
        self.effects += decision.effects
        return decision.events


def trade(second: Native | None = None, *, at: str = "09:31:40", **changed: Any) -> Native:
    lines = (taobao_line(), second or taobao_line(oid_str=SECOND))
    return taobao_trade(
        *lines,
        payment="200.00",
        total_fee="200.00",
        **({"modified": f"2026-05-20 {at}"} | changed),
    )


REFUNDED = taobao_line(oid_str=SECOND, refund_status="SUCCESS", status="TRADE_CLOSED")
LEFT = taobao_line(oid_str=SECOND, status=SHIPPED)
ASKED = taobao_line(oid_str=SECOND, refund_status="WAIT_SELLER_AGREE")


@pytest.mark.parametrize(
    ("second", "hold"),
    [(None, ""), (REFUNDED, "partly_refunded"), (LEFT, "partly_shipped_elsewhere")],
)
def test_an_order_of_which_a_part_is_gone_is_placed_with_its_money_and_held(
    second: Native | None, hold: str
) -> None:
    (placed,) = Desk().take(trade(second))
    assert isinstance(placed, OrderPlaced)
    assert placed.hold == hold
    assert [(line.quantity, line.paid_fen) for line in placed.lines] == [(2, 10000), (2, 10000)]
    assert placed.payment is not None
    assert (placed.payable_fen, placed.payment.paid_fen) == (20000, 20000)


def test_a_line_refunded_on_the_channel_after_we_took_the_order_in_keeps_it_from_shipping() -> None:
    desk = Desk()
    desk.take(trade())
    (amended,) = desk.take(trade(REFUNDED, at="09:40:00"))
    assert isinstance(amended, OrderAmended)
    assert (amended.changed, amended.hold) == (("hold",), "partly_refunded")


def test_a_refund_that_was_agreed_to_does_not_set_the_rest_free_unseen() -> None:
    desk = Desk()
    desk.take(trade())
    desk.take(trade(ASKED, at="09:40:00"))
    (amended,) = desk.take(trade(REFUNDED, at="09:50:00"))
    assert isinstance(amended, OrderAmended)
    assert amended.hold == "partly_refunded"


def test_what_had_left_before_we_saw_it_is_never_set_free() -> None:
    desk = Desk()
    (placed,) = desk.take(trade(status=SHIPPED))
    assert isinstance(placed, OrderPlaced)
    assert placed.hold == "shipped_elsewhere"
    assert desk.take(trade(status="TRADE_FINISHED", at="09:40:00")) == ()


def test_our_own_shipment_told_back_by_the_channel_is_no_news() -> None:
    desk = Desk()
    desk.take(trade())
    assert desk.take(trade(status=SHIPPED, at="09:40:00")) == ()


def test_a_hold_that_comes_with_the_payment_is_told_before_it() -> None:
    desk = Desk()
    desk.take(trade(status="WAIT_BUYER_PAY", pay_time=""))
    amended, paid = desk.take(trade(status="PAID_FORBID_CONSIGN", at="09:40:00"))
    assert isinstance(amended, OrderAmended)
    assert isinstance(paid, OrderPaid)
    assert amended.hold == "paid_forbid_consign"


def test_two_contents_of_one_second_end_the_same_whichever_comes_first() -> None:
    contents = [
        trade(),
        trade(ASKED),
        trade(seller_memo="加急"),
        trade(status="PAID_FORBID_CONSIGN"),
    ]
    held = []
    for arrivals in (contents, contents[::-1], [*contents[2:], *contents[:2], *contents]):
        desk = Desk()
        for content in arrivals:
            desk.take(content)
        held.append(desk.known)
    assert held[0] is not None
    assert held[0].hold == "refund_open"
    assert held[0] == held[1] == held[2]


def test_the_same_content_again_tells_nothing() -> None:
    desk = Desk()
    assert len(desk.take(trade())) == 1
    assert desk.take(trade()) == ()


def test_an_older_snapshot_tells_the_receiver_that_the_newer_one_has_no_more() -> None:
    nobody: Native = dict.fromkeys(
        ("receiver_name", "receiver_mobile", "receiver_address", "oaid"), ""
    )
    desk = Desk()
    (placed,) = desk.take(trade(status=SHIPPED, at="10:00:00", **nobody))
    assert isinstance(placed, OrderPlaced)
    assert placed.personal_kind == "absent"
    (amended,) = desk.take(trade())
    assert isinstance(amended, OrderAmended)
    assert (amended.changed, amended.personal_kind) == (("personal",), "masked")
    assert (amended.channel_state, amended.hold) == (SHIPPED, "shipped_elsewhere")
    assert amended.personal


def test_a_payment_told_after_the_order_was_closed_is_told_once() -> None:
    desk = Desk()
    placed, cancelled = desk.take(trade(status="TRADE_CLOSED", at="10:00:00"))
    assert isinstance(placed, OrderPlaced)
    assert isinstance(cancelled, OrderCancelled)
    assert placed.payment is None
    (paid,) = desk.take(trade())
    assert isinstance(paid, OrderPaid)
    assert paid.paid_fen == 20000
    assert desk.take(trade()) == ()
