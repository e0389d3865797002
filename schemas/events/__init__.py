"""Every record on the wire, by full name. Generated — do not edit."""

from __future__ import annotations

from msgspec import Struct

from schemas.events import (
    channel_availability,
    channel_hints,
    channel_payloads,
    command_results,
    commands_fulfillment,
    commands_ingest,
    commands_ingest_payloads,
    commands_inventory,
    commands_orders,
    commands_refunds,
    order_states,
    orders,
    quarantine,
    refunds,
    replenishment,
    reservations,
    shipments,
    shop_states,
    signals,
    stock,
    stock_books,
    stock_levels,
    stock_movements,
    write_backs,
)

RECORDS: tuple[type[Struct], ...] = (
    *channel_availability.RECORDS,
    *channel_hints.RECORDS,
    *channel_payloads.RECORDS,
    *command_results.RECORDS,
    *commands_fulfillment.RECORDS,
    *commands_ingest.RECORDS,
    *commands_ingest_payloads.RECORDS,
    *commands_inventory.RECORDS,
    *commands_orders.RECORDS,
    *commands_refunds.RECORDS,
    *order_states.RECORDS,
    *orders.RECORDS,
    *quarantine.RECORDS,
    *refunds.RECORDS,
    *replenishment.RECORDS,
    *reservations.RECORDS,
    *shipments.RECORDS,
    *shop_states.RECORDS,
    *signals.RECORDS,
    *stock.RECORDS,
    *stock_books.RECORDS,
    *stock_levels.RECORDS,
    *stock_movements.RECORDS,
    *write_backs.RECORDS,
)
