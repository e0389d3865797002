"""`danshu demo` beside another one."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.demo import app
from demo.errors import DemoRuns
from demo.home import demo_home, held
from deploy.embedded import stack


def test_a_second_demo_is_refused_before_it_touches_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANSHU_HOME", str(tmp_path))
    touched: list[str] = []
    monkeypatch.setattr(stack, "down", lambda *_, **__: touched.append("down"))
    book = demo_home() / "run" / "book"
    with held(demo_home()):
        book.parent.mkdir()
        book.touch()
        refused = CliRunner().invoke(app, []).exception
    assert isinstance(refused, DemoRuns)
    assert str(demo_home()) in str(refused)
    assert "Ctrl-C" in refused.remedy
    assert touched == []
    assert book.exists()


def test_a_demo_that_has_ended_lets_go_of_the_home(tmp_path: Path) -> None:
    for _ in range(2):
        with held(tmp_path):
            pass
