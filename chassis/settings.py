"""Settings come from the environment, are read once, and a name we do not know stops the start.

Shared settings are `DANSHU_<FIELD>`; a service's own are `DANSHU_<SERVICE>_<FIELD>` in a subclass with
`env_prefix`. Secrets may come from files (`DANSHU_SECRETS_DIR`). TLS and SASL of Kafka pass through as
`DANSHU_KAFKA_OPTIONS='{"security.protocol": "SASL_SSL", ...}'`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.errors import StartRefused

PREFIX = "DANSHU_"
SERVICES = ("INGEST", "INVENTORY", "ORDERS", "FULFILLMENT", "REFUNDS", "INSIGHT", "CONSOLE")
TOOLS = frozenset(
    {
        "DANSHU_HOME",
        "DANSHU_CACHE",
        "DANSHU_TEST_STACK",
        "DANSHU_FAILPOINTS",
        "DANSHU_KAFKA_JAVA_OPTIONS",
    }
)
"""Read by the embedded stack, the tests and `chassis.failpoints`, not by a service."""


class Settings(BaseSettings):
    """What every service needs to know."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="ignore",
        secrets_dir=os.environ.get("DANSHU_SECRETS_DIR"),
    )

    kafka_bootstrap: str = "127.0.0.1:19092"
    kafka_options: dict[str, str] = Field(default_factory=dict)
    kafka_replication: int = 1
    schema_registry_url: str = "http://127.0.0.1:18081/apis/ccompat/v7"
    postgres_url: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:15432/danshu")
    postgres_pool: int = Field(default=6, ge=5, le=100)
    """Sessions of a process. Who leads keeps one for as long as it does, and a process may lead three times."""
    valkey_url: SecretStr = SecretStr("valkey://127.0.0.1:16379/0")
    topic_prefix: str = Field(default="danshu", pattern=r"^[a-z0-9-]+$")
    master_keys: SecretStr = SecretStr("")
    """`<version>:<base64 of 32 bytes>`, several separated by commas; the highest version wraps."""
    api_token: SecretStr = SecretStr("")
    """Bearer token of the services' own doors; empty = every request is refused. Several are separated by commas, the first is
    what tools send: to change it, give all services `old,new`, then all callers `new`, then the services `new`.
    """
    admin_host: str = "127.0.0.1"
    admin_port: int = 0
    """Where /healthz, /readyz and /metrics answer; 0 picks a free port."""
    http_host: str = "127.0.0.1"
    http_port: int = 0
    """Where the service's own doors answer; 0 picks a free port."""
    instance: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    """Name of this process among those of its service, the same after every restart: Kafka gives it its partitions back
    at once. Without one a process that was killed keeps them for 10 s. An orderly end keeps them as long, too, for the
    process that starts next; two that live must never share a name: the older one ends."""
    batch_records: int = Field(default=1000, ge=1, le=5000)
    """Records in one transaction at most. 1,000 was fastest: docs/performance.md."""
    rules_dir: Path = Path("rules")
    log_level: str = "INFO"
    secrets_dir: str = ""

    def kafka(self) -> dict[str, Any]:
        """Librdkafka options shared by every client."""
        return {"bootstrap.servers": self.kafka_bootstrap, **self.kafka_options}

    def kafka_member(self) -> dict[str, Any]:
        """The same of a consumer in a group, where this process goes by its name, if it has one (KIP-345)."""
        static = {"group.instance.id": self.instance} if self.instance else {}
        return static | self.kafka()


S = TypeVar("S", bound=Settings)


def unknown_names(environment: Mapping[str, str], kind: type[Settings]) -> list[str]:
    """`DANSHU_*` names that neither the chassis nor this service nor another service could mean."""
    own_prefix = str(kind.model_config.get("env_prefix", PREFIX))
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known |= {(own_prefix + name).upper() for name in kind.model_fields}
    others = tuple(
        f"{PREFIX}{name}_" for name in SERVICES if f"{PREFIX}{name}_" != own_prefix.upper()
    )
    return sorted(
        name
        for name in environment
        if name.startswith(PREFIX)
        and name not in known
        and name not in TOOLS
        and not name.startswith(others)
    )


def read(kind: type[S], environment: Mapping[str, str] | None = None) -> S:
    """The settings of a service. Raises StartRefused naming every unknown or malformed variable."""
    environment = os.environ if environment is None else environment
    if unknown := unknown_names(environment, kind):
        raise StartRefused(
            f"unknown setting {', '.join(unknown)}: correct the spelling or unset it. "
            "`danshu settings` lists every setting."
        )
    own_prefix = str(kind.model_config.get("env_prefix", PREFIX))
    named = {
        name: (PREFIX if name in Settings.model_fields else own_prefix) + name.upper()
        for name in kind.model_fields
    }
    given: dict[str, Any] = {}
    for name, variable in named.items():
        for asked in (own_prefix + name.upper(), variable):
            if asked in environment:
                given[name] = _decoded(kind, name, asked, environment[asked])
                break
    try:
        return kind(**given)
    except ValidationError as error:
        wrong = "; ".join(
            f"{_variable(named, problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False)
        )
        raise StartRefused(f"settings are not usable: {wrong}") from None


def _variable(named: Mapping[str, str], where: tuple[int | str, ...]) -> str:
    """The variable a problem is about, and where in its value."""
    name, *inside = map(str, where or ("",))
    return "/".join([named.get(name, name), *inside])


def _decoded(kind: type[Settings], name: str, variable: str, text: str) -> Any:
    """Texts of structured fields are JSON. Raises StartRefused naming the variable."""
    annotation = kind.model_fields[name].annotation
    if not str(annotation).startswith(("dict", "list", "tuple")):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise StartRefused(f"{variable} is not JSON: {error}") from None
