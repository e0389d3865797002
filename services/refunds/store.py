"""What the refunds service keeps beside its accounts, and every query it makes.

Guarantees: the copy of a case, of what may have gone twice, the opening of its payout, that it was told to be given up, its
resumption, and that it is not sent any more are written in the transaction of the account they belong to; else a payout's journal is written by its newest taker only, outside any account.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.errors import StartRefused, Unavailable
from chassis.extension_facts import Told, told_to
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool, named_queries
from chassis.processor import Column, FactsSource, Kept, Record
from chassis.rules import Table, load_tables, unmet
from schemas.events.commands_refunds import (
    EndRefund,
    GiveUpPayout,
    ResolveDoubleRefund,
    ResumePayout,
)
from schemas.events.orders import ChannelExtension, OrderCancelled
from services.refunds import metrics
from services.refunds.domain.giving_up import PayoutStands
from services.refunds.domain.model import (
    ENDED,
    Account,
    Case,
    CaseState,
    Doubt,
    GivenUp,
)
from services.refunds.domain.payout import Next, Payout, Stage
from services.refunds.domain.placing import held_fen
from services.refunds.domain.rules import TIER_FACTS, TIER_OUTPUTS, Tier

QUERIES: Final = named_queries(Path(__file__).parent / "sql" / "queries.sql")
TIER_TABLE: Final = "refund-tier/default"
ABOUT_PAYOUTS: Final = (EndRefund, GiveUpPayout, ResolveDoubleRefund, ResumePayout)
"""Commands that are decided on where a payout stands, on its locked row."""
CLOSINGS: Final = str(OrderCancelled.TOPIC)
"""Where it is told that a channel gave all money of an order back: decided on where every payout of it stands."""


PAYOUT_QUERIES: Final = (
    ("given_up", "rest_payouts"),
    ("resumed", "resume_payouts"),
    ("paid_there", "keep_from_sending"),
)
"""In this order: what is resumed in the batch that tells it is due again."""


class CaseChanged(Struct, frozen=True, kw_only=True):
    """Effect of a decision: this case is new or stands elsewhere now, or its payout goes on."""

    order_id: str
    trade_no: str
    case: Case
    changed_at: datetime
    payout: Literal["", "given_up", "resumed", "paid_there", "untouched"] = ""
    """What became of a payout whose case stands where it stood; "" where the case moved."""


class DoubtChanged(Struct, frozen=True, kw_only=True):
    """Effect of a decision: that this refund's money may have gone twice is new, or stands so now."""

    order_id: str
    refund_id: str
    doubt: Doubt
    amount_fen: int
    """What its case is of; 0 where there is none."""
    currency: str
    beyond_fen: int
    changed_at: datetime


class RefundFacts:
    """The tier table, payouts that are given up or resumed, and the cases a batch changed, in order."""

    __slots__ = ("_table", "changed", "doubts", "payouts", "refuses_late")

    def __init__(self, table: Table, *, refuses_late: bool = True) -> None:
        self._table = table
        self.refuses_late = refuses_late
        """Whether a cancellation that a buyer asked for on a channel is refused once the parcel has left."""
        self.payouts: dict[tuple[str, str], PayoutStands] = {}
        """Of the refunds whose payout a command of the batch is about."""
        self.changed: dict[tuple[str, str], list[CaseChanged]] = {}
        self.doubts: dict[tuple[str, str], DoubtChanged] = {}
        """As they stand after the batch."""

    def tier(self, facts: Mapping[str, object]) -> Tier:
        """Who must agree. What the table cannot decide gets its strictest outputs."""
        decision = self._table.decide(facts)
        return Tier(
            name=decision.text("tier"),
            approvals=decision.texts("approvals"),
            rule=decision.rule,
        )

    def told(self, channel: str, extension: ChannelExtension | None) -> Told:
        """What the table asks of an order's extension."""
        return told_to(self._table.optional, channel, extension)

    def apply(self, effect: object) -> None:
        """Keeps a changed case, or what may have gone twice, until the batch is saved."""
        if isinstance(effect, DoubtChanged):
            self.doubts[effect.order_id, effect.refund_id] = effect
            return
        assert isinstance(effect, CaseChanged), effect
        key = effect.order_id, effect.case.refund_id
        self.changed.setdefault(key, []).append(effect)
        if effect.payout == "resumed":
            self.payouts[key] = replace(self.payouts[key], stage=Stage.UNKNOWN)


class CasesOfBatch(FactsSource[RefundFacts]):
    """Writes what a batch changed. Orders without a case cost nothing here."""

    def __init__(self, table: Table, *, refuses_late: bool = True) -> None:
        self._table = table
        self._refuses_late = refuses_late

    async def fetch(
        self, work: Any, records: Sequence[Record], kept: Mapping[str, Kept[Any]]
    ) -> RefundFacts:
        """The table, room for changes, and the payouts asked about, which are ours until the commit."""
        facts = RefundFacts(self._table, refuses_late=self._refuses_late)
        asked = _payouts_of(records, kept)
        if asked:
            rows = await work.connection.fetch(
                QUERIES["payouts_asked_about"],
                [order_id for order_id, _ in asked],
                [refund_id for _, refund_id in asked],
            )
            facts.payouts = {
                (row["order_id"], row["refund_id"]): PayoutStands(
                    Stage(row["stage"]),
                    GivenUp(
                        reason=row["gave_up"],
                        last_heard=row["note"],
                        given_up_at=row["changed_at"],
                        sends=row["sends"],
                        asks=row["asks"],
                        underway=row["underway"],
                    ),
                )
                for row in rows
            }
        return facts

    async def save(self, work: Any, facts: RefundFacts, _kept: Mapping[str, Kept[Any]]) -> None:
        """Copies cases; payouts are opened where money may go now, told, resumed, closed where a case ended."""
        connection: Connection = work.connection
        if facts.doubts:
            await connection.execute(
                QUERIES["keep_doubts"],
                *(
                    list(column)
                    for column in zip(*map(_doubt_row, facts.doubts.values()), strict=True)
                ),
            )
        if not facts.changed:
            return
        newest = [steps[-1] for steps in facts.changed.values()]
        await connection.execute(
            QUERIES["keep_cases"],
            *(list(column) for column in zip(*map(_case_row, newest), strict=True)),
        )
        every = [step for steps in facts.changed.values() for step in steps]
        if paying := [step for step in every if step.case.state is CaseState.PAYING]:
            await connection.execute(
                QUERIES["open_payouts"],
                [step.order_id for step in paying],
                [step.case.refund_id for step in paying],
                [step.trade_no for step in paying],
                [step.case.amount_fen for step in paying],
                [step.case.reason for step in paying],
                [step.case.currency for step in paying],
            )
        for became, query in PAYOUT_QUERIES:
            if steps := [step for step in every if step.payout == became]:
                await connection.execute(
                    QUERIES[query],
                    [step.order_id for step in steps],
                    [step.case.refund_id for step in steps],
                )
        if ended := [step for step in every if step.case.state in ENDED]:
            await connection.execute(
                QUERIES["close_payouts"],
                [step.order_id for step in ended],
                [step.case.refund_id for step in ended],
            )

    async def committed(self, facts: RefundFacts) -> None:
        """Counts what happened."""
        for steps in facts.changed.values():
            for step in steps:
                if step.payout:
                    continue
                case = step.case
                metrics.CASES.labels(case.tier, case.state).inc()
                if case.state is CaseState.SETTLED:
                    metrics.SETTLED_FEN.labels(case.currency).inc(case.amount_fen)


def _payouts_of(records: Sequence[Record], kept: Mapping[str, Kept[Any]]) -> list[tuple[str, str]]:
    """Order and refund ids of the payouts that a batch may decide on.

    Of whatever comes of an order on the topic of its closing, since one that had come too early may be decided with it.
    """
    asked = [
        (r.event.order_id, r.event.refund_id) for r in records if isinstance(r.event, ABOUT_PAYOUTS)
    ]
    closed = {r.key for r in records if r.source == CLOSINGS}
    for order_id in sorted(closed):
        known = kept.get(order_id)
        if known is not None and known.state is not None:
            paying = [case for case in known.state.cases if case.state is CaseState.PAYING]
            asked += [(order_id, case.refund_id) for case in paying]
    return asked


def _doubt_row(changed: DoubtChanged) -> tuple[object, ...]:
    doubt = changed.doubt
    return (
        changed.order_id,
        changed.refund_id,
        doubt.reason,
        changed.amount_fen,
        doubt.there.fen,
        doubt.ours_fen,
        changed.beyond_fen,
        doubt.there.refund_no,
        doubt.there.actor,
        doubt.suspected_at,
        doubt.standing,
        msgspec.json.encode(doubt.resolutions).decode(),
        changed.currency,
    )


def _case_row(changed: CaseChanged) -> tuple[object, ...]:
    case = changed.case
    return (
        changed.order_id,
        case.refund_id,
        str(case.state),
        str(case.kind),
        case.tier,
        case.amount_fen,
        case.freight_fen,
        case.reason,
        case.goods,
        # Roles are plain words of the rule table, so a comma parts them; unnest takes no array of arrays.
        ",".join(case.approvals_needed),
        ",".join(given.role for given in case.approvals),
        case.requested_by,
        case.requested_at,
        changed.changed_at,
        case.end_reason,
        msgspec.json.encode(case.resumptions).decode(),
        msgspec.json.encode(case.goods_check).decode() if case.goods_check else None,
        msgspec.json.encode(case.heard_there).decode() if case.heard_there else None,
        case.currency,
    )


def _paid_fen(account: Account | None) -> int:
    return account.paid_fen if account else 0


def _held_fen(account: Account | None) -> int:
    return held_fen(account) if account is not None and account.cases else 0


COLUMNS: Final = (
    Column("paid_fen", "bigint", _paid_fen),
    Column("held_fen", "bigint", _held_fen),
)


def tier_table(rules_dir: Path) -> Table:
    """The table of refund tiers. Raises StartRefused when it is missing or asks what we do not know."""
    table = load_tables(rules_dir).get(TIER_TABLE)
    if table is None:
        raise StartRefused(f"there is no {TIER_TABLE}.yaml under {rules_dir}; restore it")
    if problems := unmet(table, facts=TIER_FACTS, outputs=TIER_OUTPUTS):
        raise StartRefused("\n".join(map(str, problems)))
    return table


class Journal:
    """The payouts' journal. Every method raises Unavailable when Postgres does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(
        self, count: int, lease_s: float, currencies: Collection[str]
    ) -> tuple[Payout, ...]:
        """Up to `count` due payouts, ours for `lease_s`; the intent is committed when this returns.

        What would be sent in none of the `currencies` needs a person instead, and has not left.
        """
        async with connected(self._pool) as connection:
            rows = await connection.fetch(QUERIES["take_payouts"], count, lease_s, list(currencies))
        return tuple(Payout(**{**dict(row), "stage": Stage(row["stage"])}) for row in rows)

    async def write(self, following: Next) -> bool:
        """Keeps what an answer led to; False when another taker was here since."""
        payout = following.payout
        async with connected(self._pool) as connection:
            done = await connection.execute(
                QUERIES["write_answer"],
                payout.order_id,
                payout.refund_id,
                payout.turn,
                str(payout.stage),
                payout.asks,
                payout.not_found,
                payout.underway,
                payout.declined,
                payout.note,
                str(payout.gave_up or ""),
                following.wait_s,
            )
        return bool(done == "UPDATE 1")

    async def hurry(self, request_no: str) -> None:
        """Has a payout in doubt asked about now; any other is left as it is."""
        async with connected(self._pool) as connection:
            await connection.execute(QUERIES["hurry_payout"], request_no)

    async def waiting_for_people(self) -> tuple[int, int]:
        """How many payouts nobody knows the outcome of, and how many refunds may have gone twice."""
        async with connected(self._pool) as connection:
            row = await connection.fetchrow(QUERIES["waiting_for_people"])
        assert row is not None, "an aggregate without groups has one row"
        return row["payouts"], row["doubts"]


@asynccontextmanager
async def connected(pool: Pool) -> AsyncIterator[Connection]:
    """A connection of the pool. Raises Unavailable when Postgres does not answer, or stops to."""
    try:
        async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            yield connection
    except AWAY as error:
        raise Unavailable(f"Postgres: {type(error).__name__}") from error
