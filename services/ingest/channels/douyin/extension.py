"""The fields of a Douyin order that no other channel has."""

from datetime import datetime

from services.ingest.domain.model import Extension


class DouyinExtension(Extension, frozen=True, kw_only=True, tag="douyin"):
    """What only Douyin has; the influencer stands on lines, the first one named speaks for all."""

    order_type: str
    """订单类型 · 0 normal, …"""
    trade_type: str
    """交易类型 · 2 = presale with a deposit"""
    pre_sale: bool
    """预售 · whether a deposit is paid first"""
    app_type: str
    """下单端 · b_type: 2 = 抖音, …"""
    app_sub_type: str
    """下单场景 · sub_b_type: 3 = H5, …"""
    business_type: str
    """成交业务 · c_biz of the first line: 2 = 精选联盟, 8 = 小店自卖"""
    author_id: str
    """达人编号"""
    author_name: str
    """达人昵称 · the influencer's public name"""
    room_id: str
    """直播间编号"""
    video_id: str
    """短视频编号"""
    seller_flag: int
    """插旗 · 0–5 grey, purple, cyan, green, orange, red"""
    packing_fen: int
    """打包费(分)"""
    insurance_fen: int
    """运费险(分)"""
    tax_fen: int
    """税费(分)"""
    promised_ship_at: datetime | None
    """承诺发货时间 · the latest time to ship"""
    balance_due_at: datetime | None
    """尾款截止时间 · until when the balance of a presale can be paid"""
