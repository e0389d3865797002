"""The fields of a Xiaohongshu order that no other channel has."""

from datetime import datetime

from services.ingest.domain.model import Extension


class XiaohongshuExtension(Extension, frozen=True, kw_only=True, tag="xiaohongshu"):
    """What only Xiaohongshu has."""

    order_type: str
    """订单类型 · 1 normal, 2 deposit, 3 full presale, 4 delayed, 5 exchange"""
    pre_sale: bool
    """预售 · with a deposit or paid in full"""
    original_order_no: str
    """原订单号 · set on parcels sent in exchange"""
    seller_flag: int
    """商家标记 · 0 none"""
    logistics: str
    """物流模式 · red_auto, …"""
    payment_type: str
    """支付方式 · 1 Alipay, 2 WeChat, …"""
    deposit_fen: int
    """定金(分)"""
    merchant_receives_fen: int
    """商家应收(分) · paid, deposit and the platform's share"""
    promised_ship_at: datetime | None
    """承诺发货时间 · the latest time to ship"""
