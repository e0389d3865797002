"""What is forged, oversized, garbage or senseless is refused or set aside with its reason; nothing stops."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import envelope
from chassis.crypto import MasterKeys, PayloadSeal
from chassis.processor import Emitted
from chassis.producer import Publisher
from schemas.events.channel_payloads import PayloadReceived
from services.ingest.settings import IngestSettings
from tests.e2e.outside import Outside, until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.serial]
PUSH_BYTES_MAX: int = IngestSettings.model_fields["push_bytes_max"].default
CLONE = Path(__file__).resolve().parents[2]


async def _push(outside: Outside, body: bytes, *, forged: bool = False) -> int:
    platform = outside.platform
    shop = next(s for s in platform.accounts["shops"] if s["channel"] == "douyin")
    secret = "not the secret" if forged else shop["app_secret"]
    sign = hashlib.md5(
        shop["app_key"].encode() + body + secret.encode(), usedforsecurity=False
    ).hexdigest()
    answer = await platform.http.post(
        f"{platform.door('ingest')}/push/douyin/{shop['shop']}",
        content=body,
        headers={"event-sign": sign},
    )
    return answer.status_code


async def _counted(outside: Outside, outcome: str) -> float:
    wanted = f'danshu_door_requests_total{{door="push",outcome="{outcome}"}}'
    lines = (await outside.platform.metrics("ingest")).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))


@pytest.mark.parametrize(
    ("body", "forged", "status", "outcome"),
    [
        (b'[{"tag":"101","msg_id":"1","data":"{}"}]', True, 401, "bad_signature"),
        (b"x" * (PUSH_BYTES_MAX + 1), False, 413, "too_large"),
        (b"[" * 40 + b"]" * 40, False, 400, "too_deep"),
        (b"\xff\xfe not json", False, 400, "not_understood"),
        (b'{"tag":', False, 400, "not_understood"),
    ],
)
async def test_a_push_that_is_not_genuine_or_not_readable_is_refused_and_counted(
    outside: Outside, body: bytes, forged: bool, status: int, outcome: str
) -> None:
    before = await _counted(outside, outcome)

    assert await _push(outside, body, forged=forged) == status

    assert await _counted(outside, outcome) == before + 1


async def test_a_push_to_a_shop_we_do_not_have_is_404(outside: Outside) -> None:
    answer = await outside.platform.http.post(
        f"{outside.platform.door('ingest')}/push/douyin/nobody", content=b"[]"
    )

    assert answer.status_code == 404
    assert answer.json()["code"] == "unknown_shop"


async def _publish(outside: Outside, records: list[Emitted]) -> None:
    platform = outside.platform
    publisher = Publisher({"bootstrap.servers": platform.stack.kafka_bootstrap}, platform.prefix)
    try:
        await publisher.publish(records)
    finally:
        await asyncio.to_thread(publisher.close)


async def test_a_payload_that_makes_no_sense_is_quarantined_with_every_reason(
    outside: Outside,
) -> None:
    """It parses, but nothing in it can be worked with; the reasons are kept and told."""
    seal = PayloadSeal(MasterKeys.parse(outside.platform.master_keys), SystemClock())
    body = (
        b'{"trade_fullinfo_get_response":{"trade":{"tid_str":"4099000000000000001",'
        b'"status":"WAIT_SELLER_SEND_GOODS","payment":"abc","post_fee":"0.00","total_fee":"10.00",'
        b'"created":"2026-11-11 00:00:00","modified":"2026-11-11 00:00:01","seller_nick":"x",'
        b'"orders":{"order":[{"oid_str":"1","num":-3,"price":"10.00"}]}}}}'
    )
    payload = PayloadReceived(
        source_key="taobao|taobao-1|4099000000000000001",
        channel="taobao",
        shop="taobao-1",
        channel_order_no="4099000000000000001",
        door="import",
        accepted_at=datetime.now(UTC),
        body=seal.seal_payload(body),
    )
    await _publish(outside, [envelope(codec(), payload, "test")])

    async def quarantined() -> str:
        rows = await outside.rows(
            "SELECT document FROM ingest.orders WHERE key = $1 AND quarantined", payload.source_key
        )
        return str(rows[0]["document"]) if rows else ""

    document = await until(quarantined, "the payload is quarantined")
    assert "bad_amount" in document
    assert "bad_quantity" in document
    told = await outside.rows(
        "SELECT 1 FROM console.timeline WHERE order_id = $1 AND kind = 'PayloadQuarantined'",
        payload.source_key,
    )
    assert told or await until(
        lambda: outside.rows(
            "SELECT 1 FROM console.timeline WHERE order_id = $1", payload.source_key
        ),
        "the console tells of the quarantine",
    )
    # It exists on no platform, which the checker of this run would rightly find.
    await outside.rows("DELETE FROM ingest.orders WHERE key = $1", payload.source_key)


async def test_a_poison_record_becomes_a_dead_letter_and_the_stream_goes_on(
    outside: Outside,
) -> None:
    """Original bytes and position are kept in every reader's name; the next order passes."""
    poison = b"\x00\x00\x00\x7f\xffnot a record"
    await _publish(outside, [Emitted("orders", "TB-poison", poison, ())])

    async def buried() -> bool:
        rows = await outside.rows(
            'SELECT processor, topic, partition, "offset" FROM chassis.dead_letters WHERE value = $1',
            poison,
        )
        return {row["processor"] for row in rows} >= {"inventory", "orders", "refunds", "console"}

    await until(buried, "every reader has buried the poison")
    [order_no] = await outside.place("taobao")
    await outside.reaches(order_no, "completed")
    # Looked at and thrown away, as an operator would: the books of this run are to be clean at its end.
    await outside.rows(
        "UPDATE chassis.dead_letters SET redriven_at = now(), redriven_by = 'test', "
        "redriven_because = 'planted', redriven_sha256 = '' WHERE value = $1",
        poison,
    )


async def test_an_unknown_setting_stops_the_start_with_its_name() -> None:
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.orders"],
        cwd=CLONE,
        env={**os.environ, "DANSHU_KAFKA_BOOTSRAP": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert "DANSHU_KAFKA_BOOTSRAP" in ended.stderr
