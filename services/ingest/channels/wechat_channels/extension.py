"""The fields of a WeChat shop's order that no other channel has."""

from datetime import datetime

from services.ingest.domain.model import Extension


class WechatExtension(Extension, frozen=True, kw_only=True, tag="wechat_channels"):
    """What only WeChat shops have; the first influencer with a commission speaks for all."""

    finder_id: str
    """视频号编号"""
    finder_name: str
    """视频号昵称 · the influencer's public name"""
    live_id: str
    """直播编号"""
    order_scene: str
    """下单场景 · 2 live, 3 video, …"""
    commission_fen: int
    """佣金(分) · all influencers and leaders together"""
    user_coupon_id: str
    """优惠券编号"""
    payment_method: str
    """支付方式 · 2 pays later, 3 lottery, 4 points"""
    ewaybill_order_code: str
    """电子面单订单码"""
    promised_ship_at: datetime | None
    """承诺发货时间 · the earliest deadline of any line"""
