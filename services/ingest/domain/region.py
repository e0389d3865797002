"""Province, city and district as channels write them, made comparable without losing their words.

Guarantees: the three names stay the channel's own words; the code is two digits of GB/T 2260, or ""
when the province is not one of China's.
"""

from functools import lru_cache
from typing import NamedTuple

PROVINCES = {
    "11": "北京市", "12": "天津市", "13": "河北省", "14": "山西省", "15": "内蒙古自治区",
    "21": "辽宁省", "22": "吉林省", "23": "黑龙江省",
    "31": "上海市", "32": "江苏省", "33": "浙江省", "34": "安徽省", "35": "福建省", "36": "江西省",
    "37": "山东省", "41": "河南省", "42": "湖北省", "43": "湖南省", "44": "广东省",
    "45": "广西壮族自治区", "46": "海南省",
    "50": "重庆市", "51": "四川省", "52": "贵州省", "53": "云南省", "54": "西藏自治区",
    "61": "陕西省", "62": "甘肃省", "63": "青海省", "64": "宁夏回族自治区",
    "65": "新疆维吾尔自治区", "71": "台湾省", "81": "香港特别行政区", "82": "澳门特别行政区",
}  # fmt: skip
# Two characters tell the provinces apart ("内蒙" and "黑龙" included).
_CODES = {name[:2]: code for code, name in PROVINCES.items()}
_MUNICIPALITIES = frozenset({"11", "12", "31", "50"})


class Region(NamedTuple):
    """The channel's words after the fallbacks, and the province's code."""

    province: str
    city: str
    district: str
    province_code: str


@lru_cache(maxsize=4096)
def settle(province: str, city: str, district: str) -> Region:
    """Fill the gaps channels leave, so that routing always finds a city where there is one.

    - a municipality without a city, or with a district where the city belongs, is its own city;
    - a place without a city (济源, 东莞's towns) takes its district as the city.
    """
    province, city, district = province.strip(), city.strip(), district.strip()
    code = _CODES.get(province[:2], "") if len(province) > 1 else ""
    if code in _MUNICIPALITIES:
        if city and city[:2] != province[:2] and not city.startswith(("市辖", "县")):
            # One level is missing: JD writes 北京 / 朝阳区 / 三环以内.
            return Region(province, province, city, code)
        return Region(province, city or province, district, code)
    if not city and district:
        return Region(province, district, district, code)
    return Region(province, city, district, code)


def province_name(code: str) -> str:
    """Return the full name of a province code ("32" → "江苏省"), "" for an unknown one."""
    return PROVINCES.get(code, "")
