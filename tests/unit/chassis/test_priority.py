"""A service gives way as a whole session where Linux weighs sessions, and never with somebody else's."""

import json
import subprocess
import sys

import pytest

TOLD = """
import json, os
from chassis.priority import AUTOGROUP, give_way
def weighed():
    words = AUTOGROUP.read_text().split() if AUTOGROUP.exists() else []
    return int(words[-1]) if words else None  # no file, or an empty one: this session is not weighed
before = os.nice(0), weighed()
give_way(7)
print(json.dumps([before, (os.nice(0), weighed())]))
"""


@pytest.mark.parametrize("leads", [True, False])
def test_niceness_counts_for_the_session_a_process_leads(leads: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOLD],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=leads,
    )
    (own, groups), (own_after, groups_after) = json.loads(done.stdout)
    assert own_after == own + 7
    if leads and groups is not None:
        assert groups_after == own_after
    else:
        assert groups_after == groups
