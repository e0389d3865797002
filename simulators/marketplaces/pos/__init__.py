"""Tills of an own store: they upload receipts in the open format `pos-upload/1` and can be asked nothing.

Of five receipts one has goods to be sent; the others leave over the counter, so a paid order is finished.
"""

from simulators.desk import Desk
from simulators.doors import Answer, Call
from simulators.marketplaces import Marketplace, PushForm, shop_of
from simulators.marketplaces.pos.payloads import STORE_NO, batch, return_no, sale, taken_along
from simulators.marketplaces.pos.pushes import RECEIPTS_MAX, TILL, accepted, encode, message
from simulators.orders import Order, Shop

NOBODY_HERE = Answer(body=b'{"error":"a till takes no calls"}', status=404)


class Till:
    """What a till answers."""

    def __init__(self, desk: Desk) -> None:
        del desk

    def answer(self, call: Call) -> Answer:
        """Answer that nobody is there."""
        del call
        return NOBODY_HERE


def order_no(namespace: int, serial: int) -> str:
    """Return the number of the `serial`-th receipt."""
    return f"{STORE_NO}-{namespace:06d}{serial:07d}"


def line_no(_namespace: int, _serial: int, place: int) -> str:
    """Return the place of a line, from 1."""
    return str(place + 1)


def native_payload(order: Order, _shop: Shop) -> object:
    """Return an upload of one receipt."""
    return batch([sale(order)], order.serial)


MARKETPLACE = Marketplace(
    name="pos",
    shops=(shop_of("pos", 1, 1, "pos-store-0001"),),
    order_no=order_no,
    line_no=line_no,
    platform_coupons=False,
    freight=False,
    claim_covers="lines",
    settles_after_ms=0,
    amendable=False,
    taken_along=taken_along,
    takes_parcels=False,
    lists_unpaid=False,
    claim_no=return_no,
    paths={},
    throttled=NOBODY_HERE,
    server=Till,
    native_payload=native_payload,
    push=PushForm(
        message=message,
        encode=encode,
        accepted=accepted,
        batch_max=RECEIPTS_MAX,
        patience=TILL,
    ),
)
