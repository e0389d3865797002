"""Was everything sent applied once, and told onward once and in order? Pure: a history in, findings out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chassis.ids import event_id_text

ANSWERS = Counter({"OrderStateChanged:placed": 1, "OrderStateChanged:paid": 1, "OrderStateChanged:done": 1})  # fmt: skip
"""What the toy answers to an order placed and paid; a hold that is done adds one OrderHeld."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was published: each order placed and paid, duplicates not counted; command id → order."""

    orders: frozenset[str]
    holds: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Out:
    """One record of an emitted topic as it lies there."""

    topic: str
    partition: int
    offset: int
    key: str
    version: int
    kind: str
    """Record type, with the new state where it is a change of state."""
    value: bytes
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was sent, and everything that could be read afterwards."""

    sent: Sent
    applied: Mapping[str, tuple[int, int]]
    """Order → how often placed and paid were applied."""
    emitted: tuple[Out, ...]
    """In order of topic, partition and offset."""
    settled: Mapping[str, str]
    """Command → outcome in the table."""
    results: tuple[tuple[str, str], ...]
    """Command and outcome, as told on the topic."""
    offsets: Mapping[tuple[str, int], int]
    ends: Mapping[tuple[str, int], int]
    unmarked: int
    parked: int
    dead: int


def findings(history: History) -> tuple[str, ...]:
    """Every disagreement, each with the ids that show it. A history without orders is one."""
    if not (history.sent.orders and history.sent.holds and history.emitted):
        return ("looked at nothing",)
    return (
        *_applied(history),
        *_payloads(history),
        *_order(history),
        *_complete(history),
        *_commands(history),
        *_pipeline(history),
    )


def _applied(history: History) -> Iterator[str]:
    for order_id in sorted(history.sent.orders | history.applied.keys()):
        placed, paid = history.applied.get(order_id, (0, 0))
        wanted = 1 if order_id in history.sent.orders else 0
        if (placed, paid) != (wanted, wanted):
            yield f"applied: {order_id} was placed {placed} and paid {paid} times"


def _payloads(history: History) -> Iterator[str]:
    values: defaultdict[tuple[str, str, int], set[bytes]] = defaultdict(set)
    for out in history.emitted:
        values[out.topic, out.key, out.version].add(out.value)
        derived = event_id_text(out.topic, out.key, out.version, out.kind.partition(":")[0])
        if out.event_id != derived:
            yield f"ids: {out.key} v{out.version} has {out.event_id}, derived is {derived}"
    for (topic, key, version), payloads in values.items():
        if len(payloads) > 1:
            yield f"payloads: {topic} {key} v{version} has {len(payloads)}"


def _order(history: History) -> Iterator[str]:
    newest: defaultdict[tuple[str, str], int] = defaultdict(int)
    partition_of: dict[tuple[str, str], int] = {}
    for out in history.emitted:
        stream = (out.topic, out.key)
        if partition_of.setdefault(stream, out.partition) != out.partition:
            yield f"order: {stream} lies in two partitions"
        if out.version > newest[stream] + 1:
            yield f"order: {stream} v{out.version} follows v{newest[stream]}"
        newest[stream] = max(newest[stream], out.version)


def _complete(history: History) -> Iterator[str]:
    told: defaultdict[str, dict[tuple[str, int], str]] = defaultdict(dict)
    for out in history.emitted:
        told[out.key][out.topic, out.version] = out.kind
    held = Counter(
        order_id
        for command_id, order_id in history.sent.holds.items()
        if history.settled.get(command_id) == "done"
    )
    for order_id in sorted(history.sent.orders | told.keys()):
        wanted = ANSWERS + Counter({"OrderHeld": held[order_id]})
        answers = Counter(told[order_id].values())
        if answers != wanted:
            yield f"answers: {order_id} has {dict(answers)}, wanted {dict(wanted)}"


def _commands(history: History) -> Iterator[str]:
    told: defaultdict[str, set[str]] = defaultdict(set)
    for command_id, outcome in history.results:
        told[command_id].add(outcome)
    for command_id in sorted(history.sent.holds.keys() | told.keys()):
        wanted = {history.settled.get(command_id, "nothing")}
        if told[command_id] != wanted:
            yield f"commands: {command_id} was told {told[command_id]}, settled is {wanted}"


def _pipeline(history: History) -> Iterator[str]:
    for pair, end in history.ends.items():
        if end and history.offsets.get(pair) != end:
            yield f"offsets: {pair} stands at {history.offsets.get(pair)} of {end}"
    for name in ("unmarked", "parked", "dead"):
        if count := getattr(history, name):
            yield f"left over: {count} {name}"
