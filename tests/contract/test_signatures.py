"""Worked examples of every channel, carrier and gateway that signs: `examples/*/signatures.json`.

Each file is one that `danshu ingest sign --vectors` reads; what is computed here is computed by what the
plug-ins sign and verify with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chassis.plugins import load
from cli.ingest import Vector, Vectors, recomputed, signers
from services.fulfillment.carriers import Provider
from services.ingest.channels import Channel
from services.refunds.gateways import Gateway


class Example(Vector, frozen=True, kw_only=True):
    """A vector with its answer."""

    expected: str


class Examples(Vectors, frozen=True, kw_only=True):
    """A file of them."""

    vectors: list[Example]  # type: ignore[assignment]


FILES = sorted((Path(__file__).parent / "examples").glob("*/signatures.json"))
EXAMPLES = {
    file.parent.name: msgspec.json.decode(file.read_bytes(), type=Examples).vectors
    for file in FILES
}
ALL = [example for examples in EXAMPLES.values() for example in examples]
SIGNED_BESIDE_CHANNELS = [*EXAMPLES["carriers"], *EXAMPLES["gateways"]]
UNSIGNED = {"string_to_sign", "msg_type", "sign_type"}
"""Fields that explain, or that one party's signature leaves out."""


def test_no_two_parties_share_a_name() -> None:
    registries = (
        load("services.ingest.channels", "CHANNEL", Channel),
        load("services.fulfillment.carriers", "PROVIDER", Provider),
        load("services.refunds.gateways", "GATEWAY", Gateway),
    )
    assert sum(map(len, registries)) == len(signers())


def test_every_carrier_and_gateway_has_an_example() -> None:
    carriers = load("services.fulfillment.carriers", "PROVIDER", Provider)
    assert {one.channel for one in EXAMPLES["carriers"]} == set(carriers)
    assert {one.channel for one in EXAMPLES["gateways"]} == set(
        load("services.refunds.gateways", "GATEWAY", Gateway)
    )


@pytest.mark.parametrize("example", ALL, ids=lambda one: one.id)
def test_an_example_is_reproduced(example: Example) -> None:
    assert recomputed(example) == example.expected


@pytest.mark.parametrize("example", SIGNED_BESIDE_CHANNELS, ids=lambda one: one.id)
def test_an_example_with_one_letter_more_is_another(example: Example) -> None:
    changes = list(changed(example.input))
    assert changes
    for inputs in changes:
        found = recomputed(msgspec.structs.replace(example, input=inputs))
        assert found != example.expected or found == "REJECT", inputs


@pytest.mark.parametrize(
    "example", [one for one in SIGNED_BESIDE_CHANNELS if one.secret], ids=lambda one: one.id
)
def test_an_example_under_another_secret_is_another(example: Example) -> None:
    for secret in (*changed(example.secret), 1, "", {}):
        found = recomputed(msgspec.structs.replace(example, secret=secret))
        assert found != example.expected


def changed(value: Any) -> list[Any]:
    """Every way to put one letter before a text in it that is signed."""
    if isinstance(value, str):
        return ["x" + value]
    return [
        value | {name: other}
        for name, part in value.items()
        if name not in UNSIGNED
        for other in changed(part)
    ]
