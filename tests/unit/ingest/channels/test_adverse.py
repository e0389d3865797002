"""Each channel against payloads that were written from its public facts, not from its samples."""

import pytest

from services.ingest.channels import Channel
from services.ingest.channels.jd import CHANNEL as JD
from services.ingest.channels.pdd import CHANNEL as PDD
from services.ingest.channels.taobao import CHANNEL as TAOBAO
from tests.unit.ingest.channels.adverse import jd, pdd, taobao
from tests.unit.ingest.channels.adverse.case import Case, assert_means

CASES = [
    (channel, case)
    for channel, module in ((TAOBAO, taobao), (JD, jd), (PDD, pdd))
    for case in module.CASES
]


@pytest.mark.parametrize(
    ("channel", "case"), CASES, ids=[f"{channel.name}-{case.name}" for channel, case in CASES]
)
def test_a_payload_means_what_the_facts_say(channel: Channel, case: Case) -> None:
    assert_means(channel, case)
