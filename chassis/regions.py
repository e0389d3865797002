"""Provinces by the short names people use, whatever suffix a channel writes.

Guarantees: pure; every spelling of a province-level division of China found in channel payloads gives
one short name; text that is none of them comes back trimmed, so that a rule's default row decides.
"""

from typing import Final

PROVINCES: Final[tuple[str, ...]] = (
    *("北京", "天津", "上海", "重庆"),
    *("河北", "山西", "辽宁", "吉林", "黑龙江", "江苏", "浙江", "安徽", "福建", "江西", "山东"),
    *(
        "河南",
        "湖北",
        "湖南",
        "广东",
        "海南",
        "四川",
        "贵州",
        "云南",
        "陕西",
        "甘肃",
        "青海",
        "台湾",
    ),
    *("内蒙古", "广西", "西藏", "宁夏", "新疆"),
    *("香港", "澳门"),
)
# No two short names begin with the same two characters.
_BY_START: Final = {name[:2]: name for name in PROVINCES}
_SUFFIXES: Final = frozenset(
    {"", "省", "市", "自治区", "壮族自治区", "回族自治区", "维吾尔自治区", "维吾尔族自治区"}
    | {"特别行政区", "特區", "特区"}
)


def province_short(text: str) -> str:
    """Return the short name: "浙江省" → "浙江", "广西壮族自治区" → "广西", "内蒙" → "内蒙古"."""
    text = text.strip()
    name = _BY_START.get(text[:2])
    if name is None:
        return text
    rest = text.removeprefix(name) if text.startswith(name) else text[2:]
    return name if rest in _SUFFIXES else text
