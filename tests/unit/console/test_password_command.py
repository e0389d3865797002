"""`danshu console password`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli.console import app
from services.console.signin import verify_password


def test_the_printed_hash_lets_its_password_in() -> None:
    done = CliRunner().invoke(app, ["password", "--stdin"], input="long enough\n")
    assert done.exit_code == 0
    assert verify_password("long enough", done.output.strip())


@pytest.mark.parametrize("given", ["short", "", "x" * 300])
def test_a_password_of_the_wrong_length_has_no_hash(given: str) -> None:
    done = CliRunner().invoke(app, ["password", "--stdin"], input=f"{given}\n")
    assert done.exit_code != 0
    assert "scrypt" not in done.output
