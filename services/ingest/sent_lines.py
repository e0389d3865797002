"""Which lines of an order have left from us: what tells a channel's echo of our parcels from somebody else's."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from chassis.postgres import Connection
from chassis.processor import Kept
from services.ingest.domain.write_backs import WriteBacks

_decode = msgspec.json.Decoder(Kept[WriteBacks]).decode


async def sent_lines(
    connection: Connection, source_keys: Collection[str]
) -> Mapping[str, frozenset[str]]:
    """By channel order, the channel's ids of lines of which a parcel of ours holds some; none where nothing has left.

    A parcel stands here before its channel is told of it, so also before the channel can say it back.
    """
    rows = await connection.fetch(
        "SELECT o.key, w.document FROM ingest.orders AS o "
        "JOIN ingest.write_backs AS w ON w.key = o.order_id WHERE o.key = ANY($1::text[])",
        list(source_keys),
    )
    found = {row["key"]: _decode(row["document"]).state for row in rows}
    return {key: state.lines_sent for key, state in found.items() if state is not None}
