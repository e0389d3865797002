"""What the normaliser tells downstream of one order's payloads, sealed and opened as in production."""

from typing import Any

import msgspec
import pytest
from msgspec import Struct

from chassis.clock import ManualClock
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal, new_master_key_text
from chassis.processor import Moment, Record
from schemas.events.channel_payloads import MatchRequested, PayloadReceived
from schemas.events.orders import OrderAmended, OrderCancelled, OrderPaid, OrderPlaced
from schemas.events.quarantine import PayloadQuarantined, QuarantineEnded
from services.ingest.channels.jd import CHANNEL as JD
from services.ingest.channels.pdd import CHANNEL as PDD
from services.ingest.channels.pos import CHANNEL as POS
from services.ingest.channels.shopify import CHANNEL as SHOPIFY
from services.ingest.channels.taobao import CHANNEL as TAOBAO
from services.ingest.channels.youzan import CHANNEL as YOUZAN
from services.ingest.domain.abandoned import Abandoned
from services.ingest.domain.matching import TRUSTING
from services.ingest.domain.quarantine import Entry
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import NormaliserFacts, Reader
from services.ingest.handlers import HANDLERS
from services.ingest.matching import Freed, Parked
from tests.unit.ingest.channels.builders import NOW, Native, encoded, taobao_line, taobao_trade
from tests.unit.ingest.channels.natives import shopify_order
from tests.unit.ingest.quarantine_desk import TRADE_NO, imported

KEYS = MasterKeys.parse(new_master_key_text(1))
PAYLOADS = PayloadSeal(KEYS, ManualClock(NOW))
PERSONAL = PersonalSeal(KEYS)
CHANNELS = {
    "taobao": TAOBAO,
    "pos": POS,
    "shopify": SHOPIFY,
    "youzan": YOUZAN,
    "jd": JD,
    "pdd": PDD,
}
READER = Reader(CHANNELS, PAYLOADS, PERSONAL)
SOURCE_KEY = f"taobao|s1|{TRADE_NO}"
SECOND = "4000000000000000012"
SHIPPED = "WAIT_BUYER_CONFIRM_GOODS"


class Desk:
    """One order's payloads through the decision, one after another."""

    def __init__(self) -> None:
        self.known: KnownOrder | None = None
        self.catalogue = TRUSTING
        self.sent: frozenset[str] = frozenset()
        self.waits: list[Parked | Freed] = []
        self._offset = 0
        self._wrapped_keys: dict[str, bytes] = {}
        self._entries: dict[str, Entry] = {}

    def take(self, trade: Native) -> tuple[Struct, ...]:
        """What one payload makes the normaliser tell."""
        return self.take_body(encoded({"trade_fullinfo_get_response": {"trade": trade}}))

    def take_body(
        self,
        body: bytes,
        door: str = "poll",
        channel: str = "taobao",
        order_no: str = TRADE_NO,
    ) -> tuple[Struct, ...]:
        """What the bytes of one payload make it tell."""
        payload = PayloadReceived(
            source_key=SOURCE_KEY,
            channel=channel,
            shop="s1",
            channel_order_no=order_no,
            door=door,
            accepted_at=NOW,
            body=PAYLOADS.seal_payload(body),
        )
        return self._decided(payload)

    def match(self) -> tuple[Struct, ...]:
        """What a request to match makes the normaliser tell."""
        return self._decided(MatchRequested(source_key=SOURCE_KEY, revision=1, requested_at=NOW))

    def _decided(self, event: PayloadReceived | MatchRequested) -> tuple[Struct, ...]:
        self._offset += 1
        record = Record(
            source="channel-payloads",
            partition=0,
            offset=self._offset,
            key=SOURCE_KEY,
            version=1,
            event=event,
            raw=b"",
        )
        arrivals = {}
        if isinstance(event, PayloadReceived):
            arrivals = {(0, self._offset): READER.arrival(event)}
        facts = NormaliserFacts(
            READER,
            arrivals,
            [1],
            self._wrapped_keys,
            self._entries,
            self.catalogue,
            {SOURCE_KEY: self.sent},
        )
        decision = HANDLERS[type(event)](self.known, event, facts, Moment(NOW, record))
        for effect in decision.effects:
            facts.apply(effect)
        self.waits += [one for one in decision.effects if isinstance(one, Parked | Freed)]
        self._entries |= facts.changed
        self._wrapped_keys |= facts.new_keys
        self.known = decision.state
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


def receipt_of(**changed: Any) -> bytes:
    """A till's receipt whose goods are sent to the buyer."""
    line = {
        "line_no": "1",
        "barcode": "6900000000017",
        "sku": "TEA-250G",
        "name": "示例茶",
        "qty": "1",
        "unit_price_fen": 1_000,
        "amount_fen": 1_000,
    }
    place = {"province": "浙江省", "city": "杭州市", "district": "余杭区", "address": "示例路 1 号"}
    receipt = {
        "receipt_no": TRADE_NO,
        "type": "SALE",
        "created_at": "2026-05-20T09:31:40+08:00",
        "total_fen": 1_000,
        "payments": [{"method": "CASH", "amount_fen": 1_000}],
        "lines": [line],
        "delivery": {"name": "示例", "phone": "13800000000", **place},
    }
    return encoded({"schema": "pos-upload/1", "store_no": "s1", "orders": [receipt | changed]})


@pytest.mark.parametrize("named", ["rsv-abcdefghijklmnop2345", None])
def test_a_placed_order_names_the_reservation_that_its_till_had_made(named: str | None) -> None:
    body = receipt_of(reservation_id=named)
    (placed,) = Desk().take_body(body, door="push", channel="pos")
    assert isinstance(placed, OrderPlaced)
    assert placed.reservation_id == named
    assert placed.problems == ()


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


def test_what_was_paid_at_the_door_is_told_once_the_order_is_done() -> None:
    desk = Desk()
    (placed,) = desk.take(trade(type="cod", pay_time=""))
    assert isinstance(placed, OrderPlaced)
    assert placed.payment is not None
    assert (placed.payment.paid_fen, placed.payment.collect_fen) == (0, 20000)
    assert desk.take(trade(type="cod", pay_time="", status=SHIPPED, at="09:40:00")) == ()
    done = trade(type="cod", pay_time="", status="TRADE_FINISHED", at="09:50:00")
    (paid,) = desk.take(done)
    assert isinstance(paid, OrderPaid)
    assert (paid.paid_fen, paid.collect_fen) == (20000, None)
    assert desk.take(done) == ()


@pytest.mark.parametrize(("sent", "told"), [(SECOND, 0), ("4000000000000000011", 1), ("", 1)])
def test_a_part_that_left_is_no_news_where_we_sent_it(sent: str, told: int) -> None:
    desk = Desk()
    desk.take(trade())
    desk.sent = frozenset(filter(None, (sent,)))
    part = trade(LEFT, status="SELLER_CONSIGNED_PART", at="09:40:00")
    assert len(desk.take(part)) == told
    more = trade(LEFT, status="SELLER_CONSIGNED_PART", at="09:41:00", seller_flag=2)
    (amended,) = desk.take(more)
    assert isinstance(amended, OrderAmended)
    assert amended.hold == ("partly_shipped_elsewhere" if told else "")


def test_an_order_whose_first_parcel_was_taken_for_somebody_elses_is_set_free() -> None:
    desk = Desk()
    desk.take(trade())
    (held,) = desk.take(trade(LEFT, status="SELLER_CONSIGNED_PART", at="09:40:00"))
    desk.sent = frozenset({SECOND})
    (freed,) = desk.take(trade(LEFT, status="SELLER_CONSIGNED_PART", at="09:41:00"))
    assert isinstance(held, OrderAmended)
    assert isinstance(freed, OrderAmended)
    assert (held.hold, freed.hold) == ("partly_shipped_elsewhere", "")


def test_a_hold_that_comes_with_the_payment_is_told_before_it() -> None:
    desk = Desk()
    desk.take(trade(status="WAIT_BUYER_PAY", pay_time=""))
    amended, paid = desk.take(trade(status="PAID_FORBID_CONSIGN", at="09:40:00"))
    assert isinstance(amended, OrderAmended)
    assert isinstance(paid, OrderPaid)
    assert amended.hold == "paid_forbid_consign"


PRESALE: Native = {"type": "step", "step_paid_fee": "20.00", "pay_time": ""}
DEPOSIT: Native = {"status": "WAIT_BUYER_PAY", "step_trade_status": "FRONT_PAID_FINAL_NOPAID"}
NOTHING: Native = {"status": "WAIT_BUYER_PAY", "step_trade_status": "FRONT_NOPAID_FINAL_NOPAID"}
BALANCE: Native = {"step_trade_status": "FRONT_PAID_FINAL_PAID", "pay_time": "2026-05-20 09:50:00"}


def test_a_deposit_is_told_until_the_balance_is_paid() -> None:
    desk = Desk()
    (placed,) = desk.take(trade(**PRESALE | NOTHING))
    assert isinstance(placed, OrderPlaced)
    assert (placed.balance_open, placed.payment) == (None, None)
    (amended,) = desk.take(trade(at="09:40:00", **PRESALE | DEPOSIT))
    assert isinstance(amended, OrderAmended)
    assert {"balance_open", "hold"} <= {*amended.changed}
    assert amended.balance_open is True
    amended, paid = desk.take(trade(at="09:50:00", **PRESALE | BALANCE))
    assert isinstance(amended, OrderAmended)
    assert isinstance(paid, OrderPaid)
    assert "balance_open" not in amended.changed
    assert (amended.balance_open, amended.hold) == (None, "")
    (placed,) = Desk().take(trade(**PRESALE | DEPOSIT))
    assert isinstance(placed, OrderPlaced)
    assert (placed.balance_open, placed.payment) == (True, None)


@pytest.mark.parametrize(("channel", "closable"), [("taobao", None), ("shopify", True)])
def test_a_placed_order_tells_whether_its_seller_can_close_it(
    channel: str, closable: bool | None
) -> None:
    bodies = {
        "taobao": encoded({"trade_fullinfo_get_response": {"trade": trade()}}),
        "shopify": encoded({"order": shopify_order(id=int(TRADE_NO), financial_status="pending")}),
    }
    placed, *_ = Desk().take_body(bodies[channel], channel=channel)
    assert isinstance(placed, OrderPlaced)
    assert placed.closable is closable


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
    assert held[0].hold == "paid_forbid_consign"
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


def test_a_detail_given_up_is_quarantined_by_name_and_what_is_known_stands() -> None:
    gone = Abandoned(code="isv.trade-not-exist", refusals=12, since=NOW)
    desk = Desk()
    body = msgspec.json.encode(gone)
    (event,) = desk.take_body(body, door="fetch")
    assert isinstance(event, PayloadQuarantined)
    assert [problem.code for problem in event.problems] == ["detail_gone"]
    assert event.problems[0].detail.startswith("isv.trade-not-exist, 12 times since ")
    assert desk.take_body(body, door="fetch") == (), "told once"
    found = desk.take(taobao_trade(taobao_line()))
    assert [type(event) for event in found] == [OrderPlaced, QuarantineEnded], "it was there"
    desk.take_body(body, door="fetch")
    assert desk.known is not None
    assert desk.known.order_id, "what is accepted stays accepted"


def test_an_imported_order_is_placed_once_and_the_channel_tells_its_receiver_and_hold() -> None:
    desk = Desk()
    (placed,) = desk.take_body(imported(), "import")
    assert isinstance(placed, OrderPlaced)
    assert placed.payment is not None
    assert (placed.hold, placed.personal_kind) == ("receiver_awaited", "absent")
    assert [(line.sku, line.quantity, line.paid_fen) for line in placed.lines] == [
        ("TS01", 2, 20000)
    ]
    one = taobao_line(num=2)
    (amended,) = desk.take(taobao_trade(one, payment="200.00"))
    assert isinstance(amended, OrderAmended)
    assert amended.changed == ("personal", "region", "hold", "extension")
    assert amended.hold == ""
    assert (amended.personal_kind, amended.province) == ("masked", "浙江省")
    assert desk.take_body(imported(), "import") == ()
    assert desk.take(taobao_trade(one, payment="200.00")) == ()


def test_what_an_import_says_was_closed_after_it_was_paid_the_channel_has_paid_back() -> None:
    desk = Desk()
    desk.take(trade())
    (cancelled,) = desk.take_body(imported(state="cancelled"), "import")
    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.refunded_by_channel


def test_an_import_of_another_order_is_quarantined() -> None:
    (quarantined,) = Desk().take_body(imported(order_no="1"), "import")
    assert isinstance(quarantined, PayloadQuarantined)
    (quarantined,) = Desk().take_body(b'{"schema":"import/9"}', "import")
    assert [one.code for one in quarantined.problems] == ["bad_shape"]  # type: ignore[attr-defined]
