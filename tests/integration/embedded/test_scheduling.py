"""A worker of the suite that dies costs the test it died of, and nothing else."""

import subprocess
import sys
from pathlib import Path

CLONE = Path(__file__).parents[3]
CONFTEST = """
from tests.support.scheduling import SerialInOneWorker


def pytest_xdist_make_scheduler(config, log):
    return SerialInOneWorker(config, log)
"""
# The others wait for the new worker, or nothing would be left for it once it is there.
TESTS = """
import os
import time
from pathlib import Path

import pytest

CAME = Path(__file__).with_name("came")


@pytest.mark.parametrize("number", range(40))
def test_one(number):
    if number == 7:
        os._exit(1)
    if os.environ["PYTEST_XDIST_WORKER"] == "gw2":
        CAME.touch()
    for _ in range(900 * (number > 10)):
        if CAME.exists():
            break
        time.sleep(0.1)
"""


def test_who_replaces_a_dead_worker_does_its_share_and_the_run_ends(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {CLONE}\n")
    (tmp_path / "test_forty.py").write_text(TESTS)
    command = "-m pytest -v -n 2 --dist loadgroup --no-loadscope-reorder -p no:cacheprovider"
    ran = subprocess.run(
        [sys.executable, *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = ran.stdout.splitlines()
    assert "1 failed, 39 passed" in lines[-1], ran.stdout
    assert "crashed while running 'test_forty.py::test_one[7]'" in ran.stdout
    assert any(line.startswith("[gw2]") and "PASSED" in line for line in lines), ran.stdout
