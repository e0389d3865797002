"""What a benchmark reads off the machine: CPU seconds and memory by process, percentiles, the noise."""

from __future__ import annotations

import os
import platform as machine
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from msgspec import Struct


class Usage(Struct, frozen=True, kw_only=True):
    """CPU seconds and resident memory of one program with its children."""

    cpu_s: float
    memory_mib: float


def usage(pids: Mapping[str, int]) -> dict[str, Usage]:
    """Usage by name; Postgres' backends count with their parent. A process that ended is left out."""
    found = {}
    for name, pid in pids.items():
        try:
            parent = psutil.Process(pid)
            family = [parent, *parent.children(recursive=True)]
            times = [process.cpu_times() for process in family]
            memory = sum(process.memory_info().rss for process in family)
        except psutil.NoSuchProcess:
            continue
        # Backends that ended meanwhile are in the parent's children_* times.
        cpu_s = sum(t.user + t.system for t in times)
        cpu_s += times[0].children_user + times[0].children_system
        found[name] = Usage(cpu_s=cpu_s, memory_mib=memory / 2**20)
    return found


def spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """CPU seconds between two readings, by name."""
    return {name: after[name].cpu_s - before[name].cpu_s for name in before if name in after}


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of values in rising order; 0 for none."""
    if not sorted_values:
        return 0.0
    rank = min(len(sorted_values) - 1, max(0, round(share * len(sorted_values)) - 1))
    return sorted_values[rank]


def reference_work_s() -> float:
    """CPU seconds of a fixed piece of work: a yardstick for how fast this machine is just now."""
    before = time.process_time()
    total = 0
    for number in range(3_000_000):
        total ^= number * 2654435761 & 0xFFFF
    if total < 0:
        raise AssertionError
    return time.process_time() - before


def surroundings() -> dict[str, object]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "python": machine.python_version(),
        "kernel": machine.release(),
        "load_1min": os.getloadavg()[0],
        "reference_work_s": round(reference_work_s(), 3),
        "cpu_model": _cpu_model(),
    }


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return machine.processor()
    lines = (
        line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if "model name" in line
    )
    return next(lines, "").partition(":")[2].strip()
