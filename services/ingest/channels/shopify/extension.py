"""The fields of a Shopify order that no other channel has."""

from typing import ClassVar

from services.ingest.domain.model import Extension


class ShopifyExtension(Extension, frozen=True, kw_only=True, tag="shopify"):
    """What only Shopify has. Amounts are in the minor unit of the order's currency."""

    PERSONAL: ClassVar[frozenset[str]] = frozenset({"zip"})

    name: str
    """店铺订单号 · the number which the buyer sees"""
    source_name: str
    """来源 · web, pos, …"""
    tags: tuple[str, ...]
    """标签"""
    gateways: tuple[str, ...]
    """支付网关"""
    coupon_codes: tuple[str, ...]
    """优惠码"""
    country_code: str
    """国家代码"""
    province_code: str
    """省代码"""
    zip: str
    """邮编"""
    cancel_reason: str
    """取消原因 · customer, fraud, inventory, …"""
    tax_fen: int
    """税费(分) · in the order's freight where it comes on top of its goods"""
    tip_fen: int
    """小费(分) · in the order's freight"""
    shipping_discount_fen: int
    """运费优惠(分) · off the freight already"""
    refunded_fen: int
    """已退(分)"""
