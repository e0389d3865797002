"""WeChat shop: JSON calls with a token and no signature, and encrypted, signed pushes.

Lines have no number of their own; product and SKU name them. `push_secret` is the EncodingAESKey,
`push_token` the token of the pushes.
"""

from simulators.marketplaces import Marketplace, shop_of
from simulators.marketplaces.wechat_channels.payloads import listing_of, native_payload
from simulators.marketplaces.wechat_channels.pushes import PUSH
from simulators.marketplaces.wechat_channels.server import THROTTLED, WechatChannels

AES_KEY = "simulatorsEncodingAESKey0123456789abcdefABC"


def order_no(namespace: int, serial: int) -> str:
    """Return the order_id of the `serial`-th order, 19 digits."""
    return f"37{namespace:06d}{serial:011d}"


def line_no(_namespace: int, _serial: int, place: int) -> str:
    """Return the place of a line, from 1."""
    return str(place + 1)


MARKETPLACE = Marketplace(
    name="wechat_channels",
    shops=(
        shop_of(
            "wechat_channels",
            1,
            500_001,
            "wx0000000000000001",
            push_secret=AES_KEY,
            push_token="simulatorsToken1",  # noqa: S106 — the outside world's own
        ),
    ),
    order_no=order_no,
    line_no=line_no,
    paths={"/channels/ec/{path:path}": ("POST",)},
    throttled=THROTTLED,
    server=WechatChannels,
    native_payload=native_payload,
    listing=listing_of,
    push=PUSH,
)
