"""What we do not write."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.tidy.bans import BANS, MAY_NAME_PLUGINS, Ban, plugin_names
from tests.tidy.source import Source, sources

EACH = pytest.mark.parametrize("ban", BANS, ids=lambda ban: ban.name)


@EACH
def test_nobody_writes(ban: Ban) -> None:
    found = [
        f"{source.path}:{line}: {what}" for source in sources() for line, what in ban.find(source)
    ]
    assert found == [], f"\n{ban.remedy}\n" + "\n".join(found)


@EACH
def test_a_planted_line_is_found(ban: Ban) -> None:
    assert list(ban.find(Source(path=PurePosixPath(ban.path), text=ban.planted)))


@EACH
def test_the_remedy_is_not_found(ban: Ban) -> None:
    assert (
        list(ban.find(Source(path=PurePosixPath("services/orders/rooms.py"), text=ban.clean))) == []
    )


def test_every_exemption_is_of_use() -> None:
    names = {source.path.name for source in sources() if source.top == "services"}
    assert MAY_NAME_PLUGINS.keys() <= names
    assert len(plugin_names()) >= 3


def test_the_laws_see_the_code() -> None:
    seen = {source.top for source in sources()}
    assert {"chassis", "services", "simulators", "tests", "docs", "schemas", "rules", ""} <= seen
