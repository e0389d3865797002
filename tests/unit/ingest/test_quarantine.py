"""What waits for a person: set aside with every reason, corrected, released once, never lost and never flapping."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from schemas.events.orders import OrderAmended, OrderPlaced
from schemas.events.quarantine import PayloadQuarantined, QuarantineEnded
from services.ingest.domain.evidence import with_versions
from services.ingest.domain.model import PiiKind
from services.ingest.domain.quarantine import EntryState
from services.ingest.facts import Personal
from tests.unit.ingest.quarantine_desk import (
    LINE,
    READER,
    Desk,
    imported,
    no_quantity,
    trade,
)

TWO_PIECES = {"lines": {LINE: {"quantity": 2}}}
NOBODY = {"receiver_name": "", "receiver_mobile": "", "receiver_address": "", "oaid": ""}
SOMEBODY = {"name": "测试", "phone": "13000000001", "address": "示例路1号2幢301"}


def set_aside(*lines: Any, **changed: Any) -> Desk:
    desk = Desk()
    desk.take(trade(*(lines or (no_quantity(),)), **changed))
    return desk


def test_a_payload_is_set_aside_with_every_reason_and_its_evidence() -> None:
    desk = Desk()
    (told,) = desk.take(trade(no_quantity(), payment="abc"))
    assert isinstance(told, PayloadQuarantined)
    codes = {"bad_quantity", "bad_amount"}
    assert codes <= {p.code for p in told.problems}
    assert codes <= {p.code for p in desk.entry.problems}
    assert (desk.entry.state, desk.entry.evidence) == (EntryState.OPEN, "channel-payloads/0/1")
    assert READER.payloads.open_payload(desk.entry.body) == trade(no_quantity(), payment="abc")


def test_a_repeat_is_counted_and_says_nothing() -> None:
    desk = set_aside()
    assert desk.take(trade(no_quantity())) == ()
    assert (desk.entry.arrivals, desk.entry.evidence) == (2, "channel-payloads/0/1")


def test_an_older_content_does_not_take_the_place_of_a_newer_one() -> None:
    desk = set_aside(at="10:00:00")
    assert desk.take(trade(no_quantity(), payment="abc")) == ()
    assert [p.code for p in desk.entry.problems if p.blocks] == ["bad_quantity"]


def test_contents_without_an_order_number_wait_each_for_itself() -> None:
    desk = Desk()
    desk.take(b"not json", order_no="")
    desk.take(b"nor this", order_no="")
    desk.take(b"not json", order_no="")
    assert [entry.arrivals for entry in desk.entries.values()] == [2, 1]
    assert all(key.startswith("taobao|s1|#") for key in desk.entries)
    first = next(iter(desk.entries))
    assert desk.discard(source_key="taobao|s1|", entry_key=first).refusal == ""


def test_a_corrected_order_is_released_with_its_money_exact() -> None:
    desk = set_aside()
    assert desk.release().refusal.startswith("still_blocked: bad_quantity")
    assert desk.correct(TWO_PIECES).result_id == "corrected"
    placed, told = desk.release().events
    assert isinstance(placed, OrderPlaced)
    (line,) = placed.lines
    assert (line.quantity, line.unit_price_fen, line.discount_fen, line.paid_fen) == (
        2,
        5000,
        0,
        10000,
    )
    assert (placed.hold, placed.payable_fen, placed.payment and placed.payment.paid_fen) == (
        "",
        10000,
        10000,
    )
    assert isinstance(told, QuarantineEnded)
    assert (told.outcome, told.order_id, told.actor) == ("released", placed.order_id, "客服01")
    assert (desk.entry.state, desk.entry.body) == (EntryState.RELEASED, b"")


def test_a_corrected_order_is_collected_at_the_door_all_the_same() -> None:
    desk = set_aside(type="cod", pay_time="")
    desk.correct(TWO_PIECES)
    placed, _ = desk.release().events
    assert isinstance(placed, OrderPlaced)
    assert placed.payment is not None
    assert (placed.payment.paid_fen, placed.payment.collect_fen) == (0, 10000)
    assert placed.problems == ()


def test_a_release_asked_for_twice_is_one_order_and_one_answer() -> None:
    desk = set_aside()
    desk.correct(TWO_PIECES)
    first = desk.release()
    again = desk.release()
    assert (again.events, again.effects, again.refusal) == ((), (), "")
    assert again.result_id == first.result_id != ""
    assert sum(isinstance(event, OrderPlaced) for event in desk.events) == 1


def test_everything_that_was_done_is_in_the_audit_without_what_stands_there() -> None:
    desk = set_aside(**NOBODY)
    desk.correct({"receiver": SOMEBODY, **TWO_PIECES})
    desk.release()
    acts = [(deed.act, deed.actor, deed.reason) for deed in desk.deeds]
    assert acts == [
        ("arrive", "channel-payloads", ""),
        ("mend", "客服01", "买家来电"),
        ("release", "客服01", "买家来电"),
    ]
    assert desk.deeds[1].fields == (
        f"lines.{LINE}.quantity", "receiver.address", "receiver.name", "receiver.phone",
    )  # fmt: skip
    assert SOMEBODY["phone"] not in repr(desk.deeds)
    assert SOMEBODY["phone"].encode() not in repr(desk.entry).encode()


def test_what_the_channel_keeps_telling_wrongly_stays_corrected() -> None:
    desk = set_aside()
    desk.correct(TWO_PIECES)
    desk.release()
    assert desk.take(trade(no_quantity())) == ()
    assert desk.take(trade(no_quantity(), at="10:00:00", seller_memo="加急")) != ()
    assert desk.state == EntryState.RELEASED
    assert desk.known is not None
    assert desk.known.lines == ((LINE, 2),)


def test_an_import_takes_the_order_in_and_what_the_channel_told_goes_on_waiting() -> None:
    desk = set_aside(payment="200.00")
    (placed,) = desk.take(imported(), door="import")
    assert isinstance(placed, OrderPlaced)
    assert desk.state == EntryState.OPEN
    desk.correct(TWO_PIECES)
    amended, ended = desk.release().events
    assert isinstance(amended, OrderAmended)
    assert (amended.order_id, amended.hold) == (placed.order_id, "")
    assert isinstance(ended, QuarantineEnded)
    assert desk.known is not None
    assert desk.known.lines == ((LINE, 2),)


def test_an_import_that_cannot_be_worked_with_waits_only_where_the_channel_told_nothing() -> None:
    broken = b'{"schema":"import/9"}'
    waiting = set_aside()
    before = waiting.entry
    assert waiting.take(broken, door="import") == ()
    assert replace(waiting.entry, arrivals=1) == before
    accepted = Desk()
    accepted.take(trade())
    assert accepted.take(broken, door="import") == ()
    assert accepted.entries == {}
    alone = Desk()
    alone.take(broken, door="import")
    assert alone.state == EntryState.OPEN
    alone.take(imported(), door="import")
    assert alone.state == EntryState.SUPERSEDED


def test_a_standing_correction_is_no_reason_to_ask_an_import_for_its_time() -> None:
    desk = set_aside(payment="200.00", paid_fee="200.00")
    desk.correct({"amounts": {"payable_fen": 20000}, **TWO_PIECES})
    desk.release()
    before = desk.known
    assert desk.take(imported(), door="import") == ()
    assert desk.known == before
    assert len(desk.entries) == 1


MOVED = {
    "receiver_name": "样*",
    "receiver_mobile": "*******0009",
    "receiver_address": "别*路",
    "oaid": "2==",
}


def test_a_receiver_the_channel_tells_otherwise_is_the_channels_again() -> None:
    desk = set_aside(**NOBODY)
    desk.correct({"receiver": SOMEBODY, **TWO_PIECES})
    desk.release()
    (amended,) = desk.take(trade(no_quantity(), at="10:00:00", **MOVED))
    assert isinstance(amended, OrderAmended)
    assert (amended.changed, amended.personal_kind) == (("personal",), "masked")
    assert desk.state == EntryState.RELEASED


def test_a_receiver_told_before_the_correction_or_taken_away_after_it_does_not_count() -> None:
    desk = set_aside(at="09:45:00", **NOBODY)
    desk.correct({"receiver": SOMEBODY, **TWO_PIECES})
    desk.release()
    assert desk.take(trade(no_quantity(), at="09:40:00", **MOVED)) == ()
    assert desk.take(trade(no_quantity(), at="10:00:00", **NOBODY)) == ()
    assert desk.known is not None
    assert desk.known.personal_kind == "plain"


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)])
def test_which_receiver_stands_depends_on_the_snapshots_and_not_on_their_order(
    order: tuple[int, ...],
) -> None:
    later = [
        trade(no_quantity(), at="09:40:00", **(MOVED | {"receiver_name": "旧*"})),
        trade(no_quantity(), at="10:00:00", **MOVED),
        trade(no_quantity(), at="10:05:00", **NOBODY),
        trade(no_quantity(), at="10:03:00", **(MOVED | {"receiver_name": "新*"})),
    ]
    digests = set()
    for arrivals in (order, (0, 1, 2, 3)):
        desk = set_aside(at="09:45:00", **NOBODY)
        desk.correct({"receiver": SOMEBODY, **TWO_PIECES})
        desk.release()
        for number in arrivals:
            desk.take(later[number])
        assert desk.known is not None
        digests.add((desk.known.personal_digest, desk.known.personal_kind, desk.known.state))
    assert len(digests) == 1
    assert digests.pop()[1] == "masked"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1, 1)])
def test_what_is_known_after_a_release_does_not_depend_on_the_order_of_arrival(
    order: tuple[int, ...],
) -> None:
    later = [
        trade(no_quantity(), at="10:00:00"),
        trade(no_quantity(), at="10:05:00", seller_memo="加急"),
        trade(at="10:10:00", status="PAID_FORBID_CONSIGN"),
    ]
    desks = []
    for arrivals in (order, (0, 1, 2)):
        desk = set_aside()
        desk.correct(TWO_PIECES)
        desk.release()
        for number in arrivals:
            desk.take(later[number])
        desks.append(desk.known)
    assert desks[0] is not None
    assert desks[0].hold == "paid_forbid_consign"
    assert desks[0] == desks[1]


def test_a_newer_good_snapshot_ends_what_waits_with_its_unreleased_corrections() -> None:
    desk = set_aside()
    desk.correct({"lines": {LINE: {"quantity": 7}}})
    placed, told = desk.take(trade(at="10:00:00"))
    assert isinstance(placed, OrderPlaced)
    assert placed.lines[0].quantity == 2
    assert isinstance(told, QuarantineEnded)
    assert (told.outcome, told.order_id) == ("superseded", placed.order_id)
    assert (desk.entry.state, desk.corrections()) == (EntryState.SUPERSEDED, ())
    assert desk.release().refusal == "not_waiting: it is superseded"


def test_an_older_good_snapshot_places_the_order_and_the_newer_bad_one_waits_on() -> None:
    desk = set_aside(at="10:00:00")
    (placed,) = desk.take(trade())
    assert isinstance(placed, OrderPlaced)
    assert desk.state == EntryState.OPEN
    desk.correct(TWO_PIECES)
    assert desk.release().result_id == placed.order_id


def test_an_update_that_cannot_be_worked_with_waits_beside_its_order() -> None:
    desk = Desk()
    (placed,) = desk.take(trade())
    assert isinstance(placed, OrderPlaced)
    desk.take(trade(no_quantity(), at="10:00:00", status="PAID_FORBID_CONSIGN"))
    assert desk.entry.order_id == placed.order_id
    assert desk.known is not None
    assert desk.known.hold == ""
    desk.correct(TWO_PIECES)
    amended, told = desk.release().events
    assert isinstance(amended, OrderAmended)
    assert isinstance(told, QuarantineEnded)
    assert amended.hold == "paid_forbid_consign"


def test_what_was_discarded_stays_so_until_the_channel_says_something_else() -> None:
    desk = set_aside()
    (told,) = desk.discard().events
    assert isinstance(told, QuarantineEnded)
    assert told.outcome == "discarded"
    assert desk.discard().refusal == ""
    assert desk.take(trade(no_quantity())) == ()
    assert desk.state == EntryState.DISCARDED
    desk.take(trade(no_quantity(), at="10:00:00"))
    assert desk.state == EntryState.OPEN


def test_a_correction_that_mends_also_a_newer_content_keeps_it_corrected() -> None:
    desk = set_aside()
    desk.correct(TWO_PIECES)
    desk.take(trade(no_quantity(), at="10:00:00"))
    assert desk.state == EntryState.CORRECTED
    desk.take(trade(no_quantity(), at="10:05:00", payment="abc"))
    assert desk.state == EntryState.OPEN


def test_null_gives_the_channel_its_word_back() -> None:
    desk = set_aside()
    desk.correct(TWO_PIECES)
    assert desk.correct({"lines": {LINE: {"quantity": None}}}).result_id.startswith(
        "open: bad_quantity"
    )
    assert desk.corrections() == ()


def test_a_masked_receiver_is_corrected_as_a_whole_and_readable_then() -> None:
    desk = set_aside(**NOBODY)
    assert desk.correct({"receiver": {"phone": "13000000001"}}).refusal.startswith(
        "receiver_incomplete"
    )
    desk.correct({"receiver": SOMEBODY, **TWO_PIECES})
    placed, _ = desk.release().events
    assert isinstance(placed, OrderPlaced)
    assert placed.personal_kind == PiiKind.PLAIN
    wrapped = desk.wrapped_keys[placed.order_id]
    opened = READER.seal.open_block(placed.personal, placed.order_id, wrapped)
    assert isinstance(opened, bytes)
    block = msgspec.json.decode(opened, type=Personal)
    assert (block.name, block.phone, block.address) == tuple(SOMEBODY.values())


def test_corrections_go_with_the_key_of_the_order() -> None:
    desk = set_aside()
    desk.correct(TWO_PIECES)
    desk.release()
    assert desk.corrections() != ()
    desk.wrapped_keys = dict.fromkeys(desk.wrapped_keys, b"")
    assert desk.corrections() == ()


@pytest.mark.parametrize(
    ("patch", "refusal"),
    [
        ({"lines": {LINE: {"quantity": 0}}}, "patch_malformed: Expected `int` >= 1"),
        ({"lines": {LINE: {"quantity": "2"}}}, "patch_malformed: Expected `int | null`, got `str`"),
        ({"lines": {LINE: {"paid_fen": 1.5}}}, "patch_malformed: Object contains unknown field"),
        ({"shop": "other"}, "patch_malformed: Object contains unknown field `shop`"),
        ({"lines": {"4": {"quantity": 2}}}, "line_unknown: the order has no line 4"),
        ({"receiver": {"phone": "call me"}}, "patch_malformed: Expected `str` matching regex"),
        ({"amounts": {"payable_fen": 9000}, **TWO_PIECES}, "does_not_add_up: "),
        ([1], "patch_malformed: Expected `object`, got `array`"),
    ],
)
def test_a_patch_that_cannot_stand_is_refused_exactly_and_changes_nothing(
    patch: object, refusal: str
) -> None:
    desk = set_aside()
    before = desk.entry
    assert desk.correct(patch).refusal.startswith(refusal)
    assert desk.entry == before


def test_an_unreadable_amount_is_answered_by_all_amounts_only() -> None:
    desk = set_aside(payment="abc", at="09:31:40")
    half = {"lines": {LINE: {"quantity": 2, "payable_fen": 0}}}
    assert desk.correct(half).result_id.startswith("open: bad_amount")
    assert desk.state == EntryState.OPEN
    whole = {
        "amounts": {"payable_fen": 10000, "paid_fen": 10000, "freight_fen": 0},
        "lines": {LINE: {"quantity": 2, "unit_price_fen": 5000, "payable_fen": 10000}},
    }
    assert desk.correct(whole).result_id == "corrected"
    placed, _ = desk.release().events
    assert isinstance(placed, OrderPlaced)
    assert (placed.payable_fen, placed.lines[0].paid_fen) == (10000, 10000)


@pytest.mark.parametrize("act", ["correct", "release", "discard"])
def test_a_command_about_nothing_is_refused(act: str) -> None:
    desk = Desk()
    given: dict[str, object] = {"patch": {}} if act == "correct" else {}
    assert getattr(desk, act)(**given).refusal == "entry_unknown"
    assert desk.known is None


def test_no_order_can_be_corrected_where_none_can_be_read() -> None:
    desk = Desk()
    desk.take(b"{}")
    assert desk.correct({}).refusal.startswith("still_blocked: no order can be read")


def test_every_arrival_and_release_is_evidence_of_what_it_led_to() -> None:
    desk = set_aside()
    desk.take(trade(no_quantity()))
    desk.correct(TWO_PIECES)
    desk.release()
    desk.take(trade(no_quantity(), at="10:00:00", status="PAID_FORBID_CONSIGN"))
    told = [(one.outcome, one.position, one.order_version) for one in desk.seen]
    assert told == [
        ("quarantined", "channel-payloads/0/1", 0),
        ("stale", "channel-payloads/0/2", 0),
        ("released", "channel-payloads/0/1", 1),
        ("changed", "channel-payloads/0/5", 2),
    ]
    assert len({one.sha256 for one in desk.seen}) == 2


def test_versions_of_one_batch_are_those_after_each_arrival() -> None:
    one = Desk()
    one.take(trade())
    (placed,) = one.seen
    batch = [
        replace(placed, events=2),
        replace(placed, events=0),
        replace(placed, source_key="other", events=1),
        replace(placed, events=1),
    ]
    told = with_versions(batch, {placed.source_key: 5, "other": 1})
    assert [seen.order_version for seen in told] == [4, 4, 1, 5]
