"""WooCommerce: an own store behind wc/v3, whole orders by webhook and by page.

Buyers cannot ask for money back: the store's own people refund, so what would be a claim elsewhere is
settled in the same moment. A store knows whole orders only, completed or not.
"""

from simulators.marketplaces import Marketplace, PushForm, shop_of
from simulators.marketplaces.woocommerce.payloads import ids_of, store_order
from simulators.marketplaces.woocommerce.pushes import (
    FAILURES_MAX,
    accepted,
    encode,
    message,
    ping,
)
from simulators.marketplaces.woocommerce.server import PATH, PRODUCTS, THROTTLED, WooCommerce
from simulators.pushes import Patience

WEBHOOK_SECRET = "woocommerce-webhook-1"  # noqa: S105 - the simulator's own


def order_no(namespace: int, serial: int) -> str:
    """Return the id of the `serial`-th order, of 14 digits."""
    return f"7{namespace:06d}{serial:07d}"


def line_no(namespace: int, serial: int, place: int) -> str:
    """Return the id of a line item, of 15 digits."""
    return f"3{namespace:06d}{serial:07d}{place + 1}"


MARKETPLACE = Marketplace(
    name="woocommerce",
    shops=(shop_of("woocommerce", 1, 7, "ck_0001", push_token=WEBHOOK_SECRET),),
    order_no=order_no,
    line_no=line_no,
    platform_coupons=False,
    claim_covers="lines",
    settles_after_ms=0,
    paths={
        PATH: ("GET",),
        f"{PATH}/{{path:path}}": ("GET", "PUT", "POST"),
        f"{PRODUCTS}/{{path:path}}": ("GET", "PUT", "POST"),
    },
    throttled=THROTTLED,
    server=WooCommerce,
    native_payload=store_order,
    listing=ids_of,
    push=PushForm(
        message=message,
        encode=encode,
        accepted=accepted,
        batch_max=1,
        ping=ping,
        patience=Patience(attempts_max=1, failures_max=FAILURES_MAX),
    ),
)
