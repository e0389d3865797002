"""Goods of who is paying are kept longer: so long, so often, and never once their time is over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.processor import Decision
from schemas.events.commands_inventory import ExtendHold
from schemas.events.stock import StockHoldExtended
from services.inventory.domain.extending import extended
from services.inventory.domain.model import Aggregate, Asked, Extension, Hold, Lease
from tests.unit.inventory.test_handlers import EXPIRED, PAID, SHORT, decide, expiry
from tests.unit.inventory.test_handlers import HELD as ORDER

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
LEASE = Lease(
    time=timedelta(minutes=30), rule="t@1#r", extension=timedelta(minutes=10), extensions_max=2
)
MINUTE = timedelta(minutes=1)
HELD = Hold(state="held", generation=1, held=(("A", 1),), warehouse="HZ", expires_at=NOW + MINUTE)
ONCE = replace(
    HELD, expires_at=NOW + 10 * MINUTE, extensions=(Extension("k1", 0, NOW + 10 * MINUTE),)
)
LATER = NOW + 5 * MINUTE
NONE_LEFT = replace(LEASE, extensions_max=1)


@pytest.mark.parametrize(
    ("hold", "key", "for_s", "lease", "now", "then"),
    [
        (HELD, "k1", 0, LEASE, NOW, ONCE),
        (
            HELD,
            "k1",
            86_400,
            LEASE,
            NOW,
            replace(ONCE, extensions=(Extension("k1", 86_400, NOW + 10 * MINUTE),)),
        ),
        (HELD, "k1", 0, LEASE, NOW + MINUTE, "expired"),
        (HELD, "k1", 0, replace(LEASE, extensions_max=0), NOW, "extension_limit"),
        (HELD, "k1", 0, replace(LEASE, extension=timedelta()), NOW, "extension_limit"),
        (HELD, "k1", 30, LEASE, NOW, HELD),
        (ONCE, "k1", 0, LEASE, LATER, ONCE),
        (ONCE, "k1", 0, LEASE, NOW + 60 * MINUTE, ONCE),
        (ONCE, "k1", 60, LEASE, LATER, "key_reused"),
        (ONCE, "k2", 0, NONE_LEFT, LATER, "extension_limit"),
        (ONCE, "k1", 0, NONE_LEFT, LATER, ONCE),
    ],
)
def test_what_an_extension_comes_to(
    hold: Hold, key: str, for_s: int, lease: Lease, now: datetime, then: Hold | str
) -> None:
    assert extended(hold, key, for_s, lease, now) == then


@given(
    asked=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([0, 30, 600, 86_400]), st.integers(0, 900)),
        max_size=8,
    )
)
def test_goods_are_never_kept_shorter_nor_beyond_what_the_rule_allows_in_all(
    asked: list[tuple[int, int, int]],
) -> None:
    hold, now = replace(HELD, expires_at=NOW + LEASE.time), NOW
    for key, for_s, waited_s in asked:
        now += timedelta(seconds=waited_s)
        longer = extended(hold, f"k{key}", for_s, LEASE, now)
        if isinstance(longer, Hold):
            assert longer.expires_at is not None
            assert hold.expires_at is not None
            assert longer.expires_at >= hold.expires_at
            hold = longer
    assert hold.expires_at is not None
    assert hold.expires_at <= NOW + LEASE.time + LEASE.extensions_max * LEASE.extension
    assert len({one.key for one in hold.extensions}) == len(hold.extensions)


# ---- of orders ---------------------------------------------------------------------------------------

UNTIL = NOW + timedelta(minutes=40)
KEPT = replace(ORDER, expires_at=UNTIL, extensions=(Extension("k1", 0, UNTIL),))


def extension(key: str = "k1") -> ExtendHold:
    return ExtendHold(
        order_id="o1",
        command_id="c",
        issued_at=NOW,
        actor="shop",
        extension_key=key,
        reason="pays",
    )


def test_a_payment_in_progress_keeps_the_goods_of_an_order() -> None:
    decision = decide(ORDER, extension())
    assert decision == Decision(
        state=KEPT,
        events=(
            StockHoldExtended(
                order_id="o1",
                version=0,
                occurred_at=NOW,
                expires_at=UNTIL,
                extensions=1,
                rule="h@1#r",
                actor="shop",
                reason="pays",
            ),
        ),
        result_id=UNTIL.isoformat(),
    )


@pytest.mark.parametrize(
    ("state", "command", "refusal"),
    [
        (None, "k1", "unknown_order"),
        (replace(ORDER, asked=Asked(reference="till", digest="d")), "k1", "unknown_order"),
        (EXPIRED, "k1", "not_held"),
        (SHORT, "k1", "not_held"),
        (PAID, "k1", "paid"),
        (replace(ORDER, expires_at=NOW), "k1", "expired"),
        (KEPT, "k2", "extension_limit"),
    ],
)
def test_an_extension_is_refused_where_there_is_nothing_to_keep(
    state: Aggregate | None, command: str, refusal: str
) -> None:
    assert decide(state, extension(command)) == Decision(state=state, refusal=refusal)


def test_the_same_key_extends_once_and_a_timer_that_looked_before_ends_nothing() -> None:
    again = decide(KEPT, extension("k1"))
    assert again == Decision(state=KEPT, result_id=UNTIL.isoformat())
    assert decide(KEPT, expiry()) == Decision(state=KEPT, refusal="extended")
    due = decide(KEPT, replace(expiry(), extensions=1))
    assert due.state == replace(EXPIRED, extensions=KEPT.extensions)
