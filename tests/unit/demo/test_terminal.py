"""A terminal that is closed under a run."""

import asyncio
import os
import pty
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from demo import terminal
from demo.run import Demo
from deploy.embedded.stack import Stack

STACK = Stack(
    home="",
    kafka_bootstrap="",
    schema_registry_url="",
    postgres_url="",
    valkey_url="",
    pids={},
)


def test_writes_to_a_closed_terminal_fail_no_more_and_a_file_is_still_written(
    tmp_path: Path,
) -> None:
    ours, theirs = pty.openpty()
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    os.close(ours)
    with pytest.raises(OSError, match="Input/output"):
        os.write(theirs, b"lost")
    terminal.let_go((theirs, file))
    assert os.write(theirs, b"nowhere") == 7
    os.write(file, b"kept")
    os.close(theirs)
    os.close(file)
    assert (tmp_path / "log").read_bytes() == b"kept"


@contextmanager
def disposition(number: signal.Signals, handler: signal.Handlers) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_a_hang_up_is_heeded_but_where_it_is_switched_off() -> None:
    with disposition(signal.SIGHUP, signal.SIG_DFL):
        assert signal.SIGHUP in terminal.heeded()
    with disposition(signal.SIGHUP, signal.SIG_IGN):
        assert terminal.heeded() == (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", terminal.ENDS)
async def test_each_of_these_signals_ends_a_run_in_order(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go: list[signal.Signals] = []
    monkeypatch.setattr(terminal, "let_go", lambda: let_go.append(number))
    demo = Demo(STACK, tmp_path, seconds=None, rate_per_s=1)
    demo._end(number)
    async with asyncio.timeout(1):
        await demo._stop.wait()
    assert let_go == ([number] if number == signal.SIGHUP else [])


async def test_a_keyboard_that_is_gone_ends_a_run_like_a_hang_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go: list[bool] = []
    monkeypatch.setattr(terminal, "let_go", lambda: let_go.append(True))
    demo = Demo(STACK, tmp_path, seconds=None, rate_per_s=1)
    demo._console = Console(force_terminal=True)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        with demo._keys():
            os.close(ours)
            async with asyncio.timeout(5):
                await demo._stop.wait()
    assert let_go == [True]
