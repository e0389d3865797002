"""Records of the domain `orders`. Generated from schemas/avro/orders/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class DouyinExtension(Struct, frozen=True, kw_only=True):
    """抖音小店扩展 · what only this channel tells."""

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
    promised_ship_at: datetime | None = None
    """承诺发货时间 · the latest time to ship"""
    balance_due_at: datetime | None = None
    """尾款截止时间 · until when the balance of a presale can be paid"""


class GroupbuyExtension(Struct, frozen=True, kw_only=True):
    """社区团购扩展 · what only this channel tells."""

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


class JdExtension(Struct, frozen=True, kw_only=True):
    """京东扩展 · what only this channel tells."""

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


class KuaishouExtension(Struct, frozen=True, kw_only=True):
    """快手小店扩展 · what only this channel tells."""

    seller_nick: str
    """店铺昵称"""
    distributor_id: str
    """推广者编号"""
    distributor_name: str
    """推广者昵称 · the influencer's public name"""
    cps_type: str
    """分销类型 · 1 none, 2 sold by an influencer"""
    pre_sale: bool
    """预售"""
    risk_code: str
    """风控码 · empty = none"""
    virtual_kind: str
    """虚拟商品类型 · set where nothing is shipped (vouchers, top-ups)"""
    activity_type: str
    """活动类型"""
    pay_channel: str
    """支付渠道 · ALIPAY, WECHAT, …"""
    promised_ship_at: datetime | None = None
    """承诺发货时间 · the latest time to ship"""
    promised_delivery_at: datetime | None = None
    """承诺送达时间"""


class PddExtension(Struct, frozen=True, kw_only=True):
    """拼多多扩展 · what only this channel tells."""

    tags: tuple[str, ...]
    """订单标签 · the marks that are set"""
    seller_flag: int
    """备注标记 · 0 none, 1–5 red to purple"""
    group_status: str
    """成团状态 · 0 grouping, 1 complete, 2 failed"""
    deposit_order: bool
    """定金订单"""
    pre_sale: bool
    """预售"""
    lottery: bool
    """抽奖订单"""
    pick_up: bool
    """自提"""
    wholesale: bool
    """多多批发"""
    sf_free: bool
    """顺丰包邮 · has to go by SF"""
    next_day: bool
    """一天内发货 · has to leave within a day"""
    consolidate_type: str
    """集运类型"""
    market_type: str
    """市场业务类型"""
    inner_transaction_id: str
    """支付申报编号 · for customs"""
    pay_type: str
    """支付方式 · WEIXIN, ALIPAY, …"""
    service_fee_fen: int
    """服务费(分) · paid services beside the goods"""
    promised_ship_at: datetime | None = None
    """承诺发货时间 · the latest time to ship"""


class PosPayment(Struct, frozen=True, kw_only=True):
    """支付 · one of the payments of a receipt."""

    method: str
    """方式 · WECHAT, CASH, …"""
    fen: int
    """金额(分)"""
    transaction_no: str
    """交易号"""


class PosWeighed(Struct, frozen=True, kw_only=True):
    """称重 · a line sold by weight: one piece of the order."""

    line_id: str
    """行号"""
    quantity: str
    """重量 · the till's own decimal text"""
    unit: str
    """单位"""
    unit_price_fen: int
    """单价(分)"""


class PosExtension(Struct, frozen=True, kw_only=True):
    """门店收银扩展 · what only this channel tells."""

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
    payments: tuple[PosPayment, ...]
    """支付明细"""
    weighed: tuple[PosWeighed, ...]
    """称重明细"""
    content_hash: str
    """小票指纹 · equal for equal receipts: an upload after an outage repeats it, a number used twice does not"""


class ShopifyExtension(Struct, frozen=True, kw_only=True):
    """Shopify 独立站扩展 · what only this channel tells."""

    name: str
    """店铺订单号 · the number which the buyer sees"""
    source_name: str
    """来源 · web, pos, …"""
    tags: tuple[str, ...]
    """标签"""
    gateways: tuple[str, ...]
    """支付网关"""
    coupon_codes: tuple[str, ...]
    """优惠码"""
    country_code: str
    """国家代码"""
    province_code: str
    """省代码"""
    cancel_reason: str
    """取消原因 · customer, fraud, inventory, …"""
    tax_fen: int
    """税费(分) · in the order's freight where it comes on top of its goods"""
    tip_fen: int
    """小费(分) · in the order's freight"""
    shipping_discount_fen: int
    """运费优惠(分) · off the freight already"""
    refunded_fen: int
    """已退(分)"""


class TaobaoExtension(Struct, frozen=True, kw_only=True):
    """淘宝/天猫扩展 · what only this channel tells."""

    trade_type: str
    """交易类型 · fixed, step (presale), cod, …"""
    pre_sale: bool
    """预售 · whether it is a presale in steps"""
    step_trade_status: str
    """分阶段付款状态 · FRONT_PAID_FINAL_NOPAID: the balance is open"""
    trade_from: str
    """交易来源 · WAP, JHS, …"""
    seller_flag: int
    """卖家旗标 · 0 none, 1–5 red, yellow, green, blue, purple"""
    adjust_fen: int
    """手工改价(分) · what the seller changed by hand, negative = lowered"""
    coupon_fen: int
    """红包(分) · coupons of the platform"""
    platform_subsidy_fen: int
    """平台补贴(分)"""
    o2o_guide_id: str
    """导购员编号"""
    promised_ship_at: datetime | None = None
    """承诺发货时间 · the latest time to ship, where a time is promised"""
    promised_ship_minutes: int | None = None
    """付款后承诺发货(分钟) · where so long after the payment is promised"""


class WechatExtension(Struct, frozen=True, kw_only=True):
    """微信小店扩展 · what only this channel tells."""

    finder_id: str
    """视频号编号"""
    finder_name: str
    """视频号昵称 · the influencer's public name"""
    live_id: str
    """直播编号"""
    order_scene: str
    """下单场景 · 2 live, 3 video, …"""
    commission_fen: int
    """佣金(分) · all influencers and leaders together"""
    user_coupon_id: str
    """优惠券编号"""
    payment_method: str
    """支付方式 · 2 pays later, 3 lottery, 4 points"""
    ewaybill_order_code: str
    """电子面单订单码"""
    promised_ship_at: datetime | None = None
    """承诺发货时间 · the earliest deadline of any line"""


class WooCommerceExtension(Struct, frozen=True, kw_only=True):
    """WooCommerce 独立站扩展 · what only this channel tells."""

    number: str
    """店铺订单号 · what the buyer sees; plug-ins make it differ from the order's id"""
    created_via: str
    """下单途径 · checkout, admin, …"""
    payment_method: str
    """支付方式"""
    coupon_codes: tuple[str, ...]
    """优惠码"""
    country: str
    """国家代码"""
    province_code: str
    """省代码"""
    tax_fen: int
    """税费(分)"""
    fees_fen: int
    """附加费(分) · in the order's freight"""
    refunded_fen: int
    """已退(分) · per line the order does not say"""


class XiaohongshuExtension(Struct, frozen=True, kw_only=True):
    """小红书扩展 · what only this channel tells."""

    order_type: str
    """订单类型 · 1 normal, 2 deposit, 3 full presale, 4 delayed, 5 exchange"""
    pre_sale: bool
    """预售 · with a deposit or paid in full"""
    original_order_no: str
    """原订单号 · set on parcels sent in exchange"""
    seller_flag: int
    """商家标记 · 0 none"""
    logistics: str
    """物流模式 · red_auto, …"""
    payment_type: str
    """支付方式 · 1 Alipay, 2 WeChat, …"""
    deposit_fen: int
    """定金(分)"""
    merchant_receives_fen: int
    """商家应收(分) · paid, deposit and the platform's share"""
    promised_ship_at: datetime | None = None
    """承诺发货时间 · the latest time to ship"""


class YouzanExtension(Struct, frozen=True, kw_only=True):
    """有赞扩展 · what only this channel tells."""

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
    star: str
    """商家标星 · 0 none"""
    pick_up_point: str
    """自提点"""


class ChannelExtension(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """渠道扩展 · the record of the order's channel; all others are null."""

    douyin: DouyinExtension | None = None
    """抖音小店"""
    groupbuy: GroupbuyExtension | None = None
    """社区团购"""
    jd: JdExtension | None = None
    """京东"""
    kuaishou: KuaishouExtension | None = None
    """快手小店"""
    pdd: PddExtension | None = None
    """拼多多"""
    pos: PosExtension | None = None
    """门店收银"""
    shopify: ShopifyExtension | None = None
    """Shopify 独立站"""
    taobao: TaobaoExtension | None = None
    """淘宝/天猫"""
    wechat_channels: WechatExtension | None = None
    """微信小店"""
    woocommerce: WooCommerceExtension | None = None
    """WooCommerce 独立站"""
    xiaohongshu: XiaohongshuExtension | None = None
    """小红书"""
    youzan: YouzanExtension | None = None
    """有赞"""


class OrderAmended(Struct, frozen=True, kw_only=True):
    """订单已变更 · a newer snapshot differs; carries all values that may change."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderAmended"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    changed: tuple[str, ...]
    """变更字段 · names of the fields below that changed"""
    channel_state: str
    """平台原始状态"""
    province: str
    """省 · as the channel writes it"""
    city: str
    """市"""
    district: str
    """区县"""
    personal: bytes
    """个人信息密文 · AES-256-GCM block with name, phone, address, memos; key per order"""
    personal_kind: str
    """个人信息形态 · plain, masked, encrypted or absent"""
    receiver_key: str
    """收件人标识 · keyed hash for equality only"""
    address_vague: bool
    """地址模糊 · the address looks provisional"""
    hold: str
    """平台冻结原因 · empty = none"""
    extension: ChannelExtension | None = None
    """渠道扩展 · what only this channel tells; null = nothing: an imported order, or one told before these were"""
    balance_open: bool | None = None
    """尾款未付 · the buyer has paid a deposit and owes the balance; null = no"""
    receiver_digest: str | None = None
    """收件人摘要 · as in OrderPlaced; null = nothing new is told of the receiver, or it is the same snapshot read again"""


class OrderCancelled(Struct, frozen=True, kw_only=True):
    """订单已取消 · the channel closed the order."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderCancelled"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    reason: str
    """原因 · code"""
    refunded_by_channel: bool
    """平台已退款 · the channel has already returned the money"""


class MappedFrom(Struct, frozen=True, kw_only=True):
    """SKU映射 · the channel's line behind one of ours, where a mapping made it."""

    channel_line_no: int
    """平台行序 · position among the channel's lines, from 1; equal for all components of one bundle"""
    merchant_code: str
    """平台商家编码 · the code the channel told; empty = none"""
    quantity: int
    """平台件数 · pieces as the channel counts them, of bundles for instance"""
    mapping_id: int
    """映射编号 · which mapping it was, as it then stood"""


class NoMatch(Struct, frozen=True, kw_only=True):
    """未匹配 · why a line has no SKU of ours."""

    reason: str
    """原因 · code: no_merchant_code or unknown_sku"""
    merchant_code: str
    """平台商家编码 · the code the channel told; empty = none"""


class OrderLine(Struct, frozen=True, kw_only=True):
    """订单行 · one line of goods."""

    line_no: int
    """行号 · from 1"""
    channel_line_id: str
    """平台子订单号"""
    channel_sku_id: str
    """平台SKU"""
    sku: str
    """商家SKU · own SKU code"""
    title: str
    """商品名称"""
    quantity: int
    """件数 · pieces"""
    unit_price_fen: int
    """单价(分)"""
    discount_fen: int
    """行优惠(分)"""
    paid_fen: int
    """行实付(分) · this line's share of what was paid, without freight"""
    is_gift: bool
    """是否赠品"""
    mapped: MappedFrom | None = None
    """映射来源 · null = the line is the channel's own, and its merchant code is the SKU"""
    unmatched: NoMatch | None = None
    """未匹配 · set where the line has no SKU (sku is empty) and the order waits for a mapping"""


class OrderLinesMatched(Struct, frozen=True, kw_only=True):
    """订单行已匹配 · every line of an order that waited has one of our SKUs now; these lines stand in place of those it was placed with."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderLinesMatched"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    lines: tuple[OrderLine, ...]
    """商品行 · all of them"""
    discount_fen: int
    """优惠合计(分) · in place of the discount it was placed with"""


class OrderPaid(Struct, frozen=True, kw_only=True):
    """订单已付款 · the channel reports the payment."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderPaid"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    paid_fen: int
    """实付(分) · with freight"""
    collect_fen: int | None = None
    """货到付款(分) · what the carrier still has to collect at the door; null = nothing"""


class Promotion(Struct, frozen=True, kw_only=True):
    """优惠 · one promotion."""

    name: str
    """名称"""
    amount_fen: int
    """金额(分)"""
    borne_by: str
    """承担方 · seller, platform, influencer or unknown"""


class Payment(Struct, frozen=True, kw_only=True):
    """付款 · what the buyer paid."""

    paid_at: datetime
    """付款时间 · UTC"""
    paid_fen: int
    """实付(分) · with freight"""
    collect_fen: int | None = None
    """货到付款(分) · what the carrier still has to collect at the door; null = nothing"""


class OrderPlaced(Struct, frozen=True, kw_only=True):
    """订单已下单 · a channel order seen for the first time, paid already or not."""

    TOPIC: ClassVar[str] = "orders"
    FULL_NAME: ClassVar[str] = "danshu.orders.OrderPlaced"

    order_id: str
    """订单号 · our order id, the Kafka key"""
    version: int
    """序号 · position in this aggregate's stream on this topic, from 1"""
    occurred_at: datetime
    """发生时间 · when it happened, UTC"""
    channel: str
    """渠道 · channel name, e.g. taobao"""
    shop: str
    """店铺"""
    channel_order_no: str
    """平台订单号"""
    channel_state: str
    """平台原始状态"""
    accepted_at: datetime
    """接收时间 · when the door accepted the payload, UTC"""
    lines: tuple[OrderLine, ...]
    """商品行"""
    payable_fen: int
    """应付(分) · what the buyer has to pay in all, with freight"""
    freight_fen: int
    """运费(分)"""
    discount_fen: int
    """优惠合计(分)"""
    currency: str
    """币种 · ISO 4217"""
    promotions: tuple[Promotion, ...]
    """优惠明细"""
    province: str
    """省 · as the channel writes it"""
    city: str
    """市"""
    district: str
    """区县"""
    personal: bytes
    """个人信息密文 · AES-256-GCM block with name, phone, address, memos; key per order"""
    personal_kind: str
    """个人信息形态 · plain, masked, encrypted or absent"""
    receiver_key: str
    """收件人标识 · keyed hash for equality only"""
    address_vague: bool
    """地址模糊 · the address looks provisional"""
    hold: str
    """平台冻结原因 · why the channel forbids shipping now; empty = none"""
    problems: tuple[str, ...]
    """存疑 · contradictions the payload carries, codes"""
    ship_by: datetime | None = None
    """最晚发货时间"""
    payment: Payment | None = None
    """付款 · set where the order was paid before we first saw it; no OrderPaid follows then"""
    extension: ChannelExtension | None = None
    """渠道扩展 · what only this channel tells; null = nothing: an imported order, or one told before these were"""
    reservation_id: str | None = None
    """预留号 · the reservation of an own store or a till whose goods this order takes over; null = none is named"""
    handed_over: bool | None = None
    """柜台交付 · the goods left over the counter with the buyer: nothing is to be shipped; null = no"""
    balance_open: bool | None = None
    """尾款未付 · the buyer has paid a deposit and owes the balance; null = no"""
    closable: bool | None = None
    """可由商家关单 · a seller can close the order on its channel, so that one nobody pays is closed by us; null = no, the channel does it"""
    receiver_digest: str | None = None
    """收件人摘要 · keyed hash over all that tells the receiver, ciphers too, without the memos; null = nothing does"""


RECORDS: tuple[type[Struct], ...] = (
    OrderAmended,
    OrderCancelled,
    OrderLinesMatched,
    OrderPaid,
    OrderPlaced,
)
