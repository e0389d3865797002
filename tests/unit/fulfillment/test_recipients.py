from __future__ import annotations

import msgspec
import pytest

from chassis.crypto import MasterKeys, PersonalSeal, new_master_key_text
from services.fulfillment.carriers import Recipient
from services.fulfillment.domain.model import Parcel, Stage
from services.fulfillment.recipients import Unaddressed, recipient_of

SEAL = PersonalSeal(MasterKeys.parse(new_master_key_text()))
ORDER = "TB2026111100001"


def sealed(content: object, **changed: object) -> tuple[Parcel, dict[str, bytes]]:
    block = SEAL.seal(msgspec.json.encode(content), ORDER)
    parcel = Parcel(
        order_id=ORDER,
        stage=Stage.PLANNED,
        province="浙江省",
        city="杭州市",
        district="余杭区",
        personal=block.ciphertext,
    )
    return msgspec.structs.replace(parcel, **changed), {ORDER: block.wrapped_key}


def test_a_clear_receiver_is_opened() -> None:
    parcel, keys = sealed(
        {"name": "测试收货人", "phone": "13000001234", "address": "文三路 1 号", "seller_memo": "x"}
    )
    found = recipient_of(SEAL, parcel, keys)
    assert isinstance(found, Recipient)
    assert (found.name, found.mobile, found.address.detail) == (
        "测试收货人",
        "13000001234",
        "文三路 1 号",
    )
    assert (found.address.city, found.receiver_key) == ("杭州市", "")
    assert "测试收货人" not in repr(found)


def test_what_is_fit_for_a_label_goes_before_the_original() -> None:
    parcel, keys = sealed(
        {
            "name": "小\U0001f600明",
            "phone": "１３００００００００１",
            "address": "文三路 1 号",
            "label_name": "小明",
            "label_phone": "13000000001",
        }
    )
    found = recipient_of(SEAL, parcel, keys)
    assert isinstance(found, Recipient)
    assert (found.name, found.mobile, found.address.detail) == (
        "小明",
        "13000000001",
        "文三路 1 号",
    )


def test_ciphers_go_before_the_masks_that_stand_for_them() -> None:
    parcel, keys = sealed(
        {
            "name": "测*",
            "phone": "130****1234",
            "address": "文*路",
            "name_cipher": "#n#",
            "phone_cipher": "$p$",
            "address_cipher": "#a#",
            "receiver_key": "oaid",
        }
    )
    found = recipient_of(SEAL, parcel, keys)
    assert isinstance(found, Recipient)
    assert (found.name, found.mobile, found.address.detail) == ("#n#", "$p$", "#a#")
    assert found.receiver_key == "oaid"


@pytest.mark.parametrize(
    ("changed", "with_key", "code"),
    [
        ({"province": ""}, True, "receiver_region_missing"),
        ({"personal": b""}, True, "receiver_missing"),
        ({}, False, "receiver_erased"),
        ({"personal": b"\x21garbage"}, True, "receiver_unreadable"),
        ({"order_id": "other"}, True, "receiver_erased"),
    ],
)
def test_who_cannot_be_addressed_is_told_by_a_code(
    changed: dict[str, object], with_key: bool, code: str
) -> None:
    parcel, keys = sealed({"name": "测试收货人"}, **changed)
    assert recipient_of(SEAL, parcel, keys if with_key else {}) == Unaddressed(code)


def test_a_block_that_is_no_json_is_told_by_a_code() -> None:
    parcel, keys = sealed(["not", "a", "receiver"])
    assert recipient_of(SEAL, parcel, keys) == Unaddressed("receiver_unreadable")
