"""The command line's table of commands."""

import importlib
import sys

import pytest
import typer
from typer.testing import CliRunner

from cli.main import COMMANDS, build, main
from deploy.embedded.errors import NoFreePort


@pytest.mark.parametrize("command", COMMANDS)
def test_a_listed_command_exists_in_its_module(command: str) -> None:
    module, summary = COMMANDS[command]
    app = importlib.import_module(f"cli.{module}").app
    assert isinstance(app, typer.Typer)
    assert summary.endswith(".")


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(build(), ["--help"])
    assert shown.exit_code == 0
    for command in COMMANDS:
        assert command in shown.stdout


def test_an_error_with_a_remedy_is_printed_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise NoFreePort("no free port from 1 to 2")

    monkeypatch.setattr(typer.Typer, "__call__", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert shown.startswith("danshu: no free port from 1 to 2\n→ ")
    assert "Traceback" not in shown


def test_an_error_without_a_remedy_is_a_bug_and_shows_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(typer.Typer, "__call__", fail)
    with pytest.raises(ZeroDivisionError):
        main()


def test_help_needs_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, _ in COMMANDS.values():
        monkeypatch.setitem(sys.modules, f"cli.{module}", None)
    assert CliRunner().invoke(build(), ["--help"]).exit_code == 0
