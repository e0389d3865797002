"""Province, city and district as channels write them, with the gaps filled that channels leave.

Guarantees: pure; the names stay the channel's own words ("江苏" and "江苏省" both occur):
`chassis.regions` makes provinces comparable where rules compare them.
"""

from functools import lru_cache
from typing import NamedTuple

from chassis.regions import province_short

_MUNICIPALITIES = frozenset({"北京", "天津", "上海", "重庆"})
# Levels between a municipality and its districts, in some channels' trees.
_BETWEEN = ("市辖区", "县")


class Region(NamedTuple):
    """The channel's words after the fallbacks."""

    province: str
    city: str
    district: str


@lru_cache(maxsize=4096)
def settle(province: str, city: str, district: str) -> Region:
    """Fill the gaps, so that routing finds a city wherever there is one.

    - a municipality without a city, or with a district where the city belongs, is its own city;
    - a place without a city (济源, a town of 东莞) takes its district as the city.
    """
    province, city, district = province.strip(), city.strip(), district.strip()
    if province_short(province) in _MUNICIPALITIES:
        if city and city[:2] != province[:2] and city not in _BETWEEN:
            # One level is missing: JD writes 北京 / 朝阳区 / 三环以内.
            return Region(province, province, city)
        return Region(province, city or province, district)
    return Region(province, city or district, district)
