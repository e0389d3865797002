"""What one buyer puts in one order, and what that buyer will do with it.

Guarantees: every draw comes from the one `Random` given, in a fixed order, so the n-th order of a
seed is always the same order; amounts add up to the fen unless `contradiction` names what does not.
"""

from collections.abc import Mapping
from itertools import accumulate
from random import Random
from typing import Literal

import msgspec

from simulators.catalog import Catalog, Sku
from simulators.clock import SECOND_MS, whole_second_ms
from simulators.marketplaces import Marketplace
from simulators.money import apportion
from simulators.orders import (
    CONTRADICTIONS,
    Channel,
    Contradiction,
    Line,
    Order,
    Receiver,
)
from simulators.regions import NOWHERE, REGIONS
from simulators.settings import Mix

MEMOS = (
    "",
    "",
    "",
    "",
    "周末送货",
    "请尽快发货",
    "轻拿轻放",
    "不要放快递柜",
    "需要发票",
    "礼物，请勿放价签",
)
CANARY_PREFIX = "CANARY-"

Step = Literal[
    "pay", "cancel", "address", "memo", "cancel_paid", "claim", "withdraw", "settle", "refuse"
]


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """Something the buyer (or the seller's clerk) will do `after_ms` after the order is placed."""

    step: Step
    after_ms: int


def namespace_of(seed: int, run: int) -> int:
    """Return the six digits which set the numbers of a seed and a run apart."""
    return (seed * 1_009 + run) % 1_000_000


class Assortment:
    """The catalogue sorted for drawing: hot SKUs three times of ten, scarce ones rarely."""

    __slots__ = ("_hot", "_ordinary", "_scarce")

    def __init__(self, catalog: Catalog) -> None:
        hot, scarce = set(catalog.hot), set(catalog.scarce)
        self._hot = tuple(sku for sku in catalog.skus if sku.code in hot)
        self._scarce = tuple(sku for sku in catalog.skus if sku.code in scarce)
        self._ordinary = tuple(sku for sku in catalog.skus if sku.code not in hot | scarce)

    def draw(self, rng: Random, count: int, scarce_pct: int) -> list[Sku]:
        """Return up to `count` different SKUs."""
        drawn: dict[str, Sku] = {}
        for _ in range(count):
            dice = rng.random() * 100
            shelf = (
                self._scarce if dice < scarce_pct else self._hot if dice < 30 else self._ordinary
            )
            sku = shelf[int(rng.random() * len(shelf))]
            drawn[sku.code] = sku
        return list(drawn.values())


class OrderDrawer:
    """Draws orders of one seed one after another; the n-th call numbers its order n."""

    __slots__ = (
        "_assortment",
        "_contradiction_odds",
        "_marketplaces",
        "_mix",
        "_namespace",
        "_rng",
        "_serial",
    )

    def __init__(
        self,
        *,
        catalog: Catalog,
        marketplaces: Mapping[Channel, Marketplace],
        seed: int,
        run: int,
        mix: Mix,
        contradiction_odds: float,
    ) -> None:
        self._rng = Random(f"orders:{seed}:{run}")
        self._namespace = namespace_of(seed, run)
        self._assortment = Assortment(catalog)
        self._marketplaces = marketplaces
        self._mix = mix
        self._contradiction_odds = contradiction_odds
        self._serial = 0

    def draw(
        self, now_ms: int, *, channel: Channel | None = None, mix: Mix | None = None
    ) -> tuple[Order, tuple[Intent, ...]]:
        """Return a freshly placed, unpaid order and what will be done with it."""
        rng, mix = self._rng, mix or self._mix
        self._serial += 1
        chosen = self._draw_channel(mix)
        marketplace = self._marketplaces[channel or chosen]
        contradiction = self._draw_contradiction()
        lines, shop_coupon_fen, platform_coupon_fen = self._draw_lines(
            marketplace, mix, contradiction
        )
        freight_fen = int(rng.random() * 7 + 6) * 100 if rng.random() < 0.2 else 0
        if not marketplace.freight:
            freight_fen = 0
        paid_fen = sum(line.paid_fen for line in lines) + freight_fen
        wrong_fen = (int(rng.random() * 50) + 1) * 100
        receiver = self._draw_receiver(contradiction)
        at_ms = whole_second_ms(now_ms)
        shops = marketplace.shops
        order = Order(
            channel=marketplace.name,
            shop=shops[self._serial % len(shops)].shop,
            order_no=marketplace.order_no(self._namespace, self._serial),
            serial=self._serial,
            lines=lines,
            freight_fen=freight_fen,
            shop_coupon_fen=shop_coupon_fen,
            platform_coupon_fen=platform_coupon_fen,
            paid_fen=paid_fen,
            stated_paid_fen=paid_fen + (wrong_fen if contradiction == "amount_mismatch" else 0),
            receiver=receiver,
            buyer_memo=self._draw_memo(mix, receiver),
            created_at_ms=at_ms,
            modified_at_ms=at_ms,
            contradiction=contradiction,
        )
        return order, self._draw_intents(mix)

    def _draw_channel(self, mix: Mix) -> Channel:
        weights = mix.weights or {name: one.weight for name, one in self._marketplaces.items()}
        dice = self._rng.random() * sum(weights.values())
        ends = accumulate(weights.values())
        return next(name for name, end in zip(weights, ends, strict=True) if dice < end)

    def _draw_contradiction(self) -> Contradiction:
        if self._rng.random() >= self._contradiction_odds:
            return ""
        return CONTRADICTIONS[int(self._rng.random() * len(CONTRADICTIONS))]

    def _draw_lines(
        self, marketplace: Marketplace, mix: Mix, contradiction: Contradiction
    ) -> tuple[tuple[Line, ...], int, int]:
        rng, serial = self._rng, self._serial
        count = 1 + int(rng.random() * mix.lines_max)
        count = min(count, marketplace.lines_max or count)
        skus = self._assortment.draw(rng, count, mix.scarce_pct)
        if contradiction == "unknown_sku":
            skus[0] = msgspec.structs.replace(skus[0], code=f"UNKNOWN-{serial}")
        gift_at = len(skus) - 1 if len(skus) > 1 and rng.random() < 0.15 else -1
        bare = [
            self._draw_line(marketplace, place, sku, gift=place == gift_at)
            for place, sku in enumerate(skus)
        ]
        net_fen = [line.goods_fen - line.discount_fen for line in bare]
        shop_coupon_fen = platform_coupon_fen = 0
        if rng.random() < 0.25:
            shop_coupon_fen = sum(net_fen) * (5 + int(rng.random() * 15)) // 100
        if marketplace.platform_coupons and rng.random() < 0.2:
            platform_coupon_fen = sum(net_fen) * (3 + int(rng.random() * 10)) // 100
        shop_shares = apportion(shop_coupon_fen, net_fen)
        platform_shares = apportion(platform_coupon_fen, net_fen)
        lines = tuple(
            msgspec.structs.replace(
                line,
                shop_share_fen=shop_fen,
                platform_share_fen=platform_fen,
                paid_fen=line_fen - shop_fen - platform_fen,
            )
            for line, line_fen, shop_fen, platform_fen in zip(
                bare, net_fen, shop_shares, platform_shares, strict=True
            )
        )
        return lines, shop_coupon_fen, platform_coupon_fen

    def _draw_line(self, marketplace: Marketplace, place: int, sku: Sku, *, gift: bool) -> Line:
        rng = self._rng
        quantity = 1 if gift or rng.random() < 0.75 else 2 + int(rng.random() * 2)
        discount_fen = 0
        if not gift and rng.random() < 0.3:
            discount_fen = sku.unit_price_fen * quantity * (5 + int(rng.random() * 20)) // 100
        return Line(
            line_no=marketplace.line_no(self._namespace, self._serial, place),
            sku=sku,
            quantity=quantity,
            gift=gift,
            discount_fen=discount_fen,
        )

    def _draw_receiver(self, contradiction: Contradiction) -> Receiver:
        region = REGIONS[int(self._rng.random() * len(REGIONS))]
        return Receiver(
            region=NOWHERE if contradiction == "address_missing" else region,
            canary=f"{CANARY_PREFIX}{self._namespace:06d}{self._serial:07d}",
            mobile=f"1300000{self._serial % 10_000:04d}",
        )

    def _draw_memo(self, mix: Mix, receiver: Receiver) -> str:
        dice, memo = self._rng.random() * 100, MEMOS[int(self._rng.random() * len(MEMOS))]
        if dice < mix.memo_canary_pct:
            return f"到了打 {receiver.mobile} {receiver.canary}"
        return memo

    def _draw_intents(self, mix: Mix) -> tuple[Intent, ...]:
        rng = self._rng
        dice = rng.random() * 100
        change_ms = between_ms(rng, mix.change_after_s)
        if dice < mix.paid_at_once_pct:
            pay_ms = 0
        elif dice < mix.paid_at_once_pct + mix.paid_later_pct:
            pay_ms = between_ms(rng, mix.pay_after_s)
        elif rng.random() * 100 < mix.cancel_unpaid_pct:
            return (Intent(step="cancel", after_ms=change_ms),)
        else:
            return ()
        intents = [Intent(step="pay", after_ms=pay_ms)]
        dice = rng.random() * 100
        steps: tuple[tuple[Step, int], ...] = (
            ("address", mix.address_change_pct),
            ("memo", mix.seller_memo_pct),
            ("cancel_paid", mix.cancel_paid_pct),
        )
        for step, share_pct in steps:
            if dice < share_pct:
                intents.append(Intent(step=step, after_ms=pay_ms + change_ms))
                break
            dice -= share_pct
        return tuple(intents)


def between_ms(rng: Random, bounds_s: tuple[int, int]) -> int:
    """Return a delay between two bounds in seconds, drawn to the millisecond."""
    low_ms, high_ms = bounds_s[0] * SECOND_MS, bounds_s[1] * SECOND_MS
    return low_ms + int(rng.random() * (high_ms - low_ms + 1))
