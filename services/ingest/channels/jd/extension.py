"""The fields of a JD order that no other channel has."""

from services.ingest.domain.model import Extension


class JdExtension(Extension, frozen=True, kw_only=True, tag="jd"):
    """What only JD has."""

    order_type: str
    """订单类型 · 22 = SOP"""
    pay_type: str
    """支付方式 · code and name, 1-货到付款"""
    delivery_type: str
    """送货时间 · when the buyer takes deliveries, 任意时间"""
    shipment_type: str
    """送货类型 · JD's number of how it is delivered"""
    parent_order_no: str
    """父订单号 · set on the children of a split order"""
    split_parent: bool
    """已拆分的父订单 · its children ship, it does not"""
    balance_used_fen: int
    """余额支付(分) · whether JD counts it into what the order cost is not documented, so it is kept beside"""
    vender_remark_flag: str
    """商家备注旗标"""
    store_order: str
    """门店订单"""
    order_source: str
    """订单来源 · 移动端订单, …"""
