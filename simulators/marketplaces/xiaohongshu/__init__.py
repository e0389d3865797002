"""Xiaohongshu (ARK): one gateway of flat JSON, whose signature covers only who calls what and when.

How its pushes are signed is not public, so none are sent.
"""

from msgspec.structs import replace

from simulators.marketplaces import Marketplace, shop_of
from simulators.marketplaces.xiaohongshu.payloads import ids_of, native_payload
from simulators.marketplaces.xiaohongshu.server import THROTTLED, Xiaohongshu


def order_no(namespace: int, serial: int) -> str:
    """Return the orderId of the `serial`-th order: P and 18 digits."""
    return f"P70{namespace:06d}{serial:010d}"


def line_no(_namespace: int, _serial: int, place: int) -> str:
    """Return the place of a line, from 1; the platform gives none."""
    return str(place + 1)


SHOP = replace(shop_of("xiaohongshu", 1, 600_001, "app0000000001"), refusal_code="1")
MARKETPLACE = Marketplace(
    name="xiaohongshu",
    shops=(SHOP,),
    order_no=order_no,
    line_no=line_no,
    claim_covers="lines",
    paths={"/ark/open_api/v3/common_controller": ("POST",)},
    throttled=THROTTLED,
    claim_no=lambda claim: f"R{claim.after_sale_id}",
    server=Xiaohongshu,
    native_payload=native_payload,
    listing=ids_of,
)
