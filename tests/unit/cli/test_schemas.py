from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import schemas
from schemas.lock import Locked, read_lock


def test_the_schemas_as_they_are_pass() -> None:
    assert CliRunner().invoke(schemas.app, ["check"]).exit_code == 0


def test_each_problem_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = read_lock()
    edited = Locked(
        full_name=first.full_name, version=1, schema_id=first.schema_id, sha256="0" * 64
    )
    monkeypatch.setattr(schemas, "read_lock", lambda: (edited, *others))
    monkeypatch.setattr(schemas, "TARGET", Path("nowhere"))
    shown = CliRunner().invoke(schemas.app, ["check"])
    assert shown.exit_code == 1
    assert f"{first.full_name} is not locked: run python -m schemas.lock" in shown.output
    assert "history was edited" in shown.output
    assert "python -m schemas.generate" in shown.output
