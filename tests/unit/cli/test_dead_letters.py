"""Saving a letter's bytes for mending."""

from pathlib import Path

import pytest
import typer

from cli.dead_letters import _save


def test_the_bytes_are_for_the_owners_eyes_only(tmp_path: Path) -> None:
    _save(tmp_path / "letter", b"bytes")
    assert (tmp_path / "letter").read_bytes() == b"bytes"
    assert (tmp_path / "letter").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("kept", "kept exists; name a new file"),
        ("nowhere/letter", "nowhere/letter cannot be written: No such file or directory"),
        ("kept/letter", "kept/letter cannot be written: Not a directory"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    (tmp_path / "kept").write_bytes(b"before")
    with pytest.raises(typer.Exit) as ended:
        _save(tmp_path / name, b"bytes")
    assert ended.value.exit_code == 1
    told = capsys.readouterr().err
    assert (why in told, told.count("\n")) == (True, 1), told
    assert (tmp_path / "kept").read_bytes() == b"before"
