"""What we do not write, each with its remedy and with a line that must be found."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.tidy.source import ROOT, Source

Found = Iterator[tuple[int, str]]
"""Line and what stands there."""


@dataclass(frozen=True, kw_only=True)
class Ban:
    """One ban. `planted` must be found in a file at `path`, `clean` must not."""

    name: str
    remedy: str
    find: Callable[[Source], Found]
    planted: str
    clean: str
    path: str = "services/orders/rooms.py"


CLOCKS = ("chassis/clock.py", "simulators/clock.py")
CLOCK_CALLS = frozenset(
    {
        "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
        "time.time", "time.time_ns", "time.localtime",
    }
)  # fmt: skip
LINES_MAX = 500
FUNCTION_LINES_MAX = 60
CODE = frozenset({".py", ".sql", ".lua", ".html", ".css", ".js", ".toml", ".yaml"})
NAMELESS = frozenset(
    {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "managers", "stuff"}
)
LATER = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
REGISTRIES = re.compile(
    r"\b((files\.)?pythonhosted\.org|(test\.)?pypi\.org|repo1?\.maven(\.apache)?\.org|maven\.google\.com"
    r"|registry\.npmjs\.org|docker\.io|ghcr\.io|quay\.io|gcr\.io|mirrors?\.[a-z]+\.(com|cn|edu)|crates\.io)\b",
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w.$}>~/-])/(work|tmp|root|home|Users|opt|mnt|srv)/\w")
PLUGIN_FOLDERS = ("ingest/channels", "fulfillment/carriers", "refunds/gateways")
MAY_NAME_PLUGINS = {
    "settings.py": "a default is a choice of one, which an operator may change",
    "words.py": "the console's dictionary: an unknown name is shown as it is",
}


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            return f"{_dotted(value)}.{attribute}"
        case _:
            return ""


def _wall_clock(source: Source) -> Found:
    if not source.shipped or str(source.path) in CLOCKS:
        return
    for node in source.nodes:
        if isinstance(node, ast.Attribute):
            dotted = ".".join(_dotted(node).split(".")[-2:])
            if dotted in CLOCK_CALLS:
                yield node.lineno, dotted


def _print(source: Source) -> Found:
    if not source.shipped or source.top in ("cli", "demo"):
        return
    for node in source.nodes:
        if isinstance(node, ast.Call) and _dotted(node.func) == "print":
            target = [_dotted(word.value) for word in node.keywords if word.arg == "file"]
            # Before logging is set up, a last word goes to stderr.
            if target != ["sys.stderr"]:
                yield node.lineno, "print"


def _float_money(source: Source) -> Found:
    if not source.shipped:
        return
    for node in source.nodes:
        match node:
            case ast.BinOp(op=ast.Div(), left=left, right=right):
                if _is_fen(left) or _is_fen(right):
                    yield node.lineno, "a division of fen by /"
            case ast.Call(func=ast.Name(id="float"), args=[amount]) if _is_fen(amount):
                yield node.lineno, "float of fen"
            case ast.AnnAssign(target=target, annotation=kind):
                if _is_fen(target) and "float" in ast.unparse(kind):
                    yield node.lineno, "fen annotated as float"
            case ast.arg(arg=name, annotation=kind) if name.endswith("_fen") and kind is not None:
                if "float" in ast.unparse(kind):
                    yield node.lineno, "fen annotated as float"


def _is_fen(node: ast.expr) -> bool:
    return _dotted(node).endswith("_fen")


def _long_file(source: Source) -> Found:
    if source.path.suffix in CODE and not source.generated and source.top != "docs":
        lines = source.text.count("\n")
        if lines > LINES_MAX:
            yield lines, f"{lines} lines"


def _long_function(source: Source) -> Found:
    if source.path.suffix != ".py":
        return
    for node in source.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has {lines} lines"


def _nameless_file(source: Source) -> Found:
    for part in source.path.parts:
        words = re.split(r"[._-]", part.lower())
        # _base.html and the like: a template that others extend has this name everywhere.
        if NAMELESS & set(words) and source.path.suffix != ".html":
            yield 1, part


def _later(source: Source) -> Found:
    yield from _matches(source, LATER)


def _registry_host(source: Source) -> Found:
    yield from _matches(source, REGISTRIES)


def _machine_path(source: Source) -> Found:
    yield from _matches(source, MACHINE_PATH)


def _matches(source: Source, pattern: re.Pattern[str]) -> Found:
    # What names the bans must name what they ban; samples of channels are as the channels send them.
    if source.path.parts[:2] == ("tests", "tidy") or "examples" in source.path.parts:
        return
    for number, line in enumerate(source.text.splitlines(), start=1):
        for match in pattern.finditer(line):
            yield number, match.group()


def plugin_names() -> dict[str, str]:
    """Name of every plug-in → the folder it lies in."""
    return {
        path.stem: folder
        for folder in PLUGIN_FOLDERS
        for path in (ROOT / "services" / folder).iterdir()
        if not path.name.startswith(("_", "."))
    }


def _plugin_name(source: Source) -> Found:
    if source.top not in ("services", "chassis", "schemas") or source.path.suffix != ".py":
        return
    inside = any(f"services/{folder}/" in f"{source.path}" for folder in PLUGIN_FOLDERS)
    if inside or source.path.name in MAY_NAME_PLUGINS:
        return
    names = plugin_names()
    prose = {id(text) for text in _docstrings(source)}
    for node in source.nodes:
        match node:
            case ast.Constant(value=str(text)) if id(node) not in prose:
                for name in set(re.findall(r"[a-z0-9]+", text)) & names.keys():
                    yield node.lineno, f'"{name}"'
            case ast.ImportFrom(module=str(module), names=imported):
                called = {*module.split("."), *(alias.name for alias in imported)}
                for name in called & names.keys():
                    yield node.lineno, f"import of {name}"


def _docstrings(source: Source) -> Iterator[ast.expr]:
    """Every string that stands alone: docstrings of modules, classes, functions and attributes."""
    for node in source.nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


BANS = (
    Ban(
        name="the wall clock",
        remedy="take `now` as a value, or ask a chassis.clock.Clock; tests then hold time",
        find=_wall_clock,
        planted="import datetime\nnow = datetime.datetime.now(datetime.UTC)",
        clean="now = clock.now()",
    ),
    Ban(
        name="print",
        remedy="log it with chassis.log.logger and named fields; stdout belongs to the log",
        find=_print,
        planted="print('here')",
        clean="import sys\nprint('why', file=sys.stderr)",
    ),
    Ban(
        name="float money",
        remedy="stay in int fen: chassis.money divides (naming who gets the odd fen) and writes yuan",
        find=_float_money,
        planted="share = order.paid_fen / 3",
        clean="share_fen = order.paid_fen // 3",
    ),
    Ban(
        name="files that are too long",
        remedy=f"split by what the parts decide; {LINES_MAX} lines is the limit",
        find=_long_file,
        planted="x = 1\n" * (LINES_MAX + 1),
        clean="x = 1\n" * LINES_MAX,
    ),
    Ban(
        name="functions that are too long",
        remedy=f"name its steps as functions; {FUNCTION_LINES_MAX} lines is the limit",
        find=_long_function,
        planted="def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX,
        clean="def f():\n" + "    x = 1\n" * (FUNCTION_LINES_MAX - 1),
    ),
    Ban(
        name="names that say nothing",
        remedy="name the file by what it decides or holds",
        find=_nameless_file,
        planted="",
        clean="",
        path="services/orders/order_utils.py",
    ),
    Ban(
        name="notes for later",
        remedy="do it, or write an issue; a note in the code is read by nobody",
        find=_later,
        planted="# TO" + "DO: later",
        clean="# a method, to do it by",
    ),
    Ban(
        name="registry hosts",
        remedy="leave the host to the package manager's own settings",
        find=_registry_host,
        planted="url = 'https://repo1.maven.org/maven2'",
        clean="url = 'https://gateway.example.invalid/pypi'",
    ),
    Ban(
        name="absolute machine paths",
        remedy="start from a setting, from the file's own place, or from tempfile",
        find=_machine_path,
        planted="place = '/tmp/danshu'",
        clean="place = root / 'tmp/danshu'",
    ),
    Ban(
        name="plug-in names outside the plug-in",
        remedy="give the plug-in's value a field for what you need, and ask the value",
        find=_plugin_name,
        planted="if channel == 'taobao':\n    pass",
        clean='"""As taobao does."""\nif channel.refunds_itself:\n    pass',
    ),
)
