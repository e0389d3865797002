"""Every word the console says: one table a kind of code, and how time reads.

Guarantees: each event the console listens to has a title (a test compares with the topics); a code that no
table knows is shown without underscores, so that no program's name reaches a page by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China keeps one zone and no summer time."""

STATES: Mapping[str, str] = MappingProxyType(
    {
        "": "未见订单",
        "awaiting_payment": "待支付",
        "awaiting_review": "已支付待审核",
        "awaiting_print": "待打单",
        "preparing": "已打单待发货",
        "shipped": "已发货",
        "completed": "已完成",
        "cancelled": "已取消",
        "quarantined": "已隔离",
    }
)
"""Order states in the order an order takes them; the funnel shows them so."""

CHANNELS: Mapping[str, str] = MappingProxyType(
    {
        "taobao": "淘宝",
        "jd": "京东",
        "douyin": "抖音",
        "pdd": "拼多多",
        "kuaishou": "快手",
        "xiaohongshu": "小红书",
        "wechat_channels": "视频号",
        "youzan": "有赞",
        "shopify": "Shopify",
        "woocommerce": "WooCommerce",
        "groupbuy": "团购",
        "pos": "门店",
    }
)

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "short": "缺货",
        "presale": "预售",
        "unmatched": "未匹配SKU",
        "risk": "风控",
        "channel": "平台冻结",
        "address": "地址变更",
        "refund": "退款待定",
        "manual": "人工挂起",
        "after_sale": "售后中",
        "payout": "打款待核实",
        "double_refund": "疑似重复退款",
        "refunded": "整单已退",
        "paid_late": "取消后付款",
        "problems": "内容存疑",
        "parcel_problem": "物流异常",
        "waybill_refused": "取号失败",
        "cancel_refused": "拦截失败",
        "write_back_refused": "回传失败",
        "quarantined": "待处理",
    }
)

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "orders": "平台接单",
        "quarantine": "平台接单",
        "write-backs": "平台回传",
        "stock": "库存",
        "order-states": "订单",
        "fulfillment-requests": "订单",
        "parcels": "仓储物流",
        "shipments": "仓储物流",
        "refunds": "售后退款",
    }
)

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "OrderPlaced": "买家下单",
        "OrderLinesMatched": "商品行已匹配SKU",
        "OrderPaid": "买家付款",
        "OrderAmended": "平台变更订单",
        "OrderCancelled": "平台关闭订单",
        "PayloadQuarantined": "报文已隔离",
        "QuarantineEnded": "隔离已结束",
        "WriteBackApplied": "已回传平台",
        "WriteBackRefused": "平台拒绝回传",
        "StockReserved": "库存已预占",
        "StockShort": "库存不足",
        "StockPromiseChanged": "预售日期变更",
        "StockHoldExtended": "预占已延长",
        "StockReleased": "预占已释放",
        "StockDeducted": "库存已扣减",
        "StockReturned": "退货已入库",
        "OrderStateChanged": "状态变更",
        "OrderReadyToFulfil": "交给仓库",
        "OrderHeld": "订单挂起",
        "OrderHoldLifted": "订单解挂",
        "OrderCancelRequested": "请求拦截包裹",
        "OrderTransitionRefused": "操作被拒",
        "ParcelPlanned": "已派单",
        "WaybillIssued": "面单已取号",
        "WaybillRefused": "取号被拒",
        "WaybillReplaced": "运单已更换",
        "WaybillVoided": "旧面单已作废",
        "WaybillNotVoided": "旧面单未能作废",
        "ParcelPicked": "已拣货",
        "ParcelPacked": "已打包",
        "ParcelShipped": "包裹已出库",
        "ParcelMoved": "物流轨迹",
        "ParcelDelivered": "包裹已签收",
        "ParcelCancelled": "包裹已拦截",
        "ParcelCancelRefused": "拦截失败",
        "RefundRequested": "申请退款",
        "RefundApproved": "退款批准",
        "RefundRefused": "退款拒绝",
        "RefundSettled": "退款到账",
        "RefundFailed": "退款失败",
        "ReturnConfirmed": "退货验收",
        "DoubleRefundSuspected": "疑似重复退款",
        "DoubleRefundResolved": "重复退款已核实",
        "RefundAgreedThere": "平台已同意，等平台打款",
        "RefundEndedTooLate": "申请了结太晚",
        "PayoutGivenUp": "打款待人工核实",
        "PayoutResumed": "重新核实打款",
    }
)

DOUBLE_OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "only_ours": "只退了一次：我方打款成功，平台没有退",
        "only_channel": "只退了一次：平台退了，我方没有打成",
        "recovered": "退了两次：多退的已追回",
        "written_off": "退了两次：多退的不追了，核销",
    }
)
"""What a person may say of money that may have gone back twice."""

SHOP_STATES: Mapping[str, str] = MappingProxyType(
    {
        "token_expired": "令牌过期",
        "refused": "被拒绝",
        "unreachable": "连不上",
        "stalled": "拉取停滞",
        "throttled": "被限流",
        "catching_up": "补拉中",
        "normal": "正常",
        "pushing": "只收推送",
        "untold": "未上报",
    }
)

SHOP_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "token_expired": "授权已过期，拉不到订单：请在平台后台重新授权，把新令牌写进店铺配置后重启接入服务。",
        "refused": "平台拒绝拉取：请按错误代码核对应用权限和店铺订购关系。",
        "unreachable": "平台接口没有应答：系统在不断重试，恢复后从断点补拉，不会漏单。",
        "stalled": "很久没有新的拉取进度：请检查接入服务是否在运行。",
        "throttled": "平台限流：系统已放慢拉取，恢复后从断点补拉，不会漏单。",
        "catching_up": "平台已恢复，正从断点补拉，这段时间的订单会陆续出现。",
        "normal": "",
        "pushing": "这个渠道没有可拉取的接口，订单由对方推送。",
        "untold": "接入服务没有上报过这家店铺的状态。",
    }
)

SHOP_ERRORS: Mapping[str, str] = MappingProxyType(
    {"throttled": "限流", "token": "令牌", "retry": "连不上", "refused": "拒绝"}
)

STOCK_SOURCES: Mapping[str, str] = MappingProxyType(
    {"wms": "仓库系统", "pos": "收银", "channel": "平台"}
)

WAREHOUSES: Mapping[str, str] = MappingProxyType({"HZ": "杭州仓", "HF": "合肥仓", "GZ": "广州仓"})

CARRIERS: Mapping[str, str] = MappingProxyType(
    {"SF": "顺丰", "ZTO": "中通", "YTO": "圆通", "JDL": "京东物流"}
)

SPLIT_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "has_none": "，这些货都没有",
        "more_parcels": "，加上它要多一个包裹",
        "no_cheaper": "，换成它包裹一样多，排在后面",
    }
)
"""Why a warehouse sends nothing of an order that several send."""


TIERS: Mapping[str, str] = MappingProxyType(
    {
        "auto": "自动审批",
        "supervisor": "客服主管",
        "finance": "财务经理",
        "risk": "风控复核",
        "counter": "门店已退",
        "channel": "平台已退",
    }
)

CODES: Mapping[str, str] = MappingProxyType(
    {
        "released": "放行",
        "superseded": "平台已更新",
        "discarded": "作废",
        # why the channel or we closed, released or refused something
        "cancelled": "订单取消",
        "expired": "超时未付",
        "refunded": "已退款",
        "closed_refunded": "平台已退款关闭",
        "channel_request": "买家在平台申请",
        "returned_at_store": "门店退货",
        "paid_back": "门店已退款",
        "refunded_by_channel": "平台已退款",
        "withdrawn": "买家已撤回退款申请",
        "refused_there": "平台后台已拒绝",
        "refunded_there": "平台后台已退款",
        "not_refunded_there": "已核实平台没有退款",
        "refunded_beyond": "平台多退的钱已占用剩余金额，请先核对",
        "rule": "按规则自动通过",
        # rows of rules, where their names do not say it
        "foreign-currency": "外币，不按人民币金额判断",
        # triggers of the order's state, shown where no better reason was given
        "placed": "下单",
        "paid": "付款",
        "amended": "平台变更订单",
        "address_changed": "收件人变更",
        "lines_matched": "商品行已匹配",
        "channel_cancelled": "平台关闭订单",
        "stock_reserved": "库存已预占",
        "stock_short": "库存不足",
        "stock_released": "预占已释放",
        "stock_expired": "预占到期",
        "ready": "条件齐备",
        "waybill_issued": "面单已取号",
        "parcel_shipped": "包裹已出库",
        "parcel_partly_shipped": "部分包裹已出库",
        "parcel_delivered": "包裹已签收",
        "parcel_partly_delivered": "部分包裹已签收",
        "parcel_cancelled": "包裹已拦截",
        "parcel_cancel_refused": "包裹拦截失败",
        "refund_requested": "申请退款",
        "whole_refund_requested": "申请整单退款",
        "refund_closed": "退款结束",
        "hold": "人工挂起",
        "lift": "人工解挂",
        "review_passed": "审核通过",
        "review_failed": "审核不通过",
        "cancel": "人工取消",
        "close_unpaid": "超时未付关闭",
        # refusals
        "not_placed": "订单还没有下单记录",
        "not_possible_now": "当前状态不允许此操作",
        "already_placed": "订单已存在",
        "already_paid": "订单已付款",
        "already_shipped": "包裹已出库",
        "already_completed": "订单已完成",
        "already_cancelled": "订单已取消",
        "interception_failed": "仓库未能拦截包裹",
        "not_under_review": "订单不在审核中",
        "nothing_to_lift": "没有可以人工解除的挂起",
        "channel_closes": "未付订单由平台关闭",
        "unknown_parcel": "没有这个包裹",
        # why a parcel gets no label
        "collection_unsupported": "货到付款，承运商接口暂不支持代收，请人工处理",
        # parcels on their way
        "scanned": "快递已扫描",
        "by_hand": "单号由人工录入，请到出单处作废",
        "picked_up": "已揽收",
        "in_transit": "运输中",
        "delivering": "派送中",
        "problem": "异常",
        "returning": "退回中",
        "delivered": "已签收",
        # why a payout waits for a person
        "no_answer": "支付渠道一直没有可用的答复",
        "not_taken": "多次发出，支付渠道仍没有这笔退款",
        "underway_too_long": "支付渠道处理得太久",
        "differs": "支付渠道要求人工处理",
        "currency_not_taken": "支付渠道不收这个币种，没有发出；请在店铺后台退款，再记为人工退款",
        # why money may have gone twice
        "payout_under_way": "平台已退款，我方打款已发出",
        "payout_settled_too": "平台已退款，支付渠道也已打款",
        "answer_lost": "支付渠道已打款；通知平台时未收到答复，再通知时平台已是退款状态，可能只退了一次",
        "beyond_books": "平台退款超出账面可退金额",
        # why refunds does not do what it is asked for
        "order_unknown": "没有这个订单，或订单尚未同步",
        "not_paid": "订单尚未付款",
        "request_over": "该申请在平台已了结",
        "outcome_unknown": "不认识的了结结果",
        "kind_unknown": "退款类型不正确",
        "line_unknown": "订单里没有这一行",
        "line_repeated": "同一行写了两次",
        "quantity_not_positive": "件数必须大于零",
        "quantity_above_left": "超过该行可退件数",
        "pieces_unclear": "从申请金额看不出退哪些商品，请人工处理",
        "lines_unmatched": "有商品行未匹配SKU，暂时只能整单全额退款",
        "nothing_left": "没有可退金额",
        "paid_back_above_left": "门店已退的钱超过这些商品剩余的可退金额",
        "refund_unknown": "没有这个退款单",
        "already_ended": "退款单已结束",
        "already_paying": "正在打款，不能再改",
        "already_stopping": "订单正为这笔退款取消，不能再改",
        "already_approved": "已经批准",
        "already_decided": "该角色已审批",
        "role_not_needed": "不需要该角色审批",
        "maker_is_checker": "申请人不能审批自己的退款",
        "actor_already_approved": "同一人不能担任两个审批角色",
        "no_return_expected": "该退款不需要退货",
        "not_shipped": "商品尚未发货，没有可退的货",
        "goods_already_checked": "退货已验收，结论不同",
        "not_paying": "退款单不在打款中",
        "payout_not_given_up": "正在打款或核实，不需要人工",
        "payout_answered": "支付渠道已有答复，正在入账",
        "resumed_without_reason": "请写明操作人和理由",
        "not_suspected": "没有疑似重复退款",
        "already_resolved": "已经核实过，结论不同",
        "payout_in_doubt": "我方打款还在向支付渠道核实，等有结果或停下再下结论",
        "payout_confirmed": "支付渠道已确认我方打款到账，不能认定只有平台退款",
        "resolved_without_reason": "请写明操作人和理由",
        # what a refund or a write-back is about
        "refund_only": "仅退款",
        "return_and_refund": "退货退款",
        "shipment": "发货",
        "refund": "退款",
        "refund_refusal": "拒绝退款",
        "cancellation": "取消订单",
        "waybill": "更换运单",
        # what a channel's amendment changed
        "region": "收货地区",
        "province": "省",
        "city": "市",
        "district": "区县",
        "personal": "收件信息",
        "personal_kind": "收件信息",
        "receiver_key": "收件人",
        "receiver_digest": "收件人",
        "address_vague": "地址",
        "channel_state": "平台状态",
        "balance_open": "尾款未付",
        "extension": "渠道信息",
        # why the channel's word keeps an order from shipping
        "partly_refunded": "部分商品已在平台退款",
        "partly_shipped_elsewhere": "部分商品已在别处发货",
        "shipped_elsewhere": "已在别处发货",
        "receiver_awaited": "导入的订单没有可用的收货人，等平台告知",
        "import_differs": "导入的商品与平台告知的不一致",
        # why a platform or its shop holds an order back
        "risk_review": "平台风控审核中",
        "refund_open": "买家申请退款，待处理",
        "cancellation_asked": "买家申请取消，待处理",
        "sku_change_asked": "买家申请换规格，待处理",
        "nothing_left_to_ship": "已全部退款，没有要发的",
        "nothing_to_ship": "没有要发的商品",
        "refunded_line_unknown": "退过款，平台没说是哪一行",
        "refunded_pieces_unknown": "退过款，平台没说是几件",
        "restocked": "店铺已把商品放回库存",
        "shipping_paused_by_channel": "平台暂停发货",
        "shipping_forbidden_by_channel": "平台禁止发货",
        "paid_forbid_consign": "平台禁止发货",
        "paused_by_channel": "平台暂停",
        "paid_on_hold": "平台冻结",
        "presale_balance_open": "预售尾款未付",
        "group_not_complete": "拼团未成",
        "lottery": "等抽奖结果",
        "gift_not_accepted": "礼物还没有人收下",
        "payment_passing": "付款确认中",
        "payment_in_process": "付款处理中",
        "payment_incomplete": "款没有付齐",
        "not_confirmed": "订单未确认",
        "customs": "海关申报中",
        "waiting_on_channel": "等平台处理",
        "address_under_review": "地址变更审核中",
        "delivery_unknown": "不知道怎么送",
        "pick_up_point_unknown": "不知道自提点",
        "unknown_state": "平台状态不认识，不能发货",
        "payment_taken_back": "付过款的订单，平台又说未付款",
        "on_hold": "付款后被店铺挂起",
        "lines_cut": "商品行被平台截断",
        # who acts without being a person
        "orders": "平台",
        "stock": "库存系统",
        "reservations": "门店预留",
        "order-states": "订单系统",
        "fulfillment-requests": "订单系统",
        "order-closings": "订单系统",
        "parcels": "仓储系统",
        "shipments": "仓储系统",
        "refunds": "售后系统",
        "payout": "自动打款",
        "commands-orders": "人工操作",
    }
)

RULES: Mapping[str, str] = MappingProxyType(
    {
        "risk": "风险规则",
        "sourcing": "选仓规则",
        "carrier": "快递规则",
        "sla": "时效规则",
        "refund-tier": "退款审批规则",
    }
)

PERSONAL_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "plain": "已加密保存，这里只显示脱敏后的内容",
        "masked": "平台只给了脱敏信息",
        "encrypted": "平台加密，仅打单时由平台解密",
        "absent": "平台没有提供",
    }
)


def say(code: str) -> str:
    """A code in business words; text that is no code is returned as it is, without underscores."""
    known = CODES.get(code)
    return known if known is not None else code.replace("_", "-")


def channel(code: str) -> str:
    """A channel's name."""
    return CHANNELS.get(code) or say(code)


def quota(quota: str) -> str:
    """Why goods that lie there cannot be had: whose quota is used up, or which campaign keeps them."""
    name, campaign = quota.partition(":")[::2]
    if name == "campaign" and campaign:
        return f"其余留给活动 {campaign}"
    return "公共配额已用完" if quota == "shared" else f"{quota} 的配额已用完"


def warehouse(code: str) -> str:
    """A warehouse's name."""
    return WAREHOUSES.get(code) or say(code)


def stock_source(code: str) -> str:
    """Kind of system a stock sheet came from."""
    return STOCK_SOURCES.get(code) or say(code)


def carrier(code: str) -> str:
    """A carrier's name."""
    return CARRIERS.get(code) or say(code)


def flag(code: str) -> str:
    """A flag's name."""
    return FLAGS.get(code) or say(code)


def state(code: str) -> str:
    """A state's name."""
    return STATES.get(code) or say(code)


def rule(basis: str) -> str:
    """A rule reference `risk/default@1#row` → "风险规则 第 1 版 row"; "" for any other basis."""
    table, at, rest = basis.partition("@")
    if not at:
        return ""
    version, _, row = rest.partition("#")
    purpose = table.partition("/")[0]
    return f"{RULES.get(purpose) or say(purpose)} 第 {version} 版 {say(row)}".rstrip()


def local(at: datetime | None) -> str:
    """Shanghai time to the second: "2026-11-11 12:00:00"; "" for None."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def brief(at: datetime | None) -> str:
    """Shanghai time without year: "11-11 12:00:00"; "" for None."""
    return at.astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S") if at else ""


def minute(at: datetime | None) -> str:
    """Shanghai time to the minute: "11-11 12:00"; "" for None."""
    return at.astimezone(SHANGHAI).strftime("%m-%d %H:%M") if at else ""


def utc(at: datetime | None) -> str:
    """ISO 8601 in UTC, for a hover and for machines; "" for None."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""
