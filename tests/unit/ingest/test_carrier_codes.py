"""Which carriers a shop's platform could not be told of is known before a parcel leaves with one."""

from pathlib import Path

import pytest
from msgspec.structs import replace

import chassis
from chassis.plugins import load
from chassis.rules import TableBroken
from services.ingest.carrier_codes import carriers_named, warn_of_missing_codes, without_code
from services.ingest.channels import Channel
from services.ingest.shops import Shop

RULES = Path(chassis.__path__[0]).parent / "rules"
CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)


def shop(channel: str) -> Shop:
    return Shop(channel=channel, shop="s1", app_key="", app_secret="", access_token="", base_url="")


def test_every_carrier_of_the_table_is_named() -> None:
    assert carriers_named(RULES) == {"SF", "YTO", "ZTO"}


def test_of_the_shipped_channels_kuaishou_alone_lacks_a_code_for_the_shipped_table() -> None:
    shops = {(name, "s1"): shop(name) for name in CHANNELS}
    found = list(without_code(shops, CHANNELS, carriers_named(RULES)))
    assert found == [("kuaishou", "s1", ("ZTO",))]


@pytest.mark.parametrize(
    ("channel", "codes", "missing"),
    [
        ("kuaishou", {}, [("kuaishou", "s1", ("DBL", "ZTO"))]),
        ("kuaishou", {"ZTO": "7"}, [("kuaishou", "s1", ("DBL",))]),
        ("kuaishou", {"ZTO": "7", "DBL": "8"}, []),
        # A shop of one's own is told of any carrier by its name.
        ("shopify", {}, []),
        ("pos", {}, []),
    ],
)
def test_what_the_shop_says_itself_is_not_missing(
    channel: str, codes: dict[str, str], missing: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    shops = {(channel, "s1"): replace(shop(channel), carriers=codes)}
    assert list(without_code(shops, CHANNELS, {"SF", "ZTO", "DBL"})) == missing


def test_rules_that_cannot_be_read_keep_no_shop_from_starting(tmp_path: Path) -> None:
    with pytest.raises(TableBroken):
        carriers_named(tmp_path)
    warn_of_missing_codes({("kuaishou", "s1"): shop("kuaishou")}, CHANNELS, tmp_path)
