"""The committed document of reservations and replenishment says what the doors do."""

import json
from typing import Any

from services.inventory import openapi
from services.inventory.api import REFUSED, Api, endpoints
from services.inventory.hold_doors import METHOD, PATH
from services.inventory.purchase_papers import PURCHASE_DOORS
from services.inventory.replenishing import Replenishment
from services.inventory.replenishment_doors import replenishment_routes


def test_the_committed_api_document_is_the_current_one() -> None:
    committed = openapi.COMMITTED.read_text(encoding="utf-8")
    assert committed == openapi.rendered(), "run: python -m services.inventory.openapi"


def test_every_door_is_described_and_nothing_else() -> None:
    nobody: Any = None
    doors = {(method, path) for method, path, _ in endpoints(Api(nobody))}
    doors |= {("POST", path) for path in PURCHASE_DOORS} | {(METHOD, PATH)}
    for route in replenishment_routes(Replenishment(nobody, nobody), nobody, token=""):
        doors |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
    assert doors == set(openapi.OPERATIONS)


def test_every_refusal_of_the_desk_is_named() -> None:
    named = json.dumps(openapi.document())
    assert all(code in named for _, code, _ in REFUSED.values())


def test_every_reference_leads_to_a_schema() -> None:
    document = openapi.document()
    schemas = document["components"]["schemas"]
    references: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            references.update(v for k, v in value.items() if k == "$ref")
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)
    assert references
    assert all(one.rpartition("/")[2] in schemas for one in references)
