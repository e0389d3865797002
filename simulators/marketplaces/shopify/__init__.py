"""Shopify: own stores behind the Admin REST API, whole orders by webhook and by cursor.

Of two stores one sells in yen, which has no decimals. Buyers cannot ask for money back: the store's own
people cancel and refund, so what would be a claim elsewhere is settled in the same moment.
"""

from simulators.marketplaces import Marketplace, PushForm, shop_of
from simulators.marketplaces.shopify.payloads import detail, ids_of
from simulators.marketplaces.shopify.pushes import accepted, encode, message
from simulators.marketplaces.shopify.server import THROTTLED, Shopify


def order_no(namespace: int, serial: int) -> str:
    """Return the id of the `serial`-th order, of 14 digits."""
    return f"5{namespace:06d}{serial:07d}"


def line_no(namespace: int, serial: int, place: int) -> str:
    """Return the id of a line item, of 15 digits."""
    return f"1{namespace:06d}{serial:07d}{place + 1}"


MARKETPLACE = Marketplace(
    name="shopify",
    shops=(
        shop_of("shopify", 1, 690_933_842, "shopify-app-0001", stock_location="655441491"),
        shop_of(
            "shopify",
            2,
            690_933_843,
            "shopify-app-0002",
            currency="JPY",
            stock_location="655441492",
        ),
    ),
    order_no=order_no,
    line_no=line_no,
    platform_coupons=False,
    claim_covers="lines",
    settles_after_ms=0,
    paths={"/admin/api/{path:path}": ("GET", "POST")},
    throttled=THROTTLED,
    server=Shopify,
    native_payload=detail,
    listing=ids_of,
    push=PushForm(message=message, encode=encode, accepted=accepted, batch_max=1),
)
