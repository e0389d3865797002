"""Records of the domain `commands-inventory`. Generated from schemas/avro/commands-inventory/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class CampaignAdjustmentLine(Struct, frozen=True, kw_only=True):
    """增减行."""

    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    quantity: int
    """件数 · signed"""


class AdjustCampaign(Struct, frozen=True, kw_only=True):
    """增减活动库存 · more pieces are set aside for a campaign, or fewer."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.AdjustCampaign"

    document_no: str
    """活动号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    adjustment_no: str
    """增减单号 · the same number twice has one effect"""
    lines: tuple[CampaignAdjustmentLine, ...]
    """增减行"""
    reason: str
    """原因 · in a person's words"""


class AdjustmentLine(Struct, frozen=True, kw_only=True):
    """调整行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数 · signed: + found, − lost"""
    batch: str | None = None
    """批次号 · null = the SKU has none here"""


class AdjustStock(Struct, frozen=True, kw_only=True):
    """库存调整 · booked at once or after approval, by the decision table."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.AdjustStock"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    lines: tuple[AdjustmentLine, ...]
    """调整行"""
    reason: str
    """原因 · in a person's words, kept with the ledger entry"""


class AllocateBackorder(Struct, frozen=True, kw_only=True):
    """缺货重新分配 · hold goods for a paid order that waits for them."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.AllocateBackorder"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    generation: int
    """第几次预占 · the newest attempt, after which this one is asked for"""


class ApproveStockDocument(Struct, frozen=True, kw_only=True):
    """审核通过 · an adjustment or a count, by a second person."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.ApproveStockDocument"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""


class BeginCampaign(Struct, frozen=True, kw_only=True):
    """活动开始 · its time has come; asked by a timer."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.BeginCampaign"

    document_no: str
    """活动号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""


class CancelPurchase(Struct, frozen=True, kw_only=True):
    """取消采购单 · what has not come in is expected no more."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.CancelPurchase"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    reason: str
    """原因 · in a person's words"""


class CloseCampaign(Struct, frozen=True, kw_only=True):
    """结束活动库存 · what was not sold is free again."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.CloseCampaign"

    document_no: str
    """活动号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    reason: str
    """原因 · in a person's words, or that its time is over"""


class ExpireHold(Struct, frozen=True, kw_only=True):
    """预占到期."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.ExpireHold"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    generation: int
    """第几次预占"""
    extensions: int | None = None
    """已延长几次 · as the timer saw it; null = never"""


class ExtendHold(Struct, frozen=True, kw_only=True):
    """延长预占 · a payment is in progress."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.ExtendHold"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人或自营网店"""
    extension_key: str
    """幂等键 · the same key extends once"""
    for_s: int | None = None
    """从现在起再占多少秒 · at most what the rule allows; null = that"""
    reason: str
    """原因"""


class InspectBatch(Struct, frozen=True, kw_only=True):
    """待检处理 · pieces that were held back are good or bad."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.InspectBatch"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    batch: str
    """批次号"""
    good: int
    """合格件数 · for sale again"""
    bad: int
    """不合格件数 · written off"""
    reason: str
    """原因 · in a person's words, kept with the ledger entry"""


class JudgeBatch(Struct, frozen=True, kw_only=True):
    """按效期判定批次 · asked by a timer when the table may say something else today."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.JudgeBatch"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    batch: str
    """批次号"""


class CampaignLine(Struct, frozen=True, kw_only=True):
    """活动行."""

    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class OpenCampaign(Struct, frozen=True, kw_only=True):
    """开活动库存 · pieces are set aside that only the channels of a campaign may sell while it runs."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.OpenCampaign"

    document_no: str
    """活动号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    name: str
    """活动名称"""
    channels: tuple[str, ...]
    """参加的渠道"""
    begins_at: datetime
    """开始时间 · UTC; from then on its channels may sell the pieces"""
    ends_at: datetime
    """结束时间 · UTC; then what was not sold is free again"""
    exclusive: bool
    """限量 · its channels may sell nothing else of these rows while it runs"""
    partial: bool
    """有多少留多少 · a line that is not all free is set aside as far as it is"""
    lines: tuple[CampaignLine, ...]
    """活动行"""
    reason: str
    """原因 · in a person's words; empty = the campaign's name says it"""


class OpenCount(Struct, frozen=True, kw_only=True):
    """开盘点单."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.OpenCount"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    skus: tuple[str, ...]
    """要盘的商家SKU"""
    reason: str
    """原因 · in a person's words, kept with the ledger entry"""


class PurchaseLine(Struct, frozen=True, kw_only=True):
    """采购行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class OpenPurchase(Struct, frozen=True, kw_only=True):
    """开采购单 · what is ordered counts in the position until it has come in or is cancelled."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.OpenPurchase"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """收货仓"""
    supplier: str
    """供应商"""
    lines: tuple[PurchaseLine, ...]
    """采购行"""
    expected_at: datetime | None = None
    """预计到货 · null = nobody said"""
    over_receipt_percent: int
    """允许超收百分比 · of each line, in all receipts together"""
    reason: str
    """依据 · in a person's words, or the suggestions it was made of"""


class RecallBatch(Struct, frozen=True, kw_only=True):
    """批次召回 · what remains of it is not for sale any more."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.RecallBatch"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    batch: str
    """批次号"""
    reason: str
    """原因 · in a person's words, kept with the ledger entry"""


class PurchaseReceiptLine(Struct, frozen=True, kw_only=True):
    """到货行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""


class ReceivePurchase(Struct, frozen=True, kw_only=True):
    """采购到货 · goods of a purchase order came in, perhaps a part."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.ReceivePurchase"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    receipt_no: str
    """入库单号 · once per purchase order"""
    warehouse: str
    """收货仓"""
    lines: tuple[PurchaseReceiptLine, ...]
    """到货行"""


class ReceiptLine(Struct, frozen=True, kw_only=True):
    """入库行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""
    batch: str | None = None
    """批次号 · null = the SKU has none here"""
    produced_on: str | None = None
    """生产日期 · YYYY-MM-DD"""
    expires_on: str | None = None
    """到期日 · YYYY-MM-DD, the last good day"""


class ReceiveStock(Struct, frozen=True, kw_only=True):
    """入库 · goods receipt."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.ReceiveStock"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    lines: tuple[ReceiptLine, ...]
    """入库行"""
    cause: str
    """事由 · receipt or adjustment"""


class ArrivedLine(Struct, frozen=True, kw_only=True):
    """到货行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""
    batch: str | None = None
    """批次号 · null = the SKU has none here, or those that expire first"""


class ReceiveTransfer(Struct, frozen=True, kw_only=True):
    """调拨入库 · goods in transit arrive, or come back."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.ReceiveTransfer"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    arrival_no: str
    """到货单号 · once per transfer"""
    warehouse: str
    """仓库"""
    lines: tuple[ArrivedLine, ...]
    """到货行"""


class CountedLine(Struct, frozen=True, kw_only=True):
    """盘点行."""

    sku: str
    """商家SKU"""
    quantity: int
    """实点件数"""
    batch: str | None = None
    """批次号 · null = the SKU has none here"""


class RecordCount(Struct, frozen=True, kw_only=True):
    """登记盘点数."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.RecordCount"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    counted_at: datetime
    """清点时刻 · the book is read as of it"""
    lines: tuple[CountedLine, ...]
    """盘点行"""


class RedatePurchase(Struct, frozen=True, kw_only=True):
    """采购单改期 · what is still to come is expected at another time."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.RedatePurchase"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    expected_at: datetime
    """新的预计到货"""
    reason: str
    """原因 · in a person's words"""


class RejectStockDocument(Struct, frozen=True, kw_only=True):
    """驳回 · an adjustment or a count."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.RejectStockDocument"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    reason: str
    """原因 · in a person's words, kept with the ledger entry"""


class RepairStock(Struct, frozen=True, kw_only=True):
    """修账 · one ledger entry that makes the books of a row agree."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.RepairStock"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    sku: str
    """商家SKU"""
    reason: str
    """原因 · in a person's words, kept with the ledger entry"""


class ReviewPromise(Struct, frozen=True, kw_only=True):
    """复核预售 · what an order was promised may be carried no more, or come at another time."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.ReviewPromise"

    order_id: str
    """订单号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    promise_no: int
    """第几次答应 · as it was seen: a newer promise is not touched"""


class TransferLine(Struct, frozen=True, kw_only=True):
    """调拨行."""

    sku: str
    """商家SKU"""
    quantity: int
    """件数"""
    batch: str | None = None
    """批次号 · null = the SKU has none here, or those that expire first"""


class TransferStock(Struct, frozen=True, kw_only=True):
    """调拨出库 · goods leave for another warehouse."""

    TOPIC: ClassVar[str] = "commands-inventory"
    FULL_NAME: ClassVar[str] = "danshu.commands_inventory.TransferStock"

    document_no: str
    """单据号 · aggregate, the Kafka key"""
    command_id: str
    """命令号 · the same id twice has one effect"""
    issued_at: datetime
    """下达时间"""
    actor: str
    """操作人、规则或定时器"""
    warehouse: str
    """仓库"""
    to_warehouse: str
    """调入仓"""
    lines: tuple[TransferLine, ...]
    """调拨行"""
    reason: str
    """原因 · in a person's words, kept with the ledger entry"""


RECORDS: tuple[type[Struct], ...] = (
    AdjustCampaign,
    AdjustStock,
    AllocateBackorder,
    ApproveStockDocument,
    BeginCampaign,
    CancelPurchase,
    CloseCampaign,
    ExpireHold,
    ExtendHold,
    InspectBatch,
    JudgeBatch,
    OpenCampaign,
    OpenCount,
    OpenPurchase,
    RecallBatch,
    ReceivePurchase,
    ReceiveStock,
    ReceiveTransfer,
    RecordCount,
    RedatePurchase,
    RejectStockDocument,
    RepairStock,
    ReviewPromise,
    TransferStock,
)
