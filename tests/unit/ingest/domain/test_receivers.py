"""What tells an order's receiver from another one, and what of a receiver moves by itself."""

import pytest
from msgspec.structs import replace

from services.ingest.domain.model import PiiKind, Receiver
from services.ingest.domain.receivers import marks_of

NOBODY = Receiver(
    province="四川省",
    city="成都市",
    district="青羊区",
    town="",
    pii=PiiKind.ABSENT,
    name="",
    phone="",
    address="",
    name_cipher="",
    phone_cipher="",
    address_cipher="",
    key="",
)
SOMEBODY = replace(
    NOBODY,
    pii=PiiKind.ENCRYPTED,
    name="测**",
    name_cipher="$cipherName==$1$",
    phone_cipher="$cipherTel==$1$",
    address_cipher="$cipherAddr==$1$",
)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "试**"},
        {"phone": "138****0001"},
        {"address": "示例路 * 号"},
        {"name_cipher": "$otherName==$1$"},
        {"phone_cipher": "$otherTel==$1$"},
        {"address_cipher": "$otherAddr==$1$"},
        {"key": "oaid"},
    ],
)
def test_whatever_tells_of_a_receiver_tells_another_one(changed: dict[str, str]) -> None:
    assert marks_of(replace(SOMEBODY, **changed)) != marks_of(SOMEBODY)


def test_a_key_decides_alone() -> None:
    keyed = replace(SOMEBODY, key="oaid")
    assert marks_of(keyed) == marks_of(replace(keyed, address_cipher="$anew==$1$"))
    assert marks_of(keyed) != marks_of(replace(keyed, key="other oaid"))


@pytest.mark.parametrize("form", ["${}${}$1$$", "#{}#{}*1*1##", "##{}##{}*1*1##"])
def test_of_a_cipher_with_an_index_the_index_counts(form: str) -> None:
    first, anew, other = (
        marks_of(replace(SOMEBODY, address_cipher=form.format(*parts)))
        for parts in (("idx+/=", "one=="), ("idx+/=", "two=="), ("other", "one=="))
    )
    assert first == anew != other


def test_of_nobody_nothing_tells() -> None:
    assert marks_of(NOBODY) == ""
