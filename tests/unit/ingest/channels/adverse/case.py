"""One hostile or odd payload, and what `danshu ingest normalise` has to say about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from cli.ingest import meaning
from services.ingest.channels import Channel
from services.ingest.domain.model import ProblemCode
from tests.unit.ingest.channels.builders import encoded


class Case(Struct, frozen=True):
    """`native` is JSON, or the bytes of the file. `reasons` are all codes named, and no others.

    `orders` are all orders of the answer; of each, only the fields that matter here.
    """

    name: str
    native: Any
    orders: Sequence[Mapping[str, Any]] = ()
    reasons: frozenset[ProblemCode] = frozenset()
    accept: bool = True


def named(*codes: ProblemCode) -> frozenset[ProblemCode]:
    """The codes of the reasons."""
    return frozenset(codes)


def refused(name: str, native: Any, *codes: ProblemCode) -> Case:
    """Nothing of the payload goes on."""
    return Case(name, native, reasons=named(*codes), accept=False)


def assert_means(channel: Channel, case: Case) -> None:
    """Hold the channel to the case."""
    body = case.native if isinstance(case.native, bytes) else encoded(case.native)
    found = channel.normalise(body)
    codes = {problem.code for one in found for problem in one.problems}
    said = meaning(found)
    assert said.accept == case.accept, said
    assert codes == set(case.reasons), said
    assert len(said.orders) == len(case.orders), said
    for order, expected in zip(said.orders, case.orders, strict=True):
        _assert_holds(order, expected, "order")


def _assert_holds(found: Any, expected: Any, path: str) -> None:
    if isinstance(expected, Mapping):
        for key, value in expected.items():
            _assert_holds(found[key], value, f"{path}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), (path, found)
        for at, (one, wanted) in enumerate(zip(found, expected, strict=True)):
            _assert_holds(one, wanted, f"{path}[{at}]")
    else:
        assert found == expected, (path, found, expected)
