"""Who of xdist's workers runs what."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]


def turn(nodeid: str, *, serial: bool) -> int:
    """When a test has its turn; those of one turn stay in their order.

    First the long line of those with servers of their own, which one worker has to itself; beside it, in the others, what
    needs the shared servers. Then the whole hub, and last what needs few or no servers: thousands of short tests, by
    which all workers end together.
    """
    if serial:
        return 2 if nodeid.startswith("tests/e2e/") else 0
    servers = ("tests/browser/", "tests/faults/", "tests/integration/")
    return 1 if nodeid.startswith(servers) else 3


class SerialInOneWorker(LoadScopeScheduling):  # type: ignore[misc]
    """Of files that speak of `pytest.mark.serial` there are two pieces of work, all other tests are one each.

    The two are what has servers of its own and what looks at a whole hub. While a killed server is down its port is free
    to whoever starts others, so there is one line for all who start any.

    xdist 3.8's own groups write into a field that pytest 9 no longer has, and keep nothing together. It also hands out
    again what a worker had done before it died, and a worker begins a test only when it knows the next one: who took its place
    was given nothing to do, and the run did not end.
    """

    def remove_node(self, node: WorkerController) -> str | None:
        """Takes back what a worker has not done. The test it died of is reported and not run again."""
        units = self.assigned_work[node]
        left = [(unit, test) for unit in units.values() for test in unit if not unit[test]]
        crashed: str | None = None
        if left:
            unit, crashed = left[0]
            unit[crashed] = True
        for scope in [scope for scope, unit in units.items() if all(unit.values())]:
            del units[scope]
        super().remove_node(node)
        return crashed

    def _reschedule(self, node: WorkerController) -> None:
        super()._reschedule(node)
        if node.shutting_down:
            return
        while self.workqueue and self._pending_of(self.assigned_work[node]) < 2:
            self._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if not _is_serial(self.config.rootpath / path):
            return nodeid
        return "serial hub" if path.startswith("tests/e2e/") else "serial servers"


@cache
def _is_serial(file: Path) -> bool:
    return "pytest.mark.serial" in file.read_text(encoding="utf-8")
