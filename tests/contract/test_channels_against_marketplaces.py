"""What the simulated marketplaces say, the channels understand, and the other way round.

Both sides were written from the platforms' documents by different hands, so agreement is evidence.
No socket: requests go straight into the marketplaces' own check of signatures and parameters.
"""

from collections import Counter

import msgspec
import pytest

from services.ingest.channels import (
    AftersalePage,
    ChannelError,
    ErrorKind,
    Hint,
    HintKind,
    HttpAnswer,
    Page,
)
from services.ingest.domain.model import (
    OrderSnapshotState,
    ProblemCode,
)
from simulators.app import build
from simulators.bulk import native_payload
from simulators.clock import ManualClock
from simulators.drawing import Step
from simulators.orders import Contradiction, Order, Shop
from simulators.payments.alipay import Keys
from simulators.pushes import Posting
from simulators.registry import MARKETPLACES, SHOPS
from simulators.settings import Mix, Settings
from simulators.simulation import Simulation
from tests.contract.calm_marketplaces import PUSH_URLS, opened
from tests.contract.merchants import (
    ANSWERED,
    Merchant,
    call_of,
    pushed,
    server_behind,
)

# How these share an order's discounts out among its lines, they do not say.
STATES_NO_SHARES = {"jd", "pdd"}
# These calls carry nothing but a token.
UNSIGNED = {"wechat_channels", "youzan"}
AT_ONCE = Mix(paid_at_once_pct=100)
STEPS: tuple[Step, ...] = ("address", "memo", "cancel_paid")
NAMED: dict[Contradiction, set[ProblemCode]] = {
    "amount_mismatch": {
        ProblemCode.LINES_DIFFER_FROM_TOTAL,
        ProblemCode.GOODS_DIFFER_FROM_TOTAL,
        ProblemCode.PROMOTIONS_DIFFER,
    },
    "quantity_impossible": {ProblemCode.BAD_QUANTITY},
    "address_missing": {ProblemCode.RECEIVER_MISSING},
}
S = OrderSnapshotState


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="module")
def simulation(keys: Keys) -> Simulation:
    return opened(keys)


@pytest.fixture(params=ANSWERED, ids=lambda shop: shop.shop)
def merchant(request: pytest.FixtureRequest, simulation: Simulation) -> Merchant:
    return Merchant(simulation, request.param)


@pytest.fixture(params=sorted(PUSH_URLS))
def pushing(request: pytest.FixtureRequest, simulation: Simulation) -> Merchant:
    shop: Shop = next(shop for shop in SHOPS if shop.shop == request.param)
    return Merchant(simulation, shop)


def test_every_order_arrives_once_without_contradiction_and_with_its_money(
    merchant: Merchant,
) -> None:
    found = merchant.poll()
    sent = {
        order.order_no: order
        for order in merchant.simulation.world.records.orders.values()
        if order.shop == merchant.shop.shop
        # JD shows unpaid orders, and what became of them, by another call.
        and (merchant.channel.name != "jd" or order.paid_at_ms or order.order_no in found)
    }
    assert set(found) == set(sent)
    assert len(found) > 20
    problems = Counter(p.code for normalised in found.values() for p in normalised.problems)
    assert problems == Counter()
    for number, normalised in found.items():
        order, native = normalised.order, sent[number]
        assert order is not None
        assert order.freight_fen == native.freight_fen
        assert order.paid_fen == (native.paid_fen if native.paid_at_ms else 0)
        assert [item.qty for item in order.items] == [line.quantity for line in native.lines]
        assert [item.merchant_sku for item in order.items] == [
            line.sku.code for line in native.lines
        ]
        goods = [item.payable_fen for item in order.items]
        shares = [line.paid_fen for line in native.lines]
        assert sum(goods) == sum(shares)
        if merchant.channel.name not in STATES_NO_SHARES:
            assert goods == shares


def test_no_page_holds_an_order_twice(merchant: Merchant) -> None:
    numbers = [raw.order_no for raw in merchant.raws()]
    first_page_again = 100 if merchant.channel.backward_paging else 0
    assert len(numbers) - len(set(numbers)) <= first_page_again
    assert min(Counter(numbers).values()) == 1


@pytest.mark.parametrize("contradiction", sorted(NAMED))
def test_a_planted_contradiction_is_named(
    merchant: Merchant, contradiction: Contradiction, keys: Keys
) -> None:
    settings = Settings(faults="none", odds={"contradiction": 1.0}, mix=AT_ONCE)
    world = Simulation(settings, ManualClock(1_800_000_000_000), keys).world
    planted: Order = next(
        order
        for order in iter(lambda: world.place(channel=merchant.channel.name), None)
        if order.contradiction == contradiction
    )
    payload = native_payload(planted)
    (found,) = merchant.channel.normalise(payload)
    assert NAMED[contradiction] & {problem.code for problem in found.problems}


def asked_page(merchant: Merchant, answer: HttpAnswer) -> AftersalePage | ChannelError:
    assert merchant.channel.aftersales is not None
    return merchant.channel.aftersales.read_page(answer, None)


def test_what_went_wrong_is_never_an_empty_page_and_has_its_kind(merchant: Merchant) -> None:
    channel, given = merchant.channel, merchant.credentials
    assert channel.poll_request is not None

    def poll(**changed: str) -> Page | ChannelError:
        credentials = msgspec.structs.replace(given, **changed)
        request = channel.poll_request(credentials, merchant.window, None, merchant.now)  # type: ignore[misc]
        return channel.read_page(merchant.send(request), None)

    expired = poll(access_token="long-gone")
    assert isinstance(expired, ChannelError)
    assert expired.kind is ErrorKind.TOKEN
    if channel.name not in UNSIGNED:
        forged = poll(app_secret="somebody's own")
        assert isinstance(forged, ChannelError)
        assert forged.kind is ErrorKind.REFUSED
    throttled = MARKETPLACES[channel.name].throttled
    answer = HttpAnswer(status=throttled.status, headers=throttled.headers, body=throttled.body)
    for page in (channel.read_page(answer, None), asked_page(merchant, answer)):
        assert isinstance(page, ChannelError)
        assert page.kind is ErrorKind.THROTTLED


def test_an_order_nobody_placed_is_refused_not_invented(merchant: Merchant) -> None:
    channel = merchant.channel
    assert channel.detail_request is not None
    request = channel.detail_request(merchant.credentials, "4000000000000000007", merchant.now)
    found = channel.read_detail(merchant.send(request))
    assert isinstance(found, ChannelError)
    assert found.kind in {ErrorKind.REFUSED, ErrorKind.RETRY}


def test_calls_find_their_marketplace_by_their_path(merchant: Merchant, keys: Keys) -> None:
    channel, aftersales = merchant.channel, merchant.channel.aftersales
    assert channel.poll_request is not None
    assert channel.detail_request is not None
    assert aftersales is not None
    asked = (merchant.credentials, merchant.window, None, merchant.now)
    requests = (
        channel.poll_request(*asked),
        channel.detail_request(merchant.credentials, "1", merchant.now),
        aftersales.poll_request(*asked),
    )
    app = build(Settings(faults="none"), clock=merchant.simulation.clock, keys=keys)
    mine = app.state.simulation.servers[channel.name]
    for request in requests:
        call = call_of(request)
        assert server_behind(app, call) is mine


def test_pushes_are_genuine_name_their_order_and_its_detail_can_be_read(pushing: Merchant) -> None:
    push, queue = pushing.channel.push, pushing.simulation.pushes[pushing.shop.shop]
    assert push is not None
    world = pushing.simulation.world
    order = world.place(channel=pushing.channel.name, mix=AT_ONCE)
    for step in STEPS:
        assert world.act(order.key, step)
    hinted: list[tuple[str, HintKind]] = []
    while batch := queue.take():
        posting = queue.encode(batch[0].group, [one.content for one in batch])
        queue.settle(batch, accepted=queue.accepted(push.reply))
        request = pushed(posting, pushing.now)
        assert push.verify(pushing.credentials, request)
        middle = len(request.body) // 2
        swapped = b"A" if request.body[middle : middle + 1] != b"A" else b"B"
        body = request.body[:middle] + swapped + request.body[middle + 1 :]
        forged = msgspec.structs.replace(request, body=body)
        assert not push.verify(pushing.credentials, forged)
        if push.opened is not None:
            text = push.opened(pushing.credentials, request)
            assert text is not None
            request = msgspec.structs.replace(request, body=text)
        found = push.read(pushing.credentials, request)
        assert not isinstance(found, ChannelError)
        for one in found:
            kind = one.kind if isinstance(one, Hint) else HintKind.ORDER
            hinted.append((one.order_no, kind))
    assert {kind for _, kind in hinted} == {HintKind.ORDER, HintKind.AFTERSALE}
    mine = [kind for number, kind in hinted if number == order.order_no]
    assert mine.count(HintKind.ORDER) >= len(("placed", "paid", "memo"))
    assert HintKind.AFTERSALE in mine
    assert queue.counts["failed_postings"] == 0
    assert pushing.order(order.order_no).order_no == order.order_no


def test_a_door_that_is_asked_first_knows_the_answer(pushing: Merchant) -> None:
    push, greeting = pushing.channel.push, pushing.simulation.pushes[pushing.shop.shop].greeting
    assert push is not None
    assert (greeting is None) == (push.greeting is None)
    if greeting is None or push.greeting is None:
        return
    asked = greeting()
    request = pushed(Posting(headers={}, body=b"", query=asked.query), pushing.now)
    assert push.greeting(pushing.credentials, request) == asked.answer
    forged = msgspec.structs.replace(request, query=asked.query | {"nonce": "7"})
    assert push.greeting(pushing.credentials, forged) is None


def test_a_push_says_by_its_message_whether_it_came_before(pushing: Merchant) -> None:
    push, queue = pushing.channel.push, pushing.simulation.pushes[pushing.shop.shop]
    assert push is not None
    pushing.simulation.world.place(channel=pushing.channel.name)
    batch = queue.take()
    ids: list[list[str]] = []
    for _ in range(2):
        posting = queue.encode(batch[0].group, [one.content for one in batch])
        request = pushed(posting, pushing.now)
        if push.opened is not None:
            request = msgspec.structs.replace(
                request, body=push.opened(pushing.credentials, request) or b""
            )
        found = push.read(pushing.credentials, request)
        assert not isinstance(found, ChannelError)
        ids.append([one.message_id for one in found if isinstance(one, Hint)])
    queue.settle(batch, accepted=True)
    assert ids[0] == ids[1]
    assert all(ids[0])
