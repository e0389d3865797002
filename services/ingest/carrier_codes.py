"""Which carriers parcels may leave with that a shop's platform could not be told: named at the start, not after they left.

The table of carriers is fulfillment's and lies in the folder of rules that all services read. It is only asked which
carriers it names, in whatever row: a row that never speaks for a channel counts, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from chassis.log import logger
from chassis.rules import TableBroken, load_tables
from services.ingest.channels import Channel
from services.ingest.shops import Shops

CARRIER_TABLE = "carrier/default"
CARRIER = "carrier"


def carriers_named(rules_dir: Path) -> frozenset[str]:
    """The carriers that some row of the table of carriers names; none without such a table. Raises TableBroken."""
    table = load_tables(rules_dir).get(CARRIER_TABLE)
    if table is None:
        return frozenset()
    rows = [*table.rows, *([table.default] if table.default is not None else [])]
    outputs = [*(row.then for row in rows), table.on_error]
    return frozenset(str(one[CARRIER]) for one in outputs if one.get(CARRIER))


def without_code(
    shops: Shops, channels: Mapping[str, Channel], named: Collection[str]
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(channel, shop, carriers) of each shop that cannot be told of parcels of some of these carriers."""
    for (channel, shop), access in shops.items():
        known = channels[channel].carriers
        if known is None:
            continue
        missing = sorted(one for one in named if one not in known and one not in access.carriers)
        if missing:
            yield channel, shop, tuple(missing)


def warn_of_missing_codes(shops: Shops, channels: Mapping[str, Channel], rules_dir: Path) -> None:
    """Logs each such shop once. Rules that cannot be read are for those who need them to refuse."""
    try:
        named = carriers_named(rules_dir)
    except TableBroken as broken:
        logger.warning("carrier_codes_not_checked", why=str(broken))
        return
    for channel, shop, missing in without_code(shops, channels, named):
        logger.warning("carriers_without_code", channel=channel, shop=shop, carriers=missing)
