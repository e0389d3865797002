"""What a demonstration says of services that do not come up."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from demo import platform as platforms
from demo import processes
from demo.errors import NotReady
from demo.platform import Platform
from demo.processes import python
from deploy.embedded.stack import Stack

STACK = Stack(
    home="",
    kafka_bootstrap="",
    schema_registry_url="",
    postgres_url="",
    valkey_url="",
    pids={},
)
ENDS_AT_FIRST = """
import pathlib, sys, time
been_here = pathlib.Path(sys.argv[1])
if not been_here.exists():
    been_here.touch()
    sys.exit(1)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
async def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    """One whose services answer that they are ready as soon as they run."""
    monkeypatch.setattr(processes, "RESTART_PAUSES_S", (0.01,))
    one = Platform(STACK, tmp_path, services=("orders",))
    await one.http.aclose()
    ready = httpx2.MockTransport(lambda _: httpx2.Response(200))
    one.http = httpx2.AsyncClient(transport=ready)
    yield one
    await one.stop()


async def test_a_service_that_ended_once_and_came_up_then_is_ready(
    platform: Platform, tmp_path: Path
) -> None:
    child = await platform.supervisor.start(
        "orders", python("-c", ENDS_AT_FIRST, str(tmp_path / "been-here")), {}
    )
    assert child.process is not None
    await child.process.wait()
    await platform.wait_ready(["orders"])
    assert child.exits == [1]
    assert child.pid


async def test_a_service_that_ends_again_and_again_is_given_up_with_its_log(
    platform: Platform,
) -> None:
    refusing = httpx2.MockTransport(lambda _: httpx2.Response(503))
    platform.http = httpx2.AsyncClient(transport=refusing)
    child = await platform.supervisor.start(
        "orders", python("-c", "import sys; sys.exit('no such table')"), {}
    )
    with pytest.raises(NotReady, match="service orders ended with 1, 1, 1") as given_up:
        await platform.wait_ready(["orders"])
    assert str(child.log) in given_up.value.what
    assert "| no such table" in given_up.value.what
    assert "Read the logs" in given_up.value.remedy


async def test_a_service_that_never_answers_is_named_with_its_log(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platforms, "READY_TIMEOUT_S", 0.2)
    refusing = httpx2.MockTransport(lambda _: httpx2.Response(503, text="no Kafka"))
    platform.http = httpx2.AsyncClient(transport=refusing)
    child = await platform.supervisor.start(
        "orders", python("-c", "import time; time.sleep(60)"), {}
    )
    with pytest.raises(NotReady, match="orders: no Kafka") as given_up:
        await platform.wait_ready(["orders"])
    assert str(child.log) in given_up.value.what


async def test_simulators_that_end_at_once_are_an_error_with_their_log(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = "import sys; sys.exit('no such fault')"
    monkeypatch.setattr(platforms, "python", lambda *_: python("-c", ends))
    with pytest.raises(NotReady, match="the simulators ended with 1") as ended:
        await platform._start_simulators()
    assert "simulators.log" in ended.value.what


async def test_simulators_that_say_where_they_are_are_used(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = '{"ready":true,"base_url":"http://127.0.0.1:1"}'
    says = f"import time; print({line!r}, flush=True); time.sleep(60)"
    monkeypatch.setattr(platforms, "python", lambda *_: python("-c", says))
    await platform._start_simulators()
    assert platform.accounts == json.loads(line)
