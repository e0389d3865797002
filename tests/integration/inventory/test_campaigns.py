"""Campaigns over real Kafka, Postgres and Valkey: set aside on the eve, sold to its channels alone, free again once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from chassis.clock import ManualClock, SystemClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from schemas.events.commands_inventory import (
    BeginCampaign,
    CampaignLine,
    CloseCampaign,
    OpenCampaign,
)
from schemas.events.stock import StockReserved, StockShort
from schemas.events.stock_campaigns import CampaignChanged
from services.inventory.campaign_watch import CampaignWatch
from services.inventory.presale import read_presale
from services.inventory.shares import OpenCampaigns
from tests.integration.inventory.papers import Office, office
from tests.integration.inventory.rig import RULES, House, until
from tests.integration.inventory.test_channel_availability import publisher, told
from tests.integration.inventory.test_presale import AHEAD, bought, ordered
from tests.integration.inventory.test_stock_flow import SOUND, level
from tests.integration.inventory.tills import Till, open_till
from tests.unit.inventory.events import NOW, cancelled, paid, placed, receipt, refunded, shipped
from tests.unit.inventory.house import sharing_out

HARD = sharing_out()
ONE = [("A", 1)]
DAY = timedelta(days=1)


def opening(
    number: str,
    pieces: int,
    *channels: str,
    begins_in: timedelta = DAY,
    warehouse: str = "HZ",
    **more: Any,
) -> OpenCampaign:
    now = SystemClock().now()
    fields: dict[str, Any] = {
        "begins_at": now + begins_in,
        "ends_at": now + begins_in + DAY,
        "exclusive": False,
        "partial": False,
    }
    return OpenCampaign(
        document_no=number,
        command_id=f"open-{number}",
        issued_at=NOW,
        actor="li",
        name="双11",
        channels=channels,
        lines=(CampaignLine(warehouse=warehouse, sku="A", quantity=pieces),),
        reason="",
        **fields | more,
    )


def beginning(number: str) -> BeginCampaign:
    return BeginCampaign(
        document_no=number, command_id=f"begin-{number}", issued_at=NOW, actor="timer"
    )


def closing(number: str) -> CloseCampaign:
    return CloseCampaign(
        document_no=number, command_id=f"end-{number}", issued_at=NOW, actor="li", reason="over"
    )


async def in_turn(house: House, *parts: Sequence[Struct]) -> None:
    """Each part once the one before is applied: topics have no order among themselves."""
    for part in parts:
        await house.publish(part)
        await house.drained()


async def row(house: House, warehouse: str = "HZ") -> tuple[int, int, int]:
    """(on hand, reserved, kept) of A."""
    (found,) = await house.fetch(
        "SELECT on_hand, reserved, kept FROM inventory.stock WHERE sku = 'A' AND warehouse = $1",
        warehouse,
    )
    return tuple(found)


async def drawn(house: House) -> dict[tuple[str, str], tuple[int, int]]:
    """(held, sent) by campaign and channel."""
    rows = await house.fetch("SELECT campaign, channel, held, sent FROM inventory.campaign_uses")
    return {(one[0], one[1]): (one[2], one[3]) for one in rows}


async def answers(house: House) -> dict[str, StockReserved | StockShort]:
    """What each order was told first."""
    found: dict[str, StockReserved | StockShort] = {}
    for event in await house.emitted():
        if isinstance(event, StockReserved | StockShort):
            found.setdefault(event.order_id, event)
    return found


async def ended_once(till: Till, reservation: str) -> None:
    """The reservation stays when the campaign ends, and gives its piece to all when it is let go."""
    await in_turn(till.house, [closing("C1"), closing("C1"), beginning("C1")])
    assert (await row(till.house), await drawn(till.house)) == ((10, 5, 0), {})
    await till.act("release", reservation)
    await in_turn(till.house, [placed("after", [("A", 6)], channel="jd")])
    assert await row(till.house) == (10, 10, 0)
    assert await till.running.invariants() == SOUND


async def test_it_is_kept_on_the_eve_sold_by_its_channels_and_given_back_once(
    inventory: House,
) -> None:
    async with open_till(inventory) as till:  # 5 in HZ, 1 in GZ
        await in_turn(inventory, [receipt("r3", "HZ", [("A", 5)])], [opening("C1", 6, "taobao")])
        assert await row(inventory) == (10, 0, 6)
        # Nobody sells it on the eve: four are there for all, and GZ's one.
        eve = [placed(f"eve-{n}", ONE) for n in range(6)]
        await in_turn(inventory, eve[:5], eve[5:])
        assert (await level(inventory, "HZ", "A"), await level(inventory, "GZ", "A")) == (
            (10, 4),
            (1, 1),
        )
        short = (await answers(inventory))["eve-5"]
        assert isinstance(short, StockShort)
        assert (short.lines[0].available, short.lines[0].quota) == (0, "campaign:C1")
        refused = await till.reserve(
            "on-the-eve", lines=[{"sku": "A", "quantity": 1}], channel="pos"
        )
        assert refused.json()["missing"][0]["quota"] == "campaign:C1"

        # At midnight its channel does, and only it.
        await in_turn(
            inventory,
            [beginning("C1")],
            [placed("night-1", [("A", 2)])],
            [placed("night-2", ONE, channel="jd")],
        )
        assert await drawn(inventory) == {("C1", "taobao"): (2, 0)}
        assert isinstance((await answers(inventory))["night-2"], StockShort)
        # What was held on the eve and is not paid goes to all; what was held since comes back to it.
        await in_turn(inventory, [cancelled("eve-0")], [placed("night-3", ONE, channel="jd")])
        assert isinstance((await answers(inventory))["night-3"], StockReserved)
        await in_turn(inventory, [placed("night-4", ONE)], [cancelled("night-4")])
        assert (await row(inventory), await drawn(inventory)) == (
            (10, 6, 4),
            {("C1", "taobao"): (2, 0)},
        )
        made = await till.reserve("at-night", lines=[{"sku": "A", "quantity": 1}], channel="taobao")
        assert made.status_code == 201
        assert await drawn(inventory) == {("C1", "taobao"): (3, 0)}
        sent = [shipped("night-1", "HZ", [("A", 2)]), refunded("night-1", [("A", 2)])]
        await in_turn(inventory, [paid("night-1"), *sent])
        assert (await row(inventory), await drawn(inventory)) == (
            (10, 5, 5),
            {("C1", "taobao"): (1, 0)},
        )
        assert await till.running.invariants() == SOUND

        await ended_once(till, made.json()["reservation_id"])
    changes = [one for one in await inventory.emitted("stock-campaigns")
               if isinstance(one, CampaignChanged)]  # fmt: skip
    assert [(one.state, one.lines[0].sold, one.lines[0].given_back) for one in changes] == [
        ("set_aside", None, None),
        ("running", None, None),
        ("ended", 1, 5),
    ]


async def test_a_rush_from_stream_and_doors_sells_each_side_what_is_its_own(
    inventory: House,
) -> None:
    async with open_till(inventory) as till:
        begin = opening("C1", 60, "taobao", begins_in=-DAY / 2)
        await in_turn(inventory, [receipt("r3", "HZ", [("A", 95), ("B", 500)])], [begin])
        await till.running.campaigns.refresh(till.running.pool)

        async def rush(turn: str) -> None:
            lines = [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]
            asked = [
                till.reserve(f"rush-{turn}-{n}", channel="pos", lines=lines) for n in range(60)
            ]
            both = [("A", 1), ("B", 1)]
            ours = [placed(f"o{turn}-{n}", both, channel="taobao") for n in range(30)]
            other = [placed(f"s{turn}-{n}", [("B", 1)]) for n in range(30)]
            await asyncio.gather(inventory.publish([*ours, *other]), *asked)
            await inventory.drained()

        await rush("1")
        assert await till.running.invariants() == SOUND
        async with till.running.pool.acquire() as connection:
            await till.running.epochs.void(connection)
        await rush("2")
        on_hand, reserved, kept = await row(inventory)
        taken = (await drawn(inventory))["C1", "taobao"][0]
        told_yes = Counter(type(one) for one in (await answers(inventory)).values())
        assert (taken, told_yes[StockShort]) == (60, 0), "its sixty were there for it"
        assert (on_hand, reserved, kept) == (100, 100, 0)
        await until(till.running.keeper.look)
        assert await till.running.invariants() == SOUND


async def test_who_has_not_heard_of_it_yet_decides_as_who_has(inventory: House) -> None:
    async with inventory.running() as running:
        await in_turn(
            inventory,
            [receipt("r1", "HZ", [("A", 5)]), receipt("r2", "GZ", [("A", 5)])],
            [opening("C1", 5, "taobao")],
        )
        assert running.campaigns.skus == frozenset()
        # Valkey promises HZ's, where all is set aside; GZ has it.
        await in_turn(inventory, [placed("o1", ONE, channel="jd"), placed("o2", ONE)])
        found = await answers(inventory)
        assert [getattr(found[one], "warehouse", "") for one in ("o1", "o2")] == ["GZ", "GZ"]
        assert await running.invariants() == SOUND


async def test_its_clock_begins_it_and_ends_it_also_late(inventory: House) -> None:
    async with inventory.running() as running:
        start = SystemClock().now()
        clock = ManualClock(start)
        desk = CommandDesk(inventory.publisher, codec(), "inventory")
        watch = CampaignWatch(running.pool, desk, clock, OpenCampaigns())
        await in_turn(
            inventory,
            [receipt("r1", "HZ", [("A", 10)])],
            [opening("C1", 4, "taobao"), opening("C2", 3, "jd", begins_in=3 * DAY)],
        )
        assert await watch.look() == 0
        clock.advance(int(DAY.total_seconds() * 1000) + 60_000)
        assert await watch.look() == 1
        assert await watch.look() == 0, "once"
        await inventory.drained()
        await in_turn(inventory, [placed("o1", [("A", 2)])])
        assert await drawn(inventory) == {("C1", "taobao"): (2, 0)}
        # Nobody looked for a week: the second never began.
        clock.advance(7 * int(DAY.total_seconds() * 1000))
        assert await watch.look() == 2
        await inventory.drained()
        assert (await row(inventory), await watch.look()) == ((10, 2, 0), 0)
        assert await running.invariants() == SOUND


async def test_channels_are_told_what_is_set_aside_for_them(inventory: House) -> None:
    async with inventory.running() as running:
        offers = publisher(running, inventory)
        await in_turn(inventory, [receipt("r1", "HZ", [("A", 100)])])
        assert await offers.look() == 1
        await in_turn(inventory, [opening("C1", 40, "taobao")])
        assert await offers.look() == 1
        await in_turn(inventory, [beginning("C1")])
        assert await offers.look() == 1
        await in_turn(inventory, [closing("C1")])
        assert await offers.look() == 1
    numbers = await told(inventory)
    assert numbers["taobao|A"] == [68, 40, 80, 68]
    assert numbers["pos|A"] == [30, 18, 18, 30]


async def test_hard_quotas_and_campaigns_share_one_row(inventory: House) -> None:
    async with inventory.running(quotas=HARD) as running:
        await in_turn(
            inventory,
            [receipt("r1", "HZ", [("A", 100)])],
            [opening("C1", 50, "taobao", begins_in=-DAY / 2)],
            [placed("jd-1", [("A", 20)], channel="jd")],
            [placed("jd-2", ONE, channel="jd")],
            [placed("taobao-1", [("A", 50)])],
            [placed("pos-1", [("A", 30)], channel="pos")],
            [placed("pos-2", ONE, channel="pos")],
        )
        found = await answers(inventory)
        assert {key: type(one) for key, one in found.items()} == {
            **dict.fromkeys(("jd-1", "taobao-1", "pos-1"), StockReserved),
            **dict.fromkeys(("jd-2", "pos-2"), StockShort),
        }
        assert await running.invariants() == SOUND
        await in_turn(inventory, [closing("C1")])
        assert await running.invariants() == SOUND


async def test_goods_to_come_are_promised_again_once_its_rows_have_no_campaign(
    inventory: House,
) -> None:
    async with inventory.running(presale=AHEAD, clock=ManualClock(NOW)) as running:
        await in_turn(
            inventory,
            [receipt("r1", "HZ", [("A", 1)]), bought("P1", 10, 5)],
            [opening("C1", 1, "jd", begins_in=30 * DAY)],
            [ordered("o1", 2)],
            [closing("C1")],
            [ordered("o2", 2)],
        )
        found = await answers(inventory)
        dates = [getattr(found[one], "promised_for", None) for one in ("o1", "o2")]
        assert [date is not None for date in dates] == [False, True]
        assert await running.invariants() == SOUND


PAPER: dict[str, Any] = {
    "document_no": "C1",
    "name": "双11 预售夜",
    "channels": ["taobao", "douyin"],
    "from": "2036-11-11T00:00:00+08:00",
    "until": "2036-11-12T00:00:00+08:00",
    "lines": [{"warehouse": "HZ", "sku": "A", "pieces": 6}],
}


async def commanded(desk: Office, home: Path, **changed: Any) -> tuple[int, str]:
    file = home / "campaign.json"
    file.write_text(json.dumps({**PAPER, **changed}), encoding="utf-8")
    return await desk.at_terminal("campaign-open", str(file), "--actor", "li")


async def test_an_operator_opens_changes_looks_at_and_closes_one(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(inventory, tmp_path, monkeypatch) as desk:
        await in_turn(inventory, [receipt("r1", "HZ", [("A", 10)])])
        code, output = await commanded(
            desk, tmp_path, lines=[{"warehouse": "HZ", "sku": "A", "pieces": 11}]
        )
        assert (code, "HZ A 10/11" in output) == (1, True)
        assert await commanded(desk, tmp_path) == (0, "C1: 已留货，未开始\n")
        assert await commanded(desk, tmp_path) == (0, "C1: 已留货，未开始\n")
        code, output = await commanded(desk, tmp_path, name="another")
        assert (code, "单据号已用过" in output) == (1, True)
        code, output = await commanded(desk, tmp_path, until="2036-11-12T00:00:00")
        assert (code, "until" in output) == (1, True)

        line = ("--line", "HZ|A=2", "--reason", "more", "--actor", "li")
        for _ in range(2):
            code, output = await desk.at_terminal("campaign-adjust", "C1", "J1", *line)
            assert (code, output) == (0, "C1: 已留货，未开始\n")
        assert await row(inventory) == (10, 0, 8)
        await in_turn(inventory, [beginning("C1")], [placed("o1", [("A", 3)])])
        code, output = await desk.at_terminal("campaign", "C1", "--json")
        (shown,) = json.loads(output)["lines"]
        names = ("pieces", "kept", "held", "sent", "left", "given_back")
        assert tuple(shown[name] for name in names) == (8, 5, 3, 0, 5, 0)
        code, output = await desk.at_terminal("quotas", "A", "--json")
        assert [tuple(one.values()) for one in json.loads(output)[0]["shares"]] == [
            ("campaign:C1", 0, 3, 0, 5, 7, 8),
            ("shared", 100, 0, 0, 0, 2),
        ]
        code, output = await desk.at_terminal("quotas", "A", "--restart")
        assert (code, "C1" in output) == (1, True)
        for command in (("campaigns",), ("campaign", "C1"), ("quotas", "A"), ("verify",)):
            assert (await desk.at_terminal(*command))[0] == 0, command

        closing_it = ("campaign-close", "C1", "--reason", "sold enough", "--actor", "li")
        assert await desk.at_terminal(*closing_it) == (0, "C1: 已结束\n")
        assert await desk.at_terminal(*closing_it) == (0, "C1: 已结束\n")
        code, output = await desk.at_terminal("campaign", "C1", "--json")
        shown = json.loads(output)
        assert (shown["state"], shown["lines"][0]["sent"], shown["lines"][0]["given_back"]) == (
            "ended",
            3,
            5,
        )
        assert (await desk.at_terminal("campaign", "C9"))[0] == 2
        assert (await desk.at_terminal("campaign-close", "C9", "--reason", "r"))[0] == 2
        assert await desk.running.invariants() == SOUND


async def test_a_campaign_of_a_channel_nobody_knows_is_refused_and_sets_nothing_aside(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(inventory, tmp_path, monkeypatch, presale=read_presale(RULES)) as desk:
        await in_turn(inventory, [receipt("r1", "HZ", [("A", 10)])])
        code, output = await commanded(desk, tmp_path, channels=["taobao", "taobo", "Douyin"])
        assert code == 1
        assert "taobo, Douyin; known are taobao, jd, pdd, douyin" in output
        said = {**PAPER, "actor": "li", "channels": ["taobo"]}
        status, answer = await desk.post("/campaigns", said)
        assert (status, answer["code"]) == (422, "unknown_channel")
        # Nor does one that comes past the door.
        await in_turn(inventory, [opening("C9", 6, "taobao", "taobo")])
        assert (await desk.at_terminal("campaign", "C9"))[0] == 2
        assert (await desk.running.pool.fetchval("SELECT sum(kept) FROM inventory.stock")) == 0
        # Orders of a group-buy come in, though no number is told there.
        assert (await commanded(desk, tmp_path, channels=["groupbuy"]))[0] == 0
        assert await row(inventory) == (10, 0, 6)


async def test_what_somebody_took_from_a_campaign_is_found(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(inventory, tmp_path, monkeypatch) as desk:
        await in_turn(
            inventory,
            [receipt("r1", "HZ", [("A", 10)])],
            [opening("C1", 6, "taobao", begins_in=-DAY / 2)],
            [placed("o1", [("A", 2)])],
        )
        assert (await desk.running.invariants()).campaign_mismatch == 0
        await desk.spoil("UPDATE inventory.stock SET kept = 1")
        assert (await desk.running.invariants()).campaign_mismatch == 3
        await desk.spoil("UPDATE inventory.campaign_lines SET pieces = 5")
        assert (await desk.running.invariants()).campaign_mismatch == 1 + 2
        assert (await desk.at_terminal("verify"))[0] == 1
        await desk.spoil("UPDATE inventory.campaign_uses SET held = 1, sent = 3")
        assert (await desk.running.invariants()).quota_mismatch == 1 + 3
