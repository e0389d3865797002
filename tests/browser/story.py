"""Lives of orders as events, for tests of the console: what every service would have told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from confluent_kafka import Producer
from msgspec import Struct
from msgspec.structs import replace

from chassis.codec import codec
from chassis.crypto import PersonalSeal, Sealed
from chassis.topics import TOPICS
from schemas.events.order_states import OrderHeld, OrderReadyToFulfil, OrderStateChanged
from schemas.events.orders import OrderLine, OrderPaid, OrderPlaced, Promotion
from schemas.events.quarantine import PayloadQuarantined, QuarantineProblem
from schemas.events.refunds import (
    DoubleRefundResolved,
    DoubleRefundSuspected,
    PayoutGivenUp,
    PayoutResumed,
    RefundAgreedThere,
    RefundEndedTooLate,
    RefundRefused,
    RefundRequested,
    RefundSettled,
)
from schemas.events.shipments import (
    ParcelMoved,
    ParcelPacked,
    ParcelPicked,
    ParcelPlanned,
    ParcelShipped,
    WaybillIssued,
)
from schemas.events.shop_states import ShopStateChanged
from schemas.events.stock import ReservedLine, ShortLine, StockDeducted, StockReserved, StockShort
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
NAME = "测试收货人"
PHONE = "13000001234"
ADDRESS = "文一西路 969 号 3 幢 402"


def sealed(seal: PersonalSeal, order_id: str) -> Sealed:
    """A receiver's block under a key of its own."""
    block = {"name": NAME, "phone": PHONE, "address": ADDRESS}
    return seal.seal(msgspec.json.encode(block), order_id)


class Story:
    """One order. Each method returns events in their order; versions count by topic."""

    def __init__(
        self, order_id: str, *, channel: str = "taobao", at: datetime = NOON, personal: bytes = b""
    ) -> None:
        self.order_id = order_id
        self.channel = channel
        self.at = at
        self.personal = personal
        self.channel_order_no = "40" + order_id.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        self._versions: dict[str, int] = {}
        self._state = ""

    def _base(self, topic: str, after_s: int) -> dict[str, object]:
        version = self._versions[topic] = self._versions.get(topic, 0) + 1
        return {
            "order_id": self.order_id,
            "version": version,
            "occurred_at": self.at + timedelta(seconds=after_s),
        }

    def _event(self, kind: type[Struct], after_s: int, /, **fields: object) -> Struct:
        topic = str(kind.TOPIC)  # type: ignore[attr-defined]
        return kind(**self._base(topic, after_s), **fields)

    def state(self, to_state: str, after_s: int, reason: str = "", rule: str = "") -> Struct:
        """The order's own service says how far it has come."""
        came_from, self._state = self._state, to_state
        return self._event(
            OrderStateChanged,
            after_s,
            from_state=came_from,
            to_state=to_state,
            reason=reason,
            actor="orders",
            basis="6f1d6a0e-52a4-5c0b-9a53-1f0c7a5d3e21",
            rule=rule,
        )

    def placed(self) -> tuple[Struct, ...]:
        """Seen for the first time: two lines, a promotion, freight."""
        return (
            self._event(
                OrderPlaced,
                0,
                channel=self.channel,
                shop="旗舰店",
                channel_order_no=self.channel_order_no,
                channel_state="WAIT_BUYER_PAY",
                accepted_at=self.at,
                lines=(
                    _line(1, "TS-WHITE-L", "纯棉圆领短袖 白色 L", 2, 9900, 1000, 18800),
                    _line(2, "SOCKS-3", "中筒袜三双装", 1, 2990, 0, 2990),
                ),
                payable_fen=22590,
                freight_fen=800,
                discount_fen=1000,
                currency="CNY",
                promotions=(Promotion(name="店铺满减", amount_fen=1000, borne_by="seller"),),
                province="浙江省",
                city="杭州市",
                district="余杭区",
                personal=self.personal,
                personal_kind="plain" if self.personal else "absent",
                receiver_key="",
                address_vague=False,
                hold="",
                problems=(),
                ship_by=None,
            ),
            self.state("awaiting_payment", 0, "placed"),
        )

    def paid(self) -> tuple[Struct, ...]:
        """Stock held and money here."""
        return (
            self._event(
                StockReserved,
                1,
                warehouse="HZ",
                lines=(ReservedLine(line_no=1, sku="TS-WHITE-L", quantity=2),),
                generation=1,
                rule="sourcing/default@1#yangtze-delta",
            ),
            self._event(OrderPaid, 60, paid_fen=22590),
            self.state("awaiting_review", 60, "paid", "risk/default@1#default"),
        )

    def routed(self) -> tuple[Struct, ...]:
        """Readable: ready, warehouse and carrier chosen."""
        ship_by = self.at + timedelta(hours=48)
        return (
            self.state("awaiting_print", 61, "条件齐备"),
            self._event(
                OrderReadyToFulfil,
                61,
                channel=self.channel,
                shop="旗舰店",
                channel_order_no=self.channel_order_no,
                province="浙江省",
                city="杭州市",
                district="余杭区",
                warehouse="HZ",
                lines=(),
                paid_fen=22590,
                personal=self.personal,
                ship_by=ship_by,
                rule="sla/default@1#default",
            ),
            self._event(
                ParcelPlanned,
                62,
                parcel_id=f"P{self.order_id}",
                warehouse="HZ",
                carrier="ZTO",
                service="standard",
                reason="江浙沪走中通次日达",
                rule="carrier/default@1#hangzhou-delta",
                lines=(),
                weight_g=900,
                ship_by=ship_by,
            ),
        )

    def labelled(self) -> tuple[Struct, ...]:
        """A waybill."""
        parcel = {"parcel_id": f"P{self.order_id}"}
        return (
            self._event(WaybillIssued, 70, carrier="ZTO", waybill_no=self.waybill_no, **parcel),
            self.state("preparing", 70, "waybill_issued"),
        )

    def shipped(self) -> tuple[Struct, ...]:
        """Picked, packed, handed over, told to the channel, moving."""
        parcel = {"parcel_id": f"P{self.order_id}"}
        carried = {**parcel, "waybill_no": self.waybill_no}
        return (
            self._event(ParcelPicked, 600, actor="拣货一组", **parcel),
            self._event(ParcelPacked, 900, actor="打包二组", **parcel),
            self._event(
                ParcelShipped,
                1800,
                warehouse="HZ",
                carrier="ZTO",
                lines=(),
                actor="交接台",
                **carried,
            ),
            self.state("shipped", 1800, "parcel_shipped"),
            self._event(StockDeducted, 1801, warehouse="HZ", lines=()),
            self._event(
                WriteBackApplied, 1802, kind="shipment", document_no=f"P{self.order_id}", attempts=1
            ),
            self._event(
                ParcelMoved, 7200, status="picked_up", place="杭州市", text="已揽收", **carried
            ),
        )

    def short(self) -> tuple[Struct, ...]:
        """Nothing to hold."""
        return (
            self._event(
                StockShort,
                1,
                lines=(ShortLine(line_no=1, sku="TS-WHITE-L", wanted=2, available=0),),
            ),
            self._event(
                OrderHeld, 1, code="short", reason="库存不足", actor="stock", basis="event"
            ),
        )

    def refund_requested(self) -> tuple[Struct, ...]:
        """The buyer wants money back."""
        return (
            self._event(
                RefundRequested,
                9000,
                refund_id="R1",
                kind="refund_only",
                amount_fen=2990,
                freight_fen=0,
                lines=(),
                reason="少发一件",
                tier="auto",
                approvals_needed=(),
                rule="refund-tier/default@1#small",
                actor="买家",
            ),
        )

    def payout_given_up(self) -> tuple[Struct, ...]:
        """Nobody knows whether the money is on its way back."""
        return (
            self._event(
                PayoutGivenUp,
                9040,
                refund_id="R1",
                amount_fen=2990,
                actor="payout",
                reason="no_answer",
                last_heard="HTTP 502",
                given_up_at=self.at + timedelta(seconds=9040),
                sends=1,
                asks=20,
                underway=0,
            ),
        )

    def double_refund_suspected(self) -> tuple[Struct, ...]:
        """The channel says that it paid as well."""
        return (
            self._event(
                DoubleRefundSuspected,
                9045,
                refund_id="R1",
                amount_fen=2990,
                there_fen=3000,
                beyond_fen=0,
                reason="payout_under_way",
                refund_no="T-900",
                actor="channel:taobao",
            ),
        )

    def double_refund_resolved(self, outcome: str = "written_off") -> tuple[Struct, ...]:
        """Both went, somebody says, and nothing comes back."""
        written_off = outcome == "written_off"
        return (
            self._event(
                DoubleRefundResolved,
                9200,
                refund_id="R1",
                outcome=outcome,
                amount_fen=5990 if written_off else 2990,
                difference_fen=3000 if written_off else 0,
                order_fully_refunded=False,
                actor="李会计",
                reason="两边账单各有一笔",
            ),
        )

    def refund_agreed_there(self) -> tuple[Struct, ...]:
        """A clerk has approved it in the platform's back office, and the platform pays later."""
        return (
            self._event(
                RefundAgreedThere,
                9010,
                refund_id="R1",
                amount_fen=2990,
                refund_no="T-900",
                actor="channel:jd",
            ),
        )

    def refund_ended_too_late(self) -> tuple[Struct, ...]:
        """The buyer does not want it any more, and it is on its way."""
        return (
            self._event(
                RefundEndedTooLate,
                9030,
                refund_id="R1",
                amount_fen=2990,
                outcome="withdrawn",
                settled=False,
                refund_no="T-900",
                actor="channel:taobao",
            ),
        )

    def payout_resumed(self) -> tuple[Struct, ...]:
        """Somebody has the gateway asked again about a payout that was given up."""
        return (
            self._event(
                PayoutResumed,
                9050,
                refund_id="R1",
                amount_fen=2990,
                actor="李会计",
                reason="渠道恢复_请再查",
                last_heard="HTTP 502",
            ),
        )

    def refund_refused(self, reason: str) -> tuple[Struct, ...]:
        """No money of ours goes back."""
        return (self._event(RefundRefused, 9100, refund_id="R1", actor="orders", reason=reason),)

    def refund_settled(self) -> tuple[Struct, ...]:
        """And gets it."""
        return (
            self._event(
                RefundSettled,
                9100,
                refund_id="R1",
                amount_fen=2990,
                gateway="alipay",
                gateway_request_no="refund-abc",
                restock=(),
                order_fully_refunded=False,
                shipped=True,
            ),
        )

    @property
    def waybill_no(self) -> str:
        """The number on the label."""
        return "7310" + self.channel_order_no[-10:]


def _line(
    line_no: int, sku: str, title: str, quantity: int, unit_price_fen: int, *rest: int
) -> OrderLine:
    discount_fen, paid_fen = rest
    return OrderLine(
        line_no=line_no,
        channel_line_id=f"39{line_no}",
        channel_sku_id=f"48{line_no}",
        sku=sku,
        title=title,
        quantity=quantity,
        unit_price_fen=unit_price_fen,
        discount_fen=discount_fen,
        paid_fen=paid_fen,
        is_gift=False,
    )


def quarantined(channel_order_no: str, at: datetime = NOON) -> PayloadQuarantined:
    """A payload nobody can work with."""
    return PayloadQuarantined(
        source_key=f"jd|京东店|{channel_order_no}",
        version=1,
        occurred_at=at,
        channel="jd",
        shop="京东店",
        channel_order_no=channel_order_no,
        problems=(QuarantineProblem(code="lines_missing", detail="item_list"),),
        evidence="channel-payloads/0/17",
    )


def refused(
    story: Story, reason: str, at: datetime, *, version: int = 1, kind: str = "shipment"
) -> WriteBackRefused:
    """The channel does not take what it was told of an order."""
    return WriteBackRefused(
        order_id=story.order_id,
        version=version,
        occurred_at=at,
        kind=kind,
        document_no=f"P{story.order_id}",
        reason=reason,
    )


def shop_state(
    channel: str, shop: str, at: datetime, *, state: str = "normal", **more: Any
) -> ShopStateChanged:
    """How ingest says that a shop is doing at a time: well and polled to now, unless said otherwise."""
    well = ShopStateChanged(
        shop_key=f"{channel}|{shop}",
        occurred_at=at,
        channel=channel,
        shop=shop,
        configured=True,
        polled=True,
        state=state,
        state_since=at,
        polled_until=at,
        failures=0,
        error="",
        errors=(),
        pushes=0,
    )
    return replace(well, **more)


def publish(bootstrap: str, prefix: str, events: Sequence[Struct]) -> None:
    """Puts events on their topics, keyed like their producers do; returns when Kafka has them."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for event in events:
        topic = TOPICS[str(event.TOPIC)]  # type: ignore[attr-defined]
        key = str(getattr(event, event.__struct_fields__[0]))
        producer.produce(topic.name(prefix), codec().encode(event), key.encode())
    assert producer.flush(30) == 0
