"""`danshu ingest listing`: whose stock is told the shops, and what they answered, through ingest's own doors.

The service is found by its settings (`DANSHU_INGEST_HTTP_HOST`, `_HTTP_PORT`, `DANSHU_API_TOKEN`) or by `--url`.
Exit status 0: done, also where nothing had to change; 1: refused, with every fault, or not reached; 2: a file that
cannot be used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import msgspec
import typer
from rich.table import Table

from cli import printing
from cli.csv_file import RowFault, read_rows
from cli.doors import Refused, call
from cli.login import login
from services.ingest.list_doors import Refusal
from services.ingest.listing_doors import LISTINGS_MAX, Page
from services.ingest.listings import ListedListing, ListingsChanged, WrittenListing
from services.ingest.settings import IngestSettings

app = typer.Typer(no_args_is_help=True, add_completion=False)

REFUSED, UNUSABLE = 1, 2
TIMEOUT_S: Final = 30.0
FILE_BYTES_MAX: Final = 8_000_000
COLUMNS: Final = ("channel", "shop", "channel_sku_id", "item_id", "merchant_code")

Url = Annotated[str, typer.Option("--url", help="Of ingest; default: its settings.")]
Channel = Annotated[str, typer.Option("--channel", "-c")]
Shop = Annotated[str, typer.Option("--shop", "-s", help="Shop on that channel.")]
SkuId = Annotated[str, typer.Option("--sku-id", help="The channel's SKU id, as orders name it.")]
Actor = Annotated[str, typer.Option("--actor", help="Who; your login unless given.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]


@app.callback()
def _listing() -> None:
    """Say which listings' stock is told the shops, and see what they answered."""


@app.command("list")
def list_listings(
    *,
    channel: Channel = "",
    shop: Shop = "",
    code: Annotated[str, typer.Option("--code", help="Merchant code or SKU id.")] = "",
    outcome: Annotated[str, typer.Option("--outcome", help="applied, refused, unsupported")] = "",
    as_json: AsJson = False,
    url: Url = "",
) -> None:
    """List what each listing should show, and what its shop was told."""
    query = {"channel": channel, "shop": shop, "code": code, "outcome": outcome, "after": ""}
    found: list[ListedListing] = []
    while True:
        page = msgspec.convert(_call("GET", url, query=query), Page)
        found += page.listings
        if not page.next:
            break
        query["after"] = page.next
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table(
        *printing.keys("渠道", "店铺", "渠道SKU", "商家编码"), "应有", "已回传", "结果", box=None
    )
    for one in found:
        table.add_row(
            one.channel,
            one.shop,
            one.channel_sku_id,
            one.merchant_code,
            _number(one.wanted),
            _number(one.told),
            f"{one.outcome} {one.reason}".strip() + ("（待回传）" if one.due else ""),
        )
    printing.show(table)


@app.command("set")
def set_listing(
    *,
    channel: Annotated[str, typer.Option("--channel", "-c")],
    shop: Annotated[str, typer.Option("--shop", "-s")],
    sku_id: Annotated[str, typer.Option("--sku-id", help="The channel's SKU id.")],
    item: Annotated[str, typer.Option("--item", help="The article, where its call names it.")] = "",
    code: Annotated[str, typer.Option("--code", help="The merchant code on the channel.")] = "",
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Have the stock of one listing told from now on; replaces what was said of it."""
    listing = WrittenListing(
        channel=channel, shop=shop, channel_sku_id=sku_id, item_id=item, merchant_code=code
    )
    _change([listing], actor, url)


@app.command()
def remove(
    *,
    channel: Annotated[str, typer.Option("--channel", "-c")],
    shop: Annotated[str, typer.Option("--shop", "-s")],
    sku_id: Annotated[str, typer.Option("--sku-id", help="The channel's SKU id.")],
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Tell the stock of one listing no more; the shop goes on showing what it was told."""
    listing = WrittenListing(channel=channel, shop=shop, channel_sku_id=sku_id, remove=True)
    _change([listing], actor, url)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False)],
    actor: Actor = "",
    url: Url = "",
) -> None:
    """Set all listings of a CSV file, or none.

    Columns: channel, shop, channel_sku_id, item_id, merchant_code.
    """
    if file.stat().st_size > FILE_BYTES_MAX:
        _give_up(f"{file} is larger than {FILE_BYTES_MAX} bytes; split it")
    said = read_listings(file.read_bytes())
    if isinstance(said, tuple):
        for fault in said:
            typer.echo(f"row {fault.row}: {fault.why}", err=True)
        raise typer.Exit(UNUSABLE)
    if len(said) > LISTINGS_MAX:
        _give_up(f"{file} has {len(said)} listings; at most {LISTINGS_MAX} go at once")
    _change(list(said.values()), actor, url, rows=list(said))


def read_listings(content: bytes) -> Mapping[int, WrittenListing] | tuple[RowFault, ...]:
    """The listings of a CSV file in UTF-8 by row (the header is row 1), or everything that is wrong with it."""
    rows = read_rows(content)
    if isinstance(rows, RowFault):
        return (rows,)
    header = [name.strip().lower() for name in rows[0][1]] if rows else []
    if set(header) != set(COLUMNS) or len(header) != len(COLUMNS):
        return (RowFault(1, f"the first row names the columns {', '.join(COLUMNS)}"),)
    faults = tuple(_cell_faults(header, rows[1:]))
    if faults:
        return faults
    listings = {
        number: msgspec.convert(_cells(header, cells), WrittenListing)
        for number, cells in rows[1:]
        if any(cell.strip() for cell in cells)
    }
    return listings or (RowFault(1, "there is no listing below the header"),)


def _cell_faults(
    header: Sequence[str], rows: Sequence[tuple[int, Sequence[str]]]
) -> Iterator[RowFault]:
    for number, cells in rows:
        if any(cell.strip() for cell in cells) and len(cells) != len(header):
            yield RowFault(number, f"{len(cells)} cells, {len(header)} columns")


def _cells(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _number(quantity: int | None) -> str:
    return "-" if quantity is None else str(quantity)


def _change(
    listings: Sequence[WrittenListing], actor: str, url: str, *, rows: Sequence[int] = ()
) -> None:
    body = {"listings": listings, "actor": actor or f"cli:{login()}"}
    changed = msgspec.convert(_call("POST", url, rows=rows, body=body), ListingsChanged)
    typer.echo(f"{changed.set} set, {changed.removed} removed, {changed.unchanged} unchanged")


def _call(
    method: str,
    url: str,
    *,
    body: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
    rows: Sequence[int] = (),
) -> Any:
    try:
        return call(
            IngestSettings, method, "/listings", url, body=body, query=query, timeout_s=TIMEOUT_S
        )
    except Refused as refused:
        typer.echo(f"danshu: {refused}", err=True)
        try:
            faults = msgspec.convert(refused.problem, Refusal).faults
        except msgspec.ValidationError:
            faults = ()
        for fault in faults:
            where = f"row {rows[fault.index]}" if rows else f"listing {fault.index + 1}"
            typer.echo(f"{where}: {fault.code}: {fault.detail}", err=True)
        raise typer.Exit(REFUSED) from None


def _give_up(why: str) -> NoReturn:
    typer.echo(f"danshu: {why}", err=True)
    raise typer.Exit(UNUSABLE)
