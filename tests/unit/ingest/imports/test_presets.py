"""Presets which come with Danshu, and a merchant's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cli.ingest import channels
from services.ingest.imports import presets
from services.ingest.imports.presets import Unusable
from tests.unit.ingest.imports.files import csv_file, orders_in

EXAMPLES = Path(__file__).parents[3] / "contract/examples/channels"
# Header as public exports show it → one row of each channel's export.
EXPORTS: dict[str, dict[str, Any]] = {
    "taobao": {
        "主订单编号": '="4012345678900010001"', "子订单编号": '="4012345678900010002"', "标题": "测试商品", "价格": "60",
        "购买数量": "2", "外部系统编号": "SKU-A", "商品属性": "颜色：红", "订单状态": "买家已付款，等待卖家发货",
        "买家应付货款": "100", "退款状态": "没有申请退款", "订单创建时间": "2026-05-20 09:31:30",
        "订单付款时间": "2026-05-20 09:31:40",
    },
    "jd": {
        "订单号": "290000000000001", "商品ID": "100000000001", "商品名称": "测试商品", "订购数量": "2", "支付方式": "在线支付",
        "下单时间": "2026-05-20 09:31:30", "京东价": "60", "订单金额": "120", "结算金额": "105", "应付金额": "105",
        "订单状态": "等待出库", "客户姓名": "测*", "客户地址": "浙江省杭州市西湖区测试路 1 号", "联系电话": "130****1234",
        "运费金额": "5", "付款确认时间": "2026-05-20 09:31:40", "货号": "SKU-A",
    },
    "pdd": {
        "订单成交时间": "2026-05-20 09:31:30", "商品": "测试商品", "订单号": "260520-000000000000001\t",
        "订单状态": "待发货", "商品总价(元)": "120", "邮费(元)": "5", "用户实付金额(元)": "105", "商家实收金额(元)": "105",
        "商品数量(件)": "2", "支付时间": "2026-05-20 09:31:40", "商品id": "754299529443", "样式ID": "1",
        "商家编码-规格维度": "SKU-A", "售后状态": "无售后或售后取消", "收货人": "测**",
    },
    "douyin": {
        "主订单编号": "6900000000000000001\t", "子订单编号": "6900000000000000002\t", "选购商品": "测试商品", "商品数量": "2",
        "商品ID": "3500000000000000001", "商家编码": "SKU-A", "商品单价": "60.00", "订单应付金额": "105.00", "运费": "5.00",
        "收件人": "测*", "省": "浙江省", "市": "杭州市", "区": "西湖区", "详细地址": "测试路****",
        "订单提交时间": "2026-05-20 09:31:30", "支付完成时间": "2026-05-20 09:31:40", "订单状态": "待发货", "售后状态": "-",
    },
    "kuaishou": {
        "订单号": "2605900000001", "订单创建时间": "2026-05-20 09:31:30", "支付时间": "2026-05-20 09:31:40",
        "订单状态": "待发货", "实付款": "105.00", "运费": "5.00", "商品名称": "测试商品", "成交数量": "2", "SKU编码": "SKU-A",
    },
    "wechat_channels": {
        "订单号": "3700000000000000001", "订单状态": "待发货", "订单下单时间": "2026-05-20 09:31:30",
        "支付时间": "2026-05-20 09:31:40", "订单实际支付金额": "105", "订单运费": "5", "商品名称": "测试商品",
        "商品编码(平台)": "10000001", "SKU编码(自定义)": "SKU-A", "商品数量": "2", "商品价格(单件)": "60",
        "商品实际价格(总共)": "100", "收件人姓名": "测试", "收件人手机": "13000001234", "省": "浙江省", "市": "杭州市",
        "区": "西湖区", "收件人地址": "测试路 1 号",
    },
    "xiaohongshu": {
        "订单号": "P700000000000000001", "订单状态": "待配货", "订单创建时间": "2026-05-20 09:31:30",
        "支付时间": "2026-05-20 09:31:40", "用户应付金额（元）": "105", "运费": "5", "商品名称": "测试商品",
        "商家编码": "SKU-A", "商品数量": "2", "商品总价（元）": "120",
    },
    "youzan": {
        "订单号": "E20260520093102000100001", "订单状态": "待发货", "订单创建时间": "2026-05-20 09:31:30",
        "买家付款时间": "2026-05-20 09:31:40", "订单实付金额": "105", "运费": "5", "商品名称": "测试商品", "规格编码": "SKU-A",
        "商品单价": "60", "商品数量": "2", "收货人/提货人": "测试", "收货人手机号/提货人手机号": "13000001234",
        "收货人省份": "浙江省", "收货人城市": "杭州市", "收货人地区": "西湖区", "详细收货地址/提货地址": "测试路 1 号",
    },
}  # fmt: skip
NUMBERS = {
    "taobao": '"tid(?:_str)?": ?"?([0-9]+)', "jd": '"orderId": ?"([0-9]+)', "pdd": '"order_sn": ?"([0-9-]+)',
    "douyin": '"order_id": ?"([0-9]+)', "kuaishou": '"oid": ?([0-9]+)', "wechat_channels": '"order_id": ?"([0-9]+)',
    "xiaohongshu": '"orderId": ?"(P[0-9]+)', "youzan": '"tid": ?"(E[0-9]+)',
}  # fmt: skip


def test_every_preset_is_of_a_channel_there_is() -> None:
    assert set(EXPORTS) == {*presets.known()} - {"generic"}
    for name in presets.known():
        assert presets.load(name).preset.channel in {*channels(), ""}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_channels_export_is_read_into_the_same_order(tmp_path: Path, name: str) -> None:
    row = EXPORTS[name]
    (order,) = orders_in(
        csv_file(tmp_path, [list(row), list(row.values())], encoding="gb18030"), name
    )
    assert order.state == "awaiting_shipment"
    (line,) = order.lines
    assert (line.merchant_sku, line.quantity, line.title) == ("SKU-A", 2, "测试商品")
    freight_fen = 0 if name == "taobao" else 500
    assert (order.payable_fen, order.freight_fen) == (10000 + freight_fen, freight_fen)
    assert line.payable_fen in {None, 10000}
    assert order.times.paid is not None


@pytest.mark.parametrize("name", EXPORTS)
def test_a_preset_takes_the_order_numbers_which_the_channel_itself_uses(name: str) -> None:
    pattern = re.compile(presets.load(name).preset.order_no)
    found = [
        number
        for path in (EXAMPLES / name).glob("*.json")
        if "expected" not in path.name and not path.name.startswith("error")
        for number in re.findall(NUMBERS[name], path.read_text())
    ]
    assert found
    assert [number for number in found if not pattern.match(number)] == []


def test_the_presets_of_a_channel_come_before_the_one_for_any() -> None:
    assert [one.name for one in presets.fitting("pdd")] == ["pdd", "generic"]
    assert [one.name for one in presets.fitting("pos")] == ["generic"]


def test_a_merchants_own_preset_is_a_file(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    text = (presets.FOLDER / "generic.toml").read_text(encoding="utf-8")
    own.write_text(text.replace('no = ["订单号"]', 'no = ["单号"]'), encoding="utf-8")
    assert presets.load(str(own)).preset.order.no == ("单号",)
    assert presets.load(str(own)).sha256 != presets.load("generic").sha256


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("[order]", "[order"), "Expected ']'"),
        (('no = ["订单号"]', ""), "missing required field `no` - at `$.order`"),
        (('no = ["订单号"]', "no = []"), "length >= 1 - at `$.order.no`"),
        (('"待发货" = "awaiting_shipment"', '"待发货" = "soon"'), "Invalid enum value 'soon'"),
        (("title =", "colour = 1\ntitle ="), "unknown field `colour`"),
        (("title =", "order_no = '['\ntitle ="), "unterminated character set"),
    ],
)
def test_a_preset_that_cannot_be_used_says_where(
    tmp_path: Path, change: tuple[str, str], why: str
) -> None:
    own = tmp_path / "own.toml"
    text = (presets.FOLDER / "generic.toml").read_text(encoding="utf-8")
    assert change[0] in text
    own.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(Unusable, match=re.escape(why)):
        presets.load(str(own))


def test_a_preset_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="没有名为 pd 的预设；现有：douyin、generic"):
        presets.load("pd")
    with pytest.raises(Unusable, match="读不了"):
        presets.load(str(tmp_path / "own.toml"))
