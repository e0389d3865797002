"""`danshu orders show | explain | hold | lift | review | cancel`: one order, seen and asked from a terminal.

Guarantees: nothing here writes an order; what changes one is a command to the orders service, whose answer
is printed. Exit status 0: done; 1: refused, a broken audit chain, or a server that does not answer;
2: no such order; 3: no answer yet (the same `--command-id` asks again without doing it twice).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import asyncpg
import msgspec
import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.table import Table

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import CommandDesk, StillPending
from chassis.errors import StartRefused
from chassis.postgres import AWAY, CONNECT_TIMEOUT_S
from chassis.producer import DeliveryFailed, Publisher
from chassis.settings import Settings, read
from cli import printing
from cli.login import login
from deploy.embedded import stack
from services.orders.doors import Ask, command_of
from services.orders.store import read_order
from services.orders.views import OrderView, view

app = typer.Typer(add_completion=False, no_args_is_help=True)

ANSWER_TIMEOUT_S = 10.0
REFUSED, UNKNOWN, PENDING = 1, 2, 3

OrderId = Annotated[
    str, typer.Argument(metavar="ORDER", help="Our order id, e.g. TB2026111100001.")
]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept in the audit.")]
Actor = Annotated[str, typer.Option("--actor", help="Who; your login unless given.")]
CommandId = Annotated[str, typer.Option("--command-id", help="To ask the same again.")]


@app.callback()
def _orders() -> None:
    """Show one order, explain where it is, or ask something of it."""


@app.command()
def show(order_id: OrderId) -> None:
    """Print the order as JSON, with its audit chain and without personal data."""
    sys.stdout.write(
        msgspec.json.format(msgspec.json.encode(_read(order_id)).decode(), indent=2) + "\n"
    )


@app.command()
def explain(order_id: OrderId) -> None:
    """Say where the order is, what it waits for, which rules spoke, and who changed it."""
    order = _read(order_id)
    console = printing.console()
    axes = [f"挂起：{'、'.join(hold.code for hold in order.held)}"] if order.held else []
    axes += ["售后中"] if order.after_sale else []
    console.print(f"{order.order_id}  {order.state_title}  {'  '.join(axes)}", style="bold")
    console.print(f"{order.channel} / {order.shop} / {order.channel_order_no}")
    _print_waiting(console, order)
    _print_rules(console, order)
    _print_audit(order)
    if order.audit_fault:
        console.print(f"审计链不完整：{order.audit_fault}", style="red")
        raise typer.Exit(REFUSED)
    console.print("审计链完整", style="green")


@app.command()
def hold(order_id: OrderId, reason: Reason, actor: Actor = "", command_id: CommandId = "") -> None:
    """Hold the order; its parcel is not handed over meanwhile."""
    _command("hold", order_id, Ask(reason=reason, actor=actor, command_id=command_id))


@app.command()
def lift(order_id: OrderId, reason: Reason, actor: Actor = "", command_id: CommandId = "") -> None:
    """Lift a hold made by hand, or one for a changed address."""
    _command("lift", order_id, Ask(reason=reason, actor=actor, command_id=command_id))


@app.command()
def review(
    order_id: OrderId,
    reason: Reason,
    passed: Annotated[bool, typer.Option("--pass/--fail", help="Let it go on, or cancel it.")],
    actor: Actor = "",
    command_id: CommandId = "",
) -> None:
    """Decide about an order that the risk table held."""
    ask = Ask(reason=reason, actor=actor, command_id=command_id, passed=passed)
    _command("review", order_id, ask)


@app.command()
def cancel(
    order_id: OrderId, reason: Reason, actor: Actor = "", command_id: CommandId = ""
) -> None:
    """Cancel: at once before the hand-over, by interception after it, refused once shipped."""
    _command("cancel", order_id, Ask(reason=reason, actor=actor, command_id=command_id))


def _settings() -> Settings:
    running = stack.running(stack.default_home())
    addresses = running.environment() if running is not None else {}
    return read(Settings, {**addresses, **os.environ})


def _read(order_id: str) -> OrderView:
    found: OrderView | None = _run(_fetch(_settings(), order_id))
    if found is None:
        typer.echo(f"danshu: 没有订单 {order_id}", err=True)
        raise typer.Exit(UNKNOWN)
    return found


async def _fetch(settings: Settings, order_id: str) -> OrderView | None:
    url = settings.postgres_url.get_secret_value()
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    try:
        found = await read_order(connection, order_id)
    finally:
        await connection.close()
    return None if found is None else view(found)


def _command(name: str, order_id: str, ask: Ask) -> None:
    ask = msgspec.structs.replace(ask, actor=ask.actor or f"cli:{login()}")
    answer = _run(_asked(_settings(), name, order_id, ask))
    if isinstance(answer, StillPending):
        typer.echo(f"还没有回音；再问一次：--command-id {answer.command_id}", err=True)
        raise typer.Exit(PENDING)
    if answer.outcome == "refused":
        typer.echo(f"未执行：{answer.reason}", err=True)
        raise typer.Exit(UNKNOWN if answer.result_id == "order_unknown" else REFUSED)
    typer.echo(f"已执行：{answer.result_id}")


async def _asked(settings: Settings, name: str, order_id: str, ask: Ask) -> Any:
    publisher = Publisher(settings.kafka(), settings.topic_prefix)
    desk = CommandDesk(publisher, codec(), "cli")
    try:
        await desk.listen(settings.kafka(), settings.topic_prefix)
        command = command_of(name, order_id, ask, SystemClock().now())
        return await desk.ask(command, ANSWER_TIMEOUT_S)
    finally:
        desk.close()
        publisher.close()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return asyncio.run(work)
    except AWAY as error:
        typer.echo(f"danshu: Postgres does not answer ({error}); `danshu up` starts it", err=True)
        raise typer.Exit(REFUSED) from None
    except (asyncpg.InvalidCatalogNameError, asyncpg.UndefinedTableError):
        typer.echo("danshu: the orders service has never run on this database", err=True)
        raise typer.Exit(REFUSED) from None
    except (DeliveryFailed, KafkaException) as error:
        typer.echo(f"danshu: Kafka does not answer ({error}); `danshu up` starts it", err=True)
        raise typer.Exit(REFUSED) from None
    except StartRefused as refusal:
        typer.echo(f"danshu: {refusal}", err=True)
        raise typer.Exit(REFUSED) from None


def _print_waiting(console: Console, order: OrderView) -> None:
    for reason in order.waiting_for:
        console.print(f"  · {reason.title}（{reason.code}）", style="yellow")
    if not order.waiting_for:
        console.print("  不再等待任何事")
    for held in order.held:
        console.print(
            f"  挂起 {held.code}：{held.reason}（{held.actor}，{held.held_at:%m-%d %H:%M:%S}Z）"
        )
    if order.interception_asked:
        console.print("  已请仓库拦截包裹")


def _print_rules(console: Console, order: OrderView) -> None:
    if (verdict := order.verdict) is not None:
        reasons = "、".join(verdict.reasons) or "无命中"
        by_hand = f"，人工结论：{verdict.reviewed_by}" if verdict.reviewed_by else ""
        console.print(
            f"风控 {verdict.outcome}，{verdict.score} 分：{reasons}{by_hand}  {verdict.rule}"
        )
    if order.ship_by is not None:
        console.print(f"最晚发货 {order.ship_by:%Y-%m-%d %H:%M}Z  {order.ship_by_rule}")
    stock_said, parcel_said = order.stock or "无回音", order.parcel or "未出包裹"
    console.print(f"库存 {stock_said} {order.warehouse}；包裹 {parcel_said}")


def _print_audit(order: OrderView) -> None:
    table = Table(
        "#",
        "时间 (UTC)",
        "操作",
        "从",
        "到",
        "谁",
        *printing.keys("依据", "规则"),
        "说明",
        box=None,
    )
    for entry in order.audit:
        table.add_row(
            str(entry.seq),
            f"{entry.at:%m-%d %H:%M:%S}",
            entry.action,
            entry.from_state,
            entry.to_state,
            entry.actor,
            entry.basis,
            entry.rule,
            entry.detail,
        )
    printing.show(table)


if __name__ == "__main__":
    app()
