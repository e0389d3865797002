"""A registry that takes calls and never answers is away, and whoever starts can say so."""

from __future__ import annotations

import socket

import pytest

from chassis import registry
from chassis.errors import Unavailable


def test_a_silent_registry_is_away_for_a_start_and_for_a_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "FILL_ANSWER_S", 0.2)
    monkeypatch.setattr(registry, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable, match="does not answer"):
            registry.ensure(url)
        with pytest.raises(Unavailable, match="does not answer"):
            registry.schema_of(url, 1)
