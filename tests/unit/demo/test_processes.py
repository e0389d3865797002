"""Child processes: stopped while they are being started again, and ended by the next run."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo import processes
from demo.errors import RollUnreadable
from demo.processes import Child, Supervisor, python

SLEEPS = python("-c", "import time; time.sleep(60)")


@pytest.fixture
async def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Supervisor]:
    monkeypatch.setattr(processes, "RESTART_PAUSES_S", (0.01,))
    one = Supervisor(tmp_path)
    yield one
    await one.stop_all()


async def test_a_child_that_is_stopped_while_it_is_started_again_ends(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = await supervisor.start("orders", SLEEPS, {})
    spawning, go_on = asyncio.Event(), asyncio.Event()
    spawn = asyncio.create_subprocess_exec

    async def spawn_slowly(*command: str, **options: object) -> asyncio.subprocess.Process:
        spawning.set()
        await go_on.wait()
        return await spawn(*command, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spawn_slowly)
    assert child.process is not None
    child.process.kill()
    await spawning.wait()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        stopping = group.create_task(supervisor.stop("orders"))
        await asyncio.sleep(0)
        assert not stopping.done()
        go_on.set()

    assert child.starts == 2
    assert child.pid == 0
    assert child.exits == [-9, -15]


async def test_a_child_that_is_stopped_in_the_pause_after_its_end_is_not_started_again(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "RESTART_PAUSES_S", (0.2,))
    child: Child = await supervisor.start("orders", python("-c", ""), {})
    assert child.process is not None
    await child.process.wait()
    await supervisor.stop("orders")
    assert child.starts == 1
    assert child.exits == [0]


async def test_what_a_killed_supervisor_left_is_ended_by_the_next(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    child = await supervisor.start("orders", SLEEPS, {})
    child.wanted = False
    assert Supervisor(tmp_path).end_orphans() == 1
    assert child.watcher is not None
    await child.watcher
    assert child.exits == [-15]
    assert Supervisor(tmp_path).end_orphans() == 0


async def test_the_roll_is_replaced_whole(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await supervisor.start("orders", SLEEPS, {})
    roll = tmp_path / "processes.json"
    before = roll.read_bytes()

    def write_half(file: Path, content: bytes) -> int:
        with file.open("wb") as half:
            half.write(content[:5])
        raise OSError("no space")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_half)
        with pytest.raises(OSError, match="no space"):
            await supervisor.start("refunds", SLEEPS, {})
    assert roll.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b'{"orders": {"pid": 1', b"[]"])
def test_a_roll_that_cannot_be_read_is_named_and_stays(tmp_path: Path, content: bytes) -> None:
    roll = tmp_path / "processes.json"
    roll.write_bytes(content)
    with pytest.raises(RollUnreadable, match=r"processes\.json"):
        Supervisor(tmp_path).end_orphans()
    assert roll.read_bytes() == content
