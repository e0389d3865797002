"""Kafka Streams as a peer: compiled and run by the Java of the embedded stack's wheel, jars pinned in `artifacts.lock`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded import artifacts, java
from deploy.embedded.progress import silent
from tests.bench.peers.jars import LOCK

SOURCES = Path(__file__).with_name("java")
MAIN = "danshu.bench.ReservePeer"
COMPILER = "org.eclipse.jdt.internal.compiler.batch.Main"
LEVEL = "-21"
"""Language and class files; `--release` would need a file of the JDK that the runtime does not have."""
HEAP = ("-Xms512m", "-Xmx512m")
COMPILE_TIMEOUT_S = 120


class NotCompiled(Exception):
    """The peer's source does not compile; the compiler's words follow."""


def command(home: Path, given: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Command and environment of the peer with these properties, compiled anew into `home`.

    Raises:
        StackError: no Java for this machine, or a jar did not come.
        NotCompiled: see there.
    """
    program, cache = java.executable(), artifacts.cache_directory()
    jars = artifacts.fetch("streams-peer", cache=cache, on_progress=silent, lock=LOCK)
    compiler = artifacts.fetch("java-compiler", cache=cache, on_progress=silent, lock=LOCK)
    home.mkdir(parents=True, exist_ok=True)
    classes, properties = home / "classes", home / "peer.properties"
    options = java.scratch_options(home)
    _compile((program, *options, "-cp", _path(compiler), COMPILER), _path(jars), classes)
    properties.write_text(java.render_properties(given))
    environment = java.ENVIRONMENT | {"CLASSPATH": _path((classes, *jars))}
    return [program, *HEAP, *options, MAIN, str(properties)], environment


def _compile(compiler: tuple[str, ...], classpath: str, classes: Path) -> None:
    sources = [str(path) for path in sorted(SOURCES.rglob("*.java"))]
    done = subprocess.run(
        [*compiler, LEVEL, "-nowarn", "-cp", classpath, "-d", str(classes), *sources],
        env=java.ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=COMPILE_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise NotCompiled(done.stdout + done.stderr)


def _path(files: tuple[Path, ...]) -> str:
    return os.pathsep.join(map(str, files))
