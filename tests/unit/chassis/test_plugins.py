import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.errors import StartRefused
from chassis.plugins import load


@dataclass(frozen=True)
class Tool:
    name: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    package = tmp_path / "some_tools"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] == "some_tools"]:
        del sys.modules[name]


def write(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(f"from tests.unit.chassis.test_plugins import Tool\n{text}\n")


def test_every_file_is_a_plugin_and_they_come_in_the_order_of_their_names(folder: Path) -> None:
    write(folder, "saw.py", "TOOL = Tool('saw')")
    write(folder, "axe.py", "TOOL = Tool('axe')")
    (folder / "_shared.py").write_text("")
    found = load("some_tools", "TOOL", Tool)
    assert list(found) == ["axe", "saw"]
    assert found["saw"].name == "saw"
    assert load("some_tools", "TOOL", Tool) == found


def test_a_registry_cannot_be_changed(folder: Path) -> None:
    write(folder, "axe.py", "TOOL = Tool('axe')")
    with pytest.raises(TypeError):
        load("some_tools", "TOOL", Tool)["saw"] = Tool("saw")  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("X = 1", "has no TOOL"),
        ("TOOL = 'saw'", "is a str, not a Tool"),
        ("TOOL = Tool('axe')", "'axe' is already taken by some_tools/axe.py"),
    ],
)
def test_a_file_at_fault_stops_the_start_and_is_named(folder: Path, text: str, words: str) -> None:
    write(folder, "axe.py", "TOOL = Tool('axe')")
    write(folder, "saw.py", text)
    with pytest.raises(StartRefused) as refused:
        load("some_tools", "TOOL", Tool)
    assert "some_tools/saw.py" in str(refused.value)
    assert words in str(refused.value)
