"""A merchant at a simulated marketplace, calling through its channel and without a socket."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.routing import Match, Route

from chassis.plugins import load
from services.ingest.aftersales import LOOK_BACK
from services.ingest.channels import (
    Aftersale,
    Aftersales,
    Channel,
    ChannelError,
    Credentials,
    HttpAnswer,
    HttpRequest,
    NewWaybill,
    Page,
    PageToken,
    PollWindow,
    PushRequest,
    RawOrder,
    Shipment,
    WriteBack,
)
from services.ingest.domain.model import CanonicalOrder, Normalised
from simulators.app import taker
from simulators.doors import Answer, Call
from simulators.marketplaces import Server
from simulators.orders import Shop
from simulators.pushes import Posting
from simulators.registry import MARKETPLACES, SHOPS
from simulators.simulation import Simulation

CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)
ANSWERED = tuple(shop for shop in SHOPS if MARKETPLACES[shop.channel].settles_after_ms is None)
"""Here the merchant answers claims by a call."""
OWN = tuple(shop for shop in SHOPS if MARKETPLACES[shop.channel].settles_after_ms is not None)
"""Here the shop's own people pay back."""
T = TypeVar("T")
PAGES_MAX = 50
SETTLED_AFTER_MS = 4 * 60_000
"""After so long every platform answers for what happened."""


def call_of(request: HttpRequest) -> Call:
    url = urlsplit(request.url)
    return Call(
        method=request.method,
        path=unquote(url.path),
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers={"host": url.netloc} | {name.lower(): value for name, value in request.headers},
        body=request.body,
    )


def server_behind(app: Starlette, call: Call) -> Server:
    """Return the server which a call reaches by its path, and by what it says where two share it."""
    scope = {"type": "http", "method": call.method, "path": call.path}
    (route,) = [
        route
        for route in app.routes
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL
    ]
    assert isinstance(route.endpoint, partial)
    return taker(route.endpoint.args[0], call).server


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
            stock_location=shop.stock_location,
            refusal_code=shop.refusal_code,
        )

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.simulation.clock() / 1000, UTC)

    @property
    def window(self) -> PollWindow:
        # What is done to an order in the very moment gets the seconds after it, one each.
        until = self.now + timedelta(seconds=30)
        return PollWindow(since=until - timedelta(minutes=29), until=until)

    def served(self, request: HttpRequest) -> Answer:
        return self.simulation.servers[self.shop.channel].answer(call_of(request))

    def send(self, request: HttpRequest) -> HttpAnswer:
        answer = self.served(request)
        return HttpAnswer(status=answer.status, headers=answer.headers, body=answer.body)

    def ask(self, request: HttpRequest, read: Callable[[HttpAnswer], T | ChannelError]) -> T:
        found = read(self.send(request))
        assert not isinstance(found, ChannelError), found
        return found

    def detail(self, order_no: str) -> RawOrder:
        assert self.channel.detail_request is not None
        request = self.channel.detail_request(self.credentials, order_no, self.now)
        return self.ask(request, self.channel.read_detail)

    def page(self, token: PageToken | None, window: PollWindow | None = None) -> Page:
        """Ask for a page of the window, or of the one that ends now."""
        assert self.channel.poll_request is not None
        asked = window or self.window
        request = self.channel.poll_request(self.credentials, asked, token, self.now)
        return self.ask(request, lambda answer: self.channel.read_page(answer, token))

    def shipment(self, parcel: Shipment) -> HttpRequest | WriteBack:
        """Return the call that tells of a parcel, prepared first where the channel needs that."""
        prepare = self.channel.prepare_shipment
        if prepare is not None:
            prepared = self.send(prepare(self.credentials, parcel, self.now))
            parcel = msgspec.structs.replace(parcel, prepared=prepared)
        return self.channel.shipment_request(self.credentials, parcel, self.now)

    def waybill(self, change: NewWaybill) -> HttpRequest | WriteBack:
        """Return the call that gives a parcel another number, prepared first where the channel needs that."""
        calls = self.channel.waybills
        assert calls is not None
        asked = calls.prepare(self.credentials, change, self.now) if calls.prepare else None
        if asked is not None:
            change = msgspec.structs.replace(change, prepared=self.send(asked))
        return calls.request(self.credentials, change, self.now)

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
        """Read all pages of after-sales requests as the service does, fetch what they only name."""
        window = PollWindow(since=self.window.until - LOOK_BACK, until=self.window.until)
        found: list[Aftersale] = []
        token: PageToken | None = None
        for _ in range(PAGES_MAX):
            request = calls.poll_request(self.credentials, window, token, self.now)
            page = self.ask(request, lambda answer: calls.read_page(answer, token))  # noqa: B023 — asked at once
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
        return self.ask(request, calls.read_detail)
