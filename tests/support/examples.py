"""Writes one example for every record: `schemas/examples/<domain>/<Name>.json` and its bytes as they go on the wire.

The values are made from the field names, the same in every run. What exists is never overwritten: the bytes
show that a record written long ago is still read, so they only ever get company. After adding a field
put its default into the `.json`. Run: `python -m tests.support.examples`. While nothing is released an example may
be removed and written anew.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chassis.codec import codec
from schemas.events import RECORDS
from schemas.generate import ROOT, AvroType
from schemas.lock import sources

EXAMPLES = ROOT / "examples"
NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
ORDER_ID = "TB2026111100001"

TEXTS = {
    "actor": "operator",
    "adjustment_no": "ZJ2026111100001",
    "arrival_no": "DH2026111100001",
    "demand_class": "smooth",
    "doubt": "paid_before",
    "explanation": "在库 300 件，低于订货点 420 件，补到 600 件",
    "forecaster": "seasonal-drift",
    "receipt_no": "RK2026111100001",
    "purchase_no": "CG2026111100001",
    "promise_rule": "presale/default@1#spring-tea",
    "request_no": "S001-R1",
    "supplier": "longjing-tea",
    "to_warehouse": "gz-1",
    "approvals_needed": "finance",
    "attempted": "OrderPaid",
    "batch": "L2026110901",
    "basis": "0b5fb6a7-27f5-5c17-a1c9-3cdb1fdb4d52",
    "book_key": "task|task-3f7kq2m5x4c6v7b8n9m1",
    "borne_by": "platform",
    "carrier": "cainiao",
    "cause": "receipt",
    "changed": "district",
    "channel": "taobao",
    "channels": "taobao",
    "channel_line_id": "4012345678901",
    "channel_order_no": "4012345678900",
    "channel_sku_id": "5012345678",
    "channel_state": "WAIT_SELLER_SEND_GOODS",
    "city": "杭州市",
    "closed_by": "supervisor",
    "closed_why": "all differences closed",
    "code": "manual",
    "command_id": "hold-3f7kq2m5x4c6v7b8n9m1",
    "currency": "CNY",
    "day": "2026-11-11",
    "detail": "行金额合计与实付不符",
    "district": "余杭区",
    "document_no": ORDER_ID,
    "former_carrier": "SF",
    "former_waybill_no": "SF0000000000001",
    "documents": "TZ2026111100001",
    "door": "poll",
    "entry_key": "taobao|shop-1|4012345678900",
    "entry_no": "DB2026111100001/DH2026111100001",
    "error": "http_429",
    "expires_on": "2027-05-08",
    "produced_on": "2026-11-09",
    "extension_key": "pay-2026111100001-1",
    "evidence": "channel-payloads/3/1024",
    "from_state": "awaiting_payment",
    "gateway": "alipay",
    "gateway_request_no": "refund-3f7kq2m5x4c6v7b8n9m1",
    "hint": "unbooked_out",
    "quota": "online",
    "hold": "",
    "kind": "refund_only",
    "last_heard": "HTTP 502",
    "level_key": "hz-1|TEA-250G",
    "listing_key": "taobao|shop-1|5012345678",
    "merchant_code": "TEA-GIFT-BOX",
    "message_id": "m-1",
    "name": "双十一满减",
    "order_id": ORDER_ID,
    "outcome": "done",
    "parcel_id": f"{ORDER_ID}-1",
    "personal_kind": "encrypted",
    "place": "杭州转运中心",
    "problems": "sum_mismatch",
    "province": "浙江省",
    "reason": "buyer_asked",
    "receiver_digest": "5feceb66ffc86f38",
    "receiver_key": "9f86d081884c7d65",
    "refund_id": f"{ORDER_ID}-R1",
    "refusal": "B21:快件已揽收，不能取消",
    "reconciliation": "recon-3f7kq2m5x4c6v7b8n9m1",
    "refund_no": "7156789012345678",
    "reference": "till-3/2026-11-11/0042",
    "reservation_id": "rsv-3f7kq2m5x4c6v7b2n3m5",
    "result_id": f"{ORDER_ID}-R1",
    "role": "finance",
    "rule": "sourcing@1#2",
    "hold_rule": "hold/default@1#default",
    "withheld_by": "hold/default@1#buyer-over-budget",
    "service": "standard",
    "shop": "shop-1",
    "shop_key": "taobao|shop-1",
    "skus": "TEA-250G",
    "sku": "TEA-250G",
    "source": "wms",
    "source_key": "taobao|shop-1|4012345678900",
    "state": "shipped",
    "status": "in_transit",
    "superseded_by": "",
    "task_id": "task-3f7kq2m5x4c6v7b8n9m1",
    "text": "快件已到达杭州转运中心",
    "texts": "vip",
    "tier": "finance",
    "o2o_guide_id": "88",
    "step_trade_status": "FRONT_PAID_FINAL_PAID",
    "trade_from": "WAP",
    "trade_type": "step",
    "title": "龙井茶 250克",
    "to_state": "awaiting_review",
    "warehouse": "hz-1",
    "why": "more_parcels",
    "waybill_no": "YT0000000001",
}
"""A text of each name; a new name gets its line here."""


def value(name: str, avro: AvroType) -> Any:
    """An example of one type, for a field of this name. Raises KeyError for a text without example."""
    match avro:
        case "string":
            return TEXTS[name]
        case "boolean":
            return True
        case "bytes":
            return bytes(range(0, 256, 17))
        case "int" | "long":
            # Different for different names, small enough for both types.
            return 1 + sum(name.encode()) % 10_000
        case {"logicalType": "timestamp-millis"}:
            return NOON
        case {"type": "array", "items": items}:
            return [value(name, items)]
        case {"type": "record", "name": "ChannelExtension", "fields": list(fields)}:
            (one,) = (f for f in fields if f["name"] == TEXTS["channel"])  # type: ignore[index, call-overload]
            return {TEXTS["channel"]: value(TEXTS["channel"], one["type"])}  # type: ignore[index, call-overload]
        case {"type": "record", "fields": list(fields)}:
            return {str(f["name"]): value(str(f["name"]), f["type"]) for f in fields}  # type: ignore[index, call-overload]
        case ["null", inner]:
            return value(name, inner)
        case _:
            raise ValueError(f"the wire law has no place for {avro!r}")


def example(record: type[Struct]) -> Struct:
    """The example of one record."""
    full_name: str = record.FULL_NAME  # type: ignore[attr-defined]
    return msgspec.convert(value("", sources()[full_name]), record)


def files(record: type[Struct]) -> tuple[Path, Path]:
    """Where its `.json` and its `.bin` lie: beside `avro/`, in the folder of the same name."""
    full_name: str = record.FULL_NAME  # type: ignore[attr-defined]
    folder = EXAMPLES / full_name.split(".")[1].replace("_", "-")
    return folder / f"{record.__name__}.json", folder / f"{record.__name__}.bin"


def main() -> None:
    """Writes what is missing."""
    for record in RECORDS:
        readable, framed = files(record)
        event = example(record)
        readable.parent.mkdir(parents=True, exist_ok=True)
        if not readable.exists():
            text = msgspec.json.format(msgspec.json.encode(event).decode(), indent=2)
            readable.write_text(text + "\n", encoding="utf-8")
        if not framed.exists():
            framed.write_bytes(codec().encode(event))


if __name__ == "__main__":
    main()
