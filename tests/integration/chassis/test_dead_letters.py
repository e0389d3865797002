"""From a poison record to its aggregate mended, through the operator's commands, on real servers."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import msgspec
import pytest
from typer.testing import Result

from chassis import deadletter
from chassis.codec import Codec, codec
from chassis.deadletter import NotRedriven, Redriven, Refusal
from chassis.postgres import Connection, migrate
from chassis.service import CHASSIS_MIGRATIONS
from cli.dead_letters import app
from cli.reach import database
from deploy.embedded.stack import Stack
from schemas.events.order_states import OrderStateChanged
from schemas.events.orders import OrderPlaced
from schemas.lock import read_lock
from tests.support.rigs import ServerRig, server_rig
from tests.support.toy import ToyOrder, hold, paid, placed

SECRET = "测试收货人"
BY_ALICE = ("--actor", "alice", "--reason", "店铺名已改正")


@pytest.fixture
async def rig(stack: Stack, topic_prefix: str, database_url: str) -> AsyncIterator[ServerRig]:
    async with server_rig(stack, topic_prefix, database_url) as made:
        yield made


async def danshu(rig: ServerRig, *arguments: str, status: int = 0) -> Result:
    """`danshu dead-letters …` against this test's servers."""
    return await rig.danshu(app, *arguments, status=status)


async def listed(rig: ServerRig, *options: str) -> list[deadletter.Shown]:
    printed = await danshu(rig, "list", "--json", *options)
    return msgspec.json.decode(printed.stdout, type=list[deadletter.Shown])


async def test_a_mended_letter_is_applied_with_all_that_waited_behind_it(
    rig: ServerRig, tmp_path: Path
) -> None:
    poison = placed("TB1", shop="poison")
    await rig.publish([poison, paid("TB1"), placed("TB2")])
    await rig.drain()
    assert await rig.order("TB1") is None

    (letter,) = await listed(rig)
    assert (letter.record, letter.key, letter.version) == ("OrderPlaced", "TB1", 1)
    assert (letter.processor, letter.code) == ("toy", "poison_shop")
    number = str(letter.letter_id)

    original = tmp_path / "original"
    await danshu(rig, "show", number, "--save", str(original))
    assert original.read_bytes() == codec().encode(poison)
    assert stat.S_IMODE(original.stat().st_mode) == 0o600

    mended = tmp_path / "mended.json"
    mended.write_bytes(msgspec.json.encode(placed("TB1")))
    told = await danshu(rig, "redrive", number, *BY_ALICE, "--value-file", str(mended))
    assert "1 later events of it were waiting" in told.stdout
    await rig.drain()

    assert await rig.order("TB1") == ToyOrder(placed=1, paid=1)
    answers = [e for e in await rig.emitted("order-states") if isinstance(e, OrderStateChanged)]
    assert [a.to_state for a in answers if a.order_id == "TB1"] == ["placed", "paid", "done"]
    assert await listed(rig) == []
    (kept,) = await listed(rig, "--all")
    assert kept.redriven_at is not None
    assert (kept.redriven_by, kept.redriven_because) == ("alice", "店铺名已改正")
    assert kept.redriven_sha256 == hashlib.sha256(codec().encode(placed("TB1"))).hexdigest()
    assert kept.redriven_sha256 != kept.sha256, "it was mended"
    shown = json.loads((await danshu(rig, "show", number)).stdout)
    assert (shown["redriven_by"], shown["redriven_because"]) == ("alice", "店铺名已改正")

    again = await danshu(rig, "redrive", number, *BY_ALICE, "--value-file", str(mended), status=1)
    assert "redriven_before" in again.output
    await rig.drain()
    assert await rig.order("TB1") == ToyOrder(placed=1, paid=1)


async def test_unreadable_bytes_are_refused_until_they_are_mended(
    rig: ServerRig, tmp_path: Path
) -> None:
    framed = codec().encode(placed("TB1", shop=SECRET))
    await rig.publish_raw("orders", "TB1", framed[:-1])
    await rig.publish([paid("TB1")])
    await rig.drain()
    (letter,) = await listed(rig)
    assert (letter.key, letter.code) == ("TB1", "undecodable")
    number = str(letter.letter_id)
    assert SECRET not in (await danshu(rig, "show", number)).output

    assert "still_invalid" in (await danshu(rig, "redrive", number, *BY_ALICE, status=1)).output
    for event, why in ((placed("TB2"), "other_key"), (hold("TB1", "c-1"), "other_topic")):
        wrong = tmp_path / why
        wrong.write_bytes(codec().encode(event))
        refused = await danshu(
            rig, "redrive", number, *BY_ALICE, "--value-file", str(wrong), status=1
        )
        assert why in refused.output

    whole = tmp_path / "whole"
    whole.write_bytes(framed)
    await danshu(rig, "redrive", number, *BY_ALICE, "--value-file", str(whole))
    await rig.drain()
    assert await rig.order("TB1") == ToyOrder(placed=1, paid=1)


async def test_a_letter_whose_aggregate_moved_on_is_refused(rig: ServerRig) -> None:
    await rig.publish([placed("TB1", shop="poison")])
    await rig.drain()
    # Somebody sent a good version 1 by other means.
    await rig.publish([placed("TB1"), paid("TB1")])
    await rig.drain()
    (letter,) = await listed(rig)

    refused = await danshu(rig, "redrive", str(letter.letter_id), *BY_ALICE, status=1)
    assert "moved_past: 1 <= 2" in refused.output
    assert len(await listed(rig)) == 1


async def test_a_command_that_was_settled_is_not_sent_again(rig: ServerRig, tmp_path: Path) -> None:
    framed = codec().encode(hold("TB1", "c-1"))
    await rig.publish_raw("commands-orders", "TB1", framed[:-1])
    await rig.publish([hold("TB1", "c-1")])
    await rig.drain()
    (letter,) = await listed(rig)
    whole = tmp_path / "whole"
    whole.write_bytes(framed)
    refused = await danshu(
        rig, "redrive", str(letter.letter_id), *BY_ALICE, "--value-file", str(whole), status=1
    )
    assert "command_settled: refused" in refused.output


async def test_a_command_that_may_have_been_settled_long_ago_is_not_sent_again(
    rig: ServerRig, tmp_path: Path
) -> None:
    framed = codec().encode(hold("TB1", "c-1"))
    await rig.publish_raw("commands-orders", "TB1", framed[:-1])
    await rig.drain()
    (letter,) = await listed(rig)
    async with database(rig.url) as connection:
        await connection.execute(
            "UPDATE chassis.dead_letters SET dead_at = now() - interval '31 days'"
        )
    whole = tmp_path / "whole"
    whole.write_bytes(framed)
    refused = await danshu(
        rig, "redrive", str(letter.letter_id), *BY_ALICE, "--value-file", str(whole), status=1
    )
    assert "command_forgotten: 30 days" in refused.output


async def test_nobody_redrives_without_a_name_and_a_reason(rig: ServerRig) -> None:
    await rig.publish([placed("TB1", shop="poison")])
    await rig.drain()
    (letter,) = await listed(rig)
    number = str(letter.letter_id)
    unnamed = await danshu(rig, "redrive", number, "--actor", " ", "--reason", "r", status=1)
    assert "unnamed" in unnamed.output
    unreasoned = await danshu(rig, "redrive", number, "--actor", "a", "--reason", "", status=1)
    assert "unreasoned" in unreasoned.output
    assert "--actor" in (await danshu(rig, "redrive", number, "--reason", "r", status=2)).output
    assert "--reason" in (await danshu(rig, "redrive", number, "--actor", "a", status=2)).output
    assert [one.redriven_at for one in await listed(rig, "--all")] == [None]
    async with database(rig.url) as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE chassis.dead_letters SET redriven_at = now()")


async def test_nothing_is_marked_when_kafka_did_not_take_the_record(rig: ServerRig) -> None:
    await rig.publish([placed("TB1", shop="poison")])
    await rig.drain()
    (letter,) = await listed(rig)

    class Away:
        async def publish(self, _emitted: object) -> None:
            raise OSError

    async def redrive(connection: Connection, number: int) -> Redriven | NotRedriven:
        return await deadletter.redrive(
            connection, Away(), codec(), number, actor="alice", reason="r"
        )

    async with database(rig.url) as connection:
        with pytest.raises(OSError):  # noqa: PT011 — planted above
            await redrive(connection, letter.letter_id)
        unknown = await redrive(connection, 10**9)
    assert unknown == NotRedriven(why=Refusal.UNKNOWN_LETTER)
    assert len(await listed(rig)) == 1
    await danshu(rig, "show", str(10**9), status=2)


async def test_letters_redriven_before_names_were_kept_stay_as_they_are(
    empty_database_url: str, tmp_path: Path
) -> None:
    first = "0001_consumer.sql"
    shutil.copy(CHASSIS_MIGRATIONS / first, tmp_path / first)
    await migrate(empty_database_url, {"chassis": tmp_path})
    async with database(empty_database_url) as connection:
        await connection.execute(
            'INSERT INTO chassis.dead_letters (processor, topic, partition, "offset", headers, code, '
            "redriven_at) VALUES ('toy', 'orders', 0, 1, '\\x90', 'poison', now())"
        )
    await migrate(empty_database_url, {"chassis": CHASSIS_MIGRATIONS})
    async with database(empty_database_url) as connection:
        (kept,) = await deadletter.letters(connection, redriven=True)
    assert kept.redriven_at is not None
    assert (kept.redriven_by, kept.redriven_because) == ("", "")


async def test_all_letters_of_a_code_are_redriven_at_once(rig: ServerRig) -> None:
    """What came before its release waits with one code; what is still unfit, or of another code, stays."""
    rig.codec = Codec(tuple(e for e in read_lock() if e.full_name != OrderPlaced.FULL_NAME))
    await rig.publish([placed(order) for order in ("TB1", "TB2", "TB3")])
    await rig.publish_raw("orders", "TB4", b"\x00\x7f\xff\xff\xffnonsense")
    await rig.publish_raw("orders", "TB5", b"{}")
    await rig.drain()
    rig.codec = codec()

    await danshu(rig, "redrive", "--all", *BY_ALICE, status=2)
    told = await danshu(rig, "redrive", "--all", "--code", "schema_unknown", *BY_ALICE, status=1)
    assert "redriven: 3 of 4" in told.output
    await rig.drain()

    for order in ("TB1", "TB2", "TB3"):
        assert await rig.order(order) == ToyOrder(placed=1)
    assert {one.code for one in await listed(rig)} == {"schema_unknown", "not_framed"}
    assert len(await listed(rig)) == 2
