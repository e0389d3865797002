"""Kuaishou shop: a cursor list of whole orders, and encrypted pushes.

An order holds one line. `app_secret` is the signSecret, `push_secret` the message key. The platform tells
its numbers of carriers to shops only, so the shop has one of its own.
"""

from base64 import b64encode

from msgspec.structs import replace

from simulators.marketplaces import Marketplace, shop_of
from simulators.marketplaces.kuaishou.payloads import native_payload
from simulators.marketplaces.kuaishou.pushes import PUSH
from simulators.marketplaces.kuaishou.server import THROTTLED, Kuaishou

MESSAGE_KEY = b64encode(b"simulator-key-01").decode()


def order_no(namespace: int, serial: int) -> str:
    """Return the oid of the `serial`-th order, 16 digits."""
    return f"26{namespace:06d}{serial:07d}1"


def line_no(namespace: int, serial: int, _place: int) -> str:
    """Return the orderItemId of the only line."""
    return f"26{namespace:06d}{serial:07d}2"


SHOP = replace(
    shop_of("kuaishou", 1, 400_001, "ks000000000000000001", push_secret=MESSAGE_KEY),
    carriers={"ZTO": "5"},
    refusal_code="1",
)
MARKETPLACE = Marketplace(
    name="kuaishou",
    shops=(SHOP,),
    order_no=order_no,
    line_no=line_no,
    lines_max=1,
    paths={"/open/{method:path}": ("GET", "POST")},
    throttled=THROTTLED,
    server=Kuaishou,
    native_payload=native_payload,
    push=PUSH,
)
