"""Where a pick-up point is, when all a channel says is one line of address."""

import re
from typing import NamedTuple

from msgspec.structs import replace

from chassis.regions import PROVINCES
from services.ingest.domain.model import PiiKind, Receiver

_PROVINCE = re.compile(
    "^(" + "|".join(PROVINCES) + ")(省|市|壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区)?"
)
_CITY = re.compile(r"^[^\s区县]{1,8}?(?:市|自治州|地区|盟)")
_DISTRICT = re.compile(r"^[^\s市]{1,10}?(?:区|县|旗|市)")


class Place(NamedTuple):
    """A region, and what is left of the line."""

    province: str
    city: str
    district: str
    detail: str


def at_point(person: Receiver, address: str) -> Receiver:
    """Send a person's goods to a point, whose address is nobody's: it is clear beside a cipher or a mask, too."""
    known = person.pii is not PiiKind.ABSENT or not address
    return replace(person, address=address, pii=person.pii if known else PiiKind.PLAIN)


def place_of(line: str) -> Place:
    """Split a line which begins with a province; any other line is all detail."""
    line = line.strip()
    province = _PROVINCE.match(line)
    if province is None:
        return Place("", "", "", line)
    rest = line[province.end() :].lstrip()
    city, district = "", ""
    if (found := _CITY.match(rest)) is not None:
        city, rest = found[0], rest[found.end() :].lstrip()
    if (found := _DISTRICT.match(rest)) is not None:
        district, rest = found[0], rest[found.end() :].lstrip()
    return Place(province[0], city, district, rest)
