"""Signals: whom they may reach."""

import os
import signal

import pytest

from deploy.embedded.errors import ProcessOfAnotherUser
from deploy.embedded.processes import end, identify, slay


def test_a_process_of_another_user_is_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _number: signal.Signals) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    ours = identify(os.getpid())
    assert ours is not None
    with pytest.raises(ProcessOfAnotherUser, match=f"process {ours.pid} .*\n.*as that user"):
        end(ours, patience_s=0)
    with pytest.raises(ProcessOfAnotherUser):
        slay(ours)
