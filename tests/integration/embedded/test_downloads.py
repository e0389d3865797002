"""Downloads from a repository on loopback which may lie."""

import gc
import hashlib
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.embedded import artifacts
from deploy.embedded.errors import ArtifactUnreachable, ChecksumMismatch
from deploy.embedded.progress import Progress, silent

GOOD = b"a jar as pinned" * 1000
PATH = "/org/example/thing/1.0/thing-1.0.jar"


class Cancelled(Exception):
    pass


@dataclass(slots=True, kw_only=True)
class Repository:
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    def __init__(self, repository: Repository, *connection: object) -> None:
        self.repository = repository
        super().__init__(*connection)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.repository.asked.append(self.path)
        self.repository.answers.wait(60)
        body = self.repository.files.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A Maven repository, and a lock file which pins one jar of it."""
    served = Repository(files={PATH: GOOD})
    served.answers.set()
    lock = tmp_path / "artifacts.lock"
    digest = hashlib.sha256(GOOD).hexdigest()
    lock.write_text(f"kafka org.example:thing:jar:1.0 {digest} {len(GOOD)}\n")
    monkeypatch.setattr(artifacts, "LOCK_PATH", lock)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, served)) as server:
        monkeypatch.setenv("DANSHU_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.answers.set()
        for given_up in threading.enumerate():
            if given_up.name == "download":
                given_up.join(10)
        server.shutdown()
        thread.join()
    with warnings.catch_warnings():
        # jgo leaves a refused answer unread, and so its socket to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_a_jar_is_fetched_once_and_tells_its_progress(
    repository: Repository, tmp_path: Path
) -> None:
    told: list[Progress] = []
    (first,) = artifacts.fetch("kafka", cache=tmp_path / "cache", on_progress=told.append)
    (second,) = artifacts.fetch("kafka", cache=tmp_path / "cache", on_progress=silent)
    assert first == second
    assert first.read_bytes() == GOOD
    assert repository.asked.count(PATH) == 1
    assert told[-1].fraction == 1.0


def test_a_forged_jar_is_refused_and_never_reaches_the_cache(
    repository: Repository, tmp_path: Path
) -> None:
    repository.files[PATH] = b"forged"
    with pytest.raises(ChecksumMismatch, match="thing"):
        artifacts.fetch("kafka", cache=tmp_path / "cache", on_progress=silent)
    assert list((tmp_path / "cache").rglob("*.jar")) == []


def test_a_jar_damaged_in_the_cache_is_fetched_again(
    repository: Repository, tmp_path: Path
) -> None:
    (place,) = artifacts.fetch("kafka", cache=tmp_path / "cache", on_progress=silent)
    place.write_bytes(b"damaged")
    artifacts.fetch("kafka", cache=tmp_path / "cache", on_progress=silent)
    assert place.read_bytes() == GOOD


def test_a_cancelled_fetch_ends_while_the_repository_is_silent(
    repository: Repository, tmp_path: Path
) -> None:
    repository.answers.clear()

    def cancelled_when_asked(_: Progress) -> None:
        if repository.asked:
            raise Cancelled

    with pytest.raises(Cancelled):
        artifacts.fetch("kafka", cache=tmp_path / "cache", on_progress=cancelled_when_asked)
    assert not repository.answers.is_set()
    assert len(repository.asked) == 1


def test_whoever_waits_for_another_download_says_so_and_can_be_cancelled(
    repository: Repository, tmp_path: Path
) -> None:
    told: list[Progress] = []

    def cancelled_at_the_second_time(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 2:
            raise Cancelled

    with artifacts._cache_lock(tmp_path, "kafka", silent), pytest.raises(Cancelled):
        artifacts.fetch("kafka", cache=tmp_path, on_progress=cancelled_at_the_second_time)
    assert [one.detail for one in told] == ["waiting for another download"] * 2
    assert repository.asked == []


def test_what_a_killed_download_left_is_removed_and_not_what_another_bundles_has(
    repository: Repository, tmp_path: Path
) -> None:
    left = [tmp_path / "incoming-kafka.1234abcd", tmp_path / "kafka" / "unpacking-1234abcd"]
    others = tmp_path / "incoming-registry.1234abcd"
    for one in (*left, others):
        one.mkdir(parents=True)
        (one / "half.jar").write_bytes(b"ha")
    artifacts.fetch("kafka", cache=tmp_path, on_progress=silent)
    assert not any(one.exists() for one in left)
    assert not list(tmp_path.glob("incoming-kafka*"))
    assert others.exists()


def test_a_missing_jar_names_itself_and_the_remedy(repository: Repository, tmp_path: Path) -> None:
    repository.files.clear()
    with pytest.raises(ArtifactUnreachable, match="thing") as refused:
        artifacts.fetch("kafka", cache=tmp_path / "cache", on_progress=silent)
    assert "HTTPS_PROXY" in str(refused.value)
