"""From rows to orders: lines, sums, and every error by row and column."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from services.ingest.domain.model import LineRefundState, OrderSnapshotState
from services.ingest.imports import presets
from services.ingest.imports.document import ImportedOrder, decode, encode
from services.ingest.imports.presets import Unusable
from services.ingest.imports.rows import RefusedOrder, Survey
from services.ingest.imports.sheets import open_sheet
from tests.unit.ingest.imports.files import (
    NOW,
    csv_file,
    errors_in,
    orders_in,
    read,
    table,
    xlsx_file,
)

SECOND, THIRD = "900000000000000002", "900000000000000003"


def only(path: Path) -> ImportedOrder:
    (order,) = orders_in(path)
    return order


def wrong(folder: Path, **row: Any) -> list[tuple[int, str, str]]:
    """What is wrong with one order that has these cells."""
    return errors_in(csv_file(folder, table(row)))


def test_an_order_is_read_with_its_money_times_and_receiver(tmp_path: Path) -> None:
    order = only(csv_file(tmp_path, table({})))
    assert (order.order_no, order.state) == ("900000000000000001", "awaiting_shipment")
    assert (order.payable_fen, order.paid_fen, order.freight_fen) == (10500, 10500, 500)
    (line,) = order.lines
    assert (line.line_id, line.merchant_sku, line.quantity) == ("import-1", "SKU-A", 2)
    assert (line.unit_price_fen, line.payable_fen) == (6000, None)
    assert order.times.paid == datetime(2026, 5, 20, 1, 31, 40, tzinfo=UTC)
    assert (order.receiver.province, order.receiver.phone) == ("浙江省", "13000001234")
    assert order.evidence.rows[0].row == 2
    assert order.evidence.rows[0].cells["买家留言"] == "请用纸箱"
    assert decode(encode(order)) == order


def test_both_kinds_and_encodings_give_the_same_order(tmp_path: Path) -> None:
    rows = table({}, {"商家编码": "SKU-B", "数量": 1})
    files = [csv_file(tmp_path, rows, encoding=one) for one in ("utf-8", "utf-8-sig", "gb18030")]
    read_as = [only(file) for file in files] + [only(xlsx_file(tmp_path, rows))]
    assert len({encode((one.lines, one.receiver, one.times)) for one in read_as}) == 1


def test_rows_of_one_number_are_its_lines_wherever_they_stand(tmp_path: Path) -> None:
    rows = table(
        {"商家编码": "SKU-A"},
        {"订单号": SECOND},
        {"商家编码": "SKU-B", "数量": "3"},
        {"订单号": THIRD},
        {"商家编码": "SKU-C"},
    )
    orders = orders_in(csv_file(tmp_path, rows))
    assert [one.order_no for one in orders] == [SECOND, THIRD, "900000000000000001"]
    assert [line.merchant_sku for line in orders[2].lines] == ["SKU-A", "SKU-B", "SKU-C"]
    assert [line.line_id for line in orders[2].lines] == ["import-1", "import-2", "import-3"]
    assert [row.row for row in orders[2].evidence.rows] == [2, 4, 6]


def test_a_file_gives_the_same_entries_in_the_same_order_each_time(tmp_path: Path) -> None:
    rows = table({}, {"订单号": SECOND}, {"数量": "0"}, {"订单号": "x y"}, {"订单号": THIRD})
    path = csv_file(tmp_path, rows)
    assert read(path) == read(path)
    with Survey(open_sheet(path), presets.load("generic"), lambda _: None) as survey:
        assert list(survey.orders(NOW)) == list(survey.orders(NOW)) == read(path)


def test_what_is_told_once_an_order_may_be_left_out_of_its_other_rows(tmp_path: Path) -> None:
    later = dict.fromkeys(
        [
            "订单状态",
            "应付金额",
            "运费",
            "收件人",
            "手机号",
            "省",
            "市",
            "区",
            "详细地址",
            "买家留言",
        ],
        "",
    )
    order = only(csv_file(tmp_path, table({}, later | {"商家编码": "SKU-B"})))
    assert (order.payable_fen, order.freight_fen, len(order.lines)) == (10500, 500, 2)


def test_the_lines_own_amounts_add_up_where_no_total_is_told(tmp_path: Path) -> None:
    each = {"应付金额": "", "运费": "", "商品应付": "33.34"}
    order = only(csv_file(tmp_path, table(each, each | {"商家编码": "SKU-B", "商品应付": "66.66"})))
    assert (order.payable_fen, order.freight_fen) == (10000, 0)
    assert [line.payable_fen for line in order.lines] == [3334, 6666]


def test_without_a_price_the_only_line_costs_what_the_order_does(tmp_path: Path) -> None:
    order = only(
        csv_file(tmp_path, table({"单价": "", "应付金额": "100.00", "运费": "0", "数量": 3}))
    )
    assert order.lines[0].unit_price_fen == 3334, "rounded up; its discount takes the rest off"


@pytest.mark.parametrize(
    ("cells", "column", "why"),
    [
        ({"订单状态": "冻结"}, "订单状态", "预设不认识这个订单状态"),
        ({"订单状态": ""}, "订单状态", "预设不认识这个订单状态"),
        ({"数量": "两"}, "数量", "不是件数（1 到 1000000 的整数）"),
        ({"单价": "十元"}, "单价", "不是金额（元，最多两位小数）"),
        ({"应付金额": "-1"}, "应付金额", "金额是负数"),
        ({"应付金额": ""}, "应付金额", "没有金额"),
        ({"运费": "200.00"}, "运费", "运费比应付还多"),
        ({"商家编码": ""}, "商家编码", "没有商品编码，不知道是什么货"),
        ({"付款时间": "2026-13-01"}, "付款时间", "不是能确定的日期时间（如 2026-05-20 09:31:40）"),
        ({"下单时间": "2026-06-20 00:00:00"}, "下单时间", "在将来"),
        (
            {"商家编码": "1.23E+17"},
            "商家编码",
            "长数字被表格软件改成了科学计数，末几位已丢失：请重新导出，或把该列设为文本后再粘贴",
        ),
        ({"收件人": "#REF!"}, "收件人", "是表格软件的错误值 #REF!"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named(
    tmp_path: Path, cells: dict[str, str], column: str, why: str
) -> None:
    assert wrong(tmp_path, **cells) == [(2, column, why)]


def test_every_error_of_an_order_is_told_and_other_orders_go_on(tmp_path: Path) -> None:
    rows = table(
        {"数量": "0", "单价": "x"},
        {"商家编码": ""},
        {"订单号": SECOND},
        {"订单号": THIRD, "订单状态": "？"},
    )
    found = read(csv_file(tmp_path, rows))
    assert isinstance(found[0], RefusedOrder)
    where = [(error.row, error.column) for error in found[0].errors]
    assert where == [(2, "单价"), (2, "数量"), (3, "商家编码")]
    assert isinstance(found[1], ImportedOrder)
    assert isinstance(found[2], RefusedOrder)


def test_an_error_does_not_repeat_what_names_a_person(tmp_path: Path) -> None:
    (refused,) = read(csv_file(tmp_path, table({"收件人": "甲"}, {"收件人": "乙"})))
    assert isinstance(refused, RefusedOrder)
    (error,) = refused.errors
    assert (error.row, error.column, error.value) == (3, "收件人", "")
    assert "甲" not in error.why
    assert "乙" not in error.why


def test_rows_of_one_number_that_contradict_each_other_are_no_order(tmp_path: Path) -> None:
    rows = table({}, {"应付金额": "99.00", "订单状态": "已发货"})
    assert errors_in(csv_file(tmp_path, rows)) == [
        (3, "应付金额", "同一单的几行金额不一致：这一列不是整单金额，或几单用了同一个号"),
        (3, "订单状态", "同一单的几行不一致（前面是“待发货”）"),
    ]


def test_one_line_twice_is_no_order(tmp_path: Path) -> None:
    rows = table({"子订单号": "1"}, {"子订单号": "1"})
    assert errors_in(csv_file(tmp_path, rows)) == [(3, "子订单号", "子订单号与第 2 行相同")]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("", "没有订单号（合并的单元格请先取消合并并填满）"),
        ("合计", "不是该渠道的订单号（应符合 ^[0-9A-Za-z_\\-]{1,64}$）"),
        (
            "9.00E+17",
            "长数字被表格软件改成了科学计数，末几位已丢失：请重新导出，或把该列设为文本后再粘贴",
        ),
    ],
)
def test_a_row_without_a_number_also_refuses_the_order_above_it(
    tmp_path: Path, number: str, why: str
) -> None:
    rows = table({}, {"订单号": number, "商家编码": "SKU-B"}, {"订单号": SECOND})
    found = read(csv_file(tmp_path, rows))
    refused = [one for one in found if isinstance(one, RefusedOrder)]
    assert [(one.order_no, [e.row for e in one.errors]) for one in refused] == [
        ("900000000000000001", [2]),
        ("", [3]),
    ]
    assert refused[1].errors[0].why == why
    assert "可能是这一单的商品" in refused[0].errors[0].why
    assert [one.order_no for one in found if isinstance(one, ImportedOrder)] == [SECOND]


def test_merged_cells_refuse_the_order_instead_of_shipping_a_part_of_it(tmp_path: Path) -> None:
    path = xlsx_file(tmp_path, table({}, {"商家编码": "SKU-B"}))
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("A2:A3")
    book.save(path)
    assert [row for row, _, _ in errors_in(path)] == [2, 3]


def test_numbers_kept_as_numbers_by_a_spreadsheet_are_refused(tmp_path: Path) -> None:
    path = xlsx_file(tmp_path, table({"订单号": 4.01234567890001e18}, {"订单号": SECOND}))
    assert [(row, column) for row, column, _ in errors_in(path)] == [(2, "订单号")]


def test_a_computed_amount_is_refused(tmp_path: Path) -> None:
    path = xlsx_file(tmp_path, table({"应付金额": "=H2+1"}))
    assert errors_in(path) == [
        (2, "应付金额", "是公式，文件里没有可靠的值：请复制后“选择性粘贴为数值”")
    ]


def test_a_row_that_is_shifted_is_refused(tmp_path: Path) -> None:
    header, row = table({})
    path = csv_file(tmp_path, [header, [*row, "多", "出"]])
    assert errors_in(path) == [(2, "", "比表头多出 2 格，列可能错位（如逗号没有加引号）")]
    assert len(orders_in(csv_file(tmp_path, [header, [*row, "", ""]]))) == 1


def test_an_order_of_too_many_rows_is_refused_in_little_memory(tmp_path: Path) -> None:
    assert errors_in(csv_file(tmp_path, table(*[{}] * 600))) == [(2, "", "一单超过 500 行")]


def test_an_order_that_no_broker_would_take_is_refused(tmp_path: Path) -> None:
    row = {f"别的 {place}": "x" * 100_000 for place in range(6)}
    assert wrong(tmp_path, **row) == [(2, "", "一单的内容超过 512 KB")]


def test_a_header_may_stand_below_a_title(tmp_path: Path) -> None:
    header, row = table({})
    path = csv_file(tmp_path, [["订单导出", "", ""], ["说明：仅供内部使用"], [], header, row])
    (order,) = orders_in(path)
    assert order.evidence.rows[0].row == 5


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([["a", "b"], ["1", "2"]], "前 20 行里没有表头“订单号”"),
        (table(), "缺少：order.no"),
        (table({}), ""),
    ],
    ids=["another file", "no columns", "good"],
)
def test_a_file_is_measured_by_its_header(tmp_path: Path, rows: list[list[Any]], why: str) -> None:
    if not rows[0]:
        rows = [["订单号", "商品名称"], ["900000000000000001", "甲"]]
        why = "缺少：order.state（订单状态）；line.quantity（数量）；line.merchant_sku（商家编码、平台规格编号）；order.payable（应付金额、商品应付）"
    path = csv_file(tmp_path, rows)
    if not why:
        assert orders_in(path)
        return
    with pytest.raises(Unusable) as refused:
        read(path)
    assert why in str(refused.value)


def test_a_column_that_is_there_twice_is_not_guessed(tmp_path: Path) -> None:
    header, row = table({})
    path = csv_file(tmp_path, [[*header, "数量"], [*row, "7"]])
    with pytest.raises(Unusable, match="“数量”列出现了 2 次"):
        read(path)
    assert orders_in(csv_file(tmp_path, [[*header, "别的", "别的"], [*row, "7", "8"]]))


def test_headers_are_found_whatever_their_brackets_and_blanks(tmp_path: Path) -> None:
    header, row = table({})
    header = [f" {name}\t" if name != "数量" else "*数 量" for name in header]
    assert orders_in(csv_file(tmp_path, [header, row]))


def test_gibberish_of_another_encoding_finds_no_header(tmp_path: Path) -> None:
    path = csv_file(tmp_path, table({}), encoding="utf-8")
    path.write_bytes(
        path.read_text(encoding="utf-8")
        .encode("utf-8")
        .decode("gb18030", "ignore")
        .encode("gb18030")
    )
    with pytest.raises(Unusable):
        read(path, "pdd")


@pytest.mark.parametrize("rows", [[], [[]], [table({})[0]]])
def test_a_file_without_orders_says_so(tmp_path: Path, rows: list[list[Any]]) -> None:
    path = csv_file(tmp_path, rows) if rows else xlsx_file(tmp_path, [])
    with pytest.raises(Unusable, match="里没有"):
        for _ in read(path):
            pass


def test_a_refund_that_is_not_known_counts_as_open(tmp_path: Path) -> None:
    rows = table({"售后状态": "说不清"}, {"订单号": SECOND, "售后状态": "无"})
    first, second = orders_in(csv_file(tmp_path, rows))
    assert first.lines[0].refund is LineRefundState.UNKNOWN
    assert second.lines[0].refund is LineRefundState.NONE


def test_unpaid_orders_have_nothing_paid(tmp_path: Path) -> None:
    order = only(csv_file(tmp_path, table({"订单状态": "待付款", "付款时间": ""})))
    assert (order.state, order.payable_fen, order.paid_fen) == (OrderSnapshotState.UNPAID, 10500, 0)


def test_a_region_is_taken_out_of_an_address_that_has_it_all(tmp_path: Path) -> None:
    none = {"省": "", "市": "", "区": ""}
    whole = "江苏省 苏州市 姑苏区 测试路 2 号"
    rows = table(
        none | {"详细地址": whole}, {"订单号": SECOND, "详细地址": "浙江省杭州市西湖区测试路 3 号"}
    )
    first, second = orders_in(csv_file(tmp_path, rows))
    assert (first.receiver.province, first.receiver.city, first.receiver.district) == ("江苏省", "苏州市", "姑苏区")  # fmt: skip
    assert (first.receiver.address, second.receiver.address) == ("测试路 2 号", "测试路 3 号")


SURVEYED = """
import resource, sys
from pathlib import Path
from services.ingest.imports import presets
from services.ingest.imports.rows import Survey
from services.ingest.imports.sheets import open_sheet
from tests.unit.ingest.imports.files import NOW
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
with Survey(open_sheet(Path(sys.argv[1])), presets.load("generic"), lambda _: None) as survey:
    print(sum(len(order.lines) for order in survey.orders(NOW)), peak() - before)
"""


def test_a_hundred_thousand_rows_are_made_orders_of_in_bounded_memory(tmp_path: Path) -> None:
    header, row = table({})
    rows = ([f"9{place // 2:017d}1", *row[1:]] for place in range(100_000))
    path = csv_file(tmp_path, chain([header], rows))
    assert path.stat().st_size > 15 * 2**20
    done = subprocess.run(
        [sys.executable, "-c", SURVEYED, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[4],
    )
    lines, grown = map(int, done.stdout.split())
    assert (lines, grown < 60) == (100_000, True), grown
