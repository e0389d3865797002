"""What each channel may have of a SKU: the decision table `channel-quota/default`.

Guarantees: the same channel and SKU always get the same answer from the same table; the rule that spoke is named
`table@version#row`. A share is soft (it limits what is told to the channel) unless its row names a `quota_group`: then
it is kept for the channels of that group, and nobody else may hold it (domain/quotas.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from chassis.errors import StartRefused
from chassis.rules import Table, needed_table
from chassis.rules.values import Kind, OneOf
from services.inventory.domain.availability import Quota
from services.inventory.domain.campaigns import QUOTA as CAMPAIGN
from services.inventory.domain.model import Goods, Row
from services.inventory.domain.quotas import SHARED, Sharing
from services.inventory.domain.rules import Book

TABLE = "channel-quota/default"
FACTS: Mapping[str, Kind] = {"channel": "text", "sku": "text"}
OUTPUTS: Mapping[str, Kind] = {"share_percent": "int", "buffer": "int", "close_at": "int"}
GROUP = "quota_group"
"""Output the table may leave out: whose the share is, for all channels that say the same; empty = soft."""
SHARINGS_MAX = 100_000
"""Remembered SKUs of a table that names them otherwise than one by one; emptied when full."""
SOFT = Sharing()


class Quotas:
    """The table. `channels` are those it knows; `version` changes with its content."""

    def __init__(self, table: Table) -> None:
        self._table = table
        # Most tables ask for the channel alone: then a hundred thousand SKUs are one question.
        self._asks_sku = any(cell.fact == "sku" for row in table.rows for cell in row.cells)
        self._named = _named_skus(table)
        self.channels = table.facts["channel"].one_of
        self.version = f"{table.key}@{table.version}"
        self.hard = any(then.get(GROUP) for then in _said(table).values())
        """Whether any share is kept for a group."""
        self._by_channel: dict[str, Quota] = {}
        self._sharings: dict[str, Sharing] = {}

    def of(self, channel: str, sku: str) -> Quota:
        """What the channel may have of the SKU."""
        if self._asks_sku:
            return self._decided(channel, sku)
        quota = self._by_channel.get(channel)
        if quota is None:
            quota = self._by_channel[channel] = self._decided(channel, "")
        return quota

    def sharing(self, sku: str) -> Sharing:
        """How the SKU is shared out; without groups where every share is soft."""
        if not self.hard:
            return SOFT
        asked = sku if self._named is None or sku in self._named else ""
        sharing = self._sharings.get(asked)
        if sharing is None:
            if len(self._sharings) >= SHARINGS_MAX:
                self._sharings.clear()
            sharing = self._sharings[asked] = self._shared_out(asked)
        return sharing

    def limits(self, sku: str) -> bool:
        """Whether some of the SKU is kept for a group."""
        return bool(self.sharing(sku).percents)

    def keeps(self, book: Book, row: Row) -> bool:
        """Whether anything of a row is kept for channels, by a hard quota or for an open campaign: it is not sold ahead."""
        shares = book.shares.get(row)
        return self.limits(row[1]) or (shares is not None and shares.limiting)

    def open_to_all(self, book: Book, warehouses: Iterable[str], goods: Goods) -> tuple[str, ...]:
        """Those warehouses whose rows of these goods keep nothing for channels."""
        return tuple(
            one for one in warehouses if not any(self.keeps(book, (one, sku)) for sku, _ in goods)
        )

    def _shared_out(self, sku: str) -> Sharing:
        percents: dict[str, int] = {}
        groups: dict[str, str] = {}
        for channel in self.channels:
            quota = self.of(channel, sku)
            if quota.group:
                groups[channel] = quota.group
                percents[quota.group] = max(percents.get(quota.group, 0), quota.share_percent)
        return Sharing(percents, groups)

    def _decided(self, channel: str, sku: str) -> Quota:
        decision = self._table.decide({"channel": channel, "sku": sku})
        return Quota(
            share_percent=decision.integer("share_percent"),
            buffer=decision.integer("buffer"),
            close_at=decision.integer("close_at"),
            rule=decision.rule,
            group=decision.text(GROUP) if GROUP in decision.outputs else "",
        )


def read_quotas(rules_dir: Path) -> Quotas:
    """The table of a folder of rules. Raises StartRefused, also for shares and pieces that make no sense."""
    table = needed_table(rules_dir, TABLE, facts=FACTS, outputs=OUTPUTS)
    if GROUP in table.outputs:
        table = needed_table(rules_dir, TABLE, facts=FACTS, outputs={**OUTPUTS, GROUP: "text"})
    if not table.facts["channel"].one_of:
        problems: Sequence[str] = ["channel: one_of names the channels that are told"]
    else:
        problems = [*_nonsense(table), *_overlapping(table)]
    if problems:
        raise StartRefused(f"the decision table {TABLE} is not usable: {'; '.join(problems)}")
    return Quotas(table)


def _said(table: Table) -> Mapping[str, Mapping[str, object]]:
    said: dict[str, Mapping[str, object]] = {row.row_id: row.then for row in table.rows}
    said["on_error"] = table.on_error
    if table.default is not None:
        said["default"] = table.default.then
    return said


def _named_skus(table: Table) -> frozenset[str] | None:
    """The SKUs that any row names; every other one is decided like the next. None where a row names them by a condition."""
    cells = [cell for row in table.rows for cell in row.cells if cell.fact == "sku"]
    domains = [cell.domain for cell in cells if isinstance(cell.domain, OneOf)]
    if len(domains) < len(cells):
        return None
    return frozenset(str(value) for domain in domains for value in domain.values)


def _nonsense(table: Table) -> Iterable[str]:
    for row_id, then in _said(table).items():
        for name, low, high in (
            ("share_percent", 0, 100),
            ("buffer", 0, 1_000_000_000),
            ("close_at", 0, 1_000_000_000),
        ):
            value = then[name]
            if not isinstance(value, int) or not low <= value <= high:
                yield f"row {row_id}: {name} is {value}, it can be {low} to {high}"
        if then.get(GROUP) == SHARED:
            yield f"row {row_id}: {GROUP} is {SHARED}, which is what belongs to no group"
        if str(then.get(GROUP, "")).startswith(CAMPAIGN):
            yield f"row {row_id}: {GROUP} begins with {CAMPAIGN}, as what is kept for campaigns does"


def _overlapping(table: Table) -> Iterable[str]:
    """Groups that are promised different shares by their channels, or more than there is; by SKUs the table names."""
    quotas = Quotas(table)
    for sku in ("", *sorted(_named_skus(table) or ())):
        where = f"SKU {sku}: " if sku else ""
        shares: dict[str, set[int]] = {}
        for channel in quotas.channels:
            quota = quotas.of(channel, sku)
            if quota.group:
                shares.setdefault(quota.group, set()).add(quota.share_percent)
        for group, percents in shares.items():
            if len(percents) > 1:
                said = " and ".join(map(str, sorted(percents)))
                yield f"{where}{GROUP} {group} is given {said} percent by its channels"
        in_all = sum(map(max, shares.values()))
        if in_all > 100:
            yield f"{where}the shares of {', '.join(shares)} come to {in_all} percent"
