"""`danshu groupbuy open | list | link | picture | close | plan | short | release`: group-buys from a terminal.

Guarantees: the rules and the answers are those of the service's doors, and the same act twice is done once; `short`
and `release` keep who, when and why. Exit status 0: done; 1: refused, a file that cannot be read, or a server that
does not answer; 2: no such campaign.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

import msgspec
import typer
from rich.table import Column, Table

from chassis.clock import SystemClock
from chassis.errors import StartRefused
from chassis.money import yuan_text
from chassis.postgres import Connection
from chassis.settings import read
from cli import json_file, printing, reach
from cli.login import login
from deploy.embedded import stack
from services.ingest.domain.campaigns import Campaign, Refusal
from services.ingest.domain.links import LinkKeys
from services.ingest.domain.purchase import PurchasePlan, Shortage
from services.ingest.group_buys import staff
from services.ingest.group_buys.invitations import LinkWanted, invitation
from services.ingest.group_buys.pictures import media_type_of
from services.ingest.group_buys.staff import Act
from services.ingest.group_buys.store import SQL, read_campaign
from services.ingest.group_buys.tables import (
    PLAN_HEAD,
    SHARES_HEAD,
    as_csv,
    plan_csv,
    plan_rows,
    share_rows,
)
from services.ingest.settings import IngestSettings
from services.ingest.shanghai import SHANGHAI

app = typer.Typer(add_completion=False, no_args_is_help=True)

REFUSED, UNKNOWN = 1, 2
FILE_BYTES_MAX: Final = 256 * 1024
COPIED: Final = frozenset({"编号", "SKU", "自提点编号", "团长", "接龙号", "订单号"})
T = TypeVar("T")

CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")]
Day = Annotated[
    datetime | None,
    typer.Option(
        "--day", formats=["%Y-%m-%d"], help="The round; the last that is over unless given."
    ),
]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; kept.")]
Actor = Annotated[str, typer.Option("--actor", help="Who; your login unless given.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="As CSV.")]


@app.callback()
def _groupbuy() -> None:
    """Open group-buys, invite leaders, and see what has to be bought."""


@app.command("open")
def open_(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="The campaign.")],
    actor: Actor = "",
) -> None:
    """Open a campaign; its fields are in docs/group-buy.md."""
    try:
        campaign = msgspec.json.decode(_content(file, FILE_BYTES_MAX), type=Campaign)
    except json_file.UNUSABLE as error:
        _give_up(f"{file}: {json_file.why(error)}")
    act = Act(actor=_who(actor), at=SystemClock().now())
    known = _done(lambda connection: staff.open_campaign(connection, campaign, act))
    stations = len(known.campaign.stations)
    typer.echo(f"已开团 {campaign.campaign_id}：{len(campaign.goods)} 种商品，{stations} 个自提点")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the latest campaigns."""
    found = _done(staff.list_campaigns)
    if as_json:
        _print_json(found)
        return
    rows = [
        (
            one.campaign_id,
            one.title,
            f"{one.opens_at.astimezone(SHANGHAI):%m-%d %H:%M}",
            f"{one.ends_on:%m-%d} {one.cut_off}",
            "" if one.closed_at is None else f"{one.closed_at.astimezone(SHANGHAI):%m-%d %H:%M}",
            str(one.orders),
            yuan_text(one.total_fen),
        )
        for one in found
    ]
    _print_table(("编号", "团", "开团", "最后截单", "已关闭", "订单", "金额(元)"), rows)


@app.command()
def link(
    campaign_id: CampaignId,
    leader_id: Annotated[str, typer.Argument(metavar="LEADER", help="The leader's id.")],
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Ends at the start of this day in Shanghai."),
    ] = None,
) -> None:
    """Make a leader's signed link. Whoever has it can order: send it to the leader only."""
    settings = _settings()
    expires_at = None if until is None else until.replace(tzinfo=SHANGHAI)
    wanted = LinkWanted(leader_id=leader_id, expires_at=expires_at)

    async def invite(connection: Connection) -> Any:
        known = await read_campaign(connection, campaign_id)
        if known is None:
            return staff.UNKNOWN
        keys = LinkKeys.parse(settings.leader_link_keys.get_secret_value())
        return invitation(known, wanted, keys=keys, base_url=settings.leader_base_url)

    made = _done(invite)
    typer.echo(made.url)
    typer.echo(f"有效至 {made.expires_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", err=True)


@app.command()
def picture(
    campaign_id: CampaignId,
    sku: Annotated[str, typer.Argument(metavar="SKU")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JPEG, PNG or WebP.")],
) -> None:
    """Give an article a picture, or another one."""
    body = _content(file, _settings().leader_picture_bytes_max)
    media_type = media_type_of(body)
    if media_type is None:
        _give_up(f"{file} 不是 JPEG、PNG 或 WebP")

    async def keep(connection: Connection) -> Refusal | None:
        known = await read_campaign(connection, campaign_id)
        if known is None:
            return staff.UNKNOWN
        if sku not in {good.sku for good in known.campaign.goods}:
            return Refusal(code="unknown_sku", field="sku", title="这个团没有这件商品")
        await connection.execute(SQL["keep_picture"], campaign_id, sku, media_type, body)
        return None

    _done(keep)
    typer.echo(f"已换图片 {sku}")


@app.command()
def close(campaign_id: CampaignId, reason: Reason, actor: Actor = "") -> None:
    """Take no more orders for a campaign, from now on and for good."""
    act = _act(actor, reason)
    known = _done(lambda connection: staff.close_campaign(connection, campaign_id, act))
    assert known.closed_at is not None, "it was closed now, or before"
    typer.echo(f"已关闭 {campaign_id}：{known.closed_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}")


@app.command()
def plan(
    campaign_id: CampaignId, day: Day = None, as_json: AsJson = False, as_csv_: AsCsv = False
) -> None:
    """Print what a round has to buy, per article and pick-up point."""
    now = SystemClock().now()
    found = _done(lambda connection: staff.plan(connection, campaign_id, _date(day), now))
    if as_json:
        _print_json(found)
    elif as_csv_:
        sys.stdout.write(plan_csv(found))
    else:
        _print_plan(found)


@app.command()
def short(
    campaign_id: CampaignId,
    sku: Annotated[str, typer.Argument(metavar="SKU")],
    got: Annotated[int, typer.Argument(metavar="GOT", min=0, help="Pieces that came.")],
    *,
    reason: Reason,
    day: Day = None,
    actor: Actor = "",
    as_json: AsJson = False,
    as_csv_: AsCsv = False,
) -> None:
    """Share what came of an article over the orders of a round: once, and for good."""
    act = _act(actor, reason)
    found: Shortage = _done(
        lambda connection: staff.decide_shortage(
            connection, campaign_id, sku, got, day=_date(day), act=act
        )
    )
    if as_json:
        _print_json(found)
    elif as_csv_:
        sys.stdout.write(as_csv(SHARES_HEAD, share_rows(found)))
    else:
        decided = f"{found.decided_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
        title = f"{sku}：订 {found.ordered} 件，到货 {found.got} 件"
        _print_table(SHARES_HEAD, list(share_rows(found)), title=title)
        typer.echo(f"{decided} {found.decided_by}：{found.reason}")


@app.command()
def release(campaign_id: CampaignId, reason: Reason, day: Day = None, actor: Actor = "") -> None:
    """Let the orders of a round go out: its goods are here, its shortages are decided."""
    act = _act(actor, reason)
    found = _done(
        lambda connection: staff.release(connection, campaign_id, day=_date(day), act=act)
    )
    released = f"{found.released_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
    typer.echo(f"已放行 {found.day} 的 {found.orders} 单（{released} {found.released_by}）")


def _print_plan(found: PurchasePlan) -> None:
    state = "已定" if found.final else "未定，还会有订单"
    title = (
        f"{found.title} {found.day}：{found.orders} 单，{yuan_text(found.amount_fen)} 元（{state}）"
    )
    _print_table(PLAN_HEAD[1:], [row[1:] for row in plan_rows(found)], title=title)
    for line in found.lines:
        if (shortage := line.shortage) is not None:
            typer.echo(
                f"{line.sku} 缺 {shortage.ordered - shortage.got} 件："
                f"{shortage.decided_by}，{shortage.reason}"
            )


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    names = (Column(one, no_wrap=one in COPIED) for one in head)
    table = Table(*names, title=title or None)
    for row in rows:
        table.add_row(*row)
    printing.show(table)


def _print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value).decode(), indent=2) + "\n")


def _act(actor: str, reason: str) -> Act:
    if not reason.strip():
        _give_up("必须写明原因：--reason")
    return Act(actor=_who(actor), at=SystemClock().now(), reason=reason.strip())


def _who(actor: str) -> str:
    return actor.strip() or f"cli:{login()}"


def _date(day: datetime | None) -> date | None:
    return None if day is None else day.date()


def _settings() -> IngestSettings:
    running = stack.running(stack.default_home())
    addresses = running.environment() if running is not None else {}
    try:
        return read(IngestSettings, {**addresses, **os.environ})
    except StartRefused as refusal:
        _give_up(str(refusal))


def _done(work: Callable[[Connection], Awaitable[T | Refusal]]) -> T:
    """The answer of one act; ends the command where it was refused."""
    url = _settings().postgres_url.get_secret_value()

    async def act() -> T | Refusal:
        async with reach.database(url) as connection:
            return await work(connection)

    answer = reach.run(act())
    if isinstance(answer, Refusal):
        typer.echo(f"danshu: {answer.title}", err=True)
        raise typer.Exit(UNKNOWN if answer == staff.UNKNOWN else REFUSED)
    return answer


def _content(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        _give_up(f"{path} cannot be read: {error.strerror}")
    if len(content) > bytes_max:
        _give_up(f"{path} is larger than {bytes_max} bytes")
    return content


def _give_up(why: str) -> NoReturn:
    typer.echo(f"danshu: {why}", err=True)
    raise typer.Exit(REFUSED)
