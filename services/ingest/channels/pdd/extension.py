"""The fields of a Pinduoduo order that no other channel has."""

from datetime import datetime

from services.ingest.domain.model import Extension


class PddExtension(Extension, frozen=True, kw_only=True, tag="pdd"):
    """What only Pinduoduo has."""

    tags: tuple[str, ...]
    """订单标签 · the marks that are set"""
    seller_flag: int
    """备注标记 · 0 none, 1–5 red to purple"""
    group_status: str
    """成团状态 · 0 grouping, 1 complete, 2 failed"""
    deposit_order: bool
    """定金订单"""
    pre_sale: bool
    """预售"""
    lottery: bool
    """抽奖订单"""
    pick_up: bool
    """自提"""
    wholesale: bool
    """多多批发"""
    sf_free: bool
    """顺丰包邮 · has to go by SF"""
    next_day: bool
    """一天内发货 · has to leave within a day"""
    consolidate_type: str
    """集运类型"""
    market_type: str
    """市场业务类型"""
    inner_transaction_id: str
    """支付申报编号 · for customs"""
    pay_type: str
    """支付方式 · WEIXIN, ALIPAY, …"""
    service_fee_fen: int
    """服务费(分) · paid services beside the goods"""
    promised_ship_at: datetime | None
    """承诺发货时间 · the latest time to ship"""
