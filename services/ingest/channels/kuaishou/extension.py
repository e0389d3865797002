"""The fields of a Kuaishou order that no other channel has."""

from datetime import datetime

from services.ingest.domain.model import Extension


class KuaishouExtension(Extension, frozen=True, kw_only=True, tag="kuaishou"):
    """What only Kuaishou has."""

    seller_nick: str
    """店铺昵称"""
    distributor_id: str
    """推广者编号"""
    distributor_name: str
    """推广者昵称 · the influencer's public name"""
    cps_type: str
    """分销类型 · 1 none, 2 sold by an influencer"""
    pre_sale: bool
    """预售"""
    risk_code: str
    """风控码 · empty = none"""
    virtual_kind: str
    """虚拟商品类型 · set where nothing is shipped (vouchers, top-ups)"""
    activity_type: str
    """活动类型"""
    pay_channel: str
    """支付渠道 · ALIPAY, WECHAT, …"""
    promised_ship_at: datetime | None
    """承诺发货时间 · the latest time to ship"""
    promised_delivery_at: datetime | None
    """承诺送达时间"""
