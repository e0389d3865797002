"""Pages which only name their after-sales requests become whole before they are kept."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from chassis.clock import ManualClock
from services.ingest import aftersales
from services.ingest.channels import (
    Aftersale,
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
    found, failed = await poller()._named(SHOP, WECHAT.aftersales, PAGE)
    assert [asked.refund_no for asked in found] == ["1", "2"]
    assert failed is None


@pytest.mark.parametrize(
    ("kind", "read"), [(ErrorKind.RETRY, ["2"]), (ErrorKind.THROTTLED, []), (ErrorKind.TOKEN, [])]
)
async def test_one_that_cannot_be_fetched_stops_the_others_only_where_it_is_about_the_shop(
    monkeypatch: pytest.MonkeyPatch, kind: ErrorKind, read: list[str]
) -> None:
    async def first_fails(
        outgoing: Any, request: HttpRequest, *named: str
    ) -> HttpAnswer | ChannelError:
        if b'"1"' in request.body:
            return ChannelError(kind=kind, code="timeout", detail="")
        return await answered(outgoing, request, *named)

    monkeypatch.setattr(aftersales, "send", first_fails)
    assert WECHAT.aftersales is not None
    found, failed = await poller()._named(SHOP, WECHAT.aftersales, PAGE)
    assert [asked.refund_no for asked in found] == read
    assert failed is not None
    assert failed.kind is kind


async def test_a_page_of_whole_requests_asks_for_nothing_more() -> None:
    assert DOUYIN.aftersales is not None
    page = AftersalePage(aftersales=(), unreadable=1, next_page=None)
    assert await poller()._named(SHOP, DOUYIN.aftersales, page) == ([], None)


class WeChat:
    """A platform that lists what changed in a window by number only, on a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.changed: dict[str, datetime] = {}
        self.read: list[str] = []
        self.gone: set[str] = set()
        self.calls_left: int | None = None
        """Details it answers before it throttles; None: any number."""

    async def send(
        self, _outgoing: Any, request: HttpRequest, *_: str
    ) -> HttpAnswer | ChannelError:
        asked = msgspec.json.decode(request.body)
        answer: dict[str, Any] = {"errcode": 0}
        if number := asked.get("after_sale_order_id"):
            if self.calls_left is not None:
                self.calls_left -= 1
                if self.calls_left < 0:
                    return ChannelError(kind=ErrorKind.THROTTLED, code="45011", detail="")
            self.read.append(number)
            if number not in self.gone:
                answer["after_sale_order"] = {
                    "after_sale_order_id": number,
                    "order_id": "37",
                    "status": "MERCHANT_REFUND_SUCCESS",
                    "update_time": int(self.changed[number].timestamp()),
                    "refund_info": {"amount": 990},
                }
        else:
            since, until = asked["begin_update_time"], asked["end_update_time"]
            answer["after_sale_order_id_list"] = [
                number
                for number, at in self.changed.items()
                if since <= int(at.timestamp()) <= until
            ]
        return HttpAnswer(status=200, headers={}, body=encoded(answer))

    def change(self, number: str) -> None:
        self.changed[number] = self.clock.now()


@pytest.fixture
def wechat(monkeypatch: pytest.MonkeyPatch) -> WeChat:
    wechat = WeChat()
    monkeypatch.setattr(aftersales, "send", wechat.send)
    return wechat


class Polling:
    """Polls the platform as the task does, with the watermark in memory."""

    def __init__(self, wechat: WeChat, monkeypatch: pytest.MonkeyPatch) -> None:
        self.until: datetime | None = None
        self.awaited: list[str] = []
        shared = SimpleNamespace(
            clock=wechat.clock, outgoing=None, pool=None, channels={"wechat_channels": WECHAT}
        )
        self.poller = aftersales.AftersalesPoller(cast("Any", shared), interval_s=15)

        async def read(*_: Any) -> datetime | None:
            return self.until

        async def keep(_pool: Any, _shop: Shop, until: datetime) -> None:
            self.until = until

        monkeypatch.setattr(aftersales, "aftersales_until", read)

        async def kept(*_: Any) -> None:
            """All it lists is closed."""

        async def awaited(
            _shared: Any, _shop: Shop, before: datetime, *, open_too: bool
        ) -> list[str]:
            assert before == wechat.clock.now() - aftersales.LOOK_BACK
            assert not open_too, "its lists go by the time of changing"
            return self.awaited

        monkeypatch.setattr(aftersales, "awaited", awaited)
        monkeypatch.setattr(aftersales, "keep_aftersales_until", keep)
        monkeypatch.setattr(aftersales, "keep_aftersales", kept)

    async def poll(self) -> None:
        assert await self.poller._poll(SHOP) is None

    async def poll_in_vain(self) -> None:
        assert await self.poller._poll(SHOP) is not None


async def test_an_unchanged_request_is_read_a_few_times_and_then_left_alone(
    wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    polling = Polling(wechat, monkeypatch)
    wechat.change("1")
    for _ in range(20):
        await polling.poll()
        wechat.clock.advance(15_000)
    assert 1 <= len(wechat.read) <= 4
    wechat.read.clear()
    wechat.change("1")
    wechat.change("2")
    await polling.poll()
    assert sorted(wechat.read) == ["1", "2"], "a change is read at once"


async def test_what_changed_in_a_long_outage_is_read_afterwards(
    wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    polling = Polling(wechat, monkeypatch)
    await polling.poll()
    wechat.clock.advance(3 * 3_600_000)
    wechat.change("1")
    wechat.clock.advance(40 * 3_600_000)
    await polling.poll()
    assert wechat.read == ["1"]


async def test_a_request_that_a_parcel_waits_for_is_read_every_five_minutes_though_no_list_has_it(
    wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    polling = Polling(wechat, monkeypatch)
    polling.awaited = ["7"]
    wechat.changed["7"] = NOW - 2 * aftersales.LOOK_BACK
    for _ in range(4 * 15):
        await polling.poll()
        wechat.clock.advance(15_000)
    assert wechat.read == ["7"] * 3


async def test_a_request_that_is_gone_holds_up_no_other(
    wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    polling = Polling(wechat, monkeypatch)
    wechat.change("1")
    wechat.change("2")
    wechat.gone.add("1")
    await polling.poll()
    assert wechat.read == ["1", "2"]
    assert polling.until == NOW


def test_windows_are_cut_at_the_maximum_and_at_the_mark() -> None:
    hour = timedelta(hours=1)
    at = NOW - 0.5 * hour
    cuts = [(w.since, w.until) for w in aftersales.cut(NOW - 3 * hour, NOW, 2 * hour, at)]
    assert cuts == [
        (NOW - 3 * hour, NOW - hour),
        (NOW - hour, at),
        (at, NOW),
    ]


async def test_polls_that_are_throttled_every_time_read_every_request_in_turn(
    wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    polling = Polling(wechat, monkeypatch)
    kept: list[str] = []

    async def keep(_pool: Any, _shop: Shop, found: Sequence[Aftersale]) -> None:
        kept.extend(one.refund_no for one in found)

    monkeypatch.setattr(aftersales, "keep_aftersales", keep)
    for number in range(9):
        wechat.change(str(number))
    for _ in range(3):
        wechat.calls_left = 3
        wechat.clock.advance(2_000)
        await polling.poll_in_vain()

    assert sorted(kept) == [str(number) for number in range(9)]
