"""Who may know whom."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

import pytest

from tests.tidy.imports import PURE_ROOMS, RANKS, offences, room
from tests.tidy.source import Source, python


def test_the_import_law_holds() -> None:
    found = [offence for source in python() for offence in offences(source)]
    assert found == [], "\n".join(found)


def test_pure_rooms_wait_for_nothing() -> None:
    found = [
        f"{source.path}:{node.lineno}: no async in a pure room; the shell waits, the rule decides"
        for source in python()
        if source.top == "services" and room(source.module) in PURE_ROOMS
        for node in source.nodes
        if isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith))
    ]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("services/orders/handlers.py", "from services.inventory.domain.model import Hold"),
        ("services/orders/handlers.py", "import services.inventory.handlers"),
        ("chassis/worker.py", "import services.orders.handlers"),
        ("chassis/worker.py", "from services import orders"),
        ("simulators/world.py", "from chassis.money import yuan"),
        ("simulators/world.py", "from schemas.events.orders import OrderPlaced"),
        ("services/orders/domain/model.py", "import asyncpg"),
        ("services/orders/domain/model.py", "from time import sleep"),
        ("services/orders/domain/model.py", "from chassis.postgres import Pool"),
        ("services/ingest/channels/shop.py", "from os import environ"),
        ("services/orders/domain/model.py", "from services.orders.handlers import HANDLERS"),
        ("services/orders/domain/model.py", "from ..store import read"),
        ("services/orders/store.py", "from services.orders.doors import Doors"),
        ("services/orders/handlers.py", "def f():\n    from services.orders import app"),
    ],
)
def test_a_planted_breach_is_found(path: str, line: str) -> None:
    assert len(list(offences(Source(path=PurePosixPath(path), text=line)))) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("services/orders/handlers.py", "from services.orders.domain.model import Order"),
        ("services/orders/app.py", "from services.orders.doors import Doors"),
        ("services/orders/domain/model.py", "from chassis.money import allocate"),
        ("services/orders/domain/model.py", "from datetime import datetime"),
        ("services/orders/doors.py", "import asyncpg"),
        ("services/__init__.py", ""),
    ],
)
def test_what_the_law_allows_is_not_found(path: str, line: str) -> None:
    assert list(offences(Source(path=PurePosixPath(path), text=line))) == []


def test_the_rooms_the_law_names_exist() -> None:
    rooms = {room(source.module) for source in python() if source.top == "services"}
    assert RANKS.keys() <= rooms
