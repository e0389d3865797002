"""Apicurio registry with its Confluent-compatible API, in memory.

It forgets schema ids when it ends, and so they are registered again in the order of the
committed lock file by those who use them.
"""

import http.client
from http import HTTPStatus

from deploy.embedded import artifacts, java
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.server import Launch, Server, Site

API_PATH = "/apis/ccompat/v7"


def _prepare(site: Site) -> Launch:
    program = java.executable()
    unpacked = artifacts.fetch_unpacked("registry", cache=site.cache, on_progress=site.on_progress)
    settings = {
        "quarkus.http.host": LOOPBACK,
        "quarkus.http.port": str(site.ports["http"]),
        # By default on all interfaces.
        "quarkus.management.host": LOOPBACK,
        "quarkus.management.port": str(site.ports["management"]),
        "quarkus.banner.enabled": "false",
    }
    quick = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    return Launch(
        argv=(
            program,
            *quick,
            *java.scratch_options(site.home),
            *(f"-D{key}={value}" for key, value in settings.items()),
            "-jar",
            str(unpacked / "quarkus-run.jar"),
        ),
        env=java.ENVIRONMENT,
        cwd=site.home,
    )


def _is_ready(site: Site) -> bool:
    # http.client, for it knows no proxy variables.
    connection = http.client.HTTPConnection(LOOPBACK, site.ports["http"], timeout=2)
    try:
        connection.request("GET", f"{API_PATH}/subjects")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


REGISTRY = Server(
    name="registry",
    title="Apicurio registry",
    preferred_ports={"http": 8081, "management": 9393},
    prepare=_prepare,
    is_ready=_is_ready,
    stop_patience_s=10,
)
