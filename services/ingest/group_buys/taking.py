"""Taking an order of a leader: accepted in one transaction, told by the relay when its round is released.

Guarantees: one submission is one order, however often and however late it is sent again, and its answer is the first
one; the order belongs to the round in which the door received it; limits and stock caps hold against any number of
doors, because whoever takes an order holds the campaign's row; a round that is settled takes nothing more, whatever a
clock says. What a neighbour is called leaves this module sealed only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.crypto import PayloadSeal, PersonalSeal
from chassis.postgres import ACQUIRE_TIMEOUT_S, Connection, Pool
from services.ingest.domain.campaigns import Admitted, Opened, Refusal, admit
from services.ingest.domain.leader_order import (
    AcceptedOrder,
    OrderedGood,
    order_no_of,
)
from services.ingest.domain.links import Link
from services.ingest.domain.submissions import Wanted
from services.ingest.group_buys.staff import UNKNOWN
from services.ingest.group_buys.store import SQL, read_campaign, read_order, read_taken

SUBMITTED_ALREADY = Refusal(
    code="submitted_already", field="", title="这张单已经提交过，内容不同的请另开一单"
)
SETTLED = Refusal(code="round_settled", field="", title="这一期已经结算，不再接单")

NO_ORDER = Refusal(code="order_unknown", field="", title="没有这张单")
TOO_LATE = Refusal(code="too_late", field="", title="已经截单，不能撤回")


class Placed(Struct, frozen=True, kw_only=True):
    """An order the door has accepted. `repeated`: it was there already. `status`: open, withdrawn, released …"""

    order_no: str
    number: int
    round: date
    accepted_at: datetime
    total_fen: int
    status: str
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """The door's counter."""

    pool: Pool
    personal: PersonalSeal
    payloads: PayloadSeal

    async def take(
        self, link: Link, submission: str, wanted: Wanted, *, received_at: datetime
    ) -> Placed | tuple[Refusal, ...]:
        """Accept an order as of the moment all of its request was here, kept in whole milliseconds."""
        accepted_at = received_at.replace(microsecond=received_at.microsecond // 1000 * 1000)
        order_no = order_no_of(link.campaign_id, link.leader_id, submission)
        content_key = self.personal.blind_index(
            msgspec.json.encode(wanted).decode(), "leader-order"
        )
        async with (
            self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
            connection.transaction(),
        ):
            known = await read_campaign(connection, link.campaign_id, lock=True)
            if known is None:
                return (UNKNOWN,)
            if (row := await connection.fetchrow(SQL["order"], order_no)) is not None:
                if row["content_key"] != content_key:
                    return (SUBMITTED_ALREADY,)
                return _placed(row, repeated=True)
            return await self._accept(
                connection, known, link, wanted, (order_no, content_key), accepted_at
            )

    async def withdraw(self, link: Link, order_no: str, *, at: datetime) -> Placed | Refusal:
        """Take an order of this leader back, before its round is over. Again answers the same."""
        async with (
            self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
            connection.transaction(),
        ):
            known = await read_campaign(connection, link.campaign_id, lock=True)
            row = await read_order(connection, link, order_no)
            if known is None or row is None:
                return NO_ORDER
            if row["status"] != "withdrawn":
                day = row["round_day"]
                settled = await connection.fetchval(SQL["is_settled"], link.campaign_id, day)
                if settled or at >= known.over_at(day):
                    return TOO_LATE
                await connection.execute(SQL["withdraw"], order_no)
            return replace(_placed(row, repeated=row["status"] == "withdrawn"), status="withdrawn")

    async def _accept(  # noqa: PLR0917 — one submission with everything around it
        self,
        connection: Connection,
        known: Opened,
        link: Link,
        wanted: Wanted,
        names: tuple[str, str],
        accepted_at: datetime,
    ) -> Placed | tuple[Refusal, ...]:
        order_no, content_key = names
        buyer_key = self.personal.blind_index(wanted.buyer.phone, "leader-buyer")
        skus = [line.sku for line in wanted.lines]
        taken = await read_taken(connection, link.campaign_id, buyer_key, skus)
        admitted = admit(
            known, link.leader_id, wanted.station_id, wanted.lines, taken, accepted_at=accepted_at
        )
        if not isinstance(admitted, Admitted):
            return admitted
        if await connection.fetchval(SQL["is_settled"], link.campaign_id, admitted.day):
            return (SETTLED,)
        number = await connection.fetchval(SQL["next_number"], link.campaign_id)
        order = _order(known, admitted, wanted, order_no, number, accepted_at)
        await connection.execute(
            SQL["keep_order"],
            order_no,
            link.campaign_id,
            number,
            link.leader_id,
            wanted.station_id,
            admitted.day,
            accepted_at,
            buyer_key,
            content_key,
            order.total_fen,
            self.payloads.seal_payload(msgspec.json.encode(order)),
        )
        quantities = [line.quantity for line in wanted.lines]
        await connection.execute(SQL["keep_lines"], order_no, skus, quantities)
        return Placed(
            order_no=order_no,
            number=number,
            round=admitted.day,
            accepted_at=accepted_at,
            total_fen=order.total_fen,
            status="open",
            repeated=False,
        )


def _order(  # noqa: PLR0917 — one order with everything it says
    known: Opened,
    admitted: Admitted,
    wanted: Wanted,
    order_no: str,
    number: int,
    accepted_at: datetime,
) -> AcceptedOrder:
    goods = {good.sku: good for good in known.campaign.goods}
    return AcceptedOrder(
        order_no=order_no,
        number=number,
        campaign_id=known.campaign.campaign_id,
        campaign_title=known.campaign.title,
        round=admitted.day,
        station=admitted.station,
        accepted_at=accepted_at,
        buyer=wanted.buyer,
        note=wanted.note,
        lines=tuple(
            OrderedGood(
                sku=line.sku,
                title=goods[line.sku].title,
                quantity=line.quantity,
                allotted=line.quantity,
                unit_price_fen=goods[line.sku].price_fen,
            )
            for line in wanted.lines
        ),
    )


def _placed(row: Any, *, repeated: bool) -> Placed:
    return Placed(
        order_no=row["order_no"],
        number=row["number"],
        round=row["round_day"],
        accepted_at=row["accepted_at"],
        total_fen=row["total_fen"],
        status=row["status"],
        repeated=repeated,
    )
