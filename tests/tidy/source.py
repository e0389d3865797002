"""Our own files as the laws read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
SHIPPED = ("chassis", "cli", "demo", "deploy", "schemas", "services", "simulators")
NOT_OURS = frozenset({"__pycache__", "bench-results", "build", "node_modules"})
"""Folders of tools. Those whose name starts with a dot are skipped too, but for .ci."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One text file. `path` is from the root, with slashes."""

    path: PurePosixPath
    text: str

    @property
    def top(self) -> str:
        """The first folder, or "" for a file in the root."""
        return self.path.parts[0] if len(self.path.parts) > 1 else ""

    @property
    def shipped(self) -> bool:
        """Whether it is Python that runs at a merchant's, not in our tests."""
        return self.path.suffix == ".py" and self.top in SHIPPED

    @property
    def generated(self) -> bool:
        """Whether a generator lays it out."""
        return self.path.parts[:2] == ("schemas", "events")

    @property
    def module(self) -> str:
        """Import name."""
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Everything in its syntax, walked once."""
        return tuple(ast.walk(self.tree))

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and full name of everything imported, wherever it stands: `from a import b` is a.b."""
        package = self.module.split(".")
        if self.path.name != "__init__.py":
            package = package[:-1]
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                up = package[: len(package) - node.level + 1] if node.level else []
                prefix = ".".join([*up, *([node.module] if node.module else [])])
                yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)


def _texts(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name != ".ci"
            if not hidden and path.name not in NOT_OURS and not path.name.endswith(".egg-info"):
                yield from _texts(path)
        elif not path.is_symlink():
            yield path


@lru_cache
def sources() -> tuple[Source, ...]:
    """Every text file of ours."""
    found = []
    for path in _texts(ROOT):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found.append(Source(path=PurePosixPath(path.relative_to(ROOT).as_posix()), text=text))
    return tuple(found)


def python() -> tuple[Source, ...]:
    """Every Python file of ours, tests included."""
    return tuple(source for source in sources() if source.path.suffix == ".py")
