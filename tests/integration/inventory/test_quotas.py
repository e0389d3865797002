"""Hard quotas over real Kafka, Postgres and Valkey: the stream and the doors share a SKU out, and nobody gets another's."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest
from msgspec import Struct

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from schemas.events.reservations import ReservationShort
from schemas.events.stock import StockReserved, StockShort
from services.inventory import backorders
from services.inventory.backorders import Backorders, read_line
from services.inventory.shares import begin_counting
from services.inventory.store import SQL
from tests.integration.inventory.papers import office
from tests.integration.inventory.rig import RULES, SOURCING, House, until
from tests.integration.inventory.test_channel_availability import publisher, told
from tests.integration.inventory.test_stock_flow import SOUND, level
from tests.integration.inventory.tills import open_till
from tests.unit.inventory.events import NOW, cancelled, paid, placed, receipt, refunded, shipped
from tests.unit.inventory.house import sharing_out

HARD = sharing_out()
ONE = [("A", 1)]


async def uses(house: House, sku: str = "A") -> dict[str, tuple[int, int]]:
    """(held, sent) by channel, in HZ."""
    rows = await house.fetch(
        "SELECT channel, held, sent FROM inventory.channel_uses WHERE sku = $1 AND warehouse = 'HZ'",
        sku,
    )
    return {row["channel"]: (row["held"], row["sent"]) for row in rows}


async def kept(house: House, sku: str = "A") -> int:
    rows = await house.fetch(
        "SELECT kept FROM inventory.stock WHERE sku = $1 AND warehouse = 'HZ'", sku
    )
    return int(rows[0]["kept"])


async def outcomes(house: House) -> dict[str, type]:
    """What each order was told first."""
    found: dict[str, type] = {}
    for event in await house.emitted():
        if isinstance(event, StockReserved | StockShort):
            found.setdefault(event.order_id, type(event))
    return found


async def in_turn(house: House, *parts: Sequence[Struct]) -> None:
    """Each part once the one before is applied: topics have no order among themselves."""
    for part in parts:
        await house.publish(part)
        await house.drained()


def orders(channel: str, numbers: Sequence[int]) -> list[Struct]:
    return [placed(f"{channel}-{number}", ONE, channel=channel) for number in numbers]


async def test_no_group_gets_what_is_kept_for_another_and_what_left_stays_counted(
    inventory: House,
) -> None:
    async with open_till(inventory, HARD) as till:  # 5 in HZ, 1 in GZ
        await inventory.publish([receipt("r3", "HZ", [("A", 5)])])
        await inventory.drained()
        assert await kept(inventory) == 10
        await in_turn(
            inventory, orders("taobao", range(6)), *([one] for one in orders("jd", range(3)))
        )
        # Seven of ten in HZ, and the odd one of GZ that is nobody's.
        assert await uses(inventory) == {"taobao": (6, 0), "jd": (1, 0)}
        assert await level(inventory, "GZ", "A") == (1, 1)
        assert await till.running.invariants() == SOUND
        short = next(e for e in await inventory.emitted() if isinstance(e, StockShort))
        (line,) = short.lines
        assert (short.order_id, line.wanted, line.available, line.quota) == ("jd-2", 1, 0, "online")

        levels = (await till.client.get("/availability", params={"sku": "A"})).json()
        assert [(one["warehouse"], one["available"], one.get("kept")) for one in levels] == [
            ("GZ", 0, None),
            ("HZ", 3, 3),
        ]
        asked = {"lines": [{"sku": "A", "quantity": 4}], "channel": "pos"}
        refused = await till.reserve("too-many", **asked)
        assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_stock")
        assert refused.json()["missing"] == [{"sku": "A", "quantity": 4, "available": 3}]
        nobody = await till.reserve("of-no-channel", lines=[{"sku": "A", "quantity": 1}])
        assert nobody.json()["missing"][0]["quota"] == "shared"
        made = await till.reserve("the-rest", **(asked | {"partial": True}))
        assert made.json()["lines"] == [{"sku": "A", "quantity": 4, "held": 3}]

        # Online sends its seven. The three that lie there still are the stores'.
        sent = [*(f"taobao-{n}" for n in range(6)), "jd-0"]
        await inventory.publish([shipped(order_id, "HZ", ONE) for order_id in sent])
        await till.act("release", made.json()["reservation_id"])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (3, 0)
        await inventory.publish(orders("taobao", [10]))
        await inventory.drained()
        assert (await outcomes(inventory))["taobao-10"] is StockShort
        assert await kept(inventory) == 3
        # What comes back may be sold by its group again; so may seven of ten that come in.
        await inventory.publish([refunded("jd-0", ONE)])
        await inventory.drained()
        assert await uses(inventory) == {"taobao": (0, 6), "jd": (0, 0), "pos": (0, 0)}
        await inventory.publish([receipt("r4", "HZ", [("A", 10)])])
        await inventory.drained()
        await inventory.publish(orders("jd", range(20, 30)))
        await inventory.drained()
        answers = await outcomes(inventory)
        assert Counter(answers[f"jd-{n}"] for n in range(20, 30)) == {
            StockReserved: 8,
            StockShort: 2,
        }
        assert await till.running.invariants() == SOUND
    assert any(
        isinstance(event, ReservationShort) and event.lines[0].quota == "shared"
        for event in await inventory.emitted("reservations")
    )


async def test_stream_and_doors_at_once_with_and_without_valkey_keep_to_the_shares(
    inventory: House,
) -> None:
    async with open_till(inventory, HARD) as till:
        await inventory.publish([receipt("r3", "HZ", [("A", 95), ("SOFT", 200)])])
        await inventory.drained()

        async def rush(turn: str) -> None:
            lines = {"lines": [{"sku": "A", "quantity": 1}, {"sku": "SOFT", "quantity": 1}]}
            asked = [till.reserve(f"rush-{turn}-{n}", channel="pos", **lines) for n in range(40)]
            both = [("A", 1), ("SOFT", 1)]
            events = [placed(f"o{turn}-{n}", both, channel="taobao") for n in range(60)]
            soft = [placed(f"s{turn}-{n}", [("SOFT", 1)]) for n in range(20)]
            mixed = [
                one for pair in zip(events, [*soft, *soft, *soft], strict=False) for one in pair
            ]
            await asyncio.gather(inventory.publish(mixed), *asked)
            await inventory.drained()

        await rush("1")
        assert await till.running.invariants() == SOUND
        async with till.running.pool.acquire() as connection:
            await till.running.epochs.void(connection)
        await rush("2")
        found = await uses(inventory)
        assert (found["taobao"], found["pos"]) == ((70, 0), (30, 0))
        assert await level(inventory, "HZ", "A") == (100, 100)
        await until(till.running.keeper.look)
        assert await till.running.invariants() == SOUND


async def test_goods_that_come_go_past_orders_whose_quota_is_used_up(inventory: House) -> None:
    async with inventory.running(quotas=HARD) as running:
        await in_turn(
            inventory,
            [*orders("taobao", range(3)), *(paid(f"taobao-{n}") for n in range(3))],
            [*orders("pos", range(2)), *(paid(f"pos-{n}") for n in range(2))],
            [receipt("r1", "HZ", [("A", 3)])],
        )
        desk = CommandDesk(inventory.publisher, codec(), "inventory")
        line = Backorders(running.pool, desk, ManualClock(NOW), SOURCING, read_line(RULES), HARD)
        # Two of three are theirs, none the stores'; the odd one is had by who waits longest.
        assert await line.look() == 3
        await inventory.drained()
        assert await uses(inventory) == {"taobao": (3, 0)}
        await inventory.publish([receipt("r2", "HZ", [("A", 7)])])
        await inventory.drained()
        assert await line.look() == 2
        await inventory.drained()
        assert await uses(inventory) == {"taobao": (3, 0), "pos": (2, 0)}
        await inventory.publish(orders("jd", range(5)))
        await inventory.publish([paid(f"jd-{n}") for n in range(5)])
        await inventory.drained()
        assert (await uses(inventory))["jd"] == (4, 0)
        assert await line.look() == 0, "one that waits is not asked for again and again"
        assert await running.invariants() == SOUND


async def test_who_waits_for_goods_that_are_kept_for_others_keeps_nobody_from_the_line(
    inventory: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backorders, "LOOK_MAX", 2)
    async with inventory.running(quotas=HARD) as running:
        await in_turn(
            inventory,
            [receipt("r1", "HZ", [("A", 10)])],
            orders("pos", range(3)),
            [one for n in range(9) for one in (*orders("taobao", [n]), paid(f"taobao-{n}"))],
            [*orders("pos", [9]), paid("pos-9")],
            [cancelled("pos-0")],
        )
        assert await level(inventory, "HZ", "A") == (10, 9)
        desk = CommandDesk(inventory.publisher, codec(), "inventory")
        line = Backorders(running.pool, desk, ManualClock(NOW), SOURCING, read_line(RULES), HARD)
        assert [await line.look() for _ in range(2)] == [0, 1]
        await inventory.drained()
        assert (await uses(inventory))["pos"] == (3, 0)


async def test_a_row_that_was_promised_before_it_had_a_quota_is_counted_with_what_was(
    inventory: House,
) -> None:
    async with inventory.running():
        await in_turn(
            inventory,
            [receipt("r1", "HZ", [("A", 10), ("SOFT", 1)])],
            [*orders("taobao", range(8)), *orders("groupbuy", range(1))],
        )
        assert await uses(inventory) == {}
    async with inventory.running(quotas=HARD) as running:
        assert await begin_counting(running.pool, HARD, rows_a_look=1) == 1
        assert await begin_counting(running.pool, HARD) == 0
        assert await uses(inventory) == {"taobao": (8, 0), "groupbuy": (1, 0)}
        assert (await kept(inventory), await kept(inventory, "SOFT")) == (1, 0)
        await inventory.publish([*orders("jd", range(1)), *orders("pos", range(1))])
        await inventory.publish([cancelled("taobao-0"), cancelled("groupbuy-0")])
        await inventory.drained()
        answers = await outcomes(inventory)
        assert [answers[key] for key in ("jd-0", "pos-0")] == [StockShort, StockReserved]
        assert await running.invariants() == SOUND


async def test_postgres_stops_who_knows_nothing_of_quotas(inventory: House) -> None:
    async with inventory.running(quotas=HARD) as running:
        await in_turn(inventory, [receipt("r1", "HZ", [("A", 10)])], orders("taobao", range(7)))
        with pytest.raises(asyncpg.CheckViolationError, match="kept_for_its_group"):
            await running.pool.execute(SQL["write_rows"], ["HZ"], ["A"], [10], [8])
        assert await level(inventory, "HZ", "A") == (10, 7)


async def test_a_count_that_was_spoilt_is_found_and_made_anew(inventory: House) -> None:
    async with inventory.running(quotas=HARD) as running:
        await in_turn(
            inventory,
            [receipt("r1", "HZ", [("A", 10)])],
            orders("taobao", range(4)),
            [shipped("taobao-0", "HZ", ONE)],
        )
        assert await uses(inventory) == {"taobao": (3, 1)}
        await inventory.fetch("UPDATE inventory.channel_uses SET held = 1, sent = 5")
        assert (await running.invariants()).quota_mismatch == 6


async def test_a_person_sees_how_a_sku_is_shared_out_and_begins_anew(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(inventory, tmp_path, monkeypatch, HARD) as desk:
        await in_turn(
            inventory,
            [receipt("r1", "HZ", [("A", 10), ("SOFT", 1)])],
            orders("taobao", range(7)),
            [shipped("taobao-0", "HZ", ONE)],
        )
        code, output = await desk.at_terminal("quotas", "A", "--json")
        (row,) = json.loads(output)
        assert (code, row["warehouse"]) == (0, "HZ")
        assert [tuple(share.values()) for share in row["shares"]] == [
            ("online", 70, 6, 1, 0, 0),
            ("stores", 30, 0, 0, 3, 3),
            ("shared", 0, 0, 0, 0, 0),
        ]
        code, output = await desk.at_terminal("show", "A")
        assert (code, "其中专留" in output) == (0, True)
        code, output = await desk.at_terminal("quotas", "A", "--restart")
        assert (code, output.endswith("已重新起算：HZ\n")) == (0, True)
        assert await desk.at_terminal("quotas", "A", "--restart") == (0, "没有变化\n")
        # Of the nine that are left six are online's, which it has; the odd one is nobody's.
        await inventory.publish(orders("jd", range(3)))
        await inventory.drained()
        code, output = await desk.at_terminal("quotas", "A", "--json")
        (row,) = json.loads(output)
        assert [tuple(share.values()) for share in row["shares"]] == [
            ("online", 70, 7, 0, 0, 0),
            ("stores", 30, 0, 0, 2, 2),
            ("shared", 0, 0, 0, 0, 0),
        ]
        assert (await desk.at_terminal("quotas", "SOFT", "--json"))[1] == "[]\n"
        status, answer = await desk.post("/quotas/restart", {"sku": "A"})
        assert (status, answer["code"]) == (422, "malformed")
        code, output = await desk.at_terminal("verify")
        assert code == 0
        await inventory.fetch("UPDATE inventory.channel_uses SET held = 9 WHERE channel = 'jd'")
        code, output = await desk.at_terminal("verify")
        assert (code, "danshu inventory quotas SKU --restart" in output) == (1, True)
        await desk.at_terminal("quotas", "A", "--restart")
        code, output = await desk.at_terminal("verify")
        assert code == 0


async def test_channels_are_told_what_their_group_may_still_have(inventory: House) -> None:
    async with inventory.running(quotas=HARD) as running:
        offers = publisher(running, inventory, quotas=HARD)
        await inventory.publish([receipt("r1", "HZ", [("A", 100), ("SOFT", 100)])])
        await inventory.drained()
        assert await offers.look() == 2
        await inventory.publish(orders("taobao", range(60)))
        await inventory.drained()
        assert await offers.look() == 1
    numbers = await told(inventory)
    assert numbers["taobao|A"] == [70, 10]
    assert numbers["jd|A"] == [70, 10]
    assert numbers["pos|A"] == [30, 30]
    assert numbers["pos|SOFT"] == [50]
