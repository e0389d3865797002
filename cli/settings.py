"""`danshu settings`: every setting there is, with its default and meaning, read from the code.

Nothing of this machine is printed but whether a variable is set, so the output may be shown to anyone.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from chassis.settings import PREFIX, SERVICES, Settings

app = typer.Typer(add_completion=False)


class Setting(Struct, frozen=True, kw_only=True):
    """One variable. `owner` is "shared" or the service."""

    owner: str
    variable: str
    default: str
    meaning: str


@app.command()
def settings(
    owner: Annotated[str, typer.Argument(help="A service, or `shared`; all without it.")] = "",
) -> None:
    """List every setting with its default; shared ones may also be set for one service alone."""
    found = [one for one in every_setting() if owner in ("", one.owner)]
    if not found:
        typer.echo(f"danshu: there is no service {owner!r}", err=True)
        raise typer.Exit(1)
    for place, one in enumerate(found):
        if place == 0 or found[place - 1].owner != one.owner:
            typer.echo(f"\n# ---- {one.owner} ----")
        if one.meaning:
            typer.echo(f"# {one.meaning}")
        typer.echo(f"{one.variable}={one.default}" + "  # set here" * (one.variable in os.environ))


def every_setting() -> list[Setting]:
    """Shared settings first, then each service's own, in the order they are defined."""
    found = _settings_of("shared", Settings, PREFIX, frozenset())
    shared = frozenset(Settings.model_fields)
    for name in (service.lower() for service in SERVICES):
        if (Path(__file__).parent.parent / "services" / name / "settings.py").exists():
            kind = _kind(name)
            prefix = str(kind.model_config.get("env_prefix", PREFIX))
            found += _settings_of(name, kind, prefix, shared)
    return found


def _kind(service: str) -> type[Settings]:
    module = importlib.import_module(f"services.{service}.settings")
    kinds = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Settings) and value is not Settings
    ]
    (kind,) = kinds
    return kind


def _settings_of(
    owner: str, kind: type[Settings], prefix: str, without: frozenset[str]
) -> list[Setting]:
    meanings = _meanings(kind)
    return [
        Setting(
            owner=owner,
            variable=(prefix + name).upper(),
            default=_default(field),
            meaning=meanings.get(name, ""),
        )
        for name, field in kind.model_fields.items()
        # A shared setting with another default here is shown with it.
        if name not in without or repr(field.default) != repr(Settings.model_fields[name].default)
    ]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "(required)"
    value = field.get_default(call_default_factory=True, validated_data={})
    # A default is written in the code and so no secret.
    return _written(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _written(value: object) -> str:
    """A value as its variable takes it: what is structured is JSON, what is not there is empty."""
    match value:
        case None:
            return ""
        case dict() | list() | tuple():
            return json.dumps(value, ensure_ascii=False)
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _meanings(kind: type[Settings]) -> dict[str, str]:
    """The text under each field."""
    (definition,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                found[name] = " ".join(text.split())
    return found
