"""快团团: community group-buys behind Pinduoduo's gateway, polled by increments; nothing is pushed.

The leader answers claims by hand in the app, which takes `LEADER_AFTER_MS`; there is no call for it. Of
four members one fetches the goods from the leader's point.
"""

from typing import Any

from simulators.doors import Call
from simulators.marketplaces import Marketplace, shop_of
from simulators.marketplaces.groupbuy.payloads import member_order, order_list
from simulators.marketplaces.groupbuy.server import THROTTLED, Groupbuy
from simulators.orders import Order, Shop

LEADER_AFTER_MS = 5_000


def order_no(namespace: int, serial: int) -> str:
    """Return the order_sn of the `serial`-th order: a date, a dash, fifteen digits."""
    return f"270116-{namespace:06d}{serial:09d}"


def line_no(namespace: int, serial: int, place: int) -> str:
    """Return the sub_order_sn of a line."""
    return f"{order_no(namespace, serial)}-{place + 1}"


def native_payload(order: Order, _shop: Shop) -> dict[str, Any]:
    """Return a page of one order: there is no call for a single one that carries more."""
    return {"ktt_order_list_response": order_list([member_order(order)], 1)}


def takes(call: Call) -> bool:
    """Say whether a call to Pinduoduo's gateway is about a group-buy."""
    return call.params.get("type", "").startswith("pdd.ktt.")


MARKETPLACE = Marketplace(
    name="groupbuy",
    shops=(shop_of("groupbuy", 1, 310_001, "kttclient00000001"),),
    order_no=order_no,
    line_no=line_no,
    platform_coupons=False,
    claim_covers="lines",
    settles_after_ms=LEADER_AFTER_MS,
    paths={"/api/router": ("POST",)},
    takes=takes,
    throttled=THROTTLED,
    lists_unpaid=False,
    server=Groupbuy,
    native_payload=native_payload,
)
