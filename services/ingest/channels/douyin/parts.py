"""The receiver and the discounts of a Douyin order."""

from services.ingest.channels._wire import (
    Amount,
    Text,
    clean,
    fen,
    problem,
    receiver_told_apart,
    several,
)
from services.ingest.channels.douyin import wire
from services.ingest.domain.model import Bearer, Problem, ProblemCode, Promotion, Receiver


def receiver(order: wire.Order, problems: list[Problem]) -> Receiver:
    """Ciphers, masks and clear texts have fields of their own here."""
    masked = order.mask_post_addr or wire.Address()
    address = order.post_addr or wire.Address(
        province=masked.province, city=masked.city, town=masked.town, street=masked.street
    )
    return receiver_told_apart(
        region=(_name(address.province), _name(address.city), _name(address.town)),
        town=_name(address.street),
        ciphers=(order.encrypt_post_receiver, order.encrypt_post_tel, address.encrypt_detail),
        masks=(order.mask_post_receiver, order.mask_post_tel, masked.detail),
        clear=(order.post_receiver, order.post_tel, address.detail),
        key=order.open_address_id,
        problems=problems,
    )


def _name(place: wire.Place | None) -> str:
    return clean(place.name) if place is not None else ""


def promotions(order: wire.Order, problems: list[Problem]) -> tuple[Promotion, ...]:
    """Name every discount, split by who pays for it; what the platform leaves unnamed is "其他优惠".

    The head's sum of a party counts where its details tell less. Discounts of the payment stand in the head only; red
    packets too, where the head's whole sum does not contain them yet.
    """
    detail = order.promotion_detail or wire.Promotions()
    found: list[Promotion] = []
    for granted, sum_fen, bearer in (
        (detail.shop_discount_detail, order.promotion_shop_amount, Bearer.SELLER),
        (detail.platform_discount_detail, order.promotion_platform_amount, Bearer.PLATFORM),
        (detail.kol_discount_detail, order.promotion_talent_amount, Bearer.INFLUENCER),
    ):
        whole_fen = fen(sum_fen, "promotion_amount", problems)
        found.extend(_granted(granted or wire.Discounts(), whole_fen, bearer, problems))
    payment_fen = fen(order.promotion_pay_amount, "promotion_pay_amount", problems)
    if payment_fen:
        found.append(Promotion(name="支付优惠", fen=payment_fen, borne_by=Bearer.PLATFORM))
    redpack_fen = fen(order.promotion_redpack_amount, "promotion_redpack_amount", problems)
    left_fen = fen(order.promotion_amount, "promotion_amount", problems) - sum(
        promotion.fen for promotion in found
    )
    if redpack_fen and redpack_fen == left_fen:
        found.append(Promotion(name="红包", fen=redpack_fen, borne_by=Bearer.PLATFORM))
    return tuple(found)


def check_head(order: wire.Order, problems: list[Problem]) -> None:
    """What was ordered is what is paid and what was discounted."""
    if order.order_amount in {None, ""} or order.promotion_amount in {None, ""}:
        return
    ordered_fen = fen(order.order_amount, "order_amount", problems)
    paid_fen, off_fen = (fen(a, "", []) for a in (order.pay_amount, order.promotion_amount))
    if ordered_fen != paid_fen + off_fen:
        detail = f"ordered {ordered_fen}, paid {paid_fen}, discounts {off_fen}"
        problems.append(problem(ProblemCode.PROMOTIONS_DIFFER, detail, blocks=False))


def _granted(
    granted: wire.Discounts, sum_fen: int, bearer: Bearer, problems: list[Problem]
) -> list[Promotion]:
    natives: list[tuple[Text, Amount, wire.Cost | None]] = [
        (coupon.coupon_name, coupon.coupon_amount, coupon.share_discount_cost)
        for coupon in several(granted.coupon_info)
    ]
    natives += [
        (campaign.campaign_name, campaign.campaign_amount, campaign.share_discount_cost)
        for campaign in several(granted.full_discount_info)
    ]
    natives += [
        ("红包", redpack.redpack_amount, redpack.share_discount_cost)
        for redpack in several(granted.redpack_info)
    ]
    if granted.gold_coin_amount:
        natives.append(("金币抵扣", granted.gold_coin_amount, None))
    found: list[Promotion] = []
    for name, native_fen, cost in natives:
        amount_fen = fen(native_fen, "promotion_detail.amount", problems)
        if amount_fen:
            found.extend(_by_bearer(clean(name), amount_fen, bearer, cost))
    whole_fen = fen(granted.total_amount, "promotion_detail.total_amount", problems)
    rest_fen = max(whole_fen, sum_fen) - sum(promotion.fen for promotion in found)
    if rest_fen > 0:
        found.append(Promotion(name="其他优惠", fen=rest_fen, borne_by=bearer))
    return found


def _by_bearer(
    name: str, amount_fen: int, granter: Bearer, cost: wire.Cost | None
) -> list[Promotion]:
    """Split a discount by who pays for it; without shares that add up, its granter pays all."""
    if cost is not None:
        shares = (
            (Bearer.SELLER, fen(cost.shop_cost, "shop_cost", [])),
            (Bearer.PLATFORM, fen(cost.platform_cost, "platform_cost", [])),
            (Bearer.INFLUENCER, fen(cost.author_cost, "author_cost", [])),
        )
        if sum(share_fen for _, share_fen in shares) == amount_fen:
            return [
                Promotion(name=name, fen=share_fen, borne_by=bearer)
                for bearer, share_fen in shares
                if share_fen
            ]
    return [Promotion(name=name, fen=amount_fen, borne_by=granter)]
