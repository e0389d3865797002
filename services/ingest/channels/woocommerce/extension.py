"""The fields of a WooCommerce order that no other channel has."""

from typing import ClassVar

from services.ingest.domain.model import Extension


class WooCommerceExtension(Extension, frozen=True, kw_only=True, tag="woocommerce"):
    """What only WooCommerce has. Amounts are in the minor unit of the order's currency."""

    PERSONAL: ClassVar[frozenset[str]] = frozenset({"postcode"})

    number: str
    """店铺订单号 · what the buyer sees; plug-ins make it differ from the order's id"""
    created_via: str
    """下单途径 · checkout, admin, …"""
    payment_method: str
    """支付方式"""
    coupon_codes: tuple[str, ...]
    """优惠码"""
    country: str
    """国家代码"""
    province_code: str
    """省代码"""
    postcode: str
    """邮编"""
    tax_fen: int
    """税费(分)"""
    fees_fen: int
    """附加费(分) · in the order's freight"""
    refunded_fen: int
    """已退(分) · per line the order does not say"""
