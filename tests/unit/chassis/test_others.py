"""An event may change another aggregate of its table: with a version of its own, in the same batch."""

from __future__ import annotations

from msgspec.structs import replace

from chassis.codec import codec
from chassis.processor import Decision, Kept, Known, Moment, NoFacts, Processor, Record, fold
from schemas.events.orders import OrderPaid
from tests.support.toy import NOON, ToyOrder, _changed
from tests.unit.inventory.events import paid


def decide(
    state: ToyOrder | None, event: OrderPaid, _facts: NoFacts, moment: Moment
) -> Decision[ToyOrder]:
    order = state or ToyOrder()
    return Decision(
        state=replace(order, paid=order.paid + 1),
        events=(_changed(event.order_id, "paid", moment), _changed("other", "ended", moment)),
        others=(("other", ToyOrder(placed=9)),),
    )


def test_another_aggregate_changes_with_its_own_versions() -> None:
    processor: Processor[ToyOrder] = Processor(
        name="toy", table="toy.orders", state=ToyOrder, handlers={OrderPaid: decide}
    )
    topic = "order-states"
    other: Kept[ToyOrder] = Kept(state=ToyOrder(placed=1), emitted={topic: 6})
    known = Known(facts=NoFacts(), kept={"other": other})
    event = replace(paid("o1"), version=1)
    record = Record("orders", 0, 0, "o1", 1, event, raw=b"")
    folded = fold(processor, codec(), [record], known, NOON)
    assert folded.touched == {"o1", "other"}
    assert known.kept["other"].state == ToyOrder(placed=9)
    assert (known.kept["o1"].emitted, other.emitted) == ({topic: 1}, {topic: 7})
    assert [(one.key, codec().decode(one.value).version) for one in folded.emitted] == [  # type: ignore[attr-defined]
        ("o1", 1),
        ("other", 7),
    ]
