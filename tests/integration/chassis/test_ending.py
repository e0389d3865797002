"""A process in which a part has ended ends too, whatever its other parts do."""

import asyncio
import os
import re
import sys
from pathlib import Path

import msgspec

from deploy.embedded.stack import Stack


async def test_a_part_that_does_not_end_keeps_no_process_that_no_longer_works(
    stack: Stack, database_url: str, topic_prefix: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.chassis.deaf_process",
        cwd=Path(__file__).parents[3],
        env={
            **os.environ,
            **stack.environment(),
            "DANSHU_POSTGRES_URL": database_url,
            "DANSHU_TOPIC_PREFIX": topic_prefix,
            "DANSHU_ADMIN_PORT": "0",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(120):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 1, output.decode()
    lines = [line for line in output.splitlines() if line.startswith(b"{")]
    said = {one["event"]: one for one in map(msgspec.json.decode, lines)}
    assert said["part_ended"]["part"] == "failing"
    assert re.fullmatch(r"ValueError at .*deaf_process\.py:\d+", said["part_ended"]["why"])
    assert said["ended_by_force"]["parts"] == ["deaf"]
    assert b"13800138000" not in output
