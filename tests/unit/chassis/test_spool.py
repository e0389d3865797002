"""The spool: what was acknowledged comes back, in order, from whatever a crash leaves of the folder.

The disk is a recording one: what was fsynced survives, of the rest any part, and a file whose folder was not
fsynced does not exist after a crash. Each planted bug must be found by the same checker.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import spool as spools
from chassis.clock import ManualClock
from chassis.crypto import MasterKeys, PayloadSeal
from chassis.errors import StartRefused
from chassis.spool import NotSpooled, Spool

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
ROOM = 10_000_000
KEYS = MasterKeys({1: b"k" * 32})


def opened(folder: Path, bytes_max: int = ROOM, **options: Any) -> Spool:
    clock = ManualClock(NOW)
    seal = PayloadSeal(options.pop("keys", KEYS), clock)
    return Spool(folder, bytes_max=bytes_max, seal=seal, clock=clock, **options)


async def drained(spool: Spool) -> list[bytes]:
    found: list[bytes] = []
    while head := await spool.head():
        found += [one.content for one in head]
        await spool.forget()
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


def content_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def the_segment(folder: Path) -> Path:
    (segment,) = folder.glob("*.spool")
    return segment


class Disk:
    """Stands for `os` in the spool: the real thing, and a note of what a power cut would spare."""

    def __init__(self) -> None:
        self.paths: dict[int, Path] = {}
        self.durable: dict[Path, int] = {}
        self.named: set[Path] = set()
        self.fsyncs = 0
        self.refuses = False

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = os.open(path, flags, mode)
        self.paths[descriptor] = Path(path)
        return descriptor

    def write(self, descriptor: int, block: memoryview) -> int:
        if self.refuses:
            os.write(descriptor, block[:7])
            raise OSError(28, "No space left on device")
        # The kernel may take a part only.
        return os.write(descriptor, block[: max(1, len(block) * 2 // 3)])

    def fsync(self, descriptor: int) -> None:
        path = self.paths[descriptor]
        if path.is_dir():
            self.named |= set(path.iterdir())
        else:
            self.fsyncs += 1
            self.durable[path] = os.fstat(descriptor).st_size

    def after_power_cut(self, folder: Path, into: Path, chance: random.Random) -> None:
        """Copies what the disk may hold: of what was not synced a part, zeros or other bytes."""
        into.mkdir()
        for path in sorted(folder.glob("*.spool")):
            if path not in self.named:
                continue
            # In this order: a write may be under way in its thread.
            sure = self.durable.get(path, 0)
            content = path.read_bytes()
            rest = content[sure : chance.randint(sure, len(content))]
            if chance.random() < 0.5:
                rest = bytes(len(rest)) if chance.random() < 0.5 else chance.randbytes(len(rest))
            (into / path.name).write_bytes(content[:sure] + rest)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(spools, "os", disk)
    return disk


async def worked_until_cut(folder: Path, steps: Sequence[int], into: Path, disk: Disk) -> list[str]:
    """Appends and drains by the steps, cuts the power, opens what is left; says what is wrong with it."""
    chance = random.Random(repr(steps))
    spool = opened(folder, segment_bytes=400)
    acknowledged: list[bytes] = []
    delivered: list[bytes] = []
    appending: list[asyncio.Task[None]] = []

    async def append(number: int) -> None:
        content = f"{number}:".encode() + b"x" * (number % 97)
        await spool.append([content])
        acknowledged.append(content)

    for number, step in enumerate(steps):
        match step:
            case 0:  # the power is cut in the middle of things
                break
            case 1:
                if head := await spool.head():
                    delivered += [one.content for one in head]
                    await spool.forget()
            case 2:
                await asyncio.gather(*appending)
            case _:
                appending.append(asyncio.create_task(append(number)))
    for _ in range(chance.randrange(4)):
        await asyncio.sleep(0)
    promised = list(acknowledged)
    disk.after_power_cut(folder, into, chance)
    await asyncio.gather(*appending)
    await spool.close()
    after = opened(into, segment_bytes=400)
    found = await drained(after)
    await after.close()
    return wrong(promised, delivered, found)


def wrong(promised: list[bytes], delivered: list[bytes], found: list[bytes]) -> list[str]:
    """What is lost or out of order over a run before a crash and one after it; twice is allowed."""
    seen = dict.fromkeys(delivered + found)
    lost = [content for content in promised if content not in seen]
    numbers = [int(content.partition(b":")[0]) for content in seen]
    return [f"lost {content!r}" for content in lost] + (
        [] if numbers == sorted(numbers) else [f"order {numbers}"]
    )


def cut(steps: list[int]) -> list[str]:
    disk = Disk()
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as name:
        patch.setattr(spools, "os", disk)
        return asyncio.run(
            worked_until_cut(Path(name) / "spool", steps, Path(name) / "after", disk)
        )


STEPS = st.lists(st.integers(0, 9), max_size=40)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_was_acknowledged_survives_a_power_cut_at_any_moment_in_order(
    steps: list[int],
) -> None:
    assert cut(steps) == []


def sync_nothing(patch: pytest.MonkeyPatch) -> None:
    def fsync(_self: Disk, _descriptor: int) -> None:
        """Says that it is done."""

    patch.setattr(Disk, "fsync", fsync)


def sync_no_folder(patch: pytest.MonkeyPatch) -> None:
    synced = Disk.fsync

    def fsync(self: Disk, descriptor: int) -> None:
        if not self.paths[descriptor].is_dir():
            synced(self, descriptor)

    patch.setattr(Disk, "fsync", fsync)


def answer_first(patch: pytest.MonkeyPatch) -> None:
    write = Spool._write_group

    async def write_group(self: Spool, group: Sequence[Any]) -> None:
        for one in group:
            one.done.set_result(None)
        await asyncio.sleep(0)
        await write(
            self, [spools._Append(g.block, g.records, g.at_ms, _cancelled()) for g in group]
        )

    patch.setattr(Spool, "_write_group", write_group)


def delete_what_was_given(patch: pytest.MonkeyPatch) -> None:
    head = Spool.head

    async def head_and_forget(self: Spool) -> tuple[spools.Spooled, ...]:
        given_now = await head(self)
        await self.forget()
        return given_now[:-1]

    patch.setattr(Spool, "head", head_and_forget)


def newest_first(patch: pytest.MonkeyPatch) -> None:
    write = Spool._write_group

    async def write_group(self: Spool, group: Sequence[Any]) -> None:
        await write(self, group[::-1])

    patch.setattr(Spool, "_write_group", write_group)


def _cancelled() -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.cancel()
    return done


@pytest.mark.parametrize(
    "bug", [sync_nothing, sync_no_folder, answer_first, delete_what_was_given, newest_first]
)
def test_planted_bugs_are_found(bug: Any) -> None:
    chance = random.Random(1)
    with pytest.MonkeyPatch.context() as patch:
        bug(patch)
        runs = ([chance.randrange(10) for _ in range(40)] for _ in range(150))
        # Not even the first step may be a cut, or nothing was at stake.
        assert any(cut([3, 4, 5, 6, *steps]) for steps in runs)


async def test_appends_of_one_moment_share_one_fsync(tmp_path: Path, disk: Disk) -> None:
    spool = opened(tmp_path)
    await asyncio.gather(*(spool.append([b"%d" % number]) for number in range(100)))
    assert disk.fsyncs <= 2
    assert await drained(spool) == [b"%d" % number for number in range(100)]
    await spool.close()


async def test_a_whole_folder_cut_anywhere_gives_a_prefix(tmp_path: Path) -> None:
    spool = opened(tmp_path / "whole")
    contents = [b"a", b"b" * 700, b"c"]
    for content in contents:
        await spool.append([content])
    await spool.close()
    segment = the_segment(tmp_path / "whole")
    whole = segment.read_bytes()
    with segment.open("rb") as file:
        ends = [0, *(spools.read_frames(file, 0, len(whole), n).end for n in (1, 100, 2_000))]
    for size in range(len(whole) + 1):
        shutil.rmtree(tmp_path / "cut", ignore_errors=True)
        (tmp_path / "cut").mkdir()
        (tmp_path / "cut" / segment.name).write_bytes(whole[:size])
        after = opened(tmp_path / "cut")
        kept = sum(end <= size for end in ends) - 1
        assert after.torn_bytes == size - ends[kept]
        assert await drained(after) == contents[:kept]
        await after.close()


async def test_delivered_segments_are_deleted_and_the_rest_is_kept(tmp_path: Path) -> None:
    spool = opened(tmp_path, segment_bytes=200)
    for number in range(6):
        await spool.append([b"%d" % number * 90])
    files = len(names(tmp_path))
    assert files > 2
    head = await spool.head()
    assert len(names(tmp_path)) == files, "given is not delivered"
    await spool.forget()
    assert len(names(tmp_path)) == files - 1
    await spool.close()
    after = opened(tmp_path)
    assert len(await drained(after)) == 6 - len(head)
    assert after.empty
    assert names(tmp_path) == []
    await after.close()


async def test_it_says_when_it_is_full_and_has_room_again_after_a_delivery(tmp_path: Path) -> None:
    spool = opened(tmp_path, bytes_max=2_000)
    taken = 0
    while len(content_of(tmp_path)) + 400 <= 2_000:
        await spool.append([os.urandom(200)])
        taken += 1
    assert taken >= 4
    await asyncio.gather(
        *(spool.append([os.urandom(200)]) for _ in range(5)), return_exceptions=True
    )
    with pytest.raises(NotSpooled, match="full"):
        await spool.append([os.urandom(200)])
    assert len(content_of(tmp_path)) <= 2_000
    await spool.head()
    await spool.forget()
    await spool.append([os.urandom(200)])
    assert spool.records == len(await drained(spool))
    await spool.close()


async def test_a_disk_that_refuses_is_said_and_later_records_stand_apart(
    tmp_path: Path, disk: Disk
) -> None:
    spool = opened(tmp_path)
    await spool.append([b"before"])
    disk.refuses = True
    with pytest.raises(NotSpooled, match="No space left"):
        await spool.append([b"refused"])
    disk.refuses = False
    await spool.append([b"after"])
    await spool.close()
    after = opened(tmp_path)
    assert await drained(after) == [b"before", b"after"]
    await after.close()


async def test_damage_in_the_middle_costs_its_record_and_is_kept_aside(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    await spool.append([b"one", b"two", b"three"])
    await spool.close()
    segment = the_segment(tmp_path)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    after = opened(tmp_path)
    await after.head()
    await after.head()  # not delivered: given again, and no loss counted twice
    assert await drained(after) == [b"one", b"three"]
    assert (after.damaged_records, after.torn_bytes) == (1, 0)
    assert names(tmp_path) == [segment.with_suffix(".damaged").name]
    await after.close()


async def test_what_was_kept_aside_stays_when_its_number_comes_again(tmp_path: Path) -> None:
    for lost in range(2):
        spool = opened(tmp_path)
        await spool.append([b"one", b"two", b"three"])
        await spool.close()
        segment = the_segment(tmp_path)
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 1
        segment.write_bytes(content)
        after = opened(tmp_path)
        assert await drained(after) == [b"one", b"three"]
        await after.close()
        assert len(names(tmp_path)) == lost + 1
    assert [name.partition(".")[2] for name in names(tmp_path)] == ["damaged", "damaged-2"]


async def test_a_segment_broken_while_it_waits_costs_what_is_behind_the_break(
    tmp_path: Path,
) -> None:
    spool = opened(tmp_path)
    await spool.append([b"one", b"two", b"three"])
    segment = the_segment(tmp_path)
    content = bytearray(segment.read_bytes())
    content[112:116] = b"\xff" * 4  # the second frame says that it is longer than the file
    segment.write_bytes(content)
    await spool.append([b"four"])  # into the same segment, behind the break
    assert await drained(spool) == [b"one"]
    assert (spool.damaged_records, spool.empty) == (3, True)
    assert names(tmp_path) == [segment.with_suffix(".damaged").name]
    await spool.append([b"five"])
    assert await drained(spool) == [b"five"]
    await spool.close()


async def test_nothing_is_readable_on_disk(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    await spool.append(["13000001234 测试收货人".encode()])
    await spool.close()
    on_disk = content_of(tmp_path)
    assert b"13000001234" not in on_disk
    assert "测试".encode() not in on_disk


async def test_age_and_count_of_what_waits(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    spool = Spool(tmp_path, bytes_max=ROOM, seal=PayloadSeal(KEYS, clock), clock=clock)
    assert (spool.records, spool.oldest_ms, spool.empty) == (0, 0, True)
    await spool.append([b"a", b"b"])
    clock.advance(5_000)
    await spool.append([b"c"])
    assert (spool.records, spool.oldest_ms) == (3, int(NOW.timestamp() * 1000))
    await drained(spool)
    assert (spool.records, spool.oldest_ms, spool.size_bytes) == (0, 0, 0)
    await spool.close()


async def test_a_folder_sealed_by_other_keys_refuses_the_start(tmp_path: Path) -> None:
    spool = opened(tmp_path, keys=MasterKeys({2: b"o" * 32}))
    await spool.append([b"theirs"])
    await spool.close()
    for _ in range(2):
        with pytest.raises(StartRefused, match="other keys"):
            opened(tmp_path)


async def test_a_folder_has_one_process(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    with pytest.raises(StartRefused, match="another process"):
        opened(tmp_path)
    await spool.close()
    await opened(tmp_path).close()


def test_a_folder_that_cannot_be_made_refuses_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StartRefused, match="cannot be used"):
        opened(tmp_path / "file" / "spool")


async def test_a_full_disk_is_not_filled_with_begun_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _block: bytes) -> None:
        raise OSError(28, "No space left on device")

    spool = opened(tmp_path)
    with monkeypatch.context() as disk:
        disk.setattr(spools, "_write", full)
        for _ in range(20):
            with pytest.raises(NotSpooled, match="No space left"):
                await spool.append([b"a"])
        assert names(tmp_path) == []
    await spool.append([b"b"])
    assert await drained(spool) == [b"b"]
    await spool.close()
