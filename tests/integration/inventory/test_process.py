"""The service as its process runs it: doors, worker, timers and a graceful end."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import httpx2
from confluent_kafka.admin import AdminClient

from deploy.embedded.stack import Stack
from schemas.events.stock import StockReleased, StockReserved
from tests.integration.inventory.rig import House, until
from tests.unit.inventory.events import paid, placed

ROOT = Path(__file__).parents[3]
TOKEN = "token-of-this-test"


async def ready_line(process: asyncio.subprocess.Process) -> dict[str, int]:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while line := await process.stdout.readline():
            entry = json.loads(line)
            if entry["event"] == "ready":
                return {"admin": entry["admin_port"], "http": entry["http_port"]}
    raise AssertionError("it ended before it was ready")


async def started(inventory: House, stack: Stack, **settings: str) -> asyncio.subprocess.Process:
    """Inventory as a process of its own, with short holds and quick timers."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DANSHU_")},
        "DANSHU_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "DANSHU_SCHEMA_REGISTRY_URL": stack.schema_registry_url,
        "DANSHU_POSTGRES_URL": inventory.url,
        "DANSHU_VALKEY_URL": inventory.valkey_url,
        "DANSHU_TOPIC_PREFIX": inventory.prefix,
        "DANSHU_API_TOKEN": TOKEN,
        "DANSHU_INVENTORY_HOLD_S": "1",
        "DANSHU_INVENTORY_TIMER_MS": "100",
        "DANSHU_INVENTORY_RECEIPT_TIMEOUT_S": "30",
        **settings,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.inventory",
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )


async def test_a_process_serves_receives_expires_publishes_and_drains(
    inventory: House, stack: Stack
) -> None:
    process = await started(inventory, stack)
    try:
        ports = await ready_line(process)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{ports['http']}",
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=40.0,
        ) as client:
            receipt = {"document_no": "r1", "warehouse": "HZ"}
            lines = [{"sku": "A", "quantity": 3}]
            booked = await client.post("/receipts", json={**receipt, "lines": lines})
            assert booked.status_code == 200
            till = await client.post(
                "/reservations",
                json={"reference": "till-1", "lines": [{"sku": "A", "quantity": 1}]},
                headers={"idempotency-key": "sale-0001"},
            )
            assert till.status_code == 201
            await inventory.publish([placed("o1", [("A", 1)]), placed("o2", [("A", 1)])])
            await inventory.publish([paid("o2")])

            async def expired() -> bool:
                seen = await client.get("/availability", params={"sku": "A"})
                released = [
                    event
                    for event in await inventory.emitted()
                    if isinstance(event, StockReleased) and event.order_id == "o1"
                ]
                return bool(released) and seen.json()[0]["reserved"] == 1

            await until(expired)
            door = f"/reservations/{till.json()['reservation_id']}"
            assert (await client.get(door)).json()["state"] == "expired"

            async def agree() -> bool:
                return set((await client.get("/invariants")).json().values()) == {0}

            await until(agree)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{ports['admin']}") as admin:
            metrics = (await admin.get("/metrics")).text
        assert 'danshu_inventory_reservations_total{result="held"} 3.0' in metrics
        assert "danshu_inventory_oversold_units 0.0" in metrics
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    held = [event for event in await inventory.emitted() if isinstance(event, StockReserved)]
    assert sorted(event.order_id for event in held) == ["o1", "o2"]
    assert await inventory.emitted("stock-levels")


async def test_a_process_that_cannot_open_its_doors_is_given_no_partitions(
    inventory: House, stack: Stack
) -> None:
    """It would be started again and again, each time in time to keep them, and nobody would work on them."""
    async with inventory.running():  # which prepares tables, topics and schemas
        pass
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await started(
            inventory,
            stack,
            DANSHU_HTTP_PORT=str(port),
            DANSHU_KAFKA_OPTIONS='{"group.instance.id": "inventory-0"}',
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in output.decode()
    group = f"{inventory.prefix}.inventory"
    admin = AdminClient(inventory.kafka)
    asked = admin.describe_consumer_groups([group])
    described = await asyncio.to_thread(asked[group].result)
    assert described.members == []
