"""The marketplaces' own records of orders and claims, kept in the order of change.

Guarantees: an order's change time moves forward by at least a second with each version, so the
whole-second times of the platforms order its versions; a window over change or creation time is exact;
whoever listens hears of every change once, in order; when a claim was first shown to its merchant is kept.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from simulators.clock import SECOND_MS, Clock, whole_second_ms
from simulators.orders import AfterSale, Change, ChangeKind, Channel, ClaimStatus, Order, Shop

Key = tuple[Channel, str]
Row = tuple[int, str]


class Records:
    """Orders, their last version but one, claims, and the time indexes over them."""

    def __init__(self, shops: Iterable[Shop], clock: Clock) -> None:
        self._clock = clock
        self._channels = {shop.shop: shop.channel for shop in shops}
        self._by_modified: dict[str, list[Row]] = {shop: [] for shop in self._channels}
        self._by_created: dict[str, list[Row]] = {shop: [] for shop in self._channels}
        self.orders: dict[Key, Order] = {}
        self.before: dict[Key, Order] = {}
        self.after_sales: dict[str, AfterSale] = {}
        self.shown_at_ms: dict[tuple[str, ClaimStatus], int] = {}
        """When a claim first went into an answer to the merchant, by its number and how it then stood."""
        self.agreements_heard: Counter[str] = Counter()
        """How often a call of the merchant's agreed to a claim, by its number."""
        self._claims: dict[Key, list[str]] = {}
        self.listeners: list[Callable[[Change], None]] = []

    def enter(self, order: Order) -> None:
        """Take in a new order; its number must be new."""
        assert order.key not in self.orders
        self.orders[order.key] = order
        _insert(self._by_modified[order.shop], (order.modified_at_ms, order.order_no))
        _insert(self._by_created[order.shop], (order.created_at_ms, order.order_no))
        self.tell("placed", order)
        if order.state == "paid":
            self.tell("paid", order)

    def next_time_ms(self, order: Order) -> int:
        """Return the time the next version of `order` carries."""
        return max(whole_second_ms(self._clock()), order.modified_at_ms + SECOND_MS)

    def store(
        self, order: Order, kind: ChangeKind, *, at_ms: int, after_sale: AfterSale | None = None
    ) -> None:
        """Make `order` the next version, changed at `at_ms`, and tell who listens."""
        previous = self.orders[order.key]
        order = replace(order, modified_at_ms=at_ms, version=previous.version + 1)
        rows = self._by_modified[order.shop]
        del rows[bisect_left(rows, (previous.modified_at_ms, order.order_no))]
        _insert(rows, (at_ms, order.order_no))
        self.before[order.key] = previous
        self.orders[order.key] = order
        if after_sale is not None:
            if after_sale.after_sale_id not in self.after_sales:
                self._claims.setdefault(order.key, []).append(after_sale.after_sale_id)
            self.after_sales[after_sale.after_sale_id] = after_sale
        self.tell(kind, order, after_sale)

    def tell(self, kind: ChangeKind, order: Order, after_sale: AfterSale | None = None) -> None:
        """Tell every listener of a change."""
        change = Change(kind=kind, order=order, after_sale=after_sale)
        for listener in self.listeners:
            listener(change)

    def window(
        self, shop: str, *, start_ms: int, end_ms: int, by_created: bool = False
    ) -> list[Order]:
        """Return a shop's orders changed (or created) in [start, end], oldest first."""
        rows = (self._by_created if by_created else self._by_modified)[shop]
        low, high = bisect_left(rows, (start_ms, "")), bisect_right(rows, (end_ms, "~"))
        channel = self._channels[shop]
        return [self.orders[channel, order_no] for _, order_no in rows[low:high]]

    def note_shown(self, claim: AfterSale) -> None:
        """Keep that an answer to the merchant told of a claim as it stands; the first time of each status counts."""
        self.shown_at_ms.setdefault((claim.after_sale_id, claim.status), self._clock())

    def claims_of(self, order: Order) -> list[AfterSale]:
        """Return the claims opened over this version of an order, oldest first."""
        claims = [self.after_sales[claim_id] for claim_id in self._claims.get(order.key, ())]
        return [claim for claim in claims if claim.created_at_ms <= order.modified_at_ms]

    def claims_window(
        self, shop: str, *, start_ms: int, end_ms: int, by_created: bool = False
    ) -> list[AfterSale]:
        """Return a shop's claims changed (or opened) in [start, end], oldest first."""
        found = [
            (at_ms, after_sale.after_sale_id)
            for after_sale in self.after_sales.values()
            if after_sale.shop == shop
            and start_ms
            <= (at_ms := after_sale.created_at_ms if by_created else after_sale.modified_at_ms)
            <= end_ms
        ]
        return [self.after_sales[after_sale_id] for _, after_sale_id in sorted(found)]


def _insert(rows: list[Row], row: Row) -> None:
    if not rows or rows[-1] < row:
        rows.append(row)
    else:
        rows.insert(bisect_left(rows, row), row)
