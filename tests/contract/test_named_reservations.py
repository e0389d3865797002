"""An own store tells with its order which reservation of ours it is of; what is none does no harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chassis.plugins import load
from services.ingest.channels import Channel
from services.ingest.domain.model import CanonicalOrder, ProblemCode

EXAMPLES = Path(__file__).parent / "examples" / "channels"
ID = "rsv-abcdefghijklmnop2345"
CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)
MALFORMED = ProblemCode.RESERVATION_MALFORMED


def of_a_till(receipt: Any, named: object) -> None:
    for one in receipt["orders"]:
        one["reservation_id"] = named


def of_shopify(order: Any, named: object) -> None:
    order["note_attributes"] = [{"name": "gift", "value": True}, _note("name", named)]


def of_woocommerce(order: Any, named: object) -> None:
    order["meta_data"] = [{"id": 1, "key": "_plugin", "value": {"a": [1]}}, _note("key", named)]


def _note(name: str, named: object) -> dict[str, object]:
    return {name: "danshu_reservation", "value": named}


def read(
    path: Path, noted: Callable[[Any, object], None], named: object
) -> tuple[CanonicalOrder, set[str]]:
    payload = json.loads((EXAMPLES / path).read_bytes())
    noted(payload.get("order", payload), named)
    found = CHANNELS[path.parts[0]].normalise(json.dumps(payload).encode())[0]
    assert found.order is not None
    return found.order, {problem.code for problem in found.problems}


SHOPS = pytest.mark.parametrize(
    ("path", "noted"),
    [
        (Path("pos/batch_two_receipts.json"), of_a_till),
        (Path("shopify/order_paid.json"), of_shopify),
        (Path("woocommerce/order_processing.json"), of_woocommerce),
    ],
    ids=lambda value: getattr(value, "stem", ""),
)


@SHOPS
def test_the_order_names_its_reservation_and_says_nothing_else_anew(
    path: Path, noted: Callable[[Any, object], None]
) -> None:
    order, problems = read(path, noted, ID)
    before, same_problems = read(path, noted, None)
    assert (order.reservation_id, before.reservation_id) == (ID, "")
    assert problems == same_problems
    changed = msgspec.structs.replace(order, reservation_id="", extensions=before.extensions)
    assert changed == before


@SHOPS
@pytest.mark.parametrize("named", ["o1", "rsv-", ID.upper(), f"{ID}\n.", "x" * 5_000])
def test_what_is_no_id_is_named_and_left_out(
    path: Path, noted: Callable[[Any, object], None], named: str
) -> None:
    order, problems = read(path, noted, named)
    assert order.reservation_id == ""
    assert MALFORMED in problems
