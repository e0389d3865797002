"""How many of a listing can be sold: a bundle is as many as can be made of what its channel may offer."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.listed_stock import Listing, can_be_made, goods_of
from services.ingest.domain.matching import Catalogue, Component, SkuMapping

SKUS = st.sampled_from("ABC")
GOODS = st.dictionaries(SKUS, st.integers(1, 5), min_size=1)
OFFERED = st.dictionaries(SKUS, st.integers(0, 50))


def mapping(*components: Component) -> SkuMapping:
    return SkuMapping(mapping_id=1, components=components)


def part(sku: str, quantity: int = 1, *, gift: bool = False) -> Component:
    return Component(sku=sku, quantity=quantity, gift=gift)


def listing(code: str = "BOX", sku_id: str = "7") -> Listing:
    return Listing(
        channel="taobao", shop="s1", channel_sku_id=sku_id, item_id="1", merchant_code=code
    )


CATALOGUE = Catalogue(
    mappings={
        ("", "", "", "BOX"): mapping(part("TEA", 2), part("CUP"), part("CARD", gift=True)),
        ("", "", "", "CRATE"): mapping(part("BOX", 3), part("TEA")),
        ("taobao", "s1", "9", ""): mapping(part("CUP", 4)),
        ("taobao", "s1", "8", ""): mapping(part("TEA"), part("TEA", gift=True)),
    },
    skus={"TEA", "CUP"},
)


@pytest.mark.parametrize(
    ("one", "goods"),
    [
        (listing("TEA"), {"TEA": 1}),
        (listing("BOX"), {"TEA": 2, "CUP": 1, "CARD": 1}),
        (listing("CRATE"), {"TEA": 7, "CUP": 3, "CARD": 3}),
        (listing("BOX", sku_id="9"), {"CUP": 4}),
        (listing("TEA", sku_id="8"), {"TEA": 2}),
        (listing("NOBODYS"), None),
        (listing(""), None),
    ],
)
def test_a_listing_is_goods_as_a_line_of_it_would_be(
    one: Listing, goods: Mapping[str, int] | None
) -> None:
    assert goods_of(CATALOGUE, one) == goods


@pytest.mark.parametrize(
    ("goods", "offered", "count"),
    [
        ({"TEA": 1}, {"TEA": 5}, 5),
        ({"TEA": 2, "CUP": 1}, {"TEA": 5, "CUP": 9}, 2),
        ({"TEA": 2, "CUP": 1}, {"TEA": 5, "CUP": 0}, 0),
        ({"TEA": 2, "CUP": 1}, {"TEA": 5}, None),
        ({}, {"TEA": 5}, None),
    ],
)
def test_as_many_can_be_made_as_the_scarcest_of_its_goods_allow(
    goods: Mapping[str, int], offered: Mapping[str, int], count: int | None
) -> None:
    assert can_be_made(goods, offered) == count


@given(GOODS, OFFERED)
def test_what_is_made_is_there_and_one_more_is_not(
    goods: dict[str, int], offered: dict[str, int]
) -> None:
    count = can_be_made(goods, offered)
    if count is None:
        assert goods.keys() - offered.keys()
        return
    assert all(count * pieces <= offered[sku] for sku, pieces in goods.items())
    assert any((count + 1) * pieces > offered[sku] for sku, pieces in goods.items())
