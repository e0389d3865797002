"""Why a channel was not told of something, and what is wrong with a payload, in business words.

Both are told in ingest's words, which stay behind ours where they carry a name or a number. What has no words is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from chassis.currency import amount_text
from schemas.events.quarantine import QuarantineProblem
from schemas.events.write_backs import WriteBackRefused
from services.console.words import say

NOBODY = "unsupported: there is nobody to tell"
"""Why a till or our own door was not told: nothing is wrong, and nobody has to do anything."""

_UNSUPPORTED = "unsupported: "
_BY_HAND = "请在平台后台处理"

UNSUPPORTED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"{pattern}\Z"), said)
    for pattern, said in (
        (r"carrier (\S*) has no (?:code|name|number) here", r"平台不认识快递公司 \1：请在平台后台手工发货"),
        (r"the channel has no call for another waybill", f"平台不能更换运单：{_BY_HAND}"),
        (r"the channel has no call that closes an order", f"平台没有关闭订单的接口：{_BY_HAND}"),
        (r"goods of the order have left there", "平台上已发货，不再关闭平台订单，无需处理"),
        (r"the channel takes no whole stock numbers", "平台不接收库存总数"),
        (r"the channel numbers its articles and SKUs", "商品编码不是平台的数字编码：请核对商品映射"),
        (r"the channel counts by SKU, and the listing names none", "商品没有平台的规格编码：请核对商品映射"),
        (r"the listing names no inventory item", "商品没有平台的库存编号：请核对商品映射"),
        (r"the shops file names no stock_location of this shop", "店铺配置里没有仓库地点 stock_location：请补上"),
        (r"the shop is not configured any more", "店铺配置已被移除"),
        (r"the refund was not asked for on the channel", "平台上没有这笔退款申请：不需要答复，退款请在平台后台登记"),
        (r"all of its lines were told with an earlier parcel", "这些商品已随前一个包裹告知平台，无需处理"),
        (
            r"the shop has no refusal_code: a number of the platform's reasons",
            "店铺没有配置拒绝原因编号 refusal_code：请补上，这一笔在平台后台处理",
        ),
        (r"the shop cannot say that a part has shipped", "商城不支持部分发货：全部发出后会告知"),
        (r"the shop knows one parcel an order", f"商城每单只有一个运单：{_BY_HAND}"),
        (r"JD took the whole order as shipped with its first parcel", "京东在第一个包裹发出时已把整单记为发货"),
        (r"(?:the refund|the request) carries no version", f"平台没有给出退款申请的版本号：{_BY_HAND}"),
        (r"the request's number is none", f"平台的退款申请号无法识别：{_BY_HAND}"),
        (r"after-sales (?:type|way) (\S*) needs a return address", f"售后类型 \\1 要填退货地址：{_BY_HAND}"),
        (r"after-sales type (\S*) gives no money back", f"售后类型 \\1 不退款：{_BY_HAND}"),
        (r"agreeing to a return has no documented call", f"平台没有同意退货的接口：{_BY_HAND}"),
        (r"a request in (?:status )?(\S*) is past refusing", f"退款申请已进入 \\1，不能再拒绝：{_BY_HAND}"),
        (r"the leader (?:agrees|answers) in the app", "要由团长在小程序里处理：请联系团长"),
        (r"a gift alone cannot be told", "单独的赠品无法告知平台"),
        (r"one of several parcels: the platform wants a number of its own", f"多包裹订单不能更换运单：{_BY_HAND}"),
        (r"parcels of an order that was split keep their numbers", f"拆单后的包裹不能更换运单：{_BY_HAND}"),
        (r"a parcel told beside the first keeps its number", f"追加的包裹不能更换运单：{_BY_HAND}"),
        (r"line (\S*) names no product and SKU", f"商品行 \\1 没有平台的商品编码：{_BY_HAND}"),
        (r"a line names no SKU", f"商品行没有平台的规格编码：{_BY_HAND}"),
    )
)  # fmt: skip
"""What a channel cannot be told, by ingest's words for it, and what a person does about it."""

_NOT_BY_A_PERSON = re.compile(r"not refused by a person \((\S*)\); answer it in the back office\Z")
"""Our books did not take a buyer's request."""

NOT_ASKED_THERE = f"{_UNSUPPORTED}the refund was not asked for on the channel"
NEED_NOBODY = frozenset(
    f"{_UNSUPPORTED}{why}"
    for why in (
        "all of its lines were told with an earlier parcel",
        "the shop cannot say that a part has shipped",
        "JD took the whole order as shipped with its first parcel",
        "a gift alone cannot be told",
        "goods of the order have left there",
    )
)
"""Why a channel was not told of what it knows already, hears with the last parcel, or has no place for."""
_PARCEL_NOT_TAKEN = "parcel_not_taken: "

PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "garbage": "报文无法解析",
        "bad_shape": "字段格式与平台文档不符",
        "not_an_order": "报文里没有订单",
        "channel_error": "平台返回错误",
        "detail_needed": "只有摘要，没有订单详情",
        "detail_gone": "平台一直查不到这个订单",
        "order_no_missing": "没有订单号",
        "order_no_malformed": "订单号格式不对",
        "order_no_reused": "同一订单号有两份不同内容",
        "sale_missing": "退货没有说明原订单",
        "shop_missing": "没有店铺",
        "lines_missing": "没有商品行",
        "line_id_missing": "商品行没有编号",
        "line_id_repeated": "商品行编号重复",
        "lines_cut": "商品行被平台截断",
        "sku_missing": "商品没有编码",
        "bad_quantity": "件数不对",
        "bad_amount": "金额无法识别",
        "negative_amount": "金额为负",
        "amount_missing": "缺少金额",
        "currency_unknown": "币种无法识别",
        "freight_above_total": "运费高于总额",
        "paid_above_payable": "实付高于应付",
        "lines_differ_from_total": "商品行合计与实付不符",
        "goods_differ_from_total": "商品合计与总额不符",
        "promotions_differ": "优惠合计不符",
        "state_unknown": "平台状态无法识别",
        "state_contradicts_payment": "状态与付款矛盾",
        "bad_time": "时间无法识别",
        "modified_missing": "没有修改时间",
        "receiver_missing": "没有可用的收货人",
        "receiver_lost": "收货人因编码错误损坏",
        "reservation_malformed": "预留编号格式不对",
        "receiver_mixed": "收货人明文、密文混杂",
    }
)
"""What is wrong with a payload."""

_AMOUNTS: Mapping[str, str] = MappingProxyType(
    {"total": "总额", "lines": "商品行", "freight": "运费", "payable": "应付", "paid": "实付"}
)
_TWO_AMOUNTS = re.compile(r"(\w+) (-?[0-9]+), (\w+) (-?[0-9]+)")
_GAVE_UP = re.compile(r"gave up after ([0-9]+) attempts: (.*)", re.DOTALL)
_REFUSED = re.compile(r"([^\s:]+): (.+)", re.DOTALL)


def needs_person(refused: WriteBackRefused) -> bool:
    """Whether somebody has to do something because the channel was not told.

    A new waybill of a parcel which the channel has not taken waits with that parcel. A refused refund that nobody had asked for on the
    channel needs no answer there; one that was paid has to be put down there by hand.
    """
    if refused.reason == NOT_ASKED_THERE:
        return refused.kind != "refund_refusal"
    return refused.reason not in NEED_NOBODY and not refused.reason.startswith(_PARCEL_NOT_TAKEN)


def not_told(reason: str) -> str:
    """Why a channel was not told; a platform's own words with its code behind them."""
    if reason.startswith(_UNSUPPORTED):
        why = reason.removeprefix(_UNSUPPORTED)
        for pattern, said in UNSUPPORTED:
            if found := pattern.match(why):
                return found.expand(said)
        if found := _NOT_BY_A_PERSON.match(why):
            return f"账上不能受理（{say(found[1])}），没有人审核过：{_BY_HAND}"
        return f"平台没有对应的接口：{why}"
    if found := _GAVE_UP.match(reason):
        return f"试了 {found[1]} 次，平台都没有可用的答复（{found[2]}）"
    if reason.startswith(_PARCEL_NOT_TAKEN):
        return "平台还没有收下这个包裹的发货"
    if found := _REFUSED.match(reason):
        return f"{found[2]}（{found[1]}）"
    return say(reason)


def titles(problems: Iterable[QuarantineProblem]) -> str:
    """What is wrong, each kind once: "没有可用的收货人；件数不对"."""
    return "；".join(dict.fromkeys(PROBLEMS.get(one.code, one.code) for one in problems))


def details(problems: Iterable[QuarantineProblem], currency: str | None) -> str:
    """The same with amounts that differ: "商品合计与总额不符（总额 ¥212.50，商品行 ¥69.80）"; fields are told to developers only."""
    return "；".join(
        dict.fromkeys(
            PROBLEMS.get(one.code, one.code) + _amounts(one.detail, currency) for one in problems
        )
    )


def _amounts(detail: str, currency: str | None) -> str:
    found = _TWO_AMOUNTS.fullmatch(detail)
    if found is None or not {found[1], found[3]} <= _AMOUNTS.keys():
        return ""
    one, other = (amount_text(int(fen), currency) for fen in (found[2], found[4]))
    return f"（{_AMOUNTS[found[1]]} {one}，{_AMOUNTS[found[3]]} {other}）"
