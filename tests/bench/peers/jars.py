"""What the Java peer runs on and is compiled by, pinned in `artifacts.lock`.

`python -m tests.bench.peers.jars` resolves the roots below anew and rewrites the lock file.
"""

from __future__ import annotations

from pathlib import Path

from deploy.embedded.artifacts import relock

LOCK = Path(__file__).with_name("artifacts.lock")
ROOTS = {
    # The version of the embedded broker.
    "streams-peer": ("org.apache.kafka:kafka-streams:jar:4.1.2",),
    # The wheel of the embedded stack has a Java runtime, but no compiler; this one is a jar.
    "java-compiler": ("org.eclipse.jdt:ecj:jar:3.46.0",),
}

if __name__ == "__main__":
    relock(LOCK, ROOTS, what="What the benchmark's Java peer needs", by="tests.bench.peers.jars")
