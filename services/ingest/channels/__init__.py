"""What a channel is: one file in this folder whose `CHANNEL` is a frozen value of pure functions.

Guarantees which the contract tests hold over every channel:

- nothing here does I/O or looks at a clock: credentials, `now` and answers come in, values go out;
- no input raises: what cannot be understood is a `ChannelError`, a `Refused` or a `Problem`;
- an error answer is never an empty page, whatever its HTTP status;
- `normalise` reads what `read_page` and `read_detail` sliced (the bytes kept as evidence) and what
  the channel itself answers, pages and pushes included;
- secrets appear in no value but `Credentials` and the requests made from them.

Files whose name starts with "_" are shared by channels and are no channels themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from chassis.signatures import SignatureVector
from services.ingest.domain.model import Extension, LineRefundState, Normalised


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request ready to send. It carries tokens: log `method` and the path, never the rest."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """One shop's access. `base_url` is scheme, host and port without a path or trailing slash.

    `push_secret` opens pushes which come encrypted, `push_token` signs pushes, where the platform
    gives keys of their own for that. `settled_after_s`: how old a change must be before the platform
    lists it, where that is not what its documents say. `stock_location`: the platform's own name of the
    place whose stock is told, where it counts by place. `refusal_code`: the platform's number of the reason
    that refusals give, where it wants one of its list.
    """

    app_key: str
    app_secret: str
    access_token: str
    base_url: str
    push_secret: str = ""
    push_token: str = ""
    settled_after_s: float | None = None
    stock_location: str = ""
    refusal_code: str = ""

    def __repr__(self) -> str:
        """Show nothing secret: this value ends up in tracebacks."""
        return f"Credentials(app_key={self.app_key!r}, base_url={self.base_url!r})"


class PollWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Modified times asked for, aware UTC, `since` ≤ t ≤ `until`; at most `Channel.window_max`."""

    since: datetime
    until: datetime
    opened_at: datetime | None = None
    """When its first page was asked for; None: with each call anew. What depends on it is the same for all of its pages."""


class PageToken(msgspec.Struct, frozen=True, kw_only=True):
    """Which page to ask for next; only the channel that made it reads it."""

    number: int
    cursor: str = ""


class RawOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order's native bytes, exactly as the channel sent them.

    `order_no` is "" and `modified_at` None when not even they could be read; `normalise` then says
    why.
    """

    order_no: str
    modified_at: datetime | None
    body: bytes


class PartialRow(msgspec.Struct, frozen=True, kw_only=True):
    """A list row that names an order without its content; `modified_at` tells whether it is news."""

    order_no: str
    modified_at: datetime | None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `detail_needed`: orders whose rows are partial, to be fetched one by one."""

    orders: tuple[RawOrder, ...]
    detail_needed: tuple[PartialRow, ...]
    next_page: PageToken | None


class ErrorKind(StrEnum):
    """What to do about an error: wait, renew the token, try again, or give up."""

    THROTTLED = "throttled"
    TOKEN = "token"  # noqa: S105 — the name of a kind of error
    RETRY = "retry"
    REFUSED = "refused"


class ChannelError(msgspec.Struct, frozen=True, kw_only=True):
    """An error the channel (or the network's answer) names. `retry_after_ms` is 0 if it does not."""

    kind: ErrorKind
    code: str
    detail: str
    retry_after_ms: int = 0


class HintKind(StrEnum):
    """What a push is about."""

    ORDER = "order"
    AFTERSALE = "aftersale"
    PROBE = "probe"
    OTHER = "other"


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """A push says only that something happened: fetch the order's detail.

    `message_id` is stable over repeats of the same message; `kind_code` is the channel's own tag;
    `order_no` is "" for probes; `shop` is "" where the push does not name it.
    """

    order_no: str
    message_id: str
    kind: HintKind
    kind_code: str
    shop: str
    at: datetime | None


class PushRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A push as it arrived. Header names are lower-case; `at` is our own clock, aware UTC."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """How a channel pushes.

    `verify` compares in constant time over the raw bytes, and refuses what a channel that signs the
    time of sending sent too long ago. `opened` gives the text of a push that is encrypted, None if
    it cannot be opened; `read` takes that text. `read` gives a `RawOrder` where the push carries the
    whole order, a `Hint` where its detail is to be fetched. `greeting` answers the platform's check
    that the door is ours, None to what is no genuine check. `reply` is the answer which tells the
    channel that the push arrived; anything else makes it push again.
    """

    verify: Callable[[Credentials, PushRequest], bool]
    read: Callable[[Credentials, PushRequest], tuple[Hint | RawOrder, ...] | ChannelError]
    reply: bytes
    reply_content_type: str = "application/json"
    opened: Callable[[Credentials, PushRequest], bytes | None] | None = None
    greeting: Callable[[Credentials, PushRequest], bytes | None] | None = None


class ShippedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a parcel, by the channel's own line id and in the pieces it sold.

    `again`: some of the line was told with an earlier parcel; `qty` is 0 where nothing is left to tell of it.
    """

    line_id: str
    qty: int
    again: bool = False


class ToldParcel(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel as a channel is told of it. `carrier` is our code (SF, YTO, ZTO, STO, YUNDA, EMS, JD, JT).

    `whole`: the parcel holds everything of the order that ships. `additional`: the channel took an earlier
    parcel of the order. `request_id` is ours and stable over retries, for channels which take one.
    `prepared` is the answer to the channel's `prepare` call where it has one. `carrier_code` is the
    platform's code of this carrier where the shop was told it, "" where the channel's own list decides.
    """

    order_no: str
    lines: tuple[ShippedLine, ...]
    whole: bool
    carrier: str
    waybill_no: str
    request_id: str
    prepared: HttpAnswer | None = None
    carrier_code: str = ""
    additional: bool = False

    def carrier_in(self, known: Mapping[str, str]) -> str | None:
        """The platform's code of the carrier; None where neither the shop nor the channel has one."""
        return self.carrier_code or known.get(self.carrier)


class Shipment(ToldParcel, frozen=True, kw_only=True):
    """One parcel to tell the channel. `completes`: with those it took, everything has left."""

    completes: bool = False


class NewWaybill(ToldParcel, frozen=True, kw_only=True):
    """Another carrier or number of a parcel which the channel has taken.

    `whole` and `additional` as it was told, `lines` those it was told with. `former_waybill_no` is what the
    channel has now.
    """

    former_waybill_no: str


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """The channel took it. `repeated`: it says it already had it, as after a lost first answer."""

    repeated: bool = False


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The channel will not take it, however often it is asked."""

    code: str
    reason: str


class Unsupported(msgspec.Struct, frozen=True, kw_only=True):
    """The channel has no call for this."""

    reason: str


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Not now: throttled, token expired, platform fault or an answer which cannot be read."""

    error: ChannelError


WriteBack = Applied | Refused | Unsupported | Retry


class Aftersale(msgspec.Struct, frozen=True, kw_only=True):
    """One after-sales request as the channel states it.

    `line_id` is "" when it is about the whole order. `version` and `phase` are the channel's own
    words which an agreement has to repeat.
    """

    refund_no: str
    order_no: str
    line_id: str
    state: LineRefundState
    raw_state: str
    amount_fen: int
    goods_come_back: bool
    reason: str
    modified_at: datetime | None
    version: str
    phase: str


class AftersalePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of after-sales requests; `unreadable` rows are counted, never dropped in silence.

    `detail_needed`: numbers of requests which the page only names, to be fetched one by one.
    """

    aftersales: tuple[Aftersale, ...]
    unreadable: int
    next_page: PageToken | None
    detail_needed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftersales:
    """The calls about money back: fetch requests, agree to one, refuse one.

    `refuse_request` takes the reason, which the buyer reads. `names_only`: a page only names its requests, and
    each is asked for by the detail calls. Elsewhere these, where they are known, say what became of a request
    whose answer was refused (a second telling of the same is refused by platforms, too), and of an old one that a
    parcel waits for. `listed_by_asking`: a list shows a request by the time of asking only, so its end is asked for.
    `pays_after_agreeing`: a request that a person approves there (`returning`) is paid by the channel itself, later.
    """

    poll_request: Callable[[Credentials, PollWindow, PageToken | None, datetime], HttpRequest]
    read_page: Callable[[HttpAnswer, PageToken | None], AftersalePage | ChannelError]
    agree_request: Callable[[Credentials, Aftersale, datetime], HttpRequest | Unsupported]
    read_agree_answer: Callable[[HttpAnswer], WriteBack]
    refuse_request: Callable[[Credentials, Aftersale, str, datetime], HttpRequest | Unsupported]
    read_refuse_answer: Callable[[HttpAnswer], WriteBack]
    names_only: bool = False
    listed_by_asking: bool = False
    pays_after_agreeing: bool = False
    detail_request: Callable[[Credentials, str, datetime], HttpRequest] | None = None
    read_detail: Callable[[HttpAnswer], Aftersale | ChannelError] | None = None


class ListingStock(msgspec.Struct, frozen=True, kw_only=True):
    """How many pieces a shop may show of one listing.

    `channel_sku_id` is as orders name it; where an article has no SKUs that is its `item_id`. `quantity` is the
    whole number, not a difference; 0 closes the listing. `request_id` is ours and stable over retries.
    """

    channel_sku_id: str
    item_id: str
    quantity: int
    request_id: str

    @property
    def sku_id(self) -> str:
        """The SKU; "" for an article that has none."""
        return "" if self.channel_sku_id == self.item_id else self.channel_sku_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The call that sets the number of a listing. `needs_item`: its SKU id alone does not name it."""

    request: Callable[[Credentials, ListingStock, datetime], HttpRequest | Unsupported]
    read_answer: Callable[[HttpAnswer], WriteBack]
    needs_item: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelling:
    """The call that closes an order of which nothing has left, by its number; it moves no money."""

    request: Callable[[Credentials, str, datetime], HttpRequest]
    read_answer: Callable[[HttpAnswer], WriteBack]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waybills:
    """The call that gives a parcel another waybill.

    `prepare` is None where one call does; else its answer goes into the `NewWaybill`, and what that already decides
    comes out of `request`.
    """

    request: Callable[[Credentials, NewWaybill, datetime], HttpRequest | WriteBack]
    read_answer: Callable[[HttpAnswer], WriteBack]
    prepare: Callable[[Credentials, NewWaybill, datetime], HttpRequest | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One sales channel.

    `backward_paging`: pages are read from the last to the first, because orders which change
    meanwhile leave the window and shift the rest towards the front. `poll_request` is None where
    nothing can be asked for, because the other side uploads; `detail_request` where no push hints.
    `currency` is what an order is in which names none, `extension` the record of what its orders alone tell. `prepare_shipment` is None where shipping
    takes one call; else its answer goes into the `Shipment`, and what that answer already decides
    comes out of `shipment_request` without a second call. `stock` is None where a whole number cannot be
    told, `waybills` where a parcel keeps the waybill it was told with, `cancelling` where a seller cannot close an order,
    `carriers` (our carrier → its code) where it is told of any carrier by name. `recompute` gives the signature
    of a vector, or for a verification "ACCEPT" or "REJECT".
    """

    name: str
    abbreviation: str
    title_zh: str
    currency: str
    extension: type[Extension]
    backward_paging: bool
    window_max: timedelta
    window_overlap: timedelta
    history_max: timedelta
    poll_request: (
        Callable[[Credentials, PollWindow, PageToken | None, datetime], HttpRequest] | None
    )
    read_page: Callable[[HttpAnswer, PageToken | None], Page | ChannelError]
    detail_request: Callable[[Credentials, str, datetime], HttpRequest] | None
    read_detail: Callable[[HttpAnswer], RawOrder | ChannelError]
    push: Push | None
    normalise: Callable[[bytes], tuple[Normalised, ...]]
    shipment_request: Callable[[Credentials, Shipment, datetime], HttpRequest | WriteBack]
    read_shipment_answer: Callable[[HttpAnswer], WriteBack]
    aftersales: Aftersales | None
    recompute: Callable[[SignatureVector], str]
    prepare_shipment: Callable[[Credentials, Shipment, datetime], HttpRequest] | None = None
    stock: Stock | None = None
    waybills: Waybills | None = None
    cancelling: Cancelling | None = None
    carriers: Mapping[str, str] | None = None
