"""What doors show: cases, what may have gone twice, and all refunds in numbers. Reads only what is committed."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from chassis.postgres import Pool
from services.refunds.domain.model import GoodsCheck, HeardThere, Resolution, Resumption
from services.refunds.store import QUERIES, connected

LIST_MAX: Final = 500


class ListedCase(Struct, frozen=True, kw_only=True):
    """One case as desks see it. `payout_stage` is "" until money may go."""

    order_id: str
    refund_id: str
    state: str
    kind: str
    tier: str
    amount_fen: int
    freight_fen: int
    currency: str
    reason: str
    goods: str
    approvals_needed: tuple[str, ...]
    approvals_given: tuple[str, ...]
    requested_by: str
    requested_at: datetime
    changed_at: datetime
    end_reason: str
    payout_stage: str
    payout_sends: int
    payout_note: str
    payout_gave_up: str
    """A `GaveUp`; "" if nobody has, or it was before reasons were kept."""
    payout_given_up_at: datetime | None
    """None unless it waits for a person now."""
    resumptions: tuple[Resumption, ...]
    """Newest last: who had the gateway asked again after the payout was given up."""
    goods_check: GoodsCheck | None
    """Who saw what came back; None if nobody has, or it was before it was kept."""
    heard_there: HeardThere | None
    """What its channel did that the case could not follow, or not yet; None: nothing."""


class ListedDoubt(Struct, frozen=True, kw_only=True):
    """Money of a refund that may have gone twice, as desks see it, and what was said of it."""

    order_id: str
    refund_id: str
    reason: str
    amount_fen: int
    """What its case is of; 0 where there is none."""
    there_fen: int | None
    """What its channel gave back; None where it does not tell."""
    ours_fen: int
    """What our own payout was of; 0 where there was none."""
    beyond_fen: int
    """What counts as gone beside the cases of the order."""
    currency: str
    refund_no: str
    actor: str
    suspected_at: datetime
    standing: bool
    """Whether it waits for a person."""
    resolutions: tuple[Resolution, ...]
    """Newest last."""


class Gone(Struct, frozen=True, kw_only=True):
    """What went back in one currency: `settled_fen` of cases, `beyond_fen` beside them, twice or more than was paid."""

    currency: str
    settled_fen: int
    beyond_fen: int


class Totals(Struct, frozen=True, kw_only=True):
    """All refunds in numbers. `needs_person` are among the pending, `double_refunds` stand open."""

    requested: int
    settled: int
    pending: int
    failed: int
    refused: int
    needs_person: int
    double_refunds: int
    gone: tuple[Gone, ...]
    """By currency."""


class Desk:
    """Reads for doors. Every method raises Unavailable when Postgres does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def cases(
        self, *, state: str = "", order_id: str = "", refund_id: str = "", limit: int = 100
    ) -> tuple[ListedCase, ...]:
        """Cases, newest first. `state` is one of a case or of its payout; "" asks for any."""
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                QUERIES["list_cases"], state, order_id, refund_id, min(limit, LIST_MAX)
            )
        return tuple(
            ListedCase(
                **{
                    **dict(row),
                    "approvals_needed": tuple(row["approvals_needed"]),
                    "approvals_given": tuple(row["approvals_given"]),
                    "resumptions": msgspec.json.decode(
                        row["resumptions"], type=tuple[Resumption, ...]
                    ),
                    "goods_check": msgspec.json.decode(
                        row["goods_check"] or "null", type=GoodsCheck | None
                    ),
                    "heard_there": msgspec.json.decode(
                        row["heard_there"] or "null", type=HeardThere | None
                    ),
                }
            )
            for row in rows
        )

    async def doubts(
        self, *, order_id: str = "", refund_id: str = "", standing: bool = False, limit: int = 100
    ) -> tuple[ListedDoubt, ...]:
        """What may have gone twice, newest first; `standing` asks for what waits for a person only."""
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                QUERIES["list_doubts"], order_id, refund_id, standing, min(limit, LIST_MAX)
            )
        return tuple(
            ListedDoubt(
                **{
                    **dict(row),
                    "resolutions": msgspec.json.decode(
                        row["resolutions"], type=tuple[Resolution, ...]
                    ),
                }
            )
            for row in rows
        )

    async def totals(self) -> Totals:
        """Counts over all cases."""
        async with connected(self._pool) as connection:
            row = await connection.fetchrow(QUERIES["totals"])
            gone = await connection.fetch(QUERIES["totals_by_currency"])
        assert row is not None, "an aggregate without groups has one row"
        return Totals(**dict(row), gone=tuple(Gone(**dict(one)) for one in gone))
