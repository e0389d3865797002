"""Files of listings: read whole, or refused with every row that is wrong."""

import pytest

from cli.csv_file import RowFault
from cli.ingest_listing import read_listings
from services.ingest.listings import WrittenListing

HEADER = "channel,shop,channel_sku_id,item_id,merchant_code\n"


def test_every_row_is_a_listing_by_its_row_number() -> None:
    content = HEADER + "taobao,s1,50012345678901234567,6001,TEA\n\njd,j1,100, ,CUP\n"
    assert read_listings(content.encode("utf-8-sig")) == {
        2: WrittenListing(
            channel="taobao",
            shop="s1",
            channel_sku_id="50012345678901234567",
            item_id="6001",
            merchant_code="TEA",
        ),
        4: WrittenListing(channel="jd", shop="j1", channel_sku_id="100", merchant_code="CUP"),
    }


@pytest.mark.parametrize(
    ("content", "row", "why"),
    [
        (b"", 1, "first row names"),
        (b"channel,shop\n", 1, "first row names"),
        (HEADER.encode(), 1, "no listing below"),
        (HEADER.encode() + b"taobao,s1,1\n", 2, "3 cells, 5 columns"),
        (HEADER.encode() + b"taobao,s1,1,2,\xff\n", 2, "not UTF-8"),
        (HEADER.encode() + b'taobao,s1,1,2,"x\n', 3, ""),
    ],
)
def test_what_cannot_be_read_is_named_by_row(content: bytes, row: int, why: str) -> None:
    faults = read_listings(content)
    assert isinstance(faults, tuple)
    assert isinstance(faults[0], RowFault)
    assert why in faults[0].why
    assert faults[0].row in {row, row - 1}
