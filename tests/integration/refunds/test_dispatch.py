"""Paying out over real HTTP and the real journal: whatever the gateway does, money moves once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from msgspec.structs import replace

from chassis.postgres import Pool
from services.refunds.domain.payout import Next, Payment, Payout, Stage
from services.refunds.store import QUERIES, Journal
from tests.integration.refunds.paying import Issued, dispatcher, run_until_quiet
from tests.integration.refunds.peer import Peer, assert_paid_once


async def open_payouts(pool: Pool, count: int) -> dict[tuple[str, str], int]:
    """Opens payouts; what is owed by (trade, refund id)."""
    numbers = range(count)
    trades = [f"taobao:T{n}" for n in numbers]
    refunds = [f"refund-{n}" for n in numbers]
    fens = [990 + n for n in numbers]
    await pool.execute(
        QUERIES["open_payouts"],
        [f"order-{n}" for n in numbers],
        refunds,
        trades,
        fens,
        ["少发"] * count,
        ["CNY"] * count,
    )
    return dict(zip(zip(trades, refunds, strict=True), fens, strict=True))


@pytest.mark.parametrize(
    ("refund_plan", "query_plan", "sends"),
    [
        pytest.param([], [], 1, id="all well"),
        pytest.param(["act hang"], [], 1, id="acts, then never answers"),
        pytest.param(["act 500"], [], 1, id="acts, then answers 500"),
        pytest.param(["act reset"], [], 1, id="acts, then drops the connection"),
        pytest.param(["act ACQ.SYSTEM_ERROR"], [], 1, id="acts, then says system error"),
        pytest.param(["act hang"], ["500", "hang"], 1, id="acts, and queries fail too"),
        pytest.param(["500"], [], 2, id="500, then success"),
        pytest.param(["hang", "500"], [], 3, id="does nothing twice"),
        pytest.param(["500", "act 500"], ["", "", "reset"], 2, id="does nothing, then acts unseen"),
        pytest.param(["500", "ACQ.TRADE_STATUS_ERROR", ""], [], 2, id="refused while in doubt"),
    ],
)
async def test_money_moves_once_whatever_the_gateway_does(
    pool: Pool, peer: Peer, refund_plan: list[str], query_plan: list[str], sends: int
) -> None:
    owed = await open_payouts(pool, 1)
    peer.refund_plan, peer.query_plan = list(refund_plan), list(query_plan)
    issued = Issued()
    await run_until_quiet(dispatcher(pool, peer.credentials(), issued), pool)
    assert peer.refund_calls == sends
    assert peer.strangers == 0
    if "ACQ.TRADE_STATUS_ERROR" in refund_plan:
        assert issued.outcomes() == {"refund-0": {"failed"}}
        assert_paid_once(peer.ledger, {})
    else:
        assert issued.outcomes() == {"refund-0": {"settled"}}
        assert_paid_once(peer.ledger, owed)


async def test_a_refusal_for_good_fails_at_once(pool: Pool, peer: Peer) -> None:
    await open_payouts(pool, 1)
    peer.refund_plan = ["ACQ.TRADE_STATUS_ERROR"]
    issued = Issued()
    await run_until_quiet(dispatcher(pool, peer.credentials(), issued), pool)
    assert issued.outcomes() == {"refund-0": {"failed"}}
    assert issued.commands[0].reason == "40004 ACQ.TRADE_STATUS_ERROR"
    assert (peer.refund_calls, peer.query_calls, peer.ledger) == (1, 0, [])


async def test_patience_is_bounded_and_then_a_person_is_needed(pool: Pool, peer: Peer) -> None:
    owed = await open_payouts(pool, 1)
    peer.refund_plan = ["act 500"]
    peer.query_plan = ["500"] * 4
    issued = Issued()
    working = dispatcher(pool, peer.credentials(), issued)
    await run_until_quiet(working, pool)
    assert issued.commands == []
    assert await working.journal.waiting_for_people() == (1, 0)
    assert (peer.refund_calls, peer.query_calls) == (1, 4)
    await pool.execute(QUERIES["resume_payouts"], ["order-0"], ["refund-0"])
    await run_until_quiet(dispatcher(pool, peer.credentials(), issued), pool)
    assert issued.outcomes() == {"refund-0": {"settled"}}
    assert_paid_once(peer.ledger, owed)


async def test_a_currency_that_the_gateway_does_not_take_is_never_sent_and_needs_a_person(
    pool: Pool, peer: Peer
) -> None:
    await open_payouts(pool, 2)
    await pool.execute("UPDATE refunds.payouts SET currency = 'USD' WHERE refund_id = 'refund-0'")
    issued = Issued()
    await run_until_quiet(dispatcher(pool, peer.credentials(), issued), pool)
    assert issued.outcomes() == {"refund-1": {"settled"}}
    assert [number for _, number, _ in peer.ledger] == ["refund-1"]
    query = "SELECT stage, gave_up, sends FROM refunds.payouts WHERE refund_id = 'refund-0'"
    stands = await pool.fetchrow(query)
    assert stands is not None
    assert tuple(stands) == ("needs_person", "currency_not_taken", 0)
    # Whoever looks again has the gateway asked, which knows nothing of it, and nothing else.
    await pool.execute(QUERIES["resume_payouts"], ["order-0"], ["refund-0"])
    await run_until_quiet(dispatcher(pool, peer.credentials(), issued), pool)
    assert peer.refund_calls == 1
    stands = await pool.fetchrow(query)
    assert stands is not None
    assert tuple(stands) == ("needs_person", "currency_not_taken", 0)


async def test_news_of_a_payout_in_doubt_make_it_due_and_of_no_other(pool: Pool) -> None:
    await open_payouts(pool, 2)
    journal = Journal(pool)
    assert {taken.paid_fen for taken in await journal.take(8, 3600.0, ["CNY"])} == {0}
    for refund_id in ("refund-0", "refund-1", "refund-of-nobody"):
        await journal.hurry(refund_id)
    assert await journal.take(8, 3600.0, ["CNY"]) == ()
    await pool.execute("UPDATE refunds.payouts SET stage = 'unknown' WHERE refund_id = 'refund-0'")
    for refund_id in ("refund-0", "refund-1"):
        await journal.hurry(refund_id)
    (taken,) = await journal.take(8, 3600.0, ["CNY"])
    assert (taken.refund_id, taken.stage) == ("refund-0", Stage.UNKNOWN)
    assert await journal.write(Next(replace(taken, underway=7), 3600.0))
    assert await pool.fetchval("SELECT max(underway) FROM refunds.payouts") == 7


async def test_two_dispatchers_and_a_storm_of_faults_pay_each_refund_once(
    pool: Pool, peer: Peer
) -> None:
    owed = await open_payouts(pool, 40)
    faults = ["", "act 500", "500", "act reset", "", "reset", "act ACQ.SYSTEM_ERROR", ""]
    peer.refund_plan = faults * 6
    peer.query_plan = ["", "500", "", ""] * 6
    issued = Issued()
    first, second = (dispatcher(pool, peer.credentials(), issued) for _ in range(2))
    await asyncio.gather(run_until_quiet(first, pool), run_until_quiet(second, pool))
    assert issued.outcomes() == {f"refund-{n}": {"settled"} for n in range(40)}
    assert_paid_once(peer.ledger, owed)


async def test_a_dispatcher_that_died_while_sending_leaves_a_question_not_a_second_request(
    pool: Pool, peer: Peer
) -> None:
    owed = await open_payouts(pool, 1)
    peer.refund_plan = ["act hang"]
    issued = Issued()
    dying = dispatcher(pool, peer.credentials(), issued)
    running = asyncio.create_task(dying.run())
    async with asyncio.timeout(10):
        await peer.acted.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert await pool.fetchval("SELECT stage FROM refunds.payouts") == "sending"
    await run_until_quiet(dispatcher(pool, peer.credentials(), issued), pool)
    assert (peer.refund_calls, peer.query_calls) == (1, 1)
    assert issued.outcomes() == {"refund-0": {"settled"}}
    assert_paid_once(peer.ledger, owed)


async def test_a_new_number_for_every_sending_would_be_found(
    pool: Pool, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checker above is worth nothing if it cannot fail: here is the bug it is for."""

    def renumbered(self: Payout) -> Payment:
        return Payment(
            trade_no=self.trade_no,
            request_no=f"{self.refund_id}-{self.sends}-{self.turn}",
            amount_fen=self.amount_fen,
            currency=self.currency,
            paid_fen=self.paid_fen,
            reason=self.reason,
        )

    owed = await open_payouts(pool, 1)
    peer.refund_plan = ["act 500"]
    monkeypatch.setattr(Payout, "payment", property(renumbered))
    await run_until_quiet(dispatcher(pool, peer.credentials(), Issued()), pool)
    assert len(peer.ledger) == 2
    with pytest.raises(AssertionError, match="money that moved"):
        assert_paid_once(peer.ledger, owed)
