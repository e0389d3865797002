"""`danshu fulfillment show | pick | pack | ship | replace-waybill | trace | weight`: one parcel, seen and moved on from a terminal.

Guarantees: nothing here writes a parcel; a step is a command to the fulfillment service, whose answer is
printed. Exit status 0: done; 1: refused, or a server that does not answer; 2: no such parcel or weight; 3: no
answer yet (the same `--command-id` asks again without doing it twice).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import asyncpg
import msgspec
import typer
from confluent_kafka import KafkaException

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import CommandDesk, StillPending
from chassis.errors import StartRefused, Unavailable
from chassis.outgoing import Outgoing
from chassis.postgres import AWAY, close_pool, open_pool
from chassis.producer import DeliveryFailed, Publisher
from chassis.settings import Settings, read
from cli.login import login
from deploy.embedded import stack
from schemas.events.command_results import CommandSettled
from services.fulfillment import trace as tracing
from services.fulfillment.carriers import CallFailed, Seen
from services.fulfillment.domain.model import REFUSALS, Parcel
from services.fulfillment.domain.rules import Step
from services.fulfillment.settings import FulfillmentSettings
from services.fulfillment.steps import AskedOfParcel, replace_command, step_command
from services.fulfillment.store import ParcelReader
from services.fulfillment.views import view
from services.fulfillment.weights import SkuWeight, SkuWeights

app = typer.Typer(add_completion=False, no_args_is_help=True)

ANSWER_TIMEOUT_S = 10.0
REFUSED, UNKNOWN, PENDING = 1, 2, 3

OrderId = Annotated[
    str, typer.Argument(metavar="ORDER", help="Our order id, e.g. TB2026111100001.")
]
Actor = Annotated[str, typer.Option("--actor", help="Who; your login unless given.")]
CommandId = Annotated[str, typer.Option("--command-id", help="To ask the same again.")]
ParcelId = Annotated[
    str, typer.Option("--parcel", metavar="PARCEL", help="One of several; default: the first.")
]

_T = TypeVar("_T")
_S = TypeVar("_S", bound=Settings)


@app.callback()
def _fulfillment() -> None:
    """Show an order's parcel, take its next step, replace its waybill, or ask its carrier where it is."""


@app.command()
def show(order_id: OrderId) -> None:
    """Print the parcel as JSON, without personal data."""
    parcel = _run(_fetched(_settings(Settings), order_id))
    if parcel is None:
        typer.echo(f"danshu: {REFUSALS['unknown_parcel']} {order_id}", err=True)
        raise typer.Exit(UNKNOWN)
    text = msgspec.json.encode(view(parcel, SystemClock().now())).decode()
    sys.stdout.write(msgspec.json.format(text, indent=2) + "\n")


@app.command()
def weight(
    sku: Annotated[str, typer.Argument(metavar="SKU", help="Our SKU, e.g. TEA-250G.")],
) -> None:
    """Print what one piece weighs, and who changed that when and why, as JSON."""
    found = _run(_weighed(_settings(Settings), sku))
    if found is None:
        typer.echo(f"danshu: nobody has said what {sku} weighs", err=True)
        raise typer.Exit(UNKNOWN)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found).decode(), indent=2) + "\n")


@app.command()
def pick(
    order_id: OrderId, actor: Actor = "", command_id: CommandId = "", parcel_id: ParcelId = ""
) -> None:
    """The goods are off the shelf."""
    _step(Step.PICK, order_id, actor, command_id, parcel_id)


@app.command()
def pack(
    order_id: OrderId, actor: Actor = "", command_id: CommandId = "", parcel_id: ParcelId = ""
) -> None:
    """The goods are in the box, the label is on it."""
    _step(Step.PACK, order_id, actor, command_id, parcel_id)


@app.command()
def ship(
    order_id: OrderId, actor: Actor = "", command_id: CommandId = "", parcel_id: ParcelId = ""
) -> None:
    """The carrier has the parcel."""
    _step(Step.SHIP, order_id, actor, command_id, parcel_id)


@app.command("replace-waybill")
def replace_waybill(
    order_id: OrderId,
    *,
    carrier: Annotated[str, typer.Option("--carrier", help="Its code here, e.g. ZTO.")],
    number: Annotated[str, typer.Option("--number", help="The number on the new label.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays in the timeline.")],
    actor: Actor = "",
    command_id: CommandId = "",
    parcel_id: ParcelId = "",
) -> None:
    """The parcel has another label: before its hand-over, or after it until it is delivered.

    The channel is told once the parcel has left. The former label is voided where we had it made; `show` says
    what became of it.
    """
    command = replace_command(
        order_id,
        carrier=carrier,
        waybill_no=number,
        reason=reason,
        actor=_actor(actor),
        command_id=command_id,
        issued_at=SystemClock().now(),
        parcel_id=parcel_id,
    )
    _print_answer(_run(_asked(_settings(Settings), command)))


@app.command()
def trace(
    waybill_no: Annotated[str, typer.Argument(metavar="WAYBILL", help="The carrier's number.")],
    phone: Annotated[
        str, typer.Option("--phone", help="Of sender or receiver; its last four digits do.")
    ] = "",
) -> None:
    """Print each step the waybill provider knows, the oldest first, as JSON lines."""
    settings = _settings(FulfillmentSettings)
    try:
        found = _run(_traced(settings, waybill_no, phone))
    except StartRefused as refusal:
        _give_up(str(refusal))
    if isinstance(found, CallFailed):
        _give_up(
            f"{settings.waybill_provider} gives no answer: {found.code} {found.detail}".strip()
        )
    for step in found:
        typer.echo(msgspec.json.encode(step).decode())


def _give_up(why: str) -> NoReturn:
    typer.echo(f"danshu: {why}", err=True)
    raise typer.Exit(REFUSED) from None


def _settings(kind: type[_S]) -> _S:
    running = stack.running(stack.default_home())
    addresses = running.environment() if running is not None else {}
    try:
        return read(kind, {**addresses, **os.environ})
    except StartRefused as refusal:
        _give_up(str(refusal))


async def _traced(
    settings: FulfillmentSettings, waybill_no: str, phone: str
) -> tuple[Seen, ...] | CallFailed:
    async with Outgoing() as outgoing:
        return await tracing.trace(settings, waybill_no, phone, SystemClock(), outgoing)


def _step(step: Step, order_id: str, actor: str, command_id: str, parcel_id: str) -> None:
    command = step_command(
        order_id,
        step,
        actor=_actor(actor),
        command_id=command_id,
        issued_at=SystemClock().now(),
        parcel_id=parcel_id,
    )
    _print_answer(_run(_asked(_settings(Settings), command)))


def _actor(given: str) -> str:
    return given or f"cli:{login()}"


def _print_answer(answer: CommandSettled | StillPending) -> None:
    if isinstance(answer, StillPending):
        typer.echo(f"还没有回音；再问一次：--command-id {answer.command_id}", err=True)
        raise typer.Exit(PENDING)
    if answer.outcome == "refused":
        typer.echo(f"未执行：{REFUSALS.get(answer.reason, answer.reason)}", err=True)
        raise typer.Exit(UNKNOWN if answer.reason == "unknown_parcel" else REFUSED)
    typer.echo(f"已执行：{answer.result_id}")


async def _fetched(settings: Settings, order_id: str) -> Parcel | None:
    pool = await open_pool(settings.postgres_url.get_secret_value(), 1)
    try:
        return await ParcelReader(pool).parcel(order_id)
    finally:
        await close_pool(pool)


async def _weighed(settings: Settings, sku: str) -> SkuWeight | None:
    pool = await open_pool(settings.postgres_url.get_secret_value(), 1)
    try:
        return await SkuWeights(pool).read(sku)
    finally:
        await close_pool(pool)


async def _asked(settings: Settings, command: AskedOfParcel) -> CommandSettled | StillPending:
    publisher = Publisher(settings.kafka(), settings.topic_prefix)
    desk = CommandDesk(publisher, codec(), "cli")
    try:
        await desk.listen(settings.kafka(), settings.topic_prefix)
        return await desk.ask(command, ANSWER_TIMEOUT_S)
    finally:
        desk.close()
        publisher.close()


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    try:
        return asyncio.run(work)
    except (*AWAY, Unavailable) as error:
        why = f"Postgres does not answer ({error}); `danshu up` starts it"
    except (asyncpg.InvalidCatalogNameError, asyncpg.UndefinedTableError):
        why = "the fulfillment service has never run on this database"
    except (DeliveryFailed, KafkaException) as error:
        why = f"Kafka does not answer ({error}); `danshu up` starts it"
    typer.echo(f"danshu: {why}", err=True)
    raise typer.Exit(REFUSED)


if __name__ == "__main__":
    app()
