"""JD's stores: JOS's router, polled; nothing is pushed here.

Order numbers have 15 digits; a line's number is its place, because JD has none.
"""

from simulators.marketplaces import Marketplace, shop_of
from simulators.marketplaces.jd.payloads import ids_of, native_payload
from simulators.marketplaces.jd.server import THROTTLED, Jd


def order_no(namespace: int, serial: int) -> str:
    """Return the number of the `serial`-th order."""
    return f"29{namespace:06d}{serial:07d}"


def line_no(_namespace: int, _serial: int, place: int) -> str:
    """Return the place of a line, from 1."""
    return str(place + 1)


MARKETPLACE = Marketplace(
    name="jd",
    weight=25,
    shops=(shop_of("jd", 1, 10_000_001, "JDAPPKEY0001"),),
    order_no=order_no,
    line_no=line_no,
    claim_covers="lines",
    paths={"/routerjson": ("GET", "POST")},
    throttled=THROTTLED,
    server=Jd,
    native_payload=native_payload,
    listing=ids_of,
)
