"""The fields of a group-buy's order that no other channel has."""

from typing import ClassVar

from services.ingest.domain.model import Extension


class GroupbuyExtension(Extension, frozen=True, kw_only=True, tag="groupbuy"):
    """What only a group-buy has. Commissions are inside what was paid."""

    PERSONAL: ClassVar[frozenset[str]] = frozenset({"answers", "helper", "site_address"})

    activity_no: str
    """团编号"""
    activity_title: str
    """团名称"""
    participate_no: str
    """接龙号 · what a neighbour fetches the goods by"""
    delivery: str
    """交付方式 · self_pick_up, courier, same_city, none"""
    site_no: str
    """站点编号"""
    site_name: str
    """站点名称"""
    site_address: str
    """站点地址"""
    helper: str
    """团长昵称 · who sold it on"""
    helper_key: str
    """团长标识"""
    is_supplier: bool
    """供货单 · this shop supplies somebody else's group-buy, and the amounts are the leader's prices"""
    supply_activity_no: str
    """供货团编号"""
    verification_status: str
    """核销状态 · 0 not fetched"""
    help_sell_fen: int
    """帮卖佣金(分)"""
    commission_fen: int
    """分销佣金(分)"""
    cost_fen: int
    """供货价(分) · what a supplier is paid for its goods"""
    refunded_fen: int
    """已退(分)"""
    answers: tuple[tuple[str, str], ...]
    """团员回答 · to the leader's questions"""
