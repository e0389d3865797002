"""What an order of our own leaders' door means: `leader-order/1` of `services.ingest.domain.leader_order`.

It is told when its goods may go out, and is an order over the pieces it was allotted: what ran short was given back by
the leader and is no part of it. An order that gets nothing is known as it was placed, and closed. What it pays is
certain at the release, and from then on the merchant's time to ship runs.
"""

from datetime import UTC

import msgspec

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import clean, read_json
from services.ingest.channels.groupbuy.extension import GroupbuyExtension
from services.ingest.domain.leader_order import LeaderOrder, OrderedGood
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

_decode = msgspec.json.Decoder(LeaderOrder).decode


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read one order; never raises, a second call gives the same."""
    order = read_json(_decode, body)
    if isinstance(order, Problem):
        return orders.refused(order)
    accepted_at, released_at = order.accepted_at.astimezone(UTC), order.released_at.astimezone(UTC)
    came = any(good.allotted for good in order.lines)
    paid_fen = order.kept_fen if came else order.total_fen
    draft = orders.Draft(
        order_no=order.order_no,
        shop="",
        names_shop=False,
        channel="groupbuy",
        state=S.AWAITING_SHIPMENT if came else S.CLOSED_REFUNDED,
        raw_state="released" if came else "nothing_came",
        hold="",
        payable_fen=paid_fen,
        paid_fen=paid_fen,
        freight_fen=0,
        goods_fen=paid_fen,
        lines=[
            _line(f"{order.order_no}-{place}", good, good.allotted if came else good.quantity)
            for place, good in enumerate(order.lines, start=1)
            if good.allotted or not came
        ],
        receiver=_receiver(order),
        promotions=(),
        parcels=(),
        times=Times(
            created=accepted_at,
            paid=released_at,
            modified=released_at,
            shipped=None,
            ended=None if came else released_at,
            ship_by=None,
        ),
        buyer_memo=clean(order.note),
        seller_memo="",
        extensions=_extension(order),
        collected=True,
    )
    return (orders.finish(draft, []),)


def _line(line_id: str, good: OrderedGood, pieces: int) -> orders.LineDraft:
    """One line of so many pieces; those of an order that gets nothing are refunded already."""
    came = good.allotted > 0
    return orders.LineDraft(
        line_id=line_id,
        sku_id=good.sku,
        merchant_sku=good.sku,
        title=clean(good.title),
        qty=pieces,
        unit_price_fen=good.unit_price_fen,
        net_fen=good.unit_price_fen * pieces,
        is_gift=False,
        refund_state=R.NONE if came else R.REFUNDED,
        shipped_qty=0,
        refunded_qty=0 if came else pieces,
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
        verification_status="",
        help_sell_fen=0,
        commission_fen=0,
        cost_fen=0,
        refunded_fen=order.total_fen - order.kept_fen,
        answers=(),
    )
