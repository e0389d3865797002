"""The file of the shops: what it may not say."""

from pathlib import Path
from typing import Any

import pytest

from chassis.errors import StartRefused
from services.ingest.channels.pdd import CHANNEL as PDD
from services.ingest.shops import read_shops
from tests.unit.ingest.channels.builders import encoded


def written(folder: Path, **changed: Any) -> Path:
    keys = dict.fromkeys(("app_key", "app_secret", "access_token", "base_url"), "")
    path = folder / "shops.json"
    path.write_bytes(encoded([{"channel": "pdd", "shop": "s1", **keys, **changed}]))
    return path


@pytest.mark.parametrize("settled_after_s", [None, 0, 5, 180, 600, 1620])
def test_a_shop_may_say_how_late_its_platform_lists(
    tmp_path: Path, settled_after_s: float | None
) -> None:
    shops = read_shops(written(tmp_path, settled_after_s=settled_after_s), {"pdd": PDD})
    assert shops["pdd", "s1"].settled_after_s == settled_after_s


@pytest.mark.parametrize("settled_after_s", [-1, 1621, 86_400, 1e300])
def test_later_than_a_window_is_long_is_refused_at_the_start(
    tmp_path: Path, settled_after_s: float
) -> None:
    with pytest.raises(StartRefused, match="on channel pdd it is 0 to 1620"):
        read_shops(written(tmp_path, settled_after_s=settled_after_s), {"pdd": PDD})


def test_a_channel_that_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="'tmall'; known channels: pdd"):
        read_shops(written(tmp_path, channel="tmall"), {"pdd": PDD})
