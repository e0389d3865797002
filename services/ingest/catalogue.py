"""The mappings and SKUs that matching leans on, as this process last read them.

Guarantees: every change bumps one number, `ingest.catalogue.revision`, under whose row lock changes wait for
each other; so what is newer than a revision is all that was committed after it, and reading it brings the copy
to what Postgres has. Without a change nothing is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from chassis.postgres import named_queries
from services.ingest.domain.matching import (
    Catalogue,
    Component,
    Key,
    MerchantCodes,
    SkuMapping,
)

SQL = named_queries(Path(__file__).parent / "sql" / "mappings.sql")

components_of = msgspec.json.Decoder(tuple[Component, ...]).decode


class CatalogueReader:
    """Keeps one `Catalogue` current. `catalogue` is what is known now."""

    def __init__(self, merchant_codes: MerchantCodes) -> None:
        self._mappings: dict[Key, SkuMapping] = {}
        self._skus: set[str] | None = set() if merchant_codes is MerchantCodes.KNOWN else None
        self._revision = 0
        self.catalogue = Catalogue(mappings=self._mappings, skus=self._skus)

    async def catch_up(self, connection: Any, revision: int) -> None:
        """Reads what changed since the last call, if the revision says so."""
        if revision == self._revision:
            return
        rows = await connection.fetch(SQL["changed_mappings"], self._revision)
        for row in rows:
            key = (row["channel"], row["shop"], row["channel_sku_id"], row["merchant_code"])
            if row["removed"]:
                self._mappings.pop(key, None)
            else:
                self._mappings[key] = SkuMapping(
                    mapping_id=row["mapping_id"], components=components_of(row["components"])
                )
        if self._skus is not None:
            learned = await connection.fetch(SQL["changed_skus"], self._revision)
            self._skus.update(row["sku"] for row in learned)
        # Not the newest of the rows: one that was committed between the two queries is only read again.
        self._revision = revision
