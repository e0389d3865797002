"""A folder is the registry: each file in it which does not start with "_" is one plug-in.

Guarantees: plug-ins load in the order of their file names; a file without the constant, with one of
another type, or with a name another file already has, stops the start and is named in the message.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

from chassis.errors import StartRefused


class Named(Protocol):
    """A plug-in's value knows its own name."""

    @property
    def name(self) -> str:
        """The key under which the plug-in is found."""
        ...


T = TypeVar("T", bound=Named)


def load(package: str, constant: str, kind: type[T]) -> Mapping[str, T]:
    """Return `constant` of every module in `package`, by its `name`, in the order of file names.

    A second call gives an equal mapping. Raises `StartRefused` naming the file at fault.
    """
    found: dict[str, T] = {}
    files: dict[str, str] = {}
    parent = importlib.import_module(package)
    for file in sorted(entry.name for entry in pkgutil.iter_modules(parent.__path__)):
        if file.startswith("_"):
            continue
        where = f"{package.replace('.', '/')}/{file}.py"
        plugin = getattr(importlib.import_module(f"{package}.{file}"), constant, None)
        if plugin is None:
            raise StartRefused(f"{where} has no {constant}; add it, or start its name with '_'")
        if not isinstance(plugin, kind):
            raise StartRefused(
                f"{where}: {constant} is a {type(plugin).__name__}, not a {kind.__name__}"
            )
        if plugin.name in found:
            raise StartRefused(f"{where}: '{plugin.name}' is already taken by {files[plugin.name]}")
        found[plugin.name] = plugin
        files[plugin.name] = where
    return MappingProxyType(found)
