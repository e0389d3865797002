"""Each channel against payloads that were written from its public facts, not from its samples."""

import pytest

from services.ingest.channels import Channel
from services.ingest.channels.douyin import CHANNEL as DOUYIN
from services.ingest.channels.jd import CHANNEL as JD
from services.ingest.channels.kuaishou import CHANNEL as KUAISHOU
from services.ingest.channels.pdd import CHANNEL as PDD
from services.ingest.channels.taobao import CHANNEL as TAOBAO
from services.ingest.channels.wechat_channels import CHANNEL as WECHAT
from tests.unit.ingest.channels.adverse import (
    douyin,
    jd,
    kuaishou,
    pdd,
    taobao,
    wechat_channels,
)
from tests.unit.ingest.channels.adverse.case import Case, assert_means

BY_CHANNEL = (
    (TAOBAO, taobao.CASES),
    (JD, jd.CASES),
    (PDD, pdd.CASES),
    (DOUYIN, douyin.CASES),
    (KUAISHOU, kuaishou.CASES),
    (WECHAT, wechat_channels.CASES),
)
CASES = [(channel, case) for channel, cases in BY_CHANNEL for case in cases]


@pytest.mark.parametrize(
    ("channel", "case"), CASES, ids=[f"{channel.name}-{case.name}" for channel, case in CASES]
)
def test_a_payload_means_what_the_facts_say(channel: Channel, case: Case) -> None:
    assert_means(channel, case)
