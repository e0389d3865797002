"""The fields of a Taobao order that no other channel has."""

from datetime import datetime

from services.ingest.domain.model import Extension


class TaobaoExtension(Extension, frozen=True, kw_only=True, tag="taobao"):
    """What only Taobao and Tmall have."""

    trade_type: str
    """交易类型 · fixed, step (presale), cod, …"""
    pre_sale: bool
    """预售 · whether it is a presale in steps"""
    step_trade_status: str
    """分阶段付款状态 · FRONT_PAID_FINAL_NOPAID: the balance is open"""
    trade_from: str
    """交易来源 · WAP, JHS, …"""
    seller_flag: int
    """卖家旗标 · 0 none, 1–5 red, yellow, green, blue, purple"""
    adjust_fen: int
    """手工改价(分) · what the seller changed by hand, negative = lowered"""
    coupon_fen: int
    """红包(分) · coupons of the platform"""
    platform_subsidy_fen: int
    """平台补贴(分)"""
    o2o_guide_id: str
    """导购员编号"""
    promised_ship_at: datetime | None
    """承诺发货时间 · the latest time to ship, where a time is promised"""
    promised_ship_minutes: int | None
    """付款后承诺发货(分钟) · where so long after the payment is promised"""
