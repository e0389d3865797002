"""What a marketplace is: one package in this folder whose `MARKETPLACE` is a frozen value.

Guarantees: nothing outside a package knows its name; `simulators.registry` finds what is here. A server
does no I/O: a call comes in, an answer goes out, so that it can be spoken to without a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, Protocol

from simulators.catalog import Sku
from simulators.doors import Answer, Call
from simulators.orders import AfterSale, Change, Order, Shop
from simulators.pushes import PATIENT, Greeting, Patience, Posting

if TYPE_CHECKING:
    from simulators.desk import Desk


class Server(Protocol):
    """The platform's side of its own protocol."""

    def answer(self, call: Call) -> Answer:
        """Check a call and act on it; what is wrong is answered as the platform does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PushForm:
    """How a marketplace pushes.

    `message` makes one message of a change (None: the platform tells nobody), given its running number;
    `encode` posts some of them for a shop at a time in epoch ms; `accepted` reads the merchant's answer.
    `batch_max` is None where the settings may decide it, `greeting` where a new URL is not checked; `ping`
    makes the message which is posted to a new URL first.
    """

    message: Callable[[Change, Shop, int], Any]
    encode: Callable[[Shop, Sequence[Any], int], Posting]
    accepted: Callable[[bytes], bool]
    batch_max: int | None = None
    greeting: Callable[[Shop, int], Greeting] | None = None
    ping: Callable[[Shop], Any] | None = None
    patience: Patience = PATIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Marketplace:
    """One marketplace.

    `weight` is its share of the default traffic (0: only when asked for). `order_no(namespace, serial)`
    and `line_no(namespace, serial, place)` number orders and lines. `lines_max` is None where an order
    may hold any number of lines. `claim_covers` says whether a claim is over one line, over some of them
    or always over the whole order. `settles_after_ms` is None where the merchant answers claims by a
    call; else the shop's own people agree to them that much later (0: at once). `amendable` is False
    where an order never changes its address or memo. `taken_along` says whether the buyer leaves with
    the goods: paid is then finished. `lists_unpaid` is False where nobody hears of an order before it is
    paid, `takes_parcels` where the merchant cannot tell of parcels. `claim_no` is a claim as the merchant
    knows it. `paths` are its doors: route to HTTP methods; where two have the
    same door, `takes` says whose call it is. `listing` gives an article's item id and SKU id there, None
    where the platform takes no stock numbers from us. `throttled` answers a call too many. `native_payload` is an
    order as its detail call answers it.
    """

    name: str
    shops: tuple[Shop, ...]
    order_no: Callable[[int, int], str]
    line_no: Callable[[int, int, int], str]
    paths: Mapping[str, Sequence[str]]
    throttled: Answer
    server: Callable[[Desk], Server]
    native_payload: Callable[[Order, Shop], Any]
    push: PushForm | None = None
    weight: int = 0
    lines_max: int | None = None
    platform_coupons: bool = True
    claim_covers: Literal["line", "lines", "order"] = "line"
    freight: bool = True
    settles_after_ms: int | None = None
    amendable: bool = True
    taken_along: Callable[[Order], bool] = lambda _order: False
    lists_unpaid: bool = True
    takes_parcels: bool = True
    claim_no: Callable[[AfterSale], str] = attrgetter("after_sale_id")
    takes: Callable[[Call], bool] | None = None
    listing: Callable[[Sku], tuple[str, str]] | None = None


def shop_of(
    channel: str,
    number: int,
    native_shop_id: int,
    app_key: str,
    *,
    push_secret: str = "",
    push_token: str = "",
    currency: str = "CNY",
    stock_location: str = "",
) -> Shop:
    """Return the `number`-th shop of a channel."""
    return Shop(
        channel=channel,
        shop=f"{channel}-{number}",
        shop_name=f"示例旗舰店{number}",
        native_shop_id=native_shop_id,
        app_key=app_key,
        app_secret=f"{channel}-secret-{number}-{app_key[-4:]}",
        access_token=f"{channel}-session-{number}",
        push_secret=push_secret,
        push_token=push_token,
        currency=currency,
        stock_location=stock_location,
    )
