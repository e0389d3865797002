"""The fields of a group-buy's order that no other channel has."""

from typing import ClassVar

from services.ingest.domain.model import Extension


class GroupbuyExtension(Extension, frozen=True, kw_only=True, tag="groupbuy"):
    """What only a group-buy has.

    `is_supplier`: this shop supplies somebody else's group-buy, and the order's amounts are the
    leader's prices; `cost_fen` is what the shop is paid for its goods. `answers` are the member's to
    the leader's questions. Commissions are inside what was paid.
    """

    PERSONAL: ClassVar[frozenset[str]] = frozenset({"answers"})

    activity_no: str
    activity_title: str
    participate_no: str
    delivery: str
    site_no: str
    site_name: str
    site_address: str
    helper: str
    helper_key: str
    is_supplier: bool
    supply_activity_no: str
    help_sell_fen: int
    commission_fen: int
    cost_fen: int
    refunded_fen: int
    answers: tuple[tuple[str, str], ...]
