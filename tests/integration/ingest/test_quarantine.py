"""The quarantine of a real ingest process: its doors, its terminal, and a release that is killed in the middle."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis.clock import SystemClock
from chassis.crypto import MasterKeys, PayloadSeal, new_master_key_text
from deploy.embedded.stack import Stack
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.commands_ingest_payloads import CorrectQuarantined, ReleaseQuarantined
from schemas.events.orders import OrderPlaced
from tests.integration.orders.rig import PATIENCE_S, Rig, rig_on
from tests.unit.ingest.quarantine_desk import KEY, LINE, TRADE_NO, no_quantity, trade

PERSON = {"name": "测试收货人", "phone": "13000000001", "address": "示例路1号2幢301"}
PATCH = {"receiver": PERSON, "lines": {LINE: {"quantity": 2}}}
NOBODY = {"receiver_name": "", "receiver_mobile": "", "receiver_address": "", "oaid": ""}
WHY = {"entry_key": KEY, "actor": "客服01", "reason": "买家来电"}
MASTER_KEYS = new_master_key_text(1)
SEAL = PayloadSeal(MasterKeys.parse(MASTER_KEYS), SystemClock())
STATE = f"SELECT state FROM ingest.quarantine WHERE key = '{KEY}'"


def payload(body: bytes) -> PayloadReceived:
    return PayloadReceived(
        source_key=KEY,
        channel="taobao",
        shop="s1",
        channel_order_no=TRADE_NO,
        door="import",
        accepted_at=SystemClock().now(),
        body=SEAL.seal_payload(body),
    )


def command(kind: Any, command_id: str, **more: Any) -> Any:
    return kind(source_key=KEY, command_id=command_id, issued_at=SystemClock().now(), **WHY, **more)


@pytest.fixture
async def rig(stack: Stack, topic_prefix: str, database_url: str) -> AsyncIterator[Rig]:
    with rig_on(stack, topic_prefix, database_url) as rig:
        rig.module, rig.terminal_module = "services.ingest", "cli.ingest"
        rig.given["DANSHU_MASTER_KEYS"] = MASTER_KEYS
        yield rig


async def placed(rig: Rig) -> list[OrderPlaced]:
    return [event for event in await rig.emitted("orders") if isinstance(event, OrderPlaced)]


async def test_a_person_finds_corrects_and_releases_an_order_from_a_terminal(
    rig: Rig, tmp_path: Path
) -> None:
    async with rig.service() as service:
        url = ("--url", str(service.http.base_url).rstrip("/"))
        await rig.publish([payload(trade(no_quantity(), **NOBODY))])
        await rig.until(STATE, lambda state: state == "open")

        status, said = await rig.terminal("quarantine", "list", *url)
        assert status == 0
        assert KEY in said
        assert "bad_quantity: orders.num" in said
        assert "receiver_missing" in said

        refused = await rig.terminal("quarantine", "release", TRADE_NO, "-r", "试试", *url)
        assert refused[0] == 1
        assert "still_blocked" in refused[1]
        file = tmp_path / "patch.json"
        file.write_text(json.dumps({"lines": {LINE: {"quantity": 0}}}))
        asked = (
            "quarantine",
            "correct",
            TRADE_NO,
            "-r",
            "买家来电",
            "--patch-file",
            str(file),
            *url,
        )
        status, said = await rig.terminal(*asked)
        assert (status, "$.lines[...].quantity" in said) == (1, True)
        file.write_text(json.dumps(PATCH, ensure_ascii=False))
        assert await rig.terminal(*asked) == (0, "已执行：corrected\n")

        status, said = await rig.terminal("quarantine", "show", TRADE_NO, *url)
        (shown,) = json.loads(said)
        assert shown["content"]["receiver"]["phone"] == "130****0001"
        assert PERSON["name"] not in said
        assert PERSON["address"] not in said
        assert [deed["act"] for deed in shown["audit"]] == ["arrive", "mend"]
        reveal = ("quarantine", "show", TRADE_NO, "--reveal", "-r", "核对地址", *url)
        (revealed,) = json.loads((await rig.terminal(*reveal))[1])
        assert revealed["content"]["receiver"]["address"] == PERSON["address"]
        acts = await rig.rows("SELECT act, reason FROM ingest.audit ORDER BY id")
        assert tuple(acts[-1]) == ("reveal", "核对地址")

        done = await rig.terminal("quarantine", "release", TRADE_NO, "-r", "已核对", *url)
        again = await rig.terminal("quarantine", "release", TRADE_NO, "-r", "再点一次", *url)
        (order,) = await placed(rig)
        assert done == again == (0, f"已执行：{order.order_id}\n")
        status, said = await rig.terminal("quarantine", "show", "4999", *url)
        assert (status, "entry_unknown" in said) == (2, True)


async def test_the_doors_ask_for_the_token_a_reason_and_a_patch_that_can_stand(rig: Rig) -> None:
    async with rig.service() as service:
        await rig.publish([payload(trade(no_quantity()))])
        await rig.until(STATE, lambda state: state == "open")
        stranger = await service.http.get("/quarantine/", headers={"authorization": "Bearer x"})
        assert stranger.status_code == 401
        for path, body, status, code in (
            ("release", {**WHY, "reason": " "}, 422, "reason_and_actor"),
            ("release", {**WHY, "patch": {}}, 422, "patch"),
            ("correct", WHY, 422, "patch"),
            ("correct", {**WHY, "patch": {"shop": "x"}}, 422, "patch_malformed"),
            ("release", {**WHY, "entry_key": "taobao|s1|1"}, 404, "entry_unknown"),
            ("release", {"entry_key": KEY}, 400, "malformed"),
            ("destroy", WHY, 404, "act_unknown"),
        ):
            answer = await service.http.post(f"/quarantine/{path}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (await service.http.get("/quarantine/?state=lost")).status_code == 400
        assert (await service.http.post("/push/taobao/nobody")).status_code == 404


@pytest.mark.faults
@pytest.mark.parametrize(
    "point", ["batch.before_commit", "batch.after_commit", "outbox.after_publish"]
)
async def test_a_release_killed_in_the_middle_is_one_order(rig: Rig, point: str) -> None:
    async with rig.service():
        await rig.publish([payload(trade(no_quantity()))])
        await rig.until(STATE, lambda state: state == "open")
        sealed = SEAL.seal_payload(json.dumps({"lines": {LINE: {"quantity": 2}}}).encode())
        await rig.publish([command(CorrectQuarantined, "c-1", patch=sealed)])
        await rig.until(STATE, lambda state: state == "corrected")
    async with rig.service(DANSHU_FAILPOINTS=f"{point}=kill@1") as doomed:
        await rig.publish([command(ReleaseQuarantined, "r-1")])
        async with asyncio.timeout(PATIENCE_S):
            assert await doomed.process.wait() == -9
    async with rig.service():
        await rig.publish([command(ReleaseQuarantined, "r-2")])
        await rig.until(
            "SELECT count(*) FROM chassis.commands_settled WHERE command_id = 'r-2'",
            lambda count: count == 1,
        )
        # Whoever restarts publishes what was left before anything new, so all of it is out by now.
        events = await placed(rig)
    answers = await rig.rows(
        "SELECT DISTINCT outcome, result_id FROM chassis.commands_settled WHERE command_id LIKE 'r-%'"
    )
    assert [(row["outcome"], row["result_id"]) for row in answers] == [("done", events[0].order_id)]
    assert len({(event.order_id, event.version) for event in events}) == 1
    acts = await rig.rows("SELECT act FROM ingest.audit ORDER BY id")
    assert [row["act"] for row in acts] == ["arrive", "mend", "release"]


async def test_an_order_shows_its_evidence_and_is_read_again_by_todays_mapping(rig: Rig) -> None:
    async with rig.service():
        good = payload(trade(trade_from="WAP"))
        await rig.publish([good, good])
        await rig.publish([payload(trade(at="10:00:00", status="PAID_FORBID_CONSIGN"))])
        await rig.until("SELECT count(*) FROM ingest.evidence", lambda count: count == 3)
        (order,) = await placed(rig)

        status, said = await rig.terminal("show", order.order_id)
        (shown,) = json.loads(said)
        assert (status, shown["order_id"], shown["hold"]) == (
            0,
            order.order_id,
            "paid_forbid_consign",
        )
        assert [(s["outcome"], s["order_version"], s["kept"]) for s in shown["snapshots"]] == [
            ("placed", 1, True), ("stale", 1, True), ("changed", 2, True),
        ]  # fmt: skip
        assert shown["extension"]["type"] == "taobao"
        sha256 = hashlib.sha256(trade(trade_from="WAP")).hexdigest()
        assert shown["snapshots"][0]["sha256"] == sha256
        assert (await rig.terminal("show", "4999"))[0] == 2

        since = f"{SystemClock().now() - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
        for which in ((TRADE_NO,), ("--since", since, "--channel", "taobao")):
            status, said = await rig.terminal("replay", *which, "--json")
            (same,) = json.loads(said)
            assert (status, same["payloads"], same["missing"], same["differences"]) == (0, 3, 0, [])
        assert (
            json.loads((await rig.terminal("replay", "--since", since, "-c", "jd", "--json"))[1])
            == []
        )

        # As if the mapping of that day had known no such hold.
        await rig.rows(
            "UPDATE ingest.orders SET document = replace(document::text, "
            '\'"hold":"paid_forbid_consign"\', \'"hold":""\')::json'
        )
        status, said = await rig.terminal("replay", order.order_id)
        assert status == 0
        assert "hold" in said
        assert '"paid_forbid_consign"' in said
        assert "1 orders read again, 1 read otherwise" in said
        assert (await rig.terminal("replay"))[0] == 2
        assert (await rig.terminal("replay", order.order_id, "--apply"))[0] == 2
        assert len(await rig.emitted("orders")) == 2

        apply = ("replay", order.order_id, "--apply", "-r", "新规则", "--actor", "客服01")
        status, said = await rig.terminal(*apply)
        assert status == 0
        assert f"{order.order_id}: applied" in said
        (*_, amended) = await rig.emitted("orders")
        assert (amended.changed, amended.hold) == (("hold",), "paid_forbid_consign")
        status, said = await rig.terminal(*apply)
        assert (status, "0 read otherwise" in said) == (0, True)
        assert len(await rig.emitted("orders")) == 3
        deeds = await rig.rows("SELECT key, act, actor, reason FROM ingest.audit")
        assert [tuple(deed) for deed in deeds] == [(KEY, "read_again", "客服01", "新规则")]
