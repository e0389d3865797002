"""The outside truth, for checkers to compare with what the hub believes.

Guarantees: nothing here was learnt from the hub except what it wrote to the platforms' doors. Lines of
JD and Pinduoduo orders carry shares the platform never states (largest remainder over discounted amounts, ties to the
earlier line): compare their sum, not each.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from simulators.orders import AfterSale, Order
from simulators.records import Records
from simulators.registry import MARKETPLACES
from simulators.simulation import Simulation

CHUNK = 500


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was bought on one line, and what was paid for it."""

    line_no: str
    sku: str
    quantity: int
    paid_fen: int
    gift: bool
    refund: str


class LedgerShipment(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel the hub told the platform about, `count` times."""

    waybill: str
    company: str
    line_nos: tuple[str, ...]
    count: int


class LedgerOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the platform knows it now; times are epoch ms, 0 = has not happened."""

    channel: str
    shop: str
    order_no: str
    state: str
    expected: str
    paid_fen: int
    stated_paid_fen: int
    freight_fen: int
    version: int
    created_at_ms: int
    modified_at_ms: int
    paid_at_ms: int
    shipped_at_ms: int
    cancelled_at_ms: int
    ended_at_ms: int
    lines: tuple[LedgerLine, ...]
    shipments: tuple[LedgerShipment, ...]
    agreed_refund_fen: int
    listed: bool
    takes_parcels: bool


class LedgerClaim(AfterSale, frozen=True, kw_only=True):
    """A claim as the merchant knows it; `asks` is False where the shop's own people answered it.

    `shown_open_at_ms` and `shown_ended_at_ms`: when an answer to the merchant first told of it as open, and as it
    ended (agreed to: as paid back), 0 = none has. Where a list only names claims, it is the answer about the one.
    `agreements_heard`: how often a call of the merchant's agreed to it, taken or not.
    """

    claim_no: str
    asks: bool
    shown_open_at_ms: int
    shown_ended_at_ms: int
    agreements_heard: int


def ledger_claim(claim: AfterSale, records: Records) -> LedgerClaim:
    """Project one claim."""
    marketplace, shown_at_ms = MARKETPLACES[claim.channel], records.shown_at_ms
    ended = claim.status != "open"
    return LedgerClaim(
        **msgspec.structs.asdict(claim),
        claim_no=marketplace.claim_no(claim),
        asks=marketplace.settles_after_ms is None,
        shown_open_at_ms=shown_at_ms.get((claim.after_sale_id, "open"), 0),
        shown_ended_at_ms=shown_at_ms.get((claim.after_sale_id, claim.status), 0) if ended else 0,
        agreements_heard=records.agreements_heard[claim.after_sale_id],
    )


def ledger_order(order: Order, agreed_refund_fen: int) -> LedgerOrder:
    """Project one order; `expected` is `ok` or `contradiction:<reason>`."""
    marketplace = MARKETPLACES[order.channel]
    return LedgerOrder(
        channel=order.channel,
        shop=order.shop,
        order_no=order.order_no,
        state=order.state,
        expected=f"contradiction:{order.contradiction}" if order.contradiction else "ok",
        paid_fen=order.paid_fen,
        stated_paid_fen=order.stated_paid_fen,
        freight_fen=order.freight_fen,
        version=order.version,
        created_at_ms=order.created_at_ms,
        modified_at_ms=order.modified_at_ms,
        paid_at_ms=order.paid_at_ms,
        shipped_at_ms=order.shipped_at_ms,
        cancelled_at_ms=order.cancelled_at_ms,
        ended_at_ms=order.ended_at_ms,
        lines=tuple(
            LedgerLine(
                line_no=line.line_no,
                sku=line.sku.code,
                quantity=line.quantity,
                paid_fen=line.paid_fen,
                gift=line.gift,
                refund=line.refund,
            )
            for line in order.lines
        ),
        shipments=tuple(
            LedgerShipment(
                waybill=shipment.waybill,
                company=shipment.company,
                line_nos=shipment.line_nos,
                count=shipment.count,
            )
            for shipment in order.shipments
        ),
        agreed_refund_fen=agreed_refund_fen,
        listed=_listed(order),
        takes_parcels=marketplace.takes_parcels,
    )


def _listed(order: Order) -> bool:
    return bool(order.paid_at_ms) or MARKETPLACES[order.channel].lists_unpaid


def _agreed_fen(simulation: Simulation) -> dict[tuple[str, str], int]:
    agreed: dict[tuple[str, str], int] = {}
    for one in simulation.world.records.after_sales.values():
        if one.status == "agreed":
            key = (one.channel, one.order_no)
            agreed[key] = agreed.get(key, 0) + one.amount_fen
    return agreed


def orders(simulation: Simulation, *, offset: int = 0, limit: int | None = None) -> Iterator[bytes]:
    """Yield orders in order of creation, each as JSON."""
    agreed = _agreed_fen(simulation)
    stop = None if limit is None else offset + limit
    for order in islice(list(simulation.world.records.orders.values()), offset, stop):
        yield msgspec.json.encode(ledger_order(order, agreed.get(order.key, 0)))


def totals(simulation: Simulation) -> dict[str, Any]:
    """Return counts and sums over everything, and what is `pending`; a few milliseconds for 50,000 orders."""
    by_state: dict[str, int] = {}
    listed = dict.fromkeys(MARKETPLACES, 0)
    contradictions = 0
    for order in simulation.world.records.orders.values():
        by_state[order.state] = by_state.get(order.state, 0) + 1
        listed[order.channel] += _listed(order)
        contradictions += bool(order.contradiction)
    refunds = simulation.alipay.refunds.values()
    claims = simulation.world.records.after_sales.values()
    return {
        "pending": simulation.pending(),
        "orders": len(simulation.world.records.orders),
        "orders_by_state": by_state,
        "orders_listed": listed,
        "contradictions": contradictions,
        "after_sales": len(claims),
        "after_sales_agreed": sum(one.status == "agreed" for one in claims),
        "waybills": len(simulation.cainiao.waybills),
        "parcels": len(simulation.tracking.parcels),
        "parcels_delivered": sum(one.delivered for one in simulation.tracking.parcels.values()),
        "refunds": len(refunds),
        "refunded_fen": sum(one.amount_fen * one.moved for one in refunds),
        "duplicate_rows": sum(
            count
            for name, count in simulation.plan.counts.items()
            if name.endswith(":duplicate_row")
        ),
    }


def _sections(simulation: Simulation) -> dict[str, Any]:
    pushes = (*simulation.pushes.values(), simulation.tracking.queue)
    records = simulation.world.records
    return {
        "totals": totals(simulation),
        "after_sales": [ledger_claim(one, records) for one in records.after_sales.values()],
        "waybills": list(simulation.cainiao.waybills.values()),
        "parcels": list(simulation.tracking.parcels.values()),
        "refunds": list(simulation.alipay.refunds.values()),
        "stock": list(simulation.world.shelves.shown.values()),
        "pushes": {queue.name: {"pending": len(queue), **queue.counts} for queue in pushes},
        "writes": dict(simulation.tally.counts),
        "faults": dict(simulation.plan.counts),
    }


def section(simulation: Simulation, name: str) -> bytes | None:
    """Return one part (see `document`) as JSON; None when there is no such part."""
    found = _sections(simulation).get(name)
    return None if found is None else msgspec.json.encode(found)


def document(
    simulation: Simulation, *, offset: int = 0, limit: int | None = None
) -> Iterator[bytes]:
    """Yield the whole ledger as one JSON document, orders in chunks.

    Beside `orders`: totals, after_sales, waybills, parcels, refunds, stock, pushes, writes, faults.
    """
    head = msgspec.json.encode(_sections(simulation))
    yield head[:-1] + b',"orders":['
    rows = orders(simulation, offset=offset, limit=limit)
    separator = b""
    while chunk := list(islice(rows, CHUNK)):
        yield separator + b",".join(chunk)
        separator = b","
    yield b"]}"
