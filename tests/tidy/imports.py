"""The import law as data: who may know whom."""

from __future__ import annotations

from collections.abc import Iterator

from tests.tidy.source import Source

FORBIDDEN = {
    "chassis": ("services", "simulators", "cli", "demo", "deploy", "tests"),
    "schemas": ("services", "simulators", "cli", "demo", "deploy", "tests"),
    "services": ("simulators", "cli", "demo", "deploy", "tests"),
    "simulators": ("chassis", "services", "schemas", "cli", "demo", "deploy", "tests"),
    "deploy": ("services", "simulators", "cli", "demo", "tests"),
    "demo": ("cli", "tests"),
    "cli": ("tests",),
}
PURE_ROOMS = frozenset({"domain", "channels", "carriers", "forecasting", "gateways"})
INPUT_OUTPUT = (
    "aiohttp", "aiokafka", "anyio", "asyncio", "asyncpg", "concurrent", "confluent_kafka",
    "fastapi", "faust", "glob", "http", "httpx", "httpx2", "io.open", "jinja2", "logging",
    "multiprocessing", "os", "pathlib", "prometheus_client", "psycopg", "random", "redis",
    "requests", "secrets", "shutil", "socket", "sqlite3", "starlette", "structlog",
    "subprocess", "tempfile", "threading", "time", "urllib.request", "uvicorn", "uvloop",
    "valkey",
)  # fmt: skip
"""What reaches the outside, a clock or chance."""
CHASSIS_SHELL = tuple(
    f"chassis.{module}"
    for module in (
        "clock.SystemClock", "commands", "failpoints", "http", "log", "metrics", "postgres",
        "producer", "registry", "service", "settings", "source", "storage", "valkey", "worker",
    )
)  # fmt: skip
RANKS = {
    "domain": 0, "channels": 0, "carriers": 0, "forecasting": 0, "gateways": 0,
    "store": 1,
    "handlers": 2,
    "doors": 3, "timers": 3, "dispatch": 3, "stream": 3, "polling": 3, "watchdogs": 3,
    "app": 4,
    "__main__": 5,
}  # fmt: skip
"""app > doors, timers, dispatch, stream > handlers > store > domain. Other rooms serve any of them."""


def within(name: str, package: str) -> bool:
    """Whether an imported name is the package or inside it."""
    return name == package or name.startswith(package + ".")


def room(module: str) -> str:
    """`services.orders.domain.model` → `domain`."""
    parts = module.split(".")
    return parts[2] if len(parts) > 2 else ""


def offences(source: Source) -> Iterator[str]:
    """Everything in one file that breaks the import law."""
    for line, name in source.imports():
        for why in (*_folder(source, name), *_service(source, name), *_pure(source, name)):
            yield f"{source.path}:{line}: {why}"


def _folder(source: Source, name: str) -> Iterator[str]:
    for package in FORBIDDEN.get(source.top, ()):
        if within(name, package):
            yield f"{source.top} must not know {package}; move what both need into the lower one"


def _service(source: Source, name: str) -> Iterator[str]:
    if source.top != "services" or not within(name, "services") or len(source.path.parts) < 3:
        return
    own = source.module.split(".")[1]
    other = name.split(".")[1] if "." in name else ""
    if other != own:
        yield f"{own} must not know {other}: services speak by events; see schemas/topics.toml"
        return
    mine, theirs = RANKS.get(room(source.module)), RANKS.get(room(name))
    if mine is not None and theirs is not None and theirs > mine:
        yield (
            f"{room(source.module)} must not know {room(name)}: "
            "app > doors/timers/dispatch > handlers > store > domain; pass the value in instead"
        )


def _pure(source: Source, name: str) -> Iterator[str]:
    if source.top != "services" or room(source.module) not in PURE_ROOMS:
        return
    for package in (*INPUT_OUTPUT, *CHASSIS_SHELL):
        if within(name, package):
            yield f"a pure room must not know {package}: take the value as a parameter"
