"""A service gives way as a whole session where Linux weighs sessions, and never with somebody else's."""

import subprocess
import sys

import pytest

from chassis.priority import AUTOGROUP

TOLD = """
import os
from chassis.priority import AUTOGROUP, give_way
before = os.nice(0)
give_way(7)
group = AUTOGROUP.read_text().split()[-1] if AUTOGROUP.exists() else str(os.nice(0))
print(os.nice(0) - before, int(group))
"""


@pytest.mark.parametrize("leads", [True, False])
def test_niceness_counts_for_the_session_a_process_leads(leads: bool) -> None:
    before = AUTOGROUP.read_text().split()[-1] if AUTOGROUP.exists() else "0"
    done = subprocess.run(
        [sys.executable, "-c", TOLD],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=leads,
    )
    own, groups = map(int, done.stdout.split())
    assert own == 7
    if leads:
        assert groups >= 7
    elif AUTOGROUP.exists():
        assert groups == int(before)
