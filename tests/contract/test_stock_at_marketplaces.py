"""Every channel that tells stock numbers tells them to its marketplace, in its own words and with its signature."""

from urllib.parse import quote

import msgspec
import pytest

from services.ingest.channels import (
    Applied,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
    ListingStock,
    Refused,
    Retry,
    Unsupported,
)
from services.ingest.channels import Stock as StockCalls
from simulators.clock import ManualClock
from simulators.doors import Answer
from simulators.ledger import section
from simulators.orders import Shop
from simulators.payments.alipay import Keys
from simulators.registry import MARKETPLACES, SHOPS
from simulators.settings import Settings
from simulators.simulation import Simulation
from simulators.stock import Listing
from tests.contract.merchants import CHANNELS, Merchant
from tests.contract.test_channels_under_storm import ATTEMPTS_MAX, Stormed

TELLING = tuple(shop for shop in SHOPS if CHANNELS[shop.channel].stock is not None)
UNCOVERED = {"wechat_channels", "youzan", "shopify", "xiaohongshu", "woocommerce"}
"""Calls with a token only, or with a signature that leaves the number out."""


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.fixture(params=TELLING, ids=lambda shop: shop.shop)
def merchant(request: pytest.FixtureRequest, keys: Keys) -> Merchant:
    clock = ManualClock(1_800_000_000_000)
    simulation = Simulation(Settings(faults="none"), clock, keys)
    return Merchant(simulation, request.param)


def calls(merchant: Merchant) -> StockCalls:
    assert merchant.channel.stock is not None
    return merchant.channel.stock


def listing(merchant: Merchant, place: int = 7) -> Listing:
    return merchant.simulation.world.shelves.listings(merchant.shop.shop)[place]


def told(merchant: Merchant, quantity: int, **changed: str) -> HttpRequest:
    one = listing(merchant)
    fields = {"channel_sku_id": one.sku_id, "item_id": one.item_id, **changed}
    stock = ListingStock(quantity=quantity, request_id="stock-1", **fields)
    request = calls(merchant).request(merchant.credentials, stock, merchant.now)
    assert isinstance(request, HttpRequest), request
    return request


def shown(merchant: Merchant) -> dict[str, tuple[int, int]]:
    """Merchant code → pieces and how often they were told, of this shop."""
    rows = msgspec.json.decode(section(merchant.simulation, "stock") or b"[]")
    return {
        row["merchant_code"]: (row["quantity"], row["count"])
        for row in rows
        if row["shop"] == merchant.shop.shop
    }


def read(merchant: Merchant, answer: Answer) -> object:
    heard = HttpAnswer(status=answer.status, headers=answer.headers, body=answer.body)
    return calls(merchant).read_answer(heard)


def later(merchant: Merchant) -> None:
    """Own stores take the same signed call once: a repeat is a call of its own."""
    clock = merchant.simulation.clock
    assert isinstance(clock, ManualClock)
    clock.advance(1_000)


def test_the_marketplace_shows_what_it_was_told_last(merchant: Merchant) -> None:
    code = listing(merchant).merchant_code
    for count, quantity in enumerate((12, 5, 0), start=1):
        answer = merchant.served(told(merchant, quantity))
        assert answer.wrote
        assert read(merchant, answer) == Applied()
        assert shown(merchant) == {code: (quantity, count)}
        later(merchant)


def test_the_same_number_again_changes_nothing(merchant: Merchant) -> None:
    code = listing(merchant).merchant_code
    for count in (1, 2):
        assert read(merchant, merchant.served(told(merchant, 12))) == Applied()
        assert shown(merchant) == {code: (12, count)}
        later(merchant)
    assert merchant.simulation.tally.counts[f"{merchant.channel.name}:stock:duplicate"] == 1


def test_a_listing_nobody_has_is_refused_and_changes_nothing(merchant: Merchant) -> None:
    strange = {"item_id": "1", "channel_sku_id": "2"}
    answer = merchant.served(told(merchant, 12, **strange))
    assert not answer.wrote
    refused = read(merchant, answer)
    assert isinstance(refused, Refused), refused
    assert refused.reason
    assert shown(merchant) == {}


@pytest.mark.parametrize(
    "merchant",
    [shop for shop in TELLING if shop.channel not in UNCOVERED],
    ids=lambda shop: shop.shop,
    indirect=True,
)
def test_a_number_changed_on_the_way_is_not_believed(merchant: Merchant) -> None:
    request = told(merchant, 1234)
    body = request.body.replace(b"1234", b"9234")
    assert body != request.body
    answer = merchant.served(msgspec.structs.replace(request, body=body))
    assert shown(merchant) == {}
    assert not isinstance(read(merchant, answer), Applied)


def test_a_call_of_nobody_changes_nothing(merchant: Merchant) -> None:
    request = told(merchant, 12)
    token, key = merchant.credentials.access_token, merchant.credentials.app_key
    spoilt = {
        one: one[:-1] + ("x" if one[-1] != "x" else "y")
        for one in {token, key, quote(token, safe=""), quote(key, safe="")}
    }

    def changed(text: str) -> str:
        for good, bad in spoilt.items():
            text = text.replace(good, bad)
        return text

    forged = HttpRequest(
        method=request.method,
        url=changed(request.url),
        headers=tuple((name, changed(value)) for name, value in request.headers),
        body=changed(request.body.decode()).encode(),
    )
    answer = merchant.served(forged)
    assert shown(merchant) == {}
    assert not isinstance(read(merchant, answer), Applied)


def test_throttling_and_faults_are_no_answer_for_good(merchant: Merchant) -> None:
    throttled = read(merchant, MARKETPLACES[merchant.channel.name].throttled)
    assert isinstance(throttled, Retry)
    assert throttled.error.kind is ErrorKind.THROTTLED
    for body, status in ((b"<html>busy</html>", 200), (b"", 200), (b"{}", 200), (b"", 502)):
        again = read(merchant, Answer(body=body, status=status))
        assert isinstance(again, Retry), (body, status, again)


def test_what_cannot_be_told_says_why() -> None:
    for name, channel in CHANNELS.items():
        assert (channel.stock is None) == (MARKETPLACES[name].listing is None), name
        if channel.stock is None:
            continue
        shop = MARKETPLACES[name].shops[0]
        nowhere = Merchant(Simulation(Settings(faults="none"), ManualClock(1), None), shop)
        for item_id, sku_id in (("", ""), ("1|2", "x y"), ("../..", "?a=b")):
            stock = ListingStock(
                channel_sku_id=sku_id, item_id=item_id, quantity=1, request_id="stock-1"
            )
            found = channel.stock.request(nowhere.credentials, stock, nowhere.now)
            assert isinstance(found, HttpRequest | Unsupported)
            if isinstance(found, Unsupported):
                assert found.reason


@pytest.mark.parametrize("shop", TELLING, ids=lambda shop: shop.shop)
def test_in_a_storm_the_last_number_stands_and_lost_answers_do_no_harm(
    shop: Shop, keys: Keys
) -> None:
    simulation = Simulation(Settings(faults="storm", seed=5), ManualClock(1_800_000_000_000), keys)
    stormed = Stormed(simulation, shop)
    code = listing(stormed).merchant_code
    for quantity in range(60, -1, -1):
        _told_until_taken(stormed, quantity)
        assert shown(stormed)[code][0] == quantity
    counts = simulation.tally.counts
    assert counts[f"{shop.channel}:stock:applied"] == 61
    assert shown(stormed)[code][1] == 61 + counts[f"{shop.channel}:stock:duplicate"]
    assert stormed.faults.total() > 2, "this was no storm"


def _told_until_taken(stormed: Stormed, quantity: int) -> None:
    for _ in range(ATTEMPTS_MAX):
        answer = stormed.tried(told(stormed, quantity))
        later(stormed)
        outcome = calls(stormed).read_answer(answer) if answer is not None else None
        if isinstance(outcome, Applied):
            return
        assert outcome is None or isinstance(outcome, Retry), outcome
        stormed.faults["cut" if outcome is None else outcome.error.kind] += 1
    message = "the storm does not end"
    raise AssertionError(message)
