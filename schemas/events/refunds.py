"""Records of the domain `refunds`. Generated from schemas/avro/refunds/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class DoubleRefundResolved(Struct, frozen=True, kw_only=True):
    """重复退款已核实 · a person has settled a DoubleRefundSuspected; the books say what went back."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.DoubleRefundResolved"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    outcome: str
    """结论 · only_ours, only_channel, recovered (both went, what went beyond the books was got back) or written_off (both went, and it stays gone)"""
    amount_fen: int
    """实退金额(分) · what the books count as given back for this refund from now on, what went beyond its case included"""
    difference_fen: int
    """差额(分) · how much more that is than this refund's RefundSettled and its earlier resolutions told; below 0: less"""
    order_fully_refunded: bool
    """整单已退 · whether all that was paid has gone back, by this"""
    actor: str
    """操作人 · who looked into it"""
    reason: str
    """理由 · what it rests on"""
    currency: str | None = None
    """币种 · ISO 4217, of every amount here; null = CNY"""


class DoubleRefundSuspected(Struct, frozen=True, kw_only=True):
    """疑似重复退款 · a channel says that it gave money back which our gateway may pay too, or which our books have no room for; a person has to look, nothing is repaired by itself."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.DoubleRefundSuspected"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    amount_fen: int
    """退款金额 · what our case is of, fen; 0 where it could not be opened"""
    there_fen: int | None = None
    """平台退了多少(分) · null = the channel does not tell"""
    beyond_fen: int
    """超出账面(分) · how much of it our books have no room for"""
    reason: str
    """原因 · payout_under_way or beyond_books"""
    refund_no: str
    """渠道售后单号"""
    actor: str
    """操作人 · who says so: the channel"""
    currency: str | None = None
    """币种 · ISO 4217, of every amount here; null = CNY"""


class PayoutGivenUp(Struct, frozen=True, kw_only=True):
    """打款已停下待核实 · nobody knows what became of a payout, and it goes on only by a person's PayoutResumed; once per giving up."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.PayoutGivenUp"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    amount_fen: int
    """退款金额 · what the payout is of, fen"""
    actor: str
    """操作人 · who gave it up: the dispatcher, by its limits"""
    reason: str
    """原因 · no_answer, not_taken, underway_too_long or differs; empty if it was given up before reasons were kept"""
    last_heard: str
    """上次结果 · what was last heard of it, in the gateway's or the dispatcher's words, empty if nothing"""
    given_up_at: datetime
    """停下时间 · when it was given up, UTC; before occurred_at where the dispatcher died in between"""
    sends: int
    """发送次数 · how often the request was sent under its number; after a resumption all earlier ones count as one"""
    asks: int
    """询问次数 · questions in a row without a usable answer"""
    underway: int
    """处理中次数 · how often the gateway said that the money is on its way, since it was last resumed"""
    currency: str | None = None
    """币种 · ISO 4217, of every amount here; null = CNY"""


class PayoutResumed(Struct, frozen=True, kw_only=True):
    """已重新核实打款 · a payout that was given up is asked about again, under the same request number."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.PayoutResumed"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    amount_fen: int
    """退款金额 · what the payout is of, fen"""
    actor: str
    """操作人 · who asked for it"""
    reason: str
    """理由 · why"""
    last_heard: str
    """上次结果 · what the gateway said last before the payout was given up, empty if nothing"""
    currency: str | None = None
    """币种 · ISO 4217, of every amount here; null = CNY"""


class RefundAgreedThere(Struct, frozen=True, kw_only=True):
    """平台已同意待平台打款 · the channel has approved the buyer's request and pays by itself; the case stays open until it lists it as paid; once a refund."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.RefundAgreedThere"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    amount_fen: int
    """退款金额 · what our case is of, fen"""
    refund_no: str
    """渠道售后单号"""
    actor: str
    """操作人 · who says so: the channel"""
    currency: str | None = None
    """币种 · ISO 4217, of every amount here; null = CNY"""


class RefundApproved(Struct, frozen=True, kw_only=True):
    """退款已批准."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.RefundApproved"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    actor: str
    """审批人"""
    role: str
    """审批角色"""
    complete: bool
    """是否已批齐 · all needed approvals are in"""
    reason: str
    """理由"""


class RefundEndedTooLate(Struct, frozen=True, kw_only=True):
    """申请了结太晚 · the buyer's request was withdrawn, or refused in the channel's back office, and our money is under way or gone; nothing is repaired by itself; once a refund."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.RefundEndedTooLate"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    amount_fen: int
    """退款金额 · what our case is of, fen"""
    outcome: str
    """结果 · withdrawn or refused"""
    settled: bool
    """是否已到账 · true = the money had gone; false = the payout was under way"""
    refund_no: str
    """渠道售后单号 · empty if it was not told"""
    actor: str
    """操作人 · who says so: the channel"""
    currency: str | None = None
    """币种 · ISO 4217, of every amount here; null = CNY"""


class RefundFailed(Struct, frozen=True, kw_only=True):
    """退款失败 · the gateway refused for good."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.RefundFailed"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    reason: str
    """原因"""


class RefundRefused(Struct, frozen=True, kw_only=True):
    """退款已拒绝."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.RefundRefused"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    actor: str
    """审批人或规则"""
    reason: str
    """理由"""


class RefundLine(Struct, frozen=True, kw_only=True):
    """退款行."""

    line_no: int
    """行号"""
    sku: str
    """商家SKU"""
    quantity: int
    """件数"""
    amount_fen: int
    """金额(分)"""


class RefundRequested(Struct, frozen=True, kw_only=True):
    """退款已申请."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.RefundRequested"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    kind: str
    """类型 · refund_only or return_and_refund"""
    amount_fen: int
    """金额(分)"""
    freight_fen: int
    """其中运费(分)"""
    lines: tuple[RefundLine, ...]
    """退款行"""
    reason: str
    """原因代码"""
    tier: str
    """审批级别 · auto, supervisor, finance, risk"""
    approvals_needed: tuple[str, ...]
    """所需审批角色"""
    rule: str
    """依据 · table@version#row"""
    actor: str
    """申请人"""
    currency: str | None = None
    """币种 · ISO 4217, of every amount here; null = CNY"""


class RestockLine(Struct, frozen=True, kw_only=True):
    """回库行 · goods that come back."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class RefundSettled(Struct, frozen=True, kw_only=True):
    """退款已到账 · the gateway moved the money, exactly once."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.RefundSettled"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    amount_fen: int
    """金额(分)"""
    gateway: str
    """支付渠道"""
    gateway_request_no: str
    """退款请求号"""
    restock: tuple[RestockLine, ...]
    """回库行"""
    order_fully_refunded: bool
    """整单已退"""
    shipped: bool
    """退款时是否已发货"""
    currency: str | None = None
    """币种 · ISO 4217, of every amount here; null = CNY"""


class ReturnedLine(Struct, frozen=True, kw_only=True):
    """退回行 · pieces of one line that came back."""

    line_no: int
    """行号 · of the order"""
    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class ReturnConfirmed(Struct, frozen=True, kw_only=True):
    """退货已验收 · somebody saw what came back; money that waited for it may go, good pieces are restocked when the refund is settled."""

    TOPIC: ClassVar[str] = "refunds"
    FULL_NAME: ClassVar[str] = "danshu.refunds.ReturnConfirmed"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    refund_id: str
    """退款单号"""
    lines: tuple[ReturnedLine, ...]
    """退回行 · what has left of the refund's lines, which is what comes back"""
    good: bool
    """是否良品"""
    actor: str
    """操作人 · who saw it"""
    reason: str
    """依据 · what it rests on, such as the number of the inspection slip; empty if not said"""


RECORDS: tuple[type[Struct], ...] = (
    DoubleRefundResolved,
    DoubleRefundSuspected,
    PayoutGivenUp,
    PayoutResumed,
    RefundAgreedThere,
    RefundApproved,
    RefundEndedTooLate,
    RefundFailed,
    RefundRefused,
    RefundRequested,
    RefundSettled,
    ReturnConfirmed,
)
