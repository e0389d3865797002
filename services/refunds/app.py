"""The composition root of the refunds service: wiring only."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette

from chassis.outgoing import Outgoing
from chassis.processor import Processor
from chassis.rules import Table
from chassis.service import Context, Parts
from services.refunds.dispatch import Dispatcher
from services.refunds.domain.model import Account
from services.refunds.doors import Doors
from services.refunds.gateways import usable_gateway
from services.refunds.handlers import EXTENSION_HANDLERS, HANDLERS
from services.refunds.listing import Desk
from services.refunds.notices import NoticeDoor
from services.refunds.settings import RefundsSettings
from services.refunds.store import COLUMNS, CasesOfBatch, Journal, tier_table
from services.refunds.watch import Watch

MIGRATIONS = Path(__file__).parent / "sql" / "migrations"


def processor(table: Table, *, refuses_late: bool = True) -> Processor[Account]:
    """Accounts and their decisions. `refuses_late`: cancellations that could not stop a parcel are refused."""
    return Processor(
        name="refunds",
        table="refunds.accounts",
        state=Account,
        handlers={**HANDLERS, **EXTENSION_HANDLERS} if table.optional else HANDLERS,
        columns=COLUMNS,
        facts=CasesOfBatch(table, refuses_late=refuses_late),
        # Shares are kept long before anybody asks for money back.
        gather_ms=200,
    )


async def build(context: Context[RefundsSettings]) -> Parts:
    """The service's parts on a running process."""
    settings = context.settings
    journal = Journal(context.pool)
    credentials = settings.credentials()
    gateway = usable_gateway(settings.gateway, credentials)
    dispatcher = Dispatcher(
        journal=journal,
        gateway=gateway,
        credentials=credentials,
        limits=settings.limits(),
        clock=context.clock,
        issue=context.desk.issue,
        outgoing=Outgoing(),
        lease_s=settings.lease_s,
        calls_max=settings.calls_max,
        idle_s=settings.idle_s,
    )
    doors = Doors(
        token=settings.api_token.get_secret_value(),
        commands=context.desk,
        desk=Desk(context.pool),
        clock=context.clock,
        answer_timeout_s=settings.answer_timeout_s,
    )
    notices = NoticeDoor(
        gateway=gateway, credentials=credentials, hurry=journal.hurry, clock=context.clock
    )
    accounts = processor(
        tier_table(settings.rules_dir), refuses_late=settings.refuse_late_cancellations
    )
    return Parts(
        processors=(accounts,),
        door=Starlette(routes=[*doors.routes(), *notices.routes()]),
        tasks=(dispatcher.run, Watch(journal=journal).run),
    )
