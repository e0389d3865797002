"""Youzan: JSON calls with a token, one path a method and version, and signed pushes of hints."""

from simulators.marketplaces import Marketplace, shop_of
from simulators.marketplaces.youzan.payloads import ids_of, native_payload
from simulators.marketplaces.youzan.pushes import PUSH
from simulators.marketplaces.youzan.server import THROTTLED, Youzan


def order_no(namespace: int, serial: int) -> str:
    """Return the tid of the `serial`-th order: E, a moment, digits."""
    return f"E20270115{namespace:06d}{serial:09d}"


def line_no(namespace: int, serial: int, place: int) -> str:
    """Return the oid of a line, 19 digits."""
    return f"28{namespace:06d}{serial:08d}{place + 1:03d}"


MARKETPLACE = Marketplace(
    name="youzan",
    shops=(shop_of("youzan", 1, 10_000_001, "yzclient00000001"),),
    order_no=order_no,
    line_no=line_no,
    platform_coupons=False,
    paths={"/api/{method}/{version}": ("POST",)},
    throttled=THROTTLED,
    server=Youzan,
    native_payload=native_payload,
    listing=ids_of,
    push=PUSH,
)
