import pytest

from chassis.regions import PROVINCES, province_short


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("浙江省", "浙江"),
        ("浙江", "浙江"),
        (" 上海市 ", "上海"),
        ("广西壮族自治区", "广西"),
        ("广西自治区", "广西"),
        ("内蒙古自治区", "内蒙古"),
        ("内蒙", "内蒙古"),
        ("黑龙江省", "黑龙江"),
        ("宁夏回族自治区", "宁夏"),
        ("新疆维吾尔自治区", "新疆"),
        ("香港特别行政区", "香港"),
        ("西藏自治区", "西藏"),
        ("", ""),
        ("海南藏族自治州", "海南藏族自治州"),
        ("吉林省吉林市", "吉林省吉林市"),
        ("California", "California"),
    ],
)
def test_a_province_has_one_short_name_whatever_its_suffix(text: str, short: str) -> None:
    assert province_short(text) == short


def test_there_are_34_provinces_and_each_is_its_own_short_name() -> None:
    assert len(set(PROVINCES)) == 34
    assert [province_short(name) for name in PROVINCES] == list(PROVINCES)
    assert [province_short(f"{name}省") for name in PROVINCES] == list(PROVINCES)
