"""A queue on local disk, for what must not be lost while the server it is meant for is away.

Guarantees: an `append` is done when its records have been fsynced, many appends sharing one fsync; `head` gives
records in the order of their appends; a segment is deleted only when all of it was forgotten. So a process
killed at any moment, or a machine without power, finds every acknowledged record again, in order, and some of
them twice. No more than `bytes_max` lie there. Records are sealed: the disk shows how many and how large they
are, and when they came.

A segment is a file `<number>.spool` of frames (content length, CRC-32 of the rest, milliseconds since 1970,
sealed content) that grows in one run of one process. A tail which is not whole was never acknowledged: it is
skipped and counted. A frame that is broken in the middle was damaged by the disk: it is skipped, counted, and
its segment is kept aside as `<number>.damaged` (`.damaged-2` where there is one) for a person.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import zlib
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from chassis.clock import Clock
from chassis.crypto import PayloadSeal, SealBroken
from chassis.errors import StartRefused
from chassis.failpoints import failpoint
from chassis.log import logger

SEGMENT_BYTES = 8 * 1024 * 1024
HEAD_BYTES = 1024 * 1024
"""`head` stops at the first record which reaches this."""
_HEADER = struct.Struct(">IIQ")
_TIME = struct.Struct(">Q")


class NotSpooled(Exception):
    """There is no room, or the disk refuses. Nothing of the call is promised."""


class Spooled(Struct, frozen=True):
    """One record, and when it was appended (milliseconds since 1970)."""

    content: bytes
    at_ms: int


class Read(Struct, frozen=True):
    """What a part of a segment holds: whole frames, where they end, and how many were broken between them."""

    frames: tuple[Spooled, ...]
    end: int
    broken: int


@dataclass(slots=True)
class _Segment:
    number: int
    path: Path
    size: int = 0
    """Up to here it is on disk for sure."""
    read_to: int = 0
    records: int = 0
    oldest_ms: int = 0
    """No record that is left is older."""
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class _Append:
    block: bytes
    records: int
    at_ms: int
    done: asyncio.Future[None]


def frame(content: bytes, at_ms: int) -> bytes:
    """One frame as it lies on disk."""
    rest = _TIME.pack(at_ms) + content
    return struct.pack(">II", len(content), zlib.crc32(rest)) + rest


def read_frames(file: BinaryIO, start: int, end: int, bytes_max: int) -> Read:
    """Whole frames between two offsets, up to the first that reaches `bytes_max`.

    A broken frame is skipped if another one follows it; else everything from it on is the torn tail.
    """
    file.seek(start)
    found: list[Spooled] = []
    at = whole_to = start
    broken = skipped = taken = 0
    while taken < bytes_max and at + _HEADER.size <= end:
        length, crc, at_ms = _HEADER.unpack(file.read(_HEADER.size))
        at += _HEADER.size + length
        if at > end:
            break
        content = file.read(length)
        if zlib.crc32(_TIME.pack(at_ms) + content) != crc:
            skipped += 1
            continue
        found.append(Spooled(content, at_ms))
        taken += length
        whole_to = at
        broken, skipped = broken + skipped, 0
    return Read(tuple(found), whole_to, broken)


class Spool:
    """One process' queue in one folder. All methods belong to one event loop; files are read and written in threads."""

    def __init__(
        self,
        folder: Path,
        *,
        bytes_max: int,
        seal: PayloadSeal,
        clock: Clock,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Takes the folder and finds what is left there.

        Raises StartRefused when it cannot be written, belongs to another process, or was sealed by keys
        which this one does not have.
        """
        self._folder = folder
        self._bytes_max = bytes_max
        # Room comes back a segment at a time.
        self._segment_bytes = min(segment_bytes, max(bytes_max // 8, 1))
        self._seal = seal
        self._clock = clock
        self._waiting: list[_Append] = []
        self._waiting_bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._tail: tuple[_Segment, int] | None = None
        self._given: tuple[_Segment, Read, int] | None = None
        self.torn_bytes = 0
        """Of tails that were not whole when the folder was opened."""
        self.damaged_records = 0
        """Frames the disk has broken since then."""
        self._lock = _locked(folder)
        try:
            self._segments = deque(map(self._found, sorted(folder.glob("[0-9]*.spool"))))
        except BaseException:
            os.close(self._lock)
            raise
        self._next_number = self._segments[-1].number + 1 if self._segments else 1

    @property
    def size_bytes(self) -> int:
        """Bytes on disk, of records given out and not yet forgotten too."""
        return sum(segment.size for segment in self._segments)

    @property
    def records(self) -> int:
        """Records that wait."""
        return sum(segment.records for segment in self._segments)

    @property
    def oldest_ms(self) -> int:
        """No record that waits is older than this (milliseconds since 1970); 0 when none waits."""
        return next((s.oldest_ms for s in self._segments if s.records), 0)

    @property
    def empty(self) -> bool:
        """Whether nothing waits, on disk or on its way there."""
        return self._writing is None and not self.records

    def append(self, contents: Sequence[bytes]) -> asyncio.Future[None]:
        """Queues records behind all before them; the future is done when they are on disk.

        Fails with NotSpooled.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        at_ms = int(self._clock.now().timestamp() * 1000)
        block = b"".join([frame(self._seal.seal_payload(content), at_ms) for content in contents])
        if self.size_bytes + self._waiting_bytes + len(block) > self._bytes_max:
            done.set_exception(NotSpooled("full"))
            return done
        self._waiting.append(_Append(block, len(contents), at_ms, done))
        self._waiting_bytes += len(block)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_groups())
        return done

    async def head(self) -> tuple[Spooled, ...]:
        """The oldest records, opened, a megabyte of them; none when nothing waits. They stay until `forget`."""
        while (
            segment := next((s for s in self._segments if s.read_to < s.size), None)
        ) is not None:
            read = await asyncio.to_thread(_read, segment.path, segment.read_to, segment.size)
            opened = tuple(one for frame in read.frames if (one := self._opened(frame)))
            broken = read.broken + len(read.frames) - len(opened)
            if not read.frames:  # not one whole frame is left in what was acknowledged
                read, broken = Read((), segment.size, 0), segment.records
            self._given = (segment, read, broken)
            if opened:
                return opened
            await self.forget()
        return ()

    async def forget(self) -> None:
        """What `head` gave last is delivered. A segment of which nothing is left is deleted, or kept aside."""
        if self._given is None:
            return
        (segment, read, broken), self._given = self._given, None
        if broken:
            segment.damaged = True
            self.damaged_records += broken
            logger.error("spool_damaged", segment=segment.path.name, records=broken)
        segment.read_to = read.end
        segment.records = (
            0 if read.end == segment.size else segment.records - len(read.frames) - read.broken
        )
        if read.frames:
            segment.oldest_ms = read.frames[-1].at_ms
        await self._clear()

    async def close(self) -> None:
        """Waits for what is being written, and gives the folder back."""
        if self._writing is not None:
            await self._writing
        if self._tail is not None:
            os.close(self._tail[1])
        os.close(self._lock)

    # ---- finding ---------------------------------------------------------------------------------

    def _found(self, path: Path) -> _Segment:
        size = path.stat().st_size
        with path.open("rb") as file:
            read = read_frames(file, 0, size, size)
        if torn := size - read.end:
            self.torn_bytes += torn
            logger.warning("spool_tail_torn", segment=path.name, torn_bytes=torn)
        if read.frames:
            try:
                self._seal.open_payload(read.frames[0].content)
            except SealBroken as broken:
                raise StartRefused(
                    f"the spool in {path.parent} was sealed by other keys ({broken.code}): give the keys back "
                    "it was written with, or move the folder away and have the channels push again"
                ) from None
        return _Segment(
            number=int(path.stem),
            path=path,
            size=read.end,
            records=len(read.frames) + read.broken,
            oldest_ms=read.frames[0].at_ms if read.frames else 0,
        )

    def _opened(self, one: Spooled) -> Spooled | None:
        try:
            return Spooled(self._seal.open_payload(one.content), one.at_ms)
        except SealBroken:
            return None

    # ---- writing ---------------------------------------------------------------------------------

    async def _write_groups(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._write_group(group)
                self._waiting_bytes = sum(len(one.block) for one in self._waiting)
        finally:
            self._writing = None

    async def _write_group(self, group: Sequence[_Append]) -> None:
        block = b"".join([one.block for one in group])
        failure: BaseException | None = None
        try:
            segment, descriptor = self._tail or await self._fresh_segment()
            await asyncio.to_thread(_write, descriptor, block)
        except Exception as error:  # noqa: BLE001 — every appender has to hear of it
            # What a failed write or fsync has left behind is never built upon.
            logger.error("spool_write_failed", why=str(error))
            self._leave_tail()
            await self._drop_empty()
            failure = error
            if isinstance(error, OSError):
                failure = NotSpooled(error.strerror or type(error).__name__)
        else:
            if not segment.records:
                segment.oldest_ms = group[0].at_ms
            segment.size += len(block)
            segment.records += sum(one.records for one in group)
            if segment.size >= self._segment_bytes:
                self._leave_tail()
        for one in group:
            if one.done.cancelled():
                continue
            if failure is None:
                one.done.set_result(None)
            else:
                one.done.set_exception(failure)

    async def _fresh_segment(self) -> tuple[_Segment, int]:
        number = self._next_number
        self._next_number += 1
        segment = _Segment(number=number, path=self._folder / f"{number:012d}.spool")
        self._tail = segment, await asyncio.to_thread(_create, segment.path)
        self._segments.append(segment)
        return self._tail

    def _leave_tail(self) -> None:
        if self._tail is not None:
            os.close(self._tail[1])
            self._tail = None

    async def _drop_empty(self) -> None:
        """What was begun on a full disk and never written to: a file for each push that is refused."""
        while self._segments and not self._segments[-1].size:
            empty = self._segments.pop()
            with suppress(OSError):
                await asyncio.to_thread(_remove, empty.path, aside=False)

    async def _clear(self) -> None:
        """Removes finished segments from the front, but for one that is being written."""
        while self._segments and self._segments[0].read_to >= self._segments[0].size:
            segment = self._segments[0]
            if self._tail is not None and self._tail[0] is segment:
                if self._writing is not None:
                    return
                self._leave_tail()
            self._segments.popleft()
            failpoint("spool.before_delete")
            await asyncio.to_thread(_remove, segment.path, aside=segment.damaged)
            failpoint("spool.after_delete")


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartRefused(f"the spool in {folder} cannot be used: {error}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StartRefused(
            f"the spool in {folder} belongs to another process: give each process a folder of its own"
        ) from None
    return lock


def _create(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return descriptor


def _read(path: Path, start: int, end: int) -> Read:
    with path.open("rb") as file:
        return read_frames(file, start, end, HEAD_BYTES)


def _write(descriptor: int, block: bytes) -> None:
    failpoint("spool.before_write")
    left = memoryview(block)
    while left:
        left = left[os.write(descriptor, left) :]
    failpoint("spool.before_fsync")
    os.fsync(descriptor)
    failpoint("spool.after_fsync")


def _remove(path: Path, *, aside: bool) -> None:
    if aside:
        # Numbers begin anew once nothing waits: an earlier one of the same number must stay.
        kept = path.with_suffix(".damaged")
        for number in count(2):
            if not kept.exists():
                break
            kept = path.with_suffix(f".damaged-{number}")
        path.rename(kept)
    else:
        path.unlink()
