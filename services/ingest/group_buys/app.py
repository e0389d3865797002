"""The leaders' doors put together."""

from __future__ import annotations

from starlette.routing import Route

from chassis.crypto import PersonalSeal
from services.ingest.domain.links import LinkKeys
from services.ingest.group_buys import doors
from services.ingest.group_buys.entrance import Entrance
from services.ingest.group_buys.pages import Pages
from services.ingest.group_buys.relay import Relay
from services.ingest.group_buys.taking import Taking
from services.ingest.settings import IngestSettings
from services.ingest.shared import Shared


def leader_routes(
    shared: Shared, settings: IngestSettings, personal: PersonalSeal, relay: Relay
) -> list[Route]:
    """The API and the pages. Raises StartRefused for link keys that are none."""
    entrance = Entrance(
        settings=settings,
        pool=shared.pool,
        clock=shared.clock,
        keys=LinkKeys.parse(settings.leader_link_keys.get_secret_value()),
        taking=Taking(pool=shared.pool, personal=personal, payloads=shared.payloads),
        relay=relay,
    )
    return [*doors.routes(entrance), *Pages(entrance).routes()]
