"""The whole of Danshu on one machine: embedded servers, simulators and every service, ready to use.

`async with Platform(...)`: everything answers /readyz inside the block and is stopped in order after it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from chassis.client import client
from chassis.crypto import new_master_key_text
from demo.errors import NotReady
from demo.processes import Child, Supervisor, python
from deploy.embedded.ports import free_port
from deploy.embedded.stack import Stack

SERVICES = ("ingest", "inventory", "orders", "fulfillment", "refunds", "insight", "console")
READY_TIMEOUT_S = 120.0
EXITS_TO_GIVE_UP = 3
"""How often a service may end before it is waited for no longer: what ends once may come up when started again."""
Say = Callable[[str], None]


class Platform:
    """Starts and stops it all. Ports, keys and tokens are made up anew for every run."""

    def __init__(  # noqa: PLR0913 — the knobs of a run, each with a default
        self,
        stack: Stack,
        home: Path,
        *,
        prefix: str = "danshu",
        postgres_url: str = "",
        simulator: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
        services: tuple[str, ...] = SERVICES,
        users: str = "",
        say: Say = lambda _text: None,
    ) -> None:
        self.stack = stack
        self.home = home
        self.services = services
        self.supervisor = Supervisor(home / "logs")
        self.token = secrets.token_urlsafe(24)
        self.http: httpx2.AsyncClient = client()
        self.accounts: dict[str, Any] = {}
        self.doors: dict[str, int] = {name: free_port() for name in services}
        self.admin: dict[str, int] = {name: free_port() for name in services}
        self.postgres_url = postgres_url or stack.postgres_url
        self.prefix = prefix
        self.disturbances = 0
        """How often somebody has frozen a process, or taken a server or a platform away; who does, counts."""
        self.master_keys = new_master_key_text()
        self._simulator = dict(simulator or {})
        self._settings = dict(settings or {})
        self._users = users
        self._say = say

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def simulators_url(self) -> str:
        """Where the simulators answer."""
        return str(self.accounts["base_url"])

    def door(self, service: str) -> str:
        """Base URL of a service's own doors."""
        return f"http://127.0.0.1:{self.doors[service]}"

    @property
    def authorised(self) -> dict[str, str]:
        """Headers of a call to a service's door."""
        return {"authorization": f"Bearer {self.token}"}

    def environment(self, service: str) -> dict[str, str]:
        """The settings of one service process."""
        shared = {
            "DANSHU_KAFKA_BOOTSTRAP": self.stack.kafka_bootstrap,
            "DANSHU_SCHEMA_REGISTRY_URL": self.stack.schema_registry_url,
            "DANSHU_POSTGRES_URL": self.postgres_url,
            "DANSHU_VALKEY_URL": self.stack.valkey_url,
            "DANSHU_TOPIC_PREFIX": self.prefix,
            "DANSHU_INSTANCE": "1",
            "DANSHU_MASTER_KEYS": self.master_keys,
            "DANSHU_API_TOKEN": self.token,
            "DANSHU_HTTP_PORT": str(self.doors[service]),
            "DANSHU_ADMIN_PORT": str(self.admin[service]),
        }
        own = self._own_settings(service)
        prefix = f"DANSHU_{service.upper()}_"
        others = {n: v for n, v in self._settings.items() if not _is_own_of_another(n, service)}
        return shared | {prefix + name: value for name, value in own.items()} | others

    def _own_settings(self, service: str) -> dict[str, str]:
        accounts = self.accounts
        match service:
            case "ingest":
                return {
                    "SHOPS_FILE": str(self.home / "shops.json"),
                    "POLL_INTERVAL_S": "2",
                    "SPOOL_DIR": str(self.home / "spool"),
                }
            case "fulfillment":
                return {
                    "WAYBILL_URL": accounts["cainiao"]["url"],
                    "WAYBILL_PARTNER_ID": accounts["cainiao"]["logistic_provider_id"],
                    "WAYBILL_SECRET": accounts["cainiao"]["secret"],
                    "TRACKING_SECRETS": json.dumps({"kuaidi100": accounts["tracking"]["salt"]}),
                }
            case "refunds":
                return {
                    "GATEWAY_URL": accounts["alipay"]["url"],
                    "GATEWAY_APP_ID": accounts["alipay"]["app_id"],
                    "GATEWAY_PRIVATE_KEY": accounts["alipay"]["merchant_private_key_pem"],
                    "GATEWAY_PUBLIC_KEY": accounts["alipay"]["alipay_public_key_pem"],
                    "QUERY_WAIT_S": "1",
                }
            case "console":
                return {"USERS": self._users} if self._users else {}
            case _:
                return {}

    async def _start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if orphans := self.supervisor.end_orphans():
            self._say(f"{orphans} processes of a run that was killed are ended")
        # Sealed with the keys of an earlier run, which nobody has any more.
        shutil.rmtree(self.home / "spool", ignore_errors=True)
        self._say("simulators: marketplaces, a carrier, a payment gateway")
        await self._start_simulators()
        (self.home / "shops.json").write_text(json.dumps(self.accounts["shops"]), encoding="utf-8")
        # The first service lays out schemas, topics and tables; the others find them.
        for number, name in enumerate(self.services):
            await self.start_service(name)
            if number == 0:
                await self.wait_ready([name])
        await self.wait_ready(self.services)
        await self.point_pushes()

    async def point_pushes(self) -> None:
        """Tells the simulators where our doors are."""
        doors: dict[str, Any] = {}
        if "ingest" in self.services:
            doors["push_urls"] = {
                shop["shop"]: f"{self.door('ingest')}/push/{shop['channel']}/{shop['shop']}"
                for shop in self.accounts["shops"]
                if shop["shop"] in self.accounts["pushing_shops"]
            }
        if "fulfillment" in self.services:
            doors["tracking_push_url"] = f"{self.door('fulfillment')}/tracking/kuaidi100"
        answer = await self.http.post(f"{self.simulators_url}/_sim/doors", json=doors)
        answer.raise_for_status()

    async def start_service(self, name: str) -> Child:
        """Starts one service process."""
        self._say(f"service {name}")
        return await self.supervisor.start(
            name, python("-m", f"services.{name}"), self.environment(name)
        )

    async def _start_simulators(self) -> None:
        config = self.home / "simulators.json"
        config.write_text(json.dumps(self._simulator), encoding="utf-8")
        child = await self.supervisor.start(
            "simulators", python("-m", "simulators", "--config", str(config)), {}
        )
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while not self.accounts:
                    for line in child.log.read_text(encoding="utf-8").splitlines():
                        if line.startswith('{"ready":true'):
                            self.accounts = json.loads(line)
                    if child.exits:
                        raise NotReady(f"the simulators {_ended(child)}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            what = f"the simulators gave no answer for {READY_TIMEOUT_S:.0f} s"
            raise NotReady(f"{what}\n  log: {child.log}") from None

    async def wait_ready(self, names: tuple[str, ...] | list[str]) -> None:
        """Returns when /readyz of all answers 200.

        Raises:
            NotReady: with the reasons, after READY_TIMEOUT_S, or when one ends again and again.
        """
        reasons: dict[str, str] = dict.fromkeys(names, "not started")
        exits_before = {name: len(self.supervisor.children[name].exits) for name in names}
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while reasons:
                    for name in list(reasons):
                        reasons[name] = await self._why_not_ready(name)
                        if not reasons[name]:
                            del reasons[name]
                            continue
                        child = self.supervisor.children[name]
                        if len(child.exits) - exits_before[name] >= EXITS_TO_GIVE_UP:
                            raise NotReady(f"service {name} {_ended(child)}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            told = "".join(f"\n  {name}: {why}" for name, why in reasons.items())
            raise NotReady(f"not ready after {READY_TIMEOUT_S:.0f} s{told}") from None

    async def _why_not_ready(self, name: str) -> str:
        child = self.supervisor.children[name]
        if not child.pid:
            return _ended(child)
        try:
            answer = await self.http.get(f"http://127.0.0.1:{self.admin[name]}/readyz")
        except httpx2.HTTPError as error:
            return f"{type(error).__name__}, log: {child.log}"
        return "" if answer.status_code == 200 else f"{answer.text}, log: {child.log}"

    def disturbed(self) -> int:
        """How often something died, stood still or was away: what was under way then may be done twice."""
        return self.disturbances + self.supervisor.restarts()

    async def metrics(self, service: str) -> str:
        """The text of a service's /metrics."""
        answer = await self.http.get(f"http://127.0.0.1:{self.admin[service]}/metrics")
        return answer.text

    async def stop(self) -> None:
        """Services first, the simulators with them; the servers are not ours to stop."""
        await self.supervisor.stop_all()
        await self.http.aclose()


def _ended(child: Child) -> str:
    tail = child.log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
    how = f"ended with {', '.join(map(str, child.exits))}" if child.exits else "does not run"
    return f"{how}\n  log: {child.log}" + "".join(f"\n  | {line}" for line in tail)


def _is_own_of_another(name: str, service: str) -> bool:
    return any(
        name.startswith(f"DANSHU_{other.upper()}_") for other in SERVICES if other != service
    )
