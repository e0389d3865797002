"""Maven artifacts of the embedded stack, pinned by sha256 in `artifacts.lock`, fetched once.

Guarantees: a file has its final name in the cache only after its checksum was found right, two
fetching processes do not disturb each other, and what arrived before a failure is kept. A listener
that raises ends a fetch within a moment, whatever it waits for.

`python -m deploy.embedded.artifacts` resolves the roots below anew and rewrites the lock file.
"""

import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.embedded.errors import (
    ArtifactUnreachable,
    ChecksumMismatch,
    EmbeddedExtraMissing,
    HomeNotWritable,
    LockUnreadable,
)
from deploy.embedded.locks import try_lock
from deploy.embedded.progress import OnProgress, Progress

if TYPE_CHECKING:
    from jgo.maven import MavenContext

LOCK_PATH = Path(__file__).with_name("artifacts.lock")
# bundle → what is resolved with all it needs at run time. Kafka logs through slf4j 1.7; without
# a binding it would log nothing.
ROOTS = {
    "kafka": (
        "org.apache.kafka:kafka_2.13:jar:4.1.2",
        "org.apache.logging.log4j:log4j-slf4j-impl:jar:2.25.3",
    ),
    "registry": ("io.apicurio:apicurio-registry-app:tar.gz:all:3.3.3",),
}
_ATTEMPTS = 3
_PARALLEL_DOWNLOADS = 6
_TIMEOUT_S = 60
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One pinned file: `coordinate` is group:artifact:packaging[:classifier]:version."""

    bundle: str
    coordinate: str
    sha256: str
    size_bytes: int

    @property
    def filename(self) -> str:
        """Its name in the cache; the digest keeps a changed pin apart from the old file."""
        _, artifact, packaging, *classifier, version = self.coordinate.split(":")
        stem = "-".join((artifact, version, *classifier))
        return f"{stem}.{self.sha256[:12]}.{packaging}"


def parse_lock(text: str) -> tuple[Artifact, ...]:
    """Read the lock file: lines of `bundle coordinate sha256 size`, `#` begins a comment.

    Raises:
        LockUnreadable: a line is not of that shape.
    """
    return tuple(
        _parse_line(line) for line in text.splitlines() if line.strip() and not line.startswith("#")
    )


def cache_directory() -> Path:
    """DANSHU_CACHE, else `danshu` in the user's cache directory."""
    if named := os.environ.get("DANSHU_CACHE"):
        return Path(named).expanduser().resolve()
    parent = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(parent) / "danshu"


def fetch(
    bundle: str, *, cache: Path, on_progress: OnProgress, lock: Path | None = None
) -> tuple[Path, ...]:
    """The verified files of a bundle, downloading what the cache does not have.

    A second call only checks the files; one damaged since is fetched again. `lock` pins bundles that are no part of
    the embedded stack.

    Raises:
        ArtifactUnreachable: the repository did not deliver.
        ChecksumMismatch: it delivered something else than what is pinned.
        LockUnreadable, HomeNotWritable: see there.
    """
    artifacts = [one for one in _read_lock(lock or LOCK_PATH) if one.bundle == bundle]
    with _cache_lock(cache, bundle, on_progress):
        places = {one: cache / "artifacts" / one.filename for one in artifacts}
        missing = [one for one, place in places.items() if not _is_sound(one, place)]
        if missing:
            _download_all(missing, places=places, on_progress=on_progress)
    return tuple(places.values())


def fetch_unpacked(bundle: str, *, cache: Path, on_progress: OnProgress) -> Path:
    """The directory into which the bundle's only archive was unpacked; the archive is not kept.

    Raises:
        As `fetch`.
    """
    (artifact,) = [one for one in _read_lock(LOCK_PATH) if one.bundle == bundle]
    unpacked = cache / bundle / artifact.sha256[:12]
    if not unpacked.is_dir():
        (archive,) = fetch(bundle, cache=cache, on_progress=on_progress)
        with _cache_lock(cache, bundle, on_progress):
            on_progress(Progress(server=bundle, step="fetching", detail="unpacking"))
            _unpack(archive, unpacked)
    return unpacked


def verify(artifact: Artifact, path: Path) -> None:
    """Hold a file against its pin.

    Raises:
        ChecksumMismatch: size or sha256 differ.
    """
    found = _sha256(path)
    if found != artifact.sha256:
        raise ChecksumMismatch(
            f"{artifact.coordinate}: sha256 is {found}, artifacts.lock pins {artifact.sha256}"
        )


def _parse_line(line: str) -> Artifact:
    match line.split():
        case [bundle, coordinate, sha256, size] if len(sha256) == 64 and size.isdigit():
            return Artifact(
                bundle=bundle, coordinate=coordinate, sha256=sha256, size_bytes=int(size)
            )
        case _:
            raise LockUnreadable(f"{LOCK_PATH.name}: not a pin: {line!r}")


def _read_lock(path: Path) -> tuple[Artifact, ...]:
    try:
        return parse_lock(path.read_text())
    except OSError as error:
        raise LockUnreadable(f"{path.name}: {error.strerror}") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_sound(artifact: Artifact, path: Path) -> bool:
    return path.is_file() and _sha256(path) == artifact.sha256


@contextmanager
def _cache_lock(cache: Path, bundle: str, on_progress: OnProgress) -> Iterator[None]:
    try:
        (cache / "artifacts").mkdir(parents=True, exist_ok=True)
        lock = (cache / f"{bundle}.lock").open("w")
    except OSError as error:
        raise HomeNotWritable(f"cache {cache}: {error.strerror} (DANSHU_CACHE names it)") from None
    with lock:
        while not try_lock(lock):
            # As a fraction it is shown once, however often it is told; a cancelled listener raises.
            waiting = "waiting for another download"
            on_progress(Progress(server=bundle, step="fetching", detail=waiting, fraction=0.0))
            time.sleep(_POLL_S)
        # Whoever made these was killed, for this lock was free.
        for left in (*cache.glob(f"incoming-{bundle}.*"), *(cache / bundle).glob("unpacking-*")):
            shutil.rmtree(left, ignore_errors=True)
        yield


class _Meter:
    """Adds up the bytes of parallel downloads and tells each new whole percent."""

    def __init__(self, bundle: str, total_bytes: int, on_progress: OnProgress) -> None:
        self._bundle, self._total_bytes, self._on_progress = bundle, total_bytes, on_progress
        self._done_bytes, self._told_percent = 0, -1
        self._guard = threading.Lock()

    @contextmanager
    def watch(self, _filename: str, _size_bytes: int) -> Iterator[Callable[[int], None]]:
        """Watch one file, in the form jgo's resolver asks for."""

        def add(count_bytes: int) -> None:
            with self._guard:
                self._done_bytes += count_bytes
                fraction = min(1.0, self._done_bytes / self._total_bytes)
                if int(fraction * 100) == self._told_percent:
                    return
                self._told_percent = int(fraction * 100)
            self.tell()

        yield add

    def tell(self) -> None:
        """Tell how much has arrived, also when that is nothing new: a cancelled listener raises."""
        done_bytes, total_bytes = self._done_bytes, self._total_bytes
        detail = f"{done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB"
        fraction = min(1.0, done_bytes / total_bytes)
        self._on_progress(
            Progress(server=self._bundle, step="fetching", detail=detail, fraction=fraction)
        )


def _download_all(
    missing: list[Artifact], *, places: dict[Artifact, Path], on_progress: OnProgress
) -> None:
    meter = _Meter(missing[0].bundle, sum(one.size_bytes for one in missing), on_progress)
    incoming = next(iter(places.values())).parent.parent
    with tempfile.TemporaryDirectory(
        prefix=f"incoming-{missing[0].bundle}.",
        dir=incoming,
        ignore_cleanup_errors=True,  # what was given up may still write
    ) as staging:
        context = _maven(Path(staging), meter.watch)
        todo = deque(missing)
        failures: list[BaseException] = []

        def work() -> None:
            while True:
                try:
                    one = todo.popleft()
                except IndexError:
                    return
                try:
                    _download(context, one, places[one], meter.tell)
                except BaseException as error:  # noqa: BLE001  # handed on below
                    todo.clear()
                    failures.append(error)

        _wait_for([work] * min(_PARALLEL_DOWNLOADS, len(missing)), meter.tell, todo.clear)
    if failures:  # files placed before it stay
        raise failures[0]


def _wait_for(
    jobs: Sequence[Callable[[], None]],
    heartbeat: Callable[[], None],
    on_end: Callable[[], None],
) -> None:
    """Run jobs side by side until all have ended or `heartbeat` raises.

    Then they are left to themselves: nothing wakes a thread that waits for a dead connection, and
    neither the caller nor the end of the process shall wait for it.
    """
    threads = [threading.Thread(target=job, name="download", daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                heartbeat()
                thread.join(_POLL_S)
        heartbeat()
    finally:
        on_end()


def _download(
    context: "MavenContext", artifact: Artifact, place: Path, heartbeat: Callable[[], None]
) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        heartbeat()
        try:
            arrived = _maven_artifact(context, artifact.coordinate).resolve()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            shutil.rmtree(_maven_artifact(context, artifact.coordinate).cached_path.parent, True)
            if attempt == _ATTEMPTS:
                raise ArtifactUnreachable(f"{artifact.coordinate}: {error}") from None
        else:
            verify(artifact, arrived)
            arrived.replace(place)
            return


def _maven(repo_cache: Path, watch: Callable[..., Any] | None = None) -> "MavenContext":
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise EmbeddedExtraMissing(f"{error.name} is not installed") from None
    mirror = os.environ.get("DANSHU_MAVEN_REPOSITORY")
    return MavenContext(
        resolver=PythonResolver(progress_callback=watch),
        repo_cache=repo_cache,
        local_repos=[],
        remote_repos={"mirror": mirror} if mirror else None,
        timeout=_TIMEOUT_S,
    )


def _maven_artifact(context: "MavenContext", coordinate: str) -> Any:
    group, artifact, packaging, *classifier, version = coordinate.split(":")
    component = context.project(group, artifact).at_version(version)
    return component.artifact(classifier=classifier[0] if classifier else "", packaging=packaging)


def _unpack(archive: Path, unpacked: Path) -> None:
    if unpacked.is_dir():  # another process was faster
        return
    unpacked.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=unpacked.parent) as staging:
        with tarfile.open(archive) as tar:
            # Before Python 3.11.4 there is no filter; what is unpacked is pinned anyhow.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(staging)  # noqa: S202  # pinned
        inner = Path(staging) / "tree"
        inner.mkdir()
        for entry in list(Path(staging).iterdir()):
            if entry != inner:
                entry.replace(inner / entry.name)
        inner.replace(unpacked)
    archive.unlink()


def relock(path: Path, roots: Mapping[str, Sequence[str]], *, what: str, by: str) -> None:
    """Resolve the roots of each bundle anew and write their pins: `what` they are and `by` which module.

    Raises:
        OSError, RuntimeError: the repository did not deliver.
    """
    lines = [
        f"# {what}: bundle, coordinate, sha256, size in bytes.",
        f"# Written by `python -m {by}`.",
    ]
    with tempfile.TemporaryDirectory() as staging:
        context = _maven(Path(staging))
        for bundle, wanted in roots.items():
            found = {one for root in wanted for one in _with_dependencies(context, root)}
            for coordinate in sorted(found):
                file = _maven_artifact(context, coordinate).resolve()
                lines.append(f"{bundle} {coordinate} {_sha256(file)} {file.stat().st_size}")
    path.write_text("\n".join(lines) + "\n")
    sys.stdout.write(f"{path} written\n")


def _with_dependencies(context: "MavenContext", root: str) -> list[str]:
    group, artifact, packaging, *_, version = root.split(":")
    if packaging != "jar":  # an archive brings what it needs
        return [root]
    direct = context.create_dependency(f"{group}:{artifact}:{version}")
    inputs, transitive = context.resolver.resolve([direct])
    return [
        ":".join(filter(None, (one.groupId, one.artifactId, one.type, one.classifier, one.version)))
        for one in (*inputs, *transitive)
        if not one.optional and one.scope in {None, "compile", "runtime"}
    ]


if __name__ == "__main__":
    relock(LOCK_PATH, ROOTS, what="What the embedded stack runs", by="deploy.embedded.artifacts")
