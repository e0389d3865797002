import base64
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import crypto
from chassis.clock import ManualClock
from chassis.crypto import (
    KeyDestroyed,
    MasterKeys,
    PayloadSeal,
    PersonalSeal,
    SealBroken,
    mask_name,
    mask_phone,
    new_master_key_text,
    wrapped_version,
)
from chassis.errors import Invalid, StartRefused

OLD, NEW = new_master_key_text(1), new_master_key_text(2)
ONLY_OLD, BOTH, ONLY_NEW = (MasterKeys.parse(t) for t in (OLD, f"{OLD}, {NEW}", NEW))
SEAL = PersonalSeal(ONLY_OLD)
BLOCK = "测试收货人|13000001234|文三路 1 号".encode()
ORDER = "TB2026010900123"


def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 9, tzinfo=UTC))


def opened(sealed: PersonalSeal, ciphertext: bytes, wrapped_key: bytes | None) -> object:
    return sealed.open_block(ciphertext, ORDER, wrapped_key)


@given(st.binary(max_size=2000), st.text(max_size=30))
def test_a_block_opens_to_what_was_sealed(block: bytes, order_id: str) -> None:
    sealed = SEAL.seal(block, order_id)
    assert SEAL.open_block(sealed.ciphertext, order_id, sealed.wrapped_key) == block


def test_sealed_bytes_hold_nothing_in_clear_and_are_never_the_same_twice() -> None:
    first, second = SEAL.seal(BLOCK, ORDER), SEAL.seal(BLOCK, ORDER)
    assert b"13000001234" not in first.ciphertext
    assert first.ciphertext != second.ciphertext
    assert first.wrapped_key != second.wrapped_key


def test_a_block_of_one_order_does_not_open_as_anothers() -> None:
    sealed = SEAL.seal(BLOCK, ORDER)
    with pytest.raises(SealBroken):
        SEAL.open_block(sealed.ciphertext, "TB2026010900124", sealed.wrapped_key)


def test_a_block_does_not_open_with_the_key_of_another_order() -> None:
    mine, other = SEAL.seal(BLOCK, ORDER), SEAL.seal(BLOCK, "JD2026010900001")
    with pytest.raises(SealBroken):
        opened(SEAL, mine.ciphertext, other.wrapped_key)


@given(st.data())
def test_any_changed_bit_is_noticed(data: st.DataObject) -> None:
    sealed = SEAL.seal(BLOCK, ORDER)
    parts = [bytearray(sealed.ciphertext), bytearray(sealed.wrapped_key)]
    part = data.draw(st.sampled_from(parts))
    bit = data.draw(st.integers(min_value=0, max_value=len(part) * 8 - 1))
    part[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        opened(SEAL, bytes(parts[0]), bytes(parts[1]))


@given(st.binary(max_size=100), st.binary(min_size=1, max_size=100))
def test_garbage_is_invalid_and_not_a_crash(ciphertext: bytes, wrapped_key: bytes) -> None:
    with pytest.raises(Invalid):
        opened(SEAL, ciphertext, wrapped_key)


@given(st.integers(min_value=0, max_value=60))
def test_a_block_cut_short_is_broken(length: int) -> None:
    sealed = SEAL.seal(BLOCK, ORDER)
    with pytest.raises(SealBroken):
        opened(
            SEAL, sealed.ciphertext[: min(length, len(sealed.ciphertext) - 1)], sealed.wrapped_key
        )


@pytest.mark.parametrize("erased", [None, b""])
def test_an_erased_key_answers_key_destroyed(erased: bytes | None) -> None:
    sealed = SEAL.seal(BLOCK, ORDER)
    assert opened(SEAL, sealed.ciphertext, erased) == KeyDestroyed(order_id=ORDER)
    assert SEAL.reseal(BLOCK, ORDER, erased) == KeyDestroyed(order_id=ORDER)


def test_a_changed_block_stays_under_the_orders_one_key() -> None:
    sealed = SEAL.seal(BLOCK, ORDER)
    changed = SEAL.reseal(b"moved", ORDER, sealed.wrapped_key)
    assert isinstance(changed, bytes)
    assert opened(SEAL, changed, sealed.wrapped_key) == b"moved"
    assert opened(SEAL, sealed.ciphertext, sealed.wrapped_key) == BLOCK


def test_rewrapping_moves_the_key_to_the_newest_master_and_spares_the_ciphertext() -> None:
    sealed = SEAL.seal(BLOCK, ORDER)
    moved = PersonalSeal(BOTH).rewrap(sealed.wrapped_key, ORDER)
    assert (wrapped_version(sealed.wrapped_key), wrapped_version(moved)) == (1, 2)
    assert opened(PersonalSeal(ONLY_NEW), sealed.ciphertext, moved) == BLOCK
    assert PersonalSeal(BOTH).rewrap(moved, ORDER) == moved


def test_the_newest_master_key_wraps_and_the_old_one_still_opens() -> None:
    both = PersonalSeal(BOTH)
    assert wrapped_version(both.seal(BLOCK, ORDER).wrapped_key) == 2
    old = SEAL.seal(BLOCK, ORDER)
    assert opened(both, old.ciphertext, old.wrapped_key) == BLOCK


def test_a_master_key_we_do_not_hold_is_named_by_a_code() -> None:
    sealed = SEAL.seal(BLOCK, ORDER)
    with pytest.raises(SealBroken, match="master_key_unknown"):
        opened(PersonalSeal(ONLY_NEW), sealed.ciphertext, sealed.wrapped_key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "1",
        "1:",
        "x:" + base64.b64encode(bytes(32)).decode(),
        "0:" + base64.b64encode(bytes(32)).decode(),
        "65536:" + base64.b64encode(bytes(32)).decode(),
        "1:" + base64.b64encode(bytes(31)).decode(),
        "1:!!!!",
        pytest.param(f"{OLD},{OLD}", id="twice"),  # random text must not name a test
    ],
)
def test_unusable_master_keys_stop_the_start_without_showing_them(text: str) -> None:
    with pytest.raises(StartRefused) as refusal:
        MasterKeys.parse(text)
    assert not re.search(r"[A-Za-z0-9+/]{20}", str(refusal.value).replace(" ", "|"))


def test_a_blind_index_is_equal_only_for_equal_text_of_one_purpose() -> None:
    index = SEAL.blind_index("13000001234", "phone")
    assert re.fullmatch("[0-9a-f]{32}", index)
    assert index == PersonalSeal(ONLY_OLD).blind_index("13000001234", "phone")
    assert index != SEAL.blind_index("13000001235", "phone")
    assert index != SEAL.blind_index("13000001234", "receiver")
    assert index != PersonalSeal(ONLY_NEW).blind_index("13000001234", "phone")


def test_a_blind_index_survives_the_rotation_of_master_keys() -> None:
    assert PersonalSeal(BOTH).blind_index("x", "phone") == SEAL.blind_index("x", "phone")


PAYLOADS = PayloadSeal(ONLY_OLD, clock())


@given(st.one_of(st.binary(max_size=3000), st.text(alphabet="a测", max_size=3000).map(str.encode)))
def test_a_payload_opens_in_any_process_with_the_master_key(payload: bytes) -> None:
    sealed = PAYLOADS.seal_payload(payload)
    assert PayloadSeal(ONLY_OLD, clock()).open_payload(sealed) == payload
    assert len(sealed) <= len(payload) + 93


def test_a_payload_that_shrinks_is_deflated_and_one_that_does_not_is_stored() -> None:
    assert len(PAYLOADS.seal_payload(b"a" * 5000)) < 200
    noise = bytes.fromhex("".join(f"{(i * 2654435761) & 0xFFFFFFFF:08x}" for i in range(200)))
    assert len(PAYLOADS.seal_payload(noise)) == len(noise) + 93


def test_any_changed_byte_of_a_sealed_payload_is_noticed() -> None:
    sealed = PAYLOADS.seal_payload(b"{}" * 400)
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(SealBroken):
            PAYLOADS.open_payload(changed)


@given(st.binary(max_size=200))
def test_a_garbage_payload_is_invalid_and_not_a_crash(garbage: bytes) -> None:
    with pytest.raises(SealBroken):
        PAYLOADS.open_payload(garbage)


def wrapped_in(sealed: bytes) -> bytes:
    return sealed[2 : 2 + crypto.WRAPPED_BYTES]


def test_a_payload_key_serves_an_hour_and_then_is_replaced() -> None:
    time = clock()
    seal = PayloadSeal(ONLY_OLD, time)
    first = seal.seal_payload(b"a")
    time.advance(crypto.PAYLOAD_KEY_MAX_AGE_MS - 1)
    assert wrapped_in(seal.seal_payload(b"b")) == wrapped_in(first)
    time.advance(1)
    later = seal.seal_payload(b"c")
    assert wrapped_in(later) != wrapped_in(first)
    assert [seal.open_payload(one) for one in (first, later)] == [b"a", b"c"]


def test_a_payload_key_is_replaced_when_its_uses_are_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto, "PAYLOAD_USES_MAX", 3)
    seal = PayloadSeal(ONLY_OLD, clock())
    keys = [wrapped_in(seal.seal_payload(b"a")) for _ in range(7)]
    assert [keys.count(key) for key in dict.fromkeys(keys)] == [3, 3, 1]


def test_the_cache_of_unwrapped_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto, "PAYLOAD_CACHE_MAX", 2)
    sealed = [PayloadSeal(ONLY_OLD, clock()).seal_payload(b"%d" % i) for i in range(5)]
    reader = PayloadSeal(ONLY_OLD, clock())
    assert [reader.open_payload(one) for one in sealed * 2] == [b"%d" % i for i in range(5)] * 2
    assert len(reader._unwrapped) == 2


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13000001234", "130****1234"),
        (" 13000001234 ", "130****1234"),
        ("+8613000001234", "+86****1234"),
        ("0571-88001234", "057****1234"),
        ("88001234", "****34"),
        ("10086", "****"),
        ("", ""),
    ],
)
def test_a_phone_is_shown_without_its_middle(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown


@pytest.mark.parametrize(
    ("name", "shown"), [("测试收货人", "测*"), ("测试", "测*"), ("测", "*"), ("", "")]
)
def test_a_name_is_shown_by_its_first_character(name: str, shown: str) -> None:
    assert mask_name(name) == shown
