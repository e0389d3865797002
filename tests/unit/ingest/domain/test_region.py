import pytest

from services.ingest.domain.region import settle


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        (("浙江省", "杭州市", "余杭区"), ("浙江省", "杭州市", "余杭区")),
        (("上海", "上海市", "浦东新区"), ("上海", "上海市", "浦东新区")),
        (("上海市", "", "浦东新区"), ("上海市", "上海市", "浦东新区")),
        (("北京", "朝阳区", "三环以内"), ("北京", "北京", "朝阳区")),
        (("重庆市", "县", "云阳县"), ("重庆市", "县", "云阳县")),
        (("河南省", "", "济源市"), ("河南省", "济源市", "济源市")),
        (("广东省", "东莞市", ""), ("广东省", "东莞市", "")),
        ((" 江苏 ", " 南京市", ""), ("江苏", "南京市", "")),
        (("", "", ""), ("", "", "")),
        (("Zhejiang", "Hangzhou", ""), ("Zhejiang", "Hangzhou", "")),
    ],
)
def test_gaps_are_filled_and_words_are_kept(
    given: tuple[str, str, str], settled: tuple[str, str, str]
) -> None:
    assert tuple(settle(*given)) == settled
