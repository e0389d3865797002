"""Pinduoduo: one gateway, polled by increments of half an hour; its message socket is not played.

Lines have no number of their own; theirs here is their place.
"""

from simulators.marketplaces import Marketplace, shop_of
from simulators.marketplaces.pdd.payloads import ids_of, native_payload
from simulators.marketplaces.pdd.server import THROTTLED, Pdd


def order_no(namespace: int, serial: int) -> str:
    """Return the order_sn of the `serial`-th order: a date, a dash, fifteen digits."""
    return f"270115-{namespace:06d}{serial:09d}"


def line_no(_namespace: int, _serial: int, place: int) -> str:
    """Return the place of a line, from 1."""
    return str(place + 1)


MARKETPLACE = Marketplace(
    name="pdd",
    shops=(shop_of("pdd", 1, 300_001, "pddclient00000001"),),
    order_no=order_no,
    line_no=line_no,
    claim_covers="order",
    paths={"/api/router": ("POST",)},
    throttled=THROTTLED,
    server=Pdd,
    native_payload=native_payload,
    listing=ids_of,
)
