"""Two clerks over one book on real servers, the world around them, and the model they are held against."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.commands import envelope
from chassis.postgres import Pool
from chassis.processor import Emitted
from chassis.testing.memory import MemoryBroker
from chassis.valkey import connect
from services.inventory.backorders import Backorders, read_line
from services.inventory.domain.model import Hold
from services.inventory.domain.parts import parts_of
from services.inventory.domain.quotas import Shares, Use
from services.inventory.domain.reservations import (
    ExpireReservation,
    Refused,
    Reservation,
    ReserveGoods,
    Shortage,
)
from services.inventory.invariants import Invariants
from services.inventory.quotas import Quotas
from services.inventory.rebuild import decode_kept
from services.inventory.reservations import DUE_MAX
from services.inventory.reservations import SQL as RESERVED
from services.inventory.shares import (
    CampaignOpen,
    allotted_wrong,
    differences,
    restart,
    unlocked,
)
from services.inventory.store import SQL
from services.inventory.timers import Expiry
from tests.integration.inventory.claims import Claims
from tests.integration.inventory.clerk import Clerk, Taken
from tests.integration.inventory.rig import RULES
from tests.unit.inventory.events import NOW, receipt
from tests.unit.inventory.house import sharing_out, splitting

WAREHOUSES = ("HZ", "HF", "GZ")
LINE = read_line(RULES)
SOURCING = splitting(2)
"""So that a third of all goods far apart is one parcel too many."""
SKUS = ("A", "B|2", "丙{3}")
OF_B = ("sku: SOFT", 'sku: ["A", "丙{3}"]')
HALF_AND_A_THIRD = sharing_out(
    OF_B,
    ("share_percent: 70", "share_percent: 50"),
    ("share_percent: 30", "share_percent: 34"),
)
ALL_IN_GROUPS = sharing_out(
    OF_B,
    ("share_percent: 70", "share_percent: 20"),
    ("share_percent: 30", "share_percent: 80"),
)
AT_FIRST = {("HZ", "A"): 4, ("GZ", "A"): 2, ("HZ", "B|2"): 6, ("HF", "丙{3}"): 3}
SOUND = Invariants(
    oversold_units=0,
    negative_rows=0,
    reserved_mismatch=0,
    ledger_mismatch=0,
    valkey_difference=0,
)
NOT_LONGER = {("held", code) for code in ("expired", "key_reused", "extension_limit")}
EMPTIED = """
ALTER TABLE inventory.ledger DISABLE TRIGGER USER;
TRUNCATE inventory.stock, inventory.channel_uses, inventory.campaign_lines, inventory.reservations, inventory.ledger, chassis.consumer_offsets, chassis.outbox,
    chassis.parked, chassis.dead_letters, chassis.commands_settled CASCADE;
ALTER TABLE inventory.ledger ENABLE TRIGGER USER;
UPDATE inventory.epoch SET epoch = 0, run_id = '', state = 'REBUILDING';
"""
_records = msgspec.msgpack.Decoder(tuple[Emitted, ...])


class Street:
    """One history. `prefix` and pool belong to the test; what an earlier history left is removed by `open`."""

    def __init__(self, pool: Pool, valkey_url: str, prefix: str) -> None:
        self.pool = pool
        self.clock = ManualClock(NOW)
        self.broker = MemoryBroker()
        rows = [(warehouse, sku) for warehouse in WAREHOUSES for sku in SKUS]
        self.quotas = HALF_AND_A_THIRD
        self.claims = Claims(SOURCING, self.quotas, rows)
        self.clerks: list[Clerk] = []
        self.published: list[Struct] = []
        self.first_answers: dict[str, object] = {}
        self._valkey_url = valkey_url
        self._prefix = prefix
        self._client = connect(valkey_url)
        self._outbox_id = 0

    async def open(self) -> None:
        """Nothing but goods on the shelves and an epoch in force."""
        await self.pool.execute(EMPTIED)
        await self._client.flushdb()
        self.clerks = [self._hired(), self._hired()]
        for number, ((warehouse, sku), pieces) in enumerate(AT_FIRST.items()):
            self.publish(receipt(f"first-{number}", warehouse, [(sku, pieces)]))
        await self.work(0)
        await self.look(0)

    async def close(self) -> None:
        for clerk in self.clerks:
            await clerk.end()
        await self._client.aclose()

    def publish(self, event: Struct) -> None:
        """Onto its topic; also what was there before."""
        sent = envelope(codec(), event, "test")
        self.broker.append(sent.topic, sent.key, sent.value)
        self.published.append(event)

    async def work(self, number: int, point: str = "") -> None:
        """A clerk takes what is on the topics."""
        await self._count(number, await self.clerks[number].take(point))
        await self.agree()

    async def serve(self, number: int, commands: Sequence[Any], point: str = "") -> None:
        """A clerk is asked about reservations at its door."""
        taken = await self.clerks[number].serve(commands, point)
        await self._count(number, taken)
        self._check_answers(commands, taken)
        await self.agree()

    async def overtaken(self, number: int, commands: Sequence[Any], point: str = "") -> None:
        """A clerk is asked, and between Valkey's answer and its locks the other takes a whole batch and sweeps."""
        slow, other = self.clerks[number], 1 - number
        slow.counters.may_go_on.clear()
        slow.counters.admitted.clear()
        serving = asyncio.ensure_future(slow.serve(commands, point))
        admitted = asyncio.ensure_future(slow.counters.admitted.wait())
        await asyncio.wait({serving, admitted}, return_when=asyncio.FIRST_COMPLETED)
        admitted.cancel()
        served_first = serving.done()  # without Valkey, from Postgres alone
        if served_first:
            await self._count(number, serving.result())
        await self._count(other, await self.clerks[other].take())
        await self.clerks[other].sweep()
        slow.counters.may_go_on.set()
        taken = await serving
        if not served_first:
            await self._count(number, taken)
        self._check_answers(commands, taken)
        await self.agree()

    async def look(self, number: int, point: str = "") -> None:
        """A clerk looks after the epoch."""
        if await self.clerks[number].look(point):
            await self._replace(number)

    async def allocate(self) -> None:
        """A timer asks again for paid orders that wait for goods."""
        desk: Any = _Topic(self)
        await Backorders(self.pool, desk, self.clock, SOURCING, LINE, self.quotas).look()

    async def share_out(self, quotas: Quotas) -> None:
        """Another table of quotas, at every clerk's."""
        self.quotas = quotas
        self.claims.share_out(quotas)
        for clerk in self.clerks:
            clerk.running.stock._quotas = clerk.running.direct_stock._quotas = quotas

    async def count_anew(self) -> None:
        """The shares of the SKU with quotas are of what lies there now."""
        async with self.pool.acquire() as connection:
            try:
                await restart(connection, "B|2")
            except CampaignOpen:
                allotted = [one.allotments for one in self.claims.book.shares.values()]
                assert any(allotted), "no campaign is in the way"
            else:
                self.claims.count_anew("B|2")
        await self.agree()

    async def hear(self, number: int) -> None:
        """A clerk hears of which SKUs campaigns are open."""
        await self.clerks[number].running.campaigns.refresh(self.pool)

    async def expire(self, number: int) -> None:
        """A clerk's timers ask for the end of what is due."""
        desk: Any = _Topic(self)
        await Expiry(self.pool, desk, self.clock).look()
        due = await self.pool.fetch(RESERVED["due"], self.clock.now(), DUE_MAX)
        if due:
            await self.serve(number, [ExpireReservation(reservation_id=row["key"]) for row in due])

    async def flush(self) -> None:
        """Valkey is emptied. FLUSHDB: a test's part of a server that others use too."""
        await self._client.flushdb()

    async def forget_scripts(self) -> None:
        """SCRIPT FLUSH."""
        await self._client.script_flush()

    async def void_epoch(self) -> None:
        """As a batch does that went without Valkey."""
        await self.pool.execute("UPDATE inventory.epoch SET state = 'REBUILDING'")

    async def quiet(self) -> None:
        """Everybody has done what there was to do: Valkey says what Postgres says."""
        for number, clerk in enumerate(self.clerks):
            await clerk.let_go()
            await self.work(number)
        for clerk in self.clerks:
            assert not await clerk.look()
            while await clerk.sweep():
                pass
        for clerk in self.clerks:
            assert await clerk.running.invariants() == SOUND

    async def agree(self) -> None:
        """Postgres says what the model says, and its own books agree."""
        rows = await self.pool.fetch(SQL["stock"])
        book = {(row["warehouse"], row["sku"]): [row["on_hand"], row["reserved"]] for row in rows}
        wanted = {row: n for row, n in self.claims.book.rows.items() if row in book or any(n)}
        assert book == wanted
        stored = await self.pool.fetch("SELECT key, document FROM inventory.reservations")
        holds = {row["key"]: decode_kept(row["document"]).state for row in stored}
        found = {key: _described(hold) for key, hold in holds.items() if isinstance(hold, Hold)}
        claims = self.claims.claims.items()
        assert found == {
            key: (one.state, one.held, one.shipped, sorted(one.places), sorted(one.gone), one.paid)
            for key, one in claims
        }
        sums = await self.pool.fetchrow(SQL["invariants"])
        assert sums is not None
        assert set(sums.values()) == {0}, dict(sums)
        async with self.pool.acquire() as connection:
            seen = await unlocked(connection, SKUS, self.quotas)
            assert await differences(connection) == ()
            assert await allotted_wrong(connection) == ()
        assert {row: _uses(shares) for row, shares in seen.shares.items()} == {
            row: _uses(self.claims.book.shares[row]) for row in seen.shares
        }

    async def _count(self, number: int, taken: Taken) -> None:
        """The model hears of a batch; who died of it is replaced."""
        rows = await self.pool.fetch(
            "SELECT id, records FROM chassis.outbox WHERE id > $1 ORDER BY id", self._outbox_id
        )
        self._outbox_id = max([self._outbox_id, *(row["id"] for row in rows)])
        emitted = [one for row in rows for one in _records.decode(row["records"])]
        told = [codec().decode(one.value) for one in emitted if one.topic != "dead-letters"]
        self.claims.take(taken.records, told, self.clock.now())
        if taken.died:
            await self._replace(number)

    def _check_answers(self, commands: Sequence[Any], taken: Taken) -> None:
        """What is told is so, and the same question always gets the first answer."""
        for command, answer in zip(commands, taken.answers, strict=True):
            if answer is None:
                continue
            claim = self.claims.claims.get(command.reservation_id)
            if isinstance(command, ReserveGoods):
                first = self.first_answers.setdefault(command.reservation_id, answer)
                assert answer == first
                assert isinstance(answer, Reservation | Shortage)
            elif isinstance(answer, Reservation):
                assert claim is not None
                assert answer.state == claim.word
            else:
                word = claim.word if claim else "unknown"
                assert isinstance(answer, Refused)
                assert word == answer.code or (word, answer.code) in NOT_LONGER

    async def _replace(self, number: int) -> None:
        await self.clerks[number].end()
        self.clerks[number] = self._hired()

    def _hired(self) -> Clerk:
        return Clerk(
            self.pool,
            self._valkey_url,
            self._prefix,
            self.broker,
            self.clock,
            SOURCING,
            self.quotas,
        )


class _Topic:
    """Commands of a timer, on their topic."""

    def __init__(self, street: Street) -> None:
        self._street = street

    async def issue(self, commands: Sequence[Struct]) -> None:
        for command in commands:
            self._street.publish(command)


def _uses(shares: Shares) -> tuple[object, ...]:
    """By channel and by campaign, with the terms of each."""
    counted = {("", channel): use for channel, use in shares.uses.items()}
    for campaign, uses in shares.drawn.items():
        counted |= {(campaign, channel): use for channel, use in uses.items()}
    return ({key: use for key, use in counted.items() if use != Use()}, shares.allotments)


def _described(hold: Hold) -> tuple[object, ...]:
    parts = parts_of(hold)
    places = sorted((part.warehouse, part.held) for part in parts if part.held)
    gone = sorted((part.warehouse, part.shipped) for part in parts if part.shipped)
    return (hold.state, hold.held, hold.shipped, places, gone, hold.paid)
