"""Records of the domain `commands-refunds`. Generated from schemas/avro/commands-refunds/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ApproveRefund(Struct, frozen=True, kw_only=True):
    """批准退款."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.ApproveRefund"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    refund_id: str
    """退款单号"""
    role: str
    """审批角色"""
    reason: str
    """理由"""


class ConfirmReturn(Struct, frozen=True, kw_only=True):
    """退货验收入库."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.ConfirmReturn"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    refund_id: str
    """退款单号"""
    good: bool
    """是否良品"""
    reason: str | None = None
    """依据 · what it rests on, such as the number of the inspection slip; null if not said"""


class RefundedThereLine(Struct, frozen=True, kw_only=True):
    """退款行."""

    line_no: int
    """行号"""
    quantity: int
    """件数"""


class RefundedThere(Struct, frozen=True, kw_only=True):
    """平台已退 · what the channel gave back, and for what."""

    amount_fen: int | None = None
    """退了多少(分) · null = the channel does not tell"""
    kind: str
    """类型 · refund_only or return_and_refund"""
    lines: tuple[RefundedThereLine, ...]
    """退款行 · empty = everything left"""
    include_freight: bool
    """是否退运费"""


class EndRefund(Struct, frozen=True, kw_only=True):
    """结束退款申请 · the buyer's request is over on its channel, by whomever."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.EndRefund"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器 · the channel"""
    refund_id: str
    """退款单号"""
    outcome: str
    """结果 · withdrawn, refused or refunded"""
    refund_no: str
    """渠道售后单号"""
    refunded: RefundedThere | None = None
    """平台已退 · set where the outcome is refunded"""
    doubt: str | None = None
    """存疑 · why a refund there may not be what we told the channel: paid_before (it had paid before it heard that we have, or cannot hear it) or answer_lost (a telling of ours went unanswered: it may be that one); null = it is"""


class GiveUpPayout(Struct, frozen=True, kw_only=True):
    """停下打款等人核实 · tell that the dispatcher has given up a payout; what it tells is read from the journal when it is decided."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.GiveUpPayout"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器 · the dispatcher"""
    refund_id: str
    """退款单号"""


class RecordPayout(Struct, frozen=True, kw_only=True):
    """记录打款结果."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.RecordPayout"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    refund_id: str
    """退款单号"""
    outcome: str
    """结果 · settled or failed"""
    gateway: str
    """支付渠道"""
    gateway_request_no: str
    """退款请求号"""
    reason: str
    """原因"""


class RecordRequestAgreed(Struct, frozen=True, kw_only=True):
    """记录平台已同意 · the buyer's request was approved on its channel, which pays by itself, later; not over yet."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.RecordRequestAgreed"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器 · the channel"""
    refund_id: str
    """退款单号"""
    refund_no: str
    """渠道售后单号"""


class RefuseRefund(Struct, frozen=True, kw_only=True):
    """拒绝退款."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.RefuseRefund"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    refund_id: str
    """退款单号"""
    role: str
    """审批角色"""
    reason: str
    """理由"""


class RefundRequestLine(Struct, frozen=True, kw_only=True):
    """申请行 · empty = everything left."""

    line_no: int
    """行号"""
    quantity: int
    """件数"""


class PaidBackGoods(Struct, frozen=True, kw_only=True):
    """退回的货."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""
    amount_fen: int
    """退了多少(分)"""


class PaidBack(Struct, frozen=True, kw_only=True):
    """已退 · goods that were taken back and paid back already: nobody is asked and no money moves."""

    gateway: str
    """支付渠道 · who paid: counter = a store"""
    request_no: str
    """退款请求号 · the number of the document that says so"""
    goods: tuple[PaidBackGoods, ...]
    """退回的货 · `lines` is empty then"""


class RequestRefund(Struct, frozen=True, kw_only=True):
    """申请退款."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.RequestRefund"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    refund_id: str
    """退款单号 · derived from the request"""
    kind: str
    """类型 · refund_only or return_and_refund"""
    lines: tuple[RefundRequestLine, ...]
    """申请行"""
    include_freight: bool
    """是否退运费"""
    damaged: bool
    """是否破损"""
    reason: str
    """原因代码"""
    taken_back: PaidBack | None = None
    """已退 · null = the money is still to be paid"""
    amount_fen: int | None = None
    """申请金额(分) · freight included, where the asker names a sum; null = what the lines and the freight come to"""


class ResolveDoubleRefund(Struct, frozen=True, kw_only=True):
    """核实重复退款 · a person settles a DoubleRefundSuspected."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.ResolveDoubleRefund"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人 · who looked into it, never empty"""
    refund_id: str
    """退款单号"""
    outcome: str
    """结论 · only_ours, only_channel, recovered (both went, what went beyond the books was got back) or written_off (both went, and it stays gone)"""
    reason: str
    """理由 · what it rests on, never empty"""


class ResumePayout(Struct, frozen=True, kw_only=True):
    """重新核实打款 · ask the gateway again about a payout that was given up."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.ResumePayout"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人 · who asks for it"""
    refund_id: str
    """退款单号"""
    reason: str
    """理由 · why it is worth asking again, never empty"""


class WithdrawRefund(Struct, frozen=True, kw_only=True):
    """撤回退款申请 · the buyer's request is over on the channel without money."""

    TOPIC: ClassVar[str] = "commands-refunds"
    FULL_NAME: ClassVar[str] = "danshu.commands_refunds.WithdrawRefund"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    refund_id: str
    """退款单号"""
    reason: str
    """理由"""


RECORDS: tuple[type[Struct], ...] = (
    ApproveRefund,
    ConfirmReturn,
    EndRefund,
    GiveUpPayout,
    RecordPayout,
    RecordRequestAgreed,
    RefuseRefund,
    RequestRefund,
    ResolveDoubleRefund,
    ResumePayout,
    WithdrawRefund,
)
