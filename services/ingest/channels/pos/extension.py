"""The fields of a till's order that no other channel has."""

import msgspec

from services.ingest.domain.model import Extension


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """支付 · one of the payments of a receipt."""

    method: str
    """方式 · WECHAT, CASH, …"""
    fen: int
    """金额(分)"""
    transaction_no: str
    """交易号"""


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """称重 · a line sold by weight: one piece of the order."""

    line_id: str
    """行号"""
    quantity: str
    """重量 · the till's own decimal text"""
    unit: str
    """单位"""
    unit_price_fen: int
    """单价(分)"""


class PosExtension(Extension, frozen=True, kw_only=True, tag="pos"):
    """What only a till has."""

    terminal_no: str
    """收银机号"""
    batch_no: str
    """上传批次"""
    business_date: str
    """营业日"""
    cashier: str
    """收银员编号"""
    original_receipt_no: str
    """原小票号 · set on a return"""
    rounding_fen: int
    """抹零(分)"""
    payments: tuple[Payment, ...]
    """支付明细"""
    weighed: tuple[Weighed, ...]
    """称重明细"""
    content_hash: str
    """小票指纹 · equal for equal receipts: an upload after an outage repeats it, a number used twice does not"""
