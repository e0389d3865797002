"""Does what we hold agree with what the outside world knows? Pure: two snapshots in, findings out.

The outside world is the simulators' ledger, which learnt nothing from us but what we wrote to its doors. A
check that looked at nothing is itself a finding, unless the run had nothing of the kind.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from demo.claims import Outcome, claims_ended, held_by_doubt
from demo.money import check_money
from demo.parcels import SHIPPED, check_parcels
from demo.snapshots import Finding, Inside, InsideOrder, Outside


class Report(Struct, frozen=True, kw_only=True):
    """Everything found, and how much each check looked at."""

    findings: tuple[Finding, ...]
    looked_at: Mapping[str, int]
    unfinished: tuple[str, ...]
    """Orders and refunds that wait for no person and are not at their end: work, or stuck."""
    oversold_units: int
    unaccounted_orders: int
    money_difference_fen: int
    claims: Mapping[Outcome, int]
    """How many of the buyers' claims had each outcome."""
    withdrawal_heard_max_ms: int
    """The longest from the first answer that showed a claim as withdrawn to `refunds` having heard of it."""
    back_office_heard_max_ms: int
    """The same of those that the shop's own people decided in the platform's back office."""
    paid_by_both_fen: int
    """What went twice, once by the platform and once by our gateway, and a person is told of."""

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def saw_everything(self) -> bool:
        """Whether each check has looked at something; of a few orders some have no claim, and none be shipped."""
        return all(self.looked_at.values())


UNSHIPPED = frozenset({"awaiting_print", "preparing"})
LIVE = frozenset({"held", "committed"})
ENDED = frozenset({"settled", "failed", "refused"})
BY_PEOPLE = frozenset(
    {
        "payment", "stock_short", "risk_review", "risk_blocked", "no_lines", "no_sku", "no_region",
        "no_receiver", "hold_channel", "hold_address", "hold_refund", "hold_manual",
    }
)  # fmt: skip
"""What an order may wait for without end: a buyer, a channel, a supplier or a clerk."""


BY_CLERKS = BY_PEOPLE - {"payment", "stock_short"}
"""What only the merchant's own people can do something about."""
BEYOND_REVIEW = frozenset({"awaiting_print", "preparing", "shipped", "completed"})
LEFT_TO_PEOPLE_MIN = 20
"""So many such orders of one channel are no coincidence."""


NEWEST = {
    "unpaid": {"unpaid", "deposit_paid"},
    "paid": {"awaiting_shipment", "paid_on_hold"},
    "part_shipped": {"partly_shipped", "awaiting_shipment", "paid_on_hold"},
    # Some platforms have one word for both.
    "shipped": {"shipped", "completed"},
    "finished": {"completed"},
    "cancelled": {"cancelled", "closed_refunded"},
    "closed": {"cancelled", "closed_refunded"},
}
"""A platform's state → what we call it."""


def check(outside: Outside, inside: Inside) -> Report:
    """Compares the two. Run it when traffic has stopped and everything is drained."""
    findings: list[Finding] = []
    looked_at: dict[str, int] = {}
    unaccounted = _orders(outside, inside, findings, looked_at)
    findings += _orders_of_nobody(inside)
    _contents(outside, inside, findings, looked_at)
    findings += _given_up(outside, inside)
    findings += _left_to_people(inside)
    _reservations(inside, findings, looked_at)
    claims = claims_ended(outside, inside)
    looked_at["claims"] = claims.looked_at
    findings += claims.findings
    parcels = check_parcels(outside, inside)
    looked_at["parcels"] = parcels.looked_at
    findings += parcels.findings
    counted = {key: fen for key, fen in inside.beyond.items() if key not in claims.doubted_in_vain}
    money = check_money(outside, replace(inside, beyond=counted), claims.paid_there_fen)
    looked_at["refunds"] = money.looked_at
    findings += money.findings
    oversold = _stock(outside, inside, findings, looked_at)
    findings += [
        Finding("pipeline", f"{count} {name} of {whose}")
        for name, standing in (
            ("dead letters", inside.dead_letters),
            ("outbox rows unpublished", inside.unpublished),
            ("events parked", inside.parked),
        )
        for whose, count in standing.items()
    ]
    findings += _saw_nothing(outside, looked_at)
    return Report(
        findings=tuple(findings),
        looked_at=looked_at,
        unfinished=_unfinished(inside),
        oversold_units=oversold,
        unaccounted_orders=unaccounted,
        money_difference_fen=money.difference_fen,
        claims=claims.outcomes,
        withdrawal_heard_max_ms=claims.withdrawal_heard_max_ms,
        back_office_heard_max_ms=claims.back_office_heard_max_ms,
        paid_by_both_fen=money.paid_by_both_fen,
    )


def _saw_nothing(outside: Outside, looked_at: Mapping[str, int]) -> list[Finding]:
    """The checks that looked at nothing, though the world outside had something for them."""
    fine = {(o.channel, o.order_no) for o in outside.orders if o.expected == "ok" and o.listed}
    had = {
        "orders": True,
        "contents": bool(fine),
        "reservations": bool(fine),
        "claims": any(
            claim.shown_open_at_ms and claim.asks and (claim.channel, claim.order_no) in fine
            for claim in outside.claims
        ),
        "parcels": bool(outside.carried),
        "refunds": any(refund.moved for refund in outside.refunds),
        "units": outside.stock_units > 0,
    }
    return [Finding(name, "looked at nothing") for name in had if had[name] and not looked_at[name]]


def _orders(
    outside: Outside, inside: Inside, findings: list[Finding], looked_at: dict[str, int]
) -> int:
    """Each order outside is one order inside: accepted once, or quarantined for a reason."""
    by_key = {(o.channel, o.shop, o.order_no): o for o in inside.orders}
    looked_at["orders"] = len(outside.orders)
    unaccounted = 0
    for order in outside.orders:
        key = (order.channel, order.shop, order.order_no)
        held = by_key.get(key)
        if held is None and not order.listed:
            continue
        if held is None or (not held.order_id and not held.quarantined):
            unaccounted += 1
            findings.append(Finding("orders", f"{key} never arrived"))
        elif held.order_id and not held.state:
            unaccounted += 1
            findings.append(Finding("orders", f"{held.order_id} is unknown to orders"))
        elif (
            held.order_id
            and order.expected == "ok"
            and held.paid_fen != order.paid_fen
            and not held.paid_back_before
        ):
            findings.append(
                Finding(
                    "orders",
                    f"{held.order_id} paid {held.paid_fen} fen, the platform says {order.paid_fen}",
                )
            )
        elif not held.order_id and order.expected == "ok":
            unaccounted += 1
            findings.append(Finding("orders", f"{key} is in quarantine without a cause"))
    twice = Counter((o.channel, o.shop, o.order_no) for o in inside.orders)
    findings += [Finding("orders", f"{key} stands twice") for key, n in twice.items() if n > 1]
    doubled = [
        i for i, n in Counter(o.order_id for o in inside.orders if o.order_id).items() if n > 1
    ]
    findings += [Finding("orders", f"{order_id} stands for two orders") for order_id in doubled]
    known = {(o.channel, o.shop, o.order_no) for o in outside.orders}
    known |= {(c.channel, c.shop, c.claim_no) for c in outside.claims if not c.asks}
    findings += [
        Finding("orders", f"{key} exists on no platform") for key in by_key if key not in known
    ]
    return unaccounted


def _orders_of_nobody(inside: Inside) -> Iterator[Finding]:
    """Behind the door there is nothing that did not come through it, and each sale is there once."""
    known = {o.order_id: (o.channel, o.shop, o.order_no) for o in inside.orders if o.order_id}
    sales: Counter[tuple[str, str, str]] = Counter()
    for order in inside.kept_orders:
        sale = (order.channel, order.shop, order.order_no)
        if order.order_id not in known:
            yield Finding("orders", f"{order.order_id} is in orders and unknown to ingest")
        elif order.channel and sale != known[order.order_id]:
            what = f"{order.order_id} is {sale} in orders and {known[order.order_id]} in ingest"
            yield Finding("orders", what)
        sales[sale] += bool(order.channel)
    for sale, count in sales.items():
        if count > 1:
            yield Finding("orders", f"{sale} stands twice in orders")
    for order_id in inside.reservations:
        if order_id not in known:
            yield Finding("reservations", f"{order_id} is a reservation of no order")


def _contents(
    outside: Outside, inside: Inside, findings: list[Finding], looked_at: dict[str, int]
) -> None:
    """What we know of an order is the newest the platform has to say."""
    # What a till takes back is a receipt of its own: the sale itself is never told again.
    taken_back = {(c.channel, c.order_no) for c in outside.claims if not c.asks}
    states = {
        (o.channel, o.shop, o.order_no): o.state
        for o in outside.orders
        # Of a contradictory order what came last may wait in quarantine, and an earlier word stands.
        if o.expected == "ok" and (o.takes_parcels or (o.channel, o.order_no) not in taken_back)
    }
    # For some platforms a buyer's open claim comes before the parcel.
    asked = {(c.channel, c.order_no) for c in outside.claims if c.asks and c.status == "open"}
    known = [o for o in inside.orders if o.order_id and o.channel_state]
    looked_at["contents"] = len(known)
    for order in known:
        state = states.get((order.channel, order.shop, order.order_no))
        on_hold = order.channel_state == "paid_on_hold" and (order.channel, order.order_no) in asked
        if state is not None and order.channel_state not in NEWEST[state] and not on_hold:
            findings.append(
                Finding(
                    "contents",
                    f"{order.order_id} is known as {order.channel_state}, the platform says {state}",
                )
            )


def _given_up(outside: Outside, inside: Inside) -> list[Finding]:
    """A buyer who has paid and taken nothing back waits for a parcel: such an order must not have ended here."""
    waiting = {
        (o.channel, o.shop, o.order_no)
        for o in outside.orders
        if o.state == "paid" and o.expected == "ok" and o.takes_parcels
    }
    given_back = {r.order_id for r in inside.refunds if r.state != "refused"}
    return [
        Finding("orders", f"{o.order_id} is cancelled, paid for and not given back")
        for o in inside.orders
        if o.state == "cancelled"
        and o.order_id not in given_back
        and (o.channel, o.shop, o.order_no) in waiting
    ]


def _left_to_people(inside: Inside) -> Iterator[Finding]:
    """Rules that keep each order of a channel for a person are wrong, however each order seems to wait for good reasons."""
    waiting: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    for order in inside.orders:
        if reasons := order.waiting_for & BY_CLERKS:
            waiting[order.channel].append(reasons)
    moving = {order.channel for order in inside.orders if order.state in BEYOND_REVIEW}
    for channel, kept in waiting.items():
        if channel not in moving and len(kept) >= LEFT_TO_PEOPLE_MIN:
            why = ", ".join(sorted(frozenset.union(*kept)))
            yield Finding("orders", f"each order of {channel} waits for a person: {why}")


def _reservations(inside: Inside, findings: list[Finding], looked_at: dict[str, int]) -> None:
    """Each order has one, and the two services say the same of it."""
    looked_at["reservations"] = len(inside.reservations)
    for order in inside.orders:
        if not order.order_id:
            continue
        reservation = inside.reservations.get(order.order_id)
        wrong = ""
        if reservation is None:
            wrong = "has no reservation"
        elif order.state == "cancelled" and reservation in LIVE:
            wrong = "is cancelled and still holds stock"
        elif order.state in UNSHIPPED and reservation not in LIVE:
            wrong = f"is {order.state} and its reservation {reservation}"
        elif (
            order.state in SHIPPED
            and reservation != "shipped"
            and not _unbooked(order, reservation)
        ):
            wrong = f"has left and its reservation is {reservation}"
        elif order.waiting_for & {"stock", "stock_short"} and reservation in LIVE:
            wrong = "waits for the stock it holds"
        if wrong:
            findings.append(Finding("reservations", f"{order.order_id} {wrong}"))


def _unbooked(order: InsideOrder, reservation: str) -> bool:
    """Whether its goods were sold over the counter though the books do not have them."""
    return order.handed_over and reservation in {"short", "unmatched"}


def _unfinished(inside: Inside) -> tuple[str, ...]:
    """What should still move on its own."""
    orders = [
        f"{o.order_id} {o.state}"
        for o in inside.orders
        if o.state in UNSHIPPED | {"awaiting_review", "awaiting_payment"}
        and not o.waiting_for & BY_PEOPLE
    ]
    for_a_person = {refund.refund_id for refund in held_by_doubt(inside)}
    refunds = [
        f"{r.refund_id} {r.state} {r.payout}".rstrip()
        for r in inside.refunds
        if r.state not in ENDED and r.refund_id not in for_a_person
    ]
    return (*orders, *refunds)


def _stock(
    outside: Outside, inside: Inside, findings: list[Finding], looked_at: dict[str, int]
) -> int:
    """Units that left = units taken off, of each SKU; the books of inventory agree with themselves."""
    looked_at["units"] = inside.units_received
    findings += [
        Finding("stock", f"{name} = {value}") for name, value in inside.stock.items() if value
    ]
    if inside.units_received != outside.stock_units:
        findings.append(
            Finding("stock", f"{inside.units_received} units booked of {outside.stock_units}")
        )
    deducted = sum(inside.units_deducted.values())
    expected = inside.units_received - deducted + inside.units_returned
    if expected != inside.units_on_hand:
        findings.append(Finding("stock", f"{inside.units_on_hand} on hand, books say {expected}"))
    sold = _sold(outside, inside)
    findings += [
        Finding(
            "stock",
            f"{sold[sku]} units of {sku} shipped by the orders, {inside.units_deducted.get(sku, 0)} deducted",
        )
        for sku in sorted({*sold, *inside.units_deducted})
        if sold[sku] != inside.units_deducted.get(sku, 0)
    ]
    return max(inside.stock.get("oversold_units", 0), sold.total() - outside.stock_units, 0)


def _sold(outside: Outside, inside: Inside) -> Counter[str]:
    """By SKU, pieces that left with the orders and had to be taken off the books."""
    units = {(o.channel, o.order_no): o.units for o in outside.orders}
    sold: Counter[str] = Counter()
    for order in inside.orders:
        left = order.state in SHIPPED and not order.left_elsewhere
        if left and not _unbooked(order, inside.reservations.get(order.order_id, "")):
            as_sold = units.get((order.channel, order.order_no), {})
            sold.update(as_sold if order.mapped_units is None else order.mapped_units)
    return sold


def summary(report: Report, most: int = 10) -> Sequence[str]:
    """The findings as lines."""
    lines = [f"{finding.check}: {finding.detail}" for finding in report.findings[:most]]
    rest = len(report.findings) - most
    return [*lines, f"... and {rest} more"] if rest > 0 else lines
