"""A table that a program cannot do without: usable, or the start is refused with every reason."""

from __future__ import annotations

from pathlib import Path

import pytest

import chassis
from chassis.errors import StartRefused
from chassis.rules import needed_table
from chassis.rules.values import Kind

RULES = Path(chassis.__path__[0]).parent / "rules"


def test_a_table_that_fits_is_given() -> None:
    facts: dict[str, Kind] = {"channel": "text", "province": "text", "total_quantity": "int"}
    table = needed_table(
        RULES, "sourcing/default", facts=facts, outputs={"warehouses": "text list"}
    )
    assert table.key == "sourcing/default"


def test_every_reason_is_named() -> None:
    with pytest.raises(StartRefused, match="sourcing/default is not usable") as refused:
        needed_table(
            RULES, "sourcing/default", facts={"channel": "int"}, outputs={"carrier": "text"}
        )
    for part in ("channel", "province", "total_quantity", "carrier"):
        assert part in str(refused.value)


@pytest.mark.parametrize("key", ["sourcing/special", "nothing/default"])
def test_a_table_that_is_not_there_is_named(key: str) -> None:
    with pytest.raises(StartRefused, match=key):
        needed_table(RULES, key, facts={}, outputs={})


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="DANSHU_RULES_DIR"):
        needed_table(tmp_path, "sourcing/default", facts={}, outputs={})
