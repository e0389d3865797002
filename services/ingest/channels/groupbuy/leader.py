"""What an order of our own leaders' door means: `leader-order/1` of `services.ingest.domain.leader_order`.

An open round's order is paid and held: what can be bought is not known yet. Released, it ships what it was allotted;
pieces that ran short are refunded by the leader, and an order that gets nothing is closed.
"""

from datetime import UTC

import msgspec

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import clean, read_json
from services.ingest.channels.groupbuy.extension import GroupbuyExtension
from services.ingest.domain.leader_order import LeaderOrder, LeaderStatus, OrderedGood
from services.ingest.domain.model import (
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    PiiKind,
    Problem,
    Receiver,
    Times,
)
from services.ingest.domain.region import settle

S = OrderSnapshotState
R = LineRefundState
AWAITING_RELEASE = "group_buy_open"

_decode = msgspec.json.Decoder(LeaderOrder).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one order; never raises, a second call gives the same."""
    order = read_json(_decode, body)
    if isinstance(order, Problem):
        return orders.refused(order)
    accepted_at, changed_at = order.accepted_at.astimezone(UTC), order.changed_at.astimezone(UTC)
    state, hold = _state(order)
    draft = orders.Draft(
        order_no=order.order_no,
        shop="",
        names_shop=False,
        channel="groupbuy",
        state=state,
        raw_state=order.status,
        hold=hold,
        payable_fen=order.total_fen,
        paid_fen=order.total_fen,
        freight_fen=0,
        goods_fen=order.total_fen,
        lines=[
            _line(order.order_no, place, good) for place, good in enumerate(order.lines, start=1)
        ],
        receiver=_receiver(order),
        promotions=(),
        parcels=(),
        times=Times(
            created=accepted_at,
            paid=accepted_at,
            modified=changed_at,
            shipped=None,
            ended=changed_at if state is S.CLOSED_REFUNDED else None,
            ship_by=None,
        ),
        buyer_memo=clean(order.note),
        seller_memo="",
        extensions=_extension(order),
        collected=True,
    )
    return (orders.finish(draft, []),)


def _state(order: LeaderOrder) -> tuple[OrderSnapshotState, str]:
    if order.status is LeaderStatus.OPEN:
        return S.PAID_ON_HOLD, AWAITING_RELEASE
    if any(good.allotted for good in order.lines):
        return S.AWAITING_SHIPMENT, ""
    return S.CLOSED_REFUNDED, ""


def _line(order_no: str, place: int, good: OrderedGood) -> orders.LineDraft:
    short = good.quantity - good.allotted
    refund_state = R.REFUNDED if not good.allotted else R.PARTLY_REFUNDED if short else R.NONE
    return orders.LineDraft(
        line_id=f"{order_no}-{place}",
        sku_id=good.sku,
        merchant_sku=good.sku,
        title=clean(good.title),
        qty=good.quantity,
        unit_price_fen=good.unit_price_fen,
        net_fen=good.unit_price_fen * good.quantity,
        is_gift=False,
        refund_state=refund_state,
        shipped_qty=0,
        refunded_qty=short,
    )


def _receiver(order: LeaderOrder) -> Receiver:
    """The neighbour, at the pick-up point. Our own door sends clear texts only, whatever they look like."""
    station = order.station
    place = settle(clean(station.province), clean(station.city), clean(station.district))
    return Receiver(
        province=place.province,
        city=place.city,
        district=place.district,
        town="",
        pii=PiiKind.PLAIN,
        name=clean(order.buyer.name),
        phone=order.buyer.phone,
        address=clean(f"{station.address} {station.name}"),
        name_cipher="",
        phone_cipher="",
        address_cipher="",
        key="",
    )


def _extension(order: LeaderOrder) -> GroupbuyExtension:
    station = order.station
    return GroupbuyExtension(
        buyer_key="",
        activity_no=order.campaign_id,
        activity_title=clean(order.campaign_title),
        participate_no=str(order.number),
        delivery="self_pick_up",
        site_no=station.station_id,
        site_name=clean(station.name),
        site_address=clean(station.address),
        helper=clean(station.leader_name),
        helper_key=station.leader_id,
        is_supplier=False,
        supply_activity_no="",
        help_sell_fen=0,
        commission_fen=0,
        cost_fen=0,
        refunded_fen=sum(
            (good.quantity - good.allotted) * good.unit_price_fen for good in order.lines
        ),
        answers=(),
    )
