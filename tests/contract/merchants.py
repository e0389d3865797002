"""A merchant at a simulated marketplace, calling through its channel and without a socket."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

from chassis.plugins import load
from services.ingest.channels import (
    Aftersale,
    AftersalePage,
    Aftersales,
    Channel,
    Credentials,
    HttpAnswer,
    HttpRequest,
    Page,
    PageToken,
    PollWindow,
    PushRequest,
    RawOrder,
)
from services.ingest.domain.model import CanonicalOrder, Normalised
from simulators.doors import Call
from simulators.orders import Shop
from simulators.pushes import Posting
from simulators.simulation import Simulation

CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)
PAGES_MAX = 50
SETTLED_AFTER_MS = 4 * 60_000
"""After so long every platform answers for what happened."""


def call_of(request: HttpRequest) -> Call:
    url = urlsplit(request.url)
    return Call(
        method=request.method,
        path=unquote(url.path),
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers},
        body=request.body,
    )


def pushed(posting: Posting, at: datetime) -> PushRequest:
    headers = {name.lower(): value for name, value in posting.headers.items()}
    return PushRequest(headers=headers, query=posting.query, body=posting.body, at=at)


class Merchant:
    """One shop of a simulated marketplace, reached through its channel."""

    def __init__(self, simulation: Simulation, shop: Shop) -> None:
        self.simulation = simulation
        self.shop = shop
        self.channel = CHANNELS[shop.channel]
        self.credentials = Credentials(
            app_key=shop.app_key,
            app_secret=shop.app_secret,
            access_token=shop.access_token,
            base_url="http://127.0.0.1:1",
            push_secret=shop.push_secret,
            push_token=shop.push_token,
        )

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.simulation.clock() / 1000, UTC)

    @property
    def window(self) -> PollWindow:
        # What is done to an order in the very moment gets the seconds after it, one each.
        until = self.now + timedelta(seconds=30)
        return PollWindow(since=until - timedelta(minutes=29), until=until)

    def send(self, request: HttpRequest) -> HttpAnswer:
        answer = self.simulation.servers[self.shop.channel].answer(call_of(request))
        return HttpAnswer(status=answer.status, headers=answer.headers, body=answer.body)

    def detail(self, order_no: str) -> RawOrder:
        assert self.channel.detail_request is not None
        request = self.channel.detail_request(self.credentials, order_no, self.now)
        raw = self.channel.read_detail(self.send(request))
        assert isinstance(raw, RawOrder), raw
        return raw

    def page(self, token: PageToken | None) -> Page:
        assert self.channel.poll_request is not None
        request = self.channel.poll_request(self.credentials, self.window, token, self.now)
        page = self.channel.read_page(self.send(request), token)
        assert isinstance(page, Page), page
        return page

    def raws(self) -> list[RawOrder]:
        """Read all pages, and fetch what they only name."""
        found: list[RawOrder] = []
        token: PageToken | None = None
        for _ in range(PAGES_MAX):
            page = self.page(token)
            found += page.orders
            found += [self.detail(row.order_no) for row in page.detail_needed]
            token = page.next_page
            if token is None:
                return found
        message = "paging does not end"
        raise AssertionError(message)

    def poll(self) -> dict[str, Normalised]:
        found: dict[str, Normalised] = {}
        for raw in self.raws():
            (found[raw.order_no],) = self.channel.normalise(raw.body)
        return found

    def order(self, order_no: str) -> CanonicalOrder:
        (found,) = self.channel.normalise(self.detail(order_no).body)
        assert found.order is not None
        return found.order

    def asked(self, calls: Aftersales) -> list[Aftersale]:
        """Read all pages of after-sales requests, and fetch what they only name."""
        found: list[Aftersale] = []
        token: PageToken | None = None
        for _ in range(PAGES_MAX):
            request = calls.poll_request(self.credentials, self.window, token, self.now)
            page = calls.read_page(self.send(request), token)
            assert isinstance(page, AftersalePage), page
            assert page.unreadable == 0
            found += [*page.aftersales, *(self._asked(calls, no) for no in page.detail_needed)]
            token = page.next_page
            if token is None:
                return found
        message = "paging does not end"
        raise AssertionError(message)

    def _asked(self, calls: Aftersales, refund_no: str) -> Aftersale:
        assert calls.detail_request is not None
        assert calls.read_detail is not None
        request = calls.detail_request(self.credentials, refund_no, self.now)
        found = calls.read_detail(self.send(request))
        assert isinstance(found, Aftersale), found
        return found
