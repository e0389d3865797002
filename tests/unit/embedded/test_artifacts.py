"""Pins: what the lock file says, and what is refused."""

import hashlib
from pathlib import Path

import pytest

from deploy.embedded.artifacts import LOCK_PATH, ROOTS, Artifact, parse_lock, verify
from deploy.embedded.errors import ChecksumMismatch, LockUnreadable

ARTIFACT = Artifact(
    bundle="kafka",
    coordinate="org.example:thing:jar:1.0",
    sha256=hashlib.sha256(b"as pinned").hexdigest(),
    size_bytes=9,
)


def test_a_file_as_pinned_passes(tmp_path: Path) -> None:
    file = tmp_path / "thing.jar"
    file.write_bytes(b"as pinned")
    verify(ARTIFACT, file)


def test_a_file_with_another_checksum_is_refused_with_both_sums_and_a_remedy(
    tmp_path: Path,
) -> None:
    file = tmp_path / "thing.jar"
    file.write_bytes(b"as forged")
    with pytest.raises(ChecksumMismatch) as refused:
        verify(ARTIFACT, file)
    assert ARTIFACT.sha256 in str(refused.value)
    assert hashlib.sha256(b"as forged").hexdigest() in str(refused.value)
    assert "thrown away" in refused.value.remedy


def test_a_changed_pin_is_another_file_in_the_cache() -> None:
    changed = Artifact(
        bundle="kafka", coordinate=ARTIFACT.coordinate, sha256="0" * 64, size_bytes=9
    )
    assert changed.filename != ARTIFACT.filename
    assert changed.filename == "thing-1.0.000000000000.jar"


def test_a_classifier_is_part_of_the_name() -> None:
    app = Artifact(
        bundle="registry", coordinate="g:app:tar.gz:all:3.3", sha256="a" * 64, size_bytes=1
    )
    assert app.filename == "app-3.3-all.aaaaaaaaaaaa.tar.gz"


@pytest.mark.parametrize(
    "line",
    [
        "kafka org.example:thing:jar:1.0",
        "kafka org.example:thing:jar:1.0 abc 9",
        f"kafka org.example:thing:jar:1.0 {'a' * 64} nine",
    ],
)
def test_a_line_that_is_no_pin_is_refused(line: str) -> None:
    with pytest.raises(LockUnreadable, match="not a pin"):
        parse_lock(f"# comment\n\n{line}\n")


def test_the_committed_lock_pins_every_root() -> None:
    pinned = {one.coordinate for one in parse_lock(LOCK_PATH.read_text())}
    assert {root for roots in ROOTS.values() for root in roots} <= pinned
