"""Postgres started by root from a clone that only root may enter."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.embedded import postgres
from deploy.embedded.errors import (
    DataOfAnEarlierHome,
    DataOutOfReach,
    KeptDataGone,
    NoUnprivilegedUser,
    PrivateDirectoryUnsafe,
)
from deploy.embedded.progress import Progress, silent
from deploy.embedded.server import Site
from deploy.embedded.state import wipe_data

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become another user")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A home below pytest's directory, which is root's alone."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    yield Site(name="postgres", home=home, cache=tmp_path, ports={"tcp": 1}, on_progress=silent)
    wipe_data(home)


@pytest.fixture
def lasting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory in place of /var/lib."""
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        monkeypatch.setattr(postgres, "LASTING", Path(parent))
        yield Path(parent)


def test_programs_nobody_can_reach_are_copied_with_their_libraries(
    site: Site, tmp_path: Path
) -> None:
    account = postgres._account()
    assert account is not None
    package = postgres._wheel_programs().parents[1]
    shutil.copytree(package / "pginstall18", tmp_path / package.name / "pginstall18", symlinks=True)
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, tmp_path / libraries.name, symlinks=True)
    postgres._place_data_where_reachable(site, account)

    reachable = postgres._reachable_programs(
        site, account, tmp_path / package.name / "pginstall18" / "bin"
    )

    assert not reachable.is_relative_to(tmp_path)
    for program in ("initdb", "postgres"):
        subprocess.run([reachable / program, "--version"], check=True, user=account.uid)


def test_data_nobody_can_reach_are_linked_elsewhere_and_it_is_said(site: Site) -> None:
    account = postgres._account()
    assert account is not None
    told: list[Progress] = []
    telling = Site(
        name=site.name,
        home=site.home,
        cache=site.cache,
        ports=site.ports,
        on_progress=told.append,
    )
    postgres._place_data_where_reachable(telling, account)
    place = site.data_path.resolve()
    assert place.stat().st_uid == account.uid
    assert not place.is_relative_to(site.home)
    assert [one.step for one in told] == ["note"]
    assert str(place) in told[0].detail


def test_a_cluster_nobody_can_reach_any_more_is_left_alone_and_named(site: Site) -> None:
    account = postgres._account()
    assert account is not None
    site.data_path.mkdir()
    version = site.data_path / "PG_VERSION"
    version.write_text("18\n")

    with pytest.raises(DataOutOfReach, match=str(site.data_path)):
        postgres._place_data_where_reachable(site, account)

    assert version.read_text() == "18\n"


def test_kept_data_are_where_the_machines_start_leaves_them_until_wiped(
    site: Site, lasting: Path
) -> None:
    account = postgres._account()
    assert account is not None
    postgres._place_data_where_reachable(replace(site, kept=True), account)
    assert site.data_path.resolve().is_relative_to(lasting)
    assert site.data_path.resolve().stat().st_uid == account.uid
    wipe_data(site.home)
    assert list(lasting.iterdir()) == []


def test_data_that_are_kept_only_later_move_with_owner_and_mode(site: Site, lasting: Path) -> None:
    account = postgres._account()
    assert account is not None
    postgres._place_data_where_reachable(site, account)
    before = site.data_path.resolve()
    (before / "base").mkdir(mode=0o700)
    (before / "base" / "1").write_text("rows")

    for _ in range(2):
        postgres._place_data_where_reachable(replace(site, kept=True), account)

    after = site.data_path.resolve()
    assert after.is_relative_to(lasting)
    assert not before.exists()
    assert (after / "base" / "1").read_text() == "rows"
    assert (after / "base" / "1").stat().st_uid == account.uid
    assert [one.stat().st_mode & 0o777 for one in (after, after / "base")] == [0o700, 0o700]


def test_kept_data_that_are_gone_are_an_error_and_others_begin_anew(
    site: Site, lasting: Path
) -> None:
    account = postgres._account()
    assert account is not None
    kept = replace(site, kept=True)
    postgres._place_data_where_reachable(kept, account)
    place = site.data_path.resolve()
    place.rmdir()
    with pytest.raises(KeptDataGone, match=str(place)):
        postgres._place_data_where_reachable(kept, account)
    postgres._place_data_where_reachable(site, account)
    assert site.data_path.is_dir()


def test_data_of_a_home_that_was_removed_are_not_taken_over(site: Site, lasting: Path) -> None:
    account = postgres._account()
    assert account is not None
    kept = replace(site, kept=True)
    postgres._place_data_where_reachable(kept, account)
    (site.data_path / "PG_VERSION").write_text("18\n")
    site.data_path.unlink()
    with pytest.raises(DataOfAnEarlierHome, match=str(lasting)):
        postgres._place_data_where_reachable(kept, account)
    wipe_data(site.home)
    postgres._place_data_where_reachable(kept, account)


def test_a_directory_prepared_by_somebody_else_is_refused(site: Site) -> None:
    account = postgres._account()
    assert account is not None
    private = postgres._private_directory(site, account, lasting=False)
    os.chown(private, account.uid, account.gid)
    with pytest.raises(PrivateDirectoryUnsafe, match="TMPDIR"):
        postgres._private_directory(site, account, lasting=False)
    private.rmdir()


@pytest.mark.parametrize("name", ["root", "no-such-user"])
def test_an_unsuitable_user_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANSHU_POSTGRES_USER", name)
    with pytest.raises(NoUnprivilegedUser, match=name):
        postgres._account()
