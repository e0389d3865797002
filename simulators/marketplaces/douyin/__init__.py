"""Douyin shop: the open platform's calls, one path each, and pushes of messages.

Order and line numbers have 19 digits; the first line repeats its order's number.
"""

from msgspec.structs import replace

from simulators.marketplaces import Marketplace, shop_of
from simulators.marketplaces.douyin.payloads import detail, ids_of
from simulators.marketplaces.douyin.pushes import PUSH
from simulators.marketplaces.douyin.server import THROTTLED, Douyin


def order_no(namespace: int, serial: int) -> str:
    """Return the number of the `serial`-th order."""
    return line_no(namespace, serial, 0)


def line_no(namespace: int, serial: int, place: int) -> str:
    """Return the number of a line."""
    return f"69{namespace:06d}{serial:08d}{place + 1:03d}"


SHOP = replace(shop_of("douyin", 1, 100_001, "7000000000000000001"), refusal_code="20101")
MARKETPLACE = Marketplace(
    name="douyin",
    weight=35,
    shops=(SHOP,),
    order_no=order_no,
    line_no=line_no,
    paths={
        "/order/{method}": ("POST",),
        "/afterSale/{method}": ("POST",),
        "/sku/{method}": ("POST",),
    },
    throttled=THROTTLED,
    server=Douyin,
    native_payload=detail,
    listing=ids_of,
    push=PUSH,
)
