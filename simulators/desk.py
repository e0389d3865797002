"""What every marketplace's server needs: its shops, their orders and claims, and its own faults.

Guarantees: a shop sees its own orders and claims only; a lagging replica shows the version before the
last one, and only while the last change is young.
"""

from collections.abc import Iterable, Iterator

from simulators.doors import Tally
from simulators.faults import FaultPlan
from simulators.marketplaces import Marketplace
from simulators.orders import AfterSale, Order, Outcome, Shop
from simulators.world import Verdict, World

LAG_MS = 2_000


class Desk:
    """One marketplace's view of the world."""

    def __init__(
        self, marketplace: Marketplace, *, world: World, plan: FaultPlan, tally: Tally
    ) -> None:
        self.name = marketplace.name
        self.world = world
        self.records = world.records
        self.shops = {shop.app_key: shop for shop in marketplace.shops}
        self._plan = plan
        self._tally = tally

    def clock(self) -> int:
        """Return now in epoch milliseconds."""
        return self.world.clock()

    def order(self, shop: Shop, order_no: object) -> Order | None:
        """Return a shop's own order."""
        order = self.records.orders.get((self.name, str(order_no)))
        return order if order is not None and order.shop == shop.shop else None

    def claim(self, shop: Shop, after_sale_id: object) -> AfterSale | None:
        """Return a shop's own claim."""
        claim = self.records.after_sales.get(str(after_sale_id))
        return claim if claim is not None and claim.shop == shop.shop else None

    def showing(self, claim: AfterSale) -> AfterSale:
        """Return a claim whose standing goes into an answer, and keep that it was shown so."""
        self.records.note_shown(claim)
        return claim

    def shown(self, order: Order) -> Order:
        """Return the order as a replica shows it: now and then its version before the last one."""
        young = self.clock() - order.modified_at_ms < LAG_MS
        if young and order.version > 1 and self._plan.hit("stale_snapshot", self.name):
            return self.records.before[order.key]
        return order

    def doubled(self, orders: Iterable[Order]) -> Iterator[Order]:
        """Yield a page's orders as replicas show them, some of them twice."""
        for order in orders:
            yield self.shown(order)
            if self.repeats():
                yield order

    def repeats(self) -> bool:
        """Draw whether a row stands twice in its page."""
        return self._plan.hit("duplicate_row", self.name)

    def note(self, call: str, outcome: Outcome) -> bool:
        """Count a write of the merchant; True when it was applied or repeated."""
        return self._tally.note(f"{self.name}:{call}", outcome)

    def tell_stock(
        self, shop: Shop, *, sku_id: object, quantity: object, item_id: object = None
    ) -> Verdict:
        """Let the merchant say how many pieces a listing has, and count it."""
        verdict = self.world.shelves.tell(shop, sku_id=sku_id, quantity=quantity, item_id=item_id)
        self.note("stock", verdict[0])
        return verdict

    def change_waybill(
        self, order: Order | None, *, former: str | None, waybill: str, company: str
    ) -> Verdict:
        """Let the merchant give a parcel (None = the only one) another number, and count it."""
        parcels = order.shipments if order is not None else ()
        if order is None:
            verdict: Verdict = ("refused", "unknown")
        elif former is None and len(parcels) != 1:
            verdict = ("refused", "several" if parcels else "not_shipped")
        else:
            verdict = self.world.change_waybill(
                order.key, former=former or parcels[0].waybill, waybill=waybill, company=company
            )
        self.note("waybill", verdict[0])
        return verdict

    def answer_claim(self, claim: AfterSale | None, *, agree: bool) -> Verdict:
        """Let the merchant agree to or refuse a claim, and count it.

        An agreement to what is agreed to already is counted as a duplicate, and answered as overtaken.
        """
        if claim is None:
            verdict: Verdict = ("refused", "unknown")
        elif agree:
            self.records.agreements_heard[claim.after_sale_id] += 1
            verdict = self.world.agree(claim.after_sale_id)
        else:
            verdict = self.world.refuse(claim.after_sale_id)
        self.note("agree" if agree else "refuse", verdict[0])
        outcome, reason = verdict
        return outcome, "already_agreed" if agree and outcome == "duplicate" else reason
