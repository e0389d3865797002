"""The receiver and the discounts of a Douyin order."""

from services.ingest.channels._wire import Amount, Text, clean, fen, receiver_told_apart
from services.ingest.channels.douyin import wire
from services.ingest.domain.model import Bearer, Problem, Promotion, Receiver


def receiver(order: wire.Order, problems: list[Problem]) -> Receiver:
    """Ciphers, masks and clear texts have fields of their own here."""
    address = order.post_addr or wire.Address()
    masked = order.mask_post_addr or wire.Address()
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
    """Name every discount, split by who pays for it; what the platform leaves unnamed is "其他优惠"."""
    if order.promotion_detail is None:
        return ()
    detail = order.promotion_detail
    found: list[Promotion] = []
    for granted, bearer in (
        (detail.shop_discount_detail, Bearer.SELLER),
        (detail.platform_discount_detail, Bearer.PLATFORM),
        (detail.kol_discount_detail, Bearer.INFLUENCER),
    ):
        if granted is not None:
            found.extend(_granted(granted, bearer, problems))
    return tuple(found)


def _granted(granted: wire.Discounts, bearer: Bearer, problems: list[Problem]) -> list[Promotion]:
    natives: list[tuple[Text, Amount, wire.Cost | None]] = [
        (coupon.coupon_name, coupon.coupon_amount, coupon.share_discount_cost)
        for coupon in granted.coupon_info or ()
    ]
    natives += [
        (campaign.campaign_name, campaign.campaign_amount, campaign.share_discount_cost)
        for campaign in granted.full_discount_info or ()
    ]
    natives += [
        ("红包", redpack.redpack_amount, redpack.share_discount_cost)
        for redpack in granted.redpack_info or ()
    ]
    if granted.gold_coin_amount:
        natives.append(("金币抵扣", granted.gold_coin_amount, None))
    if not natives and not granted.total_amount:
        return []
    found: list[Promotion] = []
    for name, native_fen, cost in natives:
        amount_fen = fen(native_fen, "promotion_detail.amount", problems)
        if amount_fen:
            found.extend(_by_bearer(clean(name), amount_fen, bearer, cost))
    rest_fen = fen(granted.total_amount, "promotion_detail.total_amount", problems) - sum(
        promotion.fen for promotion in found
    )
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
