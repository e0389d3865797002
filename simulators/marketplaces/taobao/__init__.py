"""Taobao and Tmall: TOP's router, polled by increments; nothing is pushed here.

Order and line numbers have 19 digits; the first line repeats its order's number.
"""

from simulators.marketplaces import Marketplace, shop_of
from simulators.marketplaces.taobao.payloads import detail, ids_of
from simulators.marketplaces.taobao.server import THROTTLED, Taobao


def order_no(namespace: int, serial: int) -> str:
    """Return the tid of the `serial`-th order."""
    return line_no(namespace, serial, 0)


def line_no(namespace: int, serial: int, place: int) -> str:
    """Return the oid of a line."""
    return f"4{namespace:06d}{serial:07d}{place + 1}0001"


MARKETPLACE = Marketplace(
    name="taobao",
    weight=40,
    shops=(shop_of("taobao", 1, 200_001, "23000001"), shop_of("taobao", 2, 200_002, "23000002")),
    order_no=order_no,
    line_no=line_no,
    platform_coupons=False,
    paths={"/router/rest": ("POST",)},
    throttled=THROTTLED,
    server=Taobao,
    native_payload=detail,
    listing=ids_of,
)
