import pytest
from typer.testing import CliRunner

from chassis.settings import Settings, unknown_names
from cli.settings import app, every_setting


def test_every_setting_of_every_service_is_listed_once() -> None:
    variables = [one.variable for one in every_setting()]
    assert len(set(variables)) == len(variables)
    assert {f"DANSHU_{name.upper()}" for name in Settings.model_fields} <= set(variables)
    assert "DANSHU_INSIGHT_GRACE_S" in variables


def test_what_is_listed_is_known_to_the_services() -> None:
    environment = dict.fromkeys((one.variable for one in every_setting()), "x")
    assert unknown_names(environment, Settings) == []


def test_values_of_this_machine_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANSHU_API_TOKEN", "planted-secret")
    printed = CliRunner().invoke(app, []).stdout
    assert "planted-secret" not in printed
    assert "DANSHU_API_TOKEN=  # set here" in printed


def test_an_unknown_service_is_refused() -> None:
    assert CliRunner().invoke(app, ["nobody"]).exit_code == 1
