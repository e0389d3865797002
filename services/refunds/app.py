"""The composition root of the refunds service: wiring only."""

from __future__ import annotations

from pathlib import Path

from chassis import http
from chassis.errors import StartRefused
from chassis.processor import Processor
from chassis.rules import Table
from chassis.service import Context, Parts
from services.refunds.dispatch import Dispatcher
from services.refunds.domain.model import Account
from services.refunds.doors import Doors
from services.refunds.gateways import Gateway, gateways
from services.refunds.handlers import HANDLERS
from services.refunds.settings import RefundsSettings
from services.refunds.store import COLUMNS, CasesOfBatch, Desk, Journal, tier_table

MIGRATIONS = Path(__file__).parent / "sql" / "migrations"


def processor(table: Table) -> Processor[Account]:
    """Accounts and their decisions."""
    return Processor(
        name="refunds",
        table="refunds.accounts",
        state=Account,
        handlers=HANDLERS,
        columns=COLUMNS,
        facts=CasesOfBatch(table),
    )


def chosen_gateway(settings: RefundsSettings) -> Gateway:
    """The gateway of the settings. Raises StartRefused naming what to set."""
    known = gateways()
    gateway = known.get(settings.gateway)
    if gateway is None:
        raise StartRefused(
            f"DANSHU_REFUNDS_GATEWAY is {settings.gateway!r}; there is {', '.join(known)}"
        )
    if wrong := gateway.check(settings.credentials()):
        raise StartRefused(
            f"{gateway.name} cannot be used: {wrong}. Set DANSHU_REFUNDS_GATEWAY_URL, _APP_ID, "
            "_PRIVATE_KEY and _PUBLIC_KEY."
        )
    return gateway


async def build(context: Context[RefundsSettings]) -> Parts:
    """The service's parts on a running process."""
    settings = context.settings
    journal = Journal(context.pool)
    dispatcher = Dispatcher(
        journal=journal,
        gateway=chosen_gateway(settings),
        credentials=settings.credentials(),
        limits=settings.limits(),
        clock=context.clock,
        issue=context.desk.issue,
        http=http.client(),
        lease_s=settings.lease_s,
        calls_max=settings.calls_max,
        idle_s=settings.idle_s,
    )
    doors = Doors(
        token=settings.api_token.get_secret_value(),
        commands=context.desk,
        desk=Desk(context.pool),
        journal=journal,
        clock=context.clock,
        answer_timeout_s=settings.answer_timeout_s,
    )
    return Parts(
        processors=(processor(tier_table(settings.rules_dir)),),
        door=doors.app(),
        tasks=(dispatcher.run,),
    )
