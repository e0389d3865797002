"""The fields of a Youzan order that no other channel has."""

from typing import ClassVar

from services.ingest.domain.model import Extension


class YouzanExtension(Extension, frozen=True, kw_only=True, tag="youzan"):
    """What only Youzan has; ciphers open with the shop's own key."""

    PERSONAL: ClassVar[frozenset[str]] = frozenset({"cashier"})

    root_kdt_id: str
    """总店编号 · the head office of a chain, whose branch the order's shop is"""
    order_type: str
    """订单类型 · 61 = till"""
    express_type: str
    """配送方式 · 0 courier, 1 pick-up, 2 same city, 9 nothing to ship"""
    pay_type: str
    """支付方式"""
    source: str
    """订单来源 · wx_shop, …"""
    team_type: str
    """拼团类型"""
    is_offline: bool
    """门店订单"""
    is_fenxiao: bool
    """分销订单 · repeats the sale of a supplier's buyer"""
    cashier: str
    """收银员 · name, or number"""
    star: str
    """商家标星 · 0 none"""
    pick_up_point: str
    """自提点"""
