"""`danshu ingest map`: which of our SKUs a channel's SKU is, through ingest's own doors.

The service is found by its settings (`DANSHU_INGEST_HTTP_HOST`, `_HTTP_PORT`, `DANSHU_API_TOKEN`) or by `--url`.
Exit status 0: done, also where nothing had to change; 1: refused, with every fault, or not reached; 2: a file or
option that cannot be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

import msgspec
import typer
from rich.table import Table

from cli import printing
from cli.csv_file import RowFault
from cli.doors import Refused, call
from cli.login import login
from cli.mapping_file import component_of, read_mappings
from services.ingest.domain.mapping_rules import WrittenMapping
from services.ingest.domain.matching import Component
from services.ingest.list_doors import Refusal
from services.ingest.mapping_doors import MAPPINGS_MAX, Page, Waiting
from services.ingest.mappings import Changed, Listed
from services.ingest.settings import IngestSettings

app = typer.Typer(no_args_is_help=True, add_completion=False)
T = TypeVar("T")

REFUSED, UNUSABLE = 1, 2
NAMED: Final = ("channel", "shop", "sku id", "code")
TIMEOUT_S: Final = 30.0
FILE_BYTES_MAX: Final = 8_000_000
REASONS: Final = {"no_merchant_code": "没有商家编码", "unknown_sku": "商家编码不是已知SKU"}

Url = Annotated[str, typer.Option("--url", help="Of ingest; default: its settings.")]
Channel = Annotated[str, typer.Option("--channel", "-c", help="None: a bundle of our own.")]
Shop = Annotated[str, typer.Option("--shop", "-s", help="Shop on that channel.")]
SkuId = Annotated[str, typer.Option("--sku-id", help="The channel's SKU id.")]
Code = Annotated[str, typer.Option("--code", help="The merchant code on the channel.")]
Preview = Annotated[bool, typer.Option("--preview", help="Say what would change, change nothing.")]
AllowUnknown = Annotated[
    bool, typer.Option("--allow-unknown", help="Take SKUs that inventory has not told of yet.")
]
Actor = Annotated[str, typer.Option("--actor", help="Who; your login unless given.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]


@app.callback()
def _map() -> None:
    """Say which of our SKUs, or which bundle of them, a channel's SKU is."""


@app.command("list")
def list_mappings(
    channel: Channel = "", shop: Shop = "", code: Code = "", as_json: AsJson = False, url: Url = ""
) -> None:
    """List the mappings in force; `--code` takes a channel's SKU id, too."""
    query = {"channel": channel, "shop": shop, "code": code, "after": ""}
    found: list[Listed] = []
    while True:
        page = _call("GET", "/sku-mappings", url, Page, query=query)
        found += page.mappings
        if not page.next:
            break
        query["after"] = page.next
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table(*printing.keys("no"), *printing.keys(*NAMED), "is", "by", "since", box=None)
    for one in found:
        table.add_row(
            str(one.mapping_id),
            one.channel or "(any)",
            one.shop or "(any)",
            one.channel_sku_id,
            one.merchant_code,
            _consists_of(one.components),
            one.actor,
            f"{one.set_at:%Y-%m-%d %H:%M}Z",
        )
    _print(table, found, "no mappings")


@app.command("set")
def set_mapping(  # noqa: PLR0913 — each is an option of the command
    to: Annotated[list[str], typer.Option("--to", help="SKU[:PIECES][@WEIGHT]; once a component.")],
    *,
    channel: Channel = "",
    shop: Shop = "",
    sku_id: SkuId = "",
    code: Code = "",
    gift: Annotated[list[str] | None, typer.Option("--gift", help="SKU[:PIECES]")] = None,
    preview: Preview = False,
    allow_unknown: AllowUnknown = False,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Map a channel's SKU, or name a bundle of our own (`--code` alone); replaces what was mapped."""
    components = [_component(text, gift=False) for text in to]
    components += [_component(text, gift=True) for text in gift or ()]
    mapping = WrittenMapping(
        channel=channel,
        shop=shop,
        channel_sku_id=sku_id,
        merchant_code=code,
        components=tuple(components),
    )
    _change([mapping], preview, allow_unknown, actor, url)


@app.command()
def remove(
    *,
    channel: Channel = "",
    shop: Shop = "",
    sku_id: SkuId = "",
    code: Code = "",
    preview: Preview = False,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Take a mapping away. Orders that have their lines keep them."""
    mapping = WrittenMapping(channel=channel, shop=shop, channel_sku_id=sku_id, merchant_code=code)
    _change([mapping], preview, False, actor, url)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False)],
    preview: Preview = False,
    allow_unknown: AllowUnknown = False,
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Set all mappings of a CSV file, or none.

    Columns: channel, shop, channel_sku_id, merchant_code, sku, quantity, weight, gift. Rows with the same first
    four are the components of one mapping.
    """
    if file.stat().st_size > FILE_BYTES_MAX:
        _give_up(f"{file} is larger than {FILE_BYTES_MAX} bytes; split it")
    said = read_mappings(file.read_bytes())
    if isinstance(said, tuple):
        _rows_refused(said)
    if len(said.mappings) > MAPPINGS_MAX:
        _give_up(f"{file} has {len(said.mappings)} mappings; at most {MAPPINGS_MAX} go at once")
    _change(said.mappings, preview, allow_unknown, actor, url, rows=said.rows)


@app.command()
def unmatched(
    channel: Channel = "", shop: Shop = "", as_json: AsJson = False, url: Url = ""
) -> None:
    """List the SKUs for which orders wait, those with the most orders first."""
    query = {"channel": channel, "shop": shop}
    found = _call("GET", "/sku-mappings/unmatched", url, Waiting, query=query).unmatched
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table(*printing.keys(*NAMED), "title", "why", "orders", "since", box=None)
    for one in found:
        table.add_row(
            one.channel,
            one.shop,
            one.channel_sku_id,
            one.merchant_code,
            one.title,
            REASONS.get(one.reason, one.reason),
            str(one.orders),
            f"{one.since:%Y-%m-%d %H:%M}Z",
        )
    _print(table, found, "no order waits for a mapping")


def _change(
    mappings: Sequence[WrittenMapping],
    preview: bool,
    allow_unknown: bool,
    actor: str,
    url: str,
    *,
    rows: Sequence[Sequence[int]] = (),
) -> None:
    body = {
        "mappings": mappings,
        "actor": actor or f"cli:{login()}",
        "preview": preview,
        "allow_unknown": allow_unknown,
    }
    changed = _call("POST", "/sku-mappings", url, Changed, body=body, rows=rows)
    would = "would be " if preview else ""
    typer.echo(
        f"{changed.set} {would}set, {changed.removed} {would}removed, {changed.unchanged} unchanged; "
        f"{changed.orders_released} waiting orders {'would be' if preview else 'are'} released"
    )


def _component(text: str, *, gift: bool) -> Component:
    component = component_of(text, gift=gift)
    if isinstance(component, str):
        _give_up(f"{text!r} is not SKU[:PIECES][@WEIGHT]: {component}")
    return component


def _call(
    method: str,
    path: str,
    url: str,
    kind: type[T],
    *,
    query: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
    rows: Sequence[Sequence[int]] = (),
) -> T:
    try:
        said = call(IngestSettings, method, path, url, query=query, body=body, timeout_s=TIMEOUT_S)
    except Refused as refused:
        _refuse(_said(refused, rows))
    return msgspec.convert(said, kind)


def _said(refused: Refused, rows: Sequence[Sequence[int]]) -> str:
    if refused.problem is None:
        return str(refused)
    refusal = msgspec.convert(refused.problem, Refusal)
    told = [
        f"{f'rows {_and(rows[fault.index])}' if rows else 'refused'}: {fault.code}: {fault.detail}"
        for fault in refusal.faults
    ]
    return "\n".join([f"{refusal.title} ({refusal.code}) {refusal.detail}".rstrip(), *told])


def _and(rows: Sequence[int]) -> str:
    return ", ".join(str(row) for row in rows)


def _rows_refused(faults: Sequence[RowFault]) -> NoReturn:
    _give_up("\n".join(f"row {fault.row}: {fault.why}" for fault in faults))


def _consists_of(components: Sequence[Component]) -> str:
    return " + ".join(
        f"{one.sku} ×{one.quantity}"
        + ("" if one.weight is None else f" @{one.weight}")
        + (" gift" if one.gift else "")
        for one in components
    )


def _print(table: Table, found: Sequence[object], none: str) -> None:
    if not found:
        typer.echo(none)
        return
    printing.show(table)


def _refuse(why: str) -> NoReturn:
    typer.echo(f"danshu: {why}", err=True)
    raise typer.Exit(REFUSED)


def _give_up(why: str) -> NoReturn:
    typer.echo(f"danshu: {why}", err=True)
    raise typer.Exit(UNUSABLE)
