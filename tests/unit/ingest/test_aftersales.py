"""Pages which only name their after-sales requests become whole before they are kept."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chassis.clock import ManualClock
from services.ingest import aftersales
from services.ingest.channels import (
    AftersalePage,
    ChannelError,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
)
from services.ingest.channels.douyin import CHANNEL as DOUYIN
from services.ingest.channels.wechat_channels import CHANNEL as WECHAT
from services.ingest.shops import Shop
from tests.unit.ingest.channels.builders import NOW, encoded

SHOP = Shop(
    channel="wechat_channels", shop="s1", app_key="", app_secret="", access_token="", base_url=""
)
PAGE = AftersalePage(aftersales=(), unreadable=0, next_page=None, detail_needed=("1", "2"))


def poller() -> aftersales.AftersalesPoller:
    shared = SimpleNamespace(clock=ManualClock(NOW), outgoing=None)
    return aftersales.AftersalesPoller(cast("Any", shared), interval_s=1)


async def answered(outgoing: Any, request: HttpRequest, peer: str, call: str) -> HttpAnswer:
    named = b'"1"' in request.body
    number = "1" if named else "2"
    request_body = {
        "errcode": 0,
        "after_sale_order": {
            "after_sale_order_id": number,
            "order_id": "37",
            "status": "MERCHANT_PROCESSING",
            "type": "REFUND",
            "refund_info": {"amount": 990},
        },
    }
    return HttpAnswer(status=200, headers={}, body=encoded(request_body))


async def test_each_named_request_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aftersales, "send", answered)
    assert WECHAT.aftersales is not None
    page = await poller()._whole(SHOP, WECHAT.aftersales, PAGE)
    assert isinstance(page, AftersalePage)
    assert [asked.refund_no for asked in page.aftersales] == ["1", "2"]
    assert page.detail_needed == ()


async def test_one_that_cannot_be_fetched_stops_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    async def failed(*_: Any) -> ChannelError:
        return ChannelError(kind=ErrorKind.RETRY, code="timeout", detail="")

    monkeypatch.setattr(aftersales, "send", failed)
    assert WECHAT.aftersales is not None
    error = await poller()._whole(SHOP, WECHAT.aftersales, PAGE)
    assert isinstance(error, ChannelError)


async def test_a_page_of_whole_requests_stays_as_it_is() -> None:
    assert DOUYIN.aftersales is not None
    page = AftersalePage(aftersales=(), unreadable=1, next_page=None)
    assert await poller()._whole(SHOP, DOUYIN.aftersales, page) is page
