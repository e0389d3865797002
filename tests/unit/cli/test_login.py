"""Who gives a command, where no --actor says it."""

import os

import pytest

from cli.login import login


def test_it_is_the_login_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "lin")
    assert login() == "lin"


@pytest.mark.parametrize("unknown", [KeyError("uid not found"), OSError("No username set")])
def test_a_user_without_a_name_is_named_by_number(
    monkeypatch: pytest.MonkeyPatch, unknown: Exception
) -> None:
    def refuse() -> str:
        raise unknown

    monkeypatch.setattr("getpass.getuser", refuse)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert login() == "uid:12345"
