"""The OpenAPI document of reservations and replenishment. `python -m services.inventory.openapi` writes
docs/openapi-inventory.json anew.

Guarantees: paths and methods are those of `api.endpoints` and of the doors of holds and of replenishment, bodies and answers the types the doors read and
write; the tests refuse a committed document that is not the current one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chassis.http import Problem
from chassis.service import VERSION
from services.inventory import api, hold_doors, written
from services.inventory.document_doors import Settled
from services.inventory.domain.reservations import Reservation
from services.inventory.invariants import Level
from services.inventory.purchase_papers import (
    WrittenPurchase,
    WrittenPurchaseEnd,
    WrittenPurchaseReceipt,
    WrittenPurchaseRedate,
)
from services.inventory.replenishing import (
    HistoryKept,
    KeptHistory,
    KeptSupply,
    PurchaseOnTheWay,
    Suggestions,
)
from services.inventory.replenishment_doors import (
    Forgotten,
    Kept,
    PlanAgain,
    WrittenHistory,
    WrittenSupply,
)
from services.inventory.reservations import Found

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi-inventory.json"
AT = "#/components/schemas/{name}"


class Operation(Struct, frozen=True, kw_only=True):
    """What a door takes and gives. Refusals name the codes of their problems by status."""

    summary: str
    body: Any = None
    body_required: bool = True
    parameters: tuple[dict[str, Any], ...] = ()
    answer: Any
    status: int = 200
    refusals: dict[int, str] = {}
    pointed: bool = True
    """Whether a refused body is told by pointers to its fields."""


def _parameter(name: str, place: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "required": True, "schema": schema, **more}


CODE = {"type": "string", "pattern": written.CODE}
CODES = {"type": "array", "items": CODE, "maxItems": written.SKUS_MAX}
ID = _parameter("reservation_id", "path", {"type": "string", "pattern": written.RESERVATION_ID})
KEY = _parameter("Idempotency-Key", "header", {"type": "string", "pattern": written.KEY})
FIELD = "duplicate_sku, malformed_text, missing_field, out_of_range, unknown_field, wrong_length, wrong_type"

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/availability"): Operation(
        summary="库存：按 SKU（可多个）与仓库查询；预售的还有可从采购单答应的件数和日期",
        parameters=(
            _parameter("sku", "query", {**CODES, "minItems": 1}),
            {**_parameter("warehouse", "query", CODES), "required": False},
        ),
        answer=list[Level],
        refusals={400: "no_sku, too_many, malformed_code", 404: "unknown_sku, unknown_warehouse"},
    ),
    ("POST", "/availability"): Operation(
        summary="库存：批量查询",
        body=written.AskedLevels,
        answer=list[Level],
        refusals={400: "not_json", 422: f"unknown_sku, unknown_warehouse, {FIELD}"},
    ),
    ("POST", "/reservations"): Operation(
        summary="预留：全部或（partial）部分占用，到期自动释放。同一幂等键同一内容，永远得到同一答复",
        body=written.WantedReservation,
        parameters=(KEY,),
        answer=Reservation,
        status=201,
        refusals={
            400: "idempotency_key_missing, idempotency_key_malformed, not_json",
            409: "insufficient_stock",
            422: f"idempotency_key_reused, unknown_sku, unknown_warehouse, {FIELD}",
        },
    ),
    ("GET", "/reservations"): Operation(
        summary="按调用方单号查找预留（最多 50 个）",
        parameters=(_parameter("reference", "query", CODE),),
        answer=Found,
        refusals={400: "malformed_code"},
    ),
    ("POST", "/reservations/batch"): Operation(
        summary="批量预留：各自成败，各带幂等键",
        body=written.WantedReservations,
        answer=api.Results,
        refusals={400: "not_json", 422: f"duplicate_idempotency_key, {FIELD}"},
    ),
    ("POST", "/reservations/confirm"): Operation(
        summary="批量确认：各自成败",
        body=written.Confirmations,
        answer=api.Results,
        refusals={400: "not_json", 422: FIELD},
    ),
    ("POST", "/reservations/extend"): Operation(
        summary="批量延长：各自成败，各带幂等键",
        body=written.Extensions,
        answer=api.Results,
        refusals={400: "not_json", 422: f"duplicate_idempotency_key, {FIELD}"},
    ),
    ("POST", "/reservations/release"): Operation(
        summary="批量释放：各自成败",
        body=written.Releases,
        answer=api.Results,
        refusals={400: "not_json", 422: FIELD},
    ),
    ("GET", "/reservations/{reservation_id}"): Operation(
        summary="一个预留的现状",
        parameters=(ID,),
        answer=Reservation,
        refusals={400: "malformed_id", 404: "unknown_reservation"},
    ),
    ("POST", "/reservations/{reservation_id}/confirm"): Operation(
        summary="确认：已售出，不再到期；handed_over 为真则货已交出，同时扣减",
        body=written.Confirmation,
        body_required=False,
        parameters=(ID,),
        answer=Reservation,
        refusals={
            400: "malformed_id, not_json",
            404: "unknown_reservation",
            409: "nothing_held, reservation_released, reservation_expired, reservation_adopted",
            422: FIELD,
        },
    ),
    ("POST", "/reservations/{reservation_id}/extend"): Operation(
        summary="延长：付款正在进行，从现在起再占 for_s 秒（不写则按规则），不超过规则允许的时长与次数。同一幂等键只延长一次，再问答复现状",
        body=written.Extension,
        body_required=False,
        parameters=(ID, KEY),
        answer=Reservation,
        refusals={
            400: "malformed_id, idempotency_key_missing, idempotency_key_malformed, not_json",
            404: "unknown_reservation",
            409: "nothing_held, reservation_released, reservation_expired, already_confirmed, "
            "already_handed_over, reservation_adopted, extension_limit",
            422: f"idempotency_key_reused, {FIELD}",
        },
    ),
    ("POST", "/reservations/{reservation_id}/release"): Operation(
        summary="释放：库存归还；再次释放只答复现状",
        parameters=(ID,),
        answer=Reservation,
        refusals={
            400: "malformed_id",
            404: "unknown_reservation",
            409: "already_handed_over, reservation_adopted",
        },
    ),
}
ORDER_ID = _parameter("order_id", "path", {"type": "string"})
OPERATIONS[hold_doors.METHOD, hold_doors.PATH] = Operation(
    summary="订单付款进行中，延长预占：同一幂等键只延长一次",
    body=hold_doors.WrittenExtension,
    parameters=(ORDER_ID,),
    answer=hold_doors.Extended,
    refusals={
        202: "pending",
        400: "not_json",
        404: "unknown_order",
        409: "not_held, paid, expired, extension_limit",
        422: f"idempotency_key_reused, {FIELD}",
    },
)
WAREHOUSE = {**_parameter("warehouse", "query", CODE), "required": False}
SKU = {**_parameter("sku", "query", CODE), "required": False}
PAPER = {202: "pending", 404: "unknown_document", 422: "malformed"}
OPERATIONS |= {
    ("GET", "/suggestions"): Operation(
        summary="补货建议：现在订什么、订多少、为什么。all=1 连同不用订的",
        parameters=(
            WAREHOUSE,
            SKU,
            {**_parameter("supplier", "query", CODE), "required": False},
            {**_parameter("all", "query", {"type": "string", "enum": ["1"]}), "required": False},
        ),
        answer=Suggestions,
        refusals={400: "malformed_code"},
    ),
    ("POST", "/replenishment-plans"): Operation(
        summary="重新计算补货计划：这些 SKU，或（空）全部；一分钟内完成，建议随之更新",
        body=PlanAgain,
        answer=Kept,
        status=202,
        refusals={400: "not_json", 422: FIELD},
    ),
    ("GET", "/supply"): Operation(
        summary="供货条件：按 SKU（可多个）或全部",
        parameters=({**_parameter("sku", "query", CODES), "required": False},),
        answer=list[KeptSupply],
        refusals={400: "malformed_code"},
    ),
    ("POST", "/supply"): Operation(
        summary="登记供货条件：供应商、提前期、起订量、每箱件数；全部或全不",
        body=WrittenSupply,
        answer=Kept,
        refusals={400: "not_json", 422: FIELD},
    ),
    ("GET", "/sales-history"): Operation(
        summary="已导入的历史销量：每个仓、每个 SKU 从哪天到哪天、多少件、谁导入的",
        parameters=(WAREHOUSE, {**_parameter("sku", "query", CODES), "required": False}),
        answer=list[KeptHistory],
        refusals={400: "malformed_code"},
    ),
    ("POST", "/sales-history"): Operation(
        summary="导入上线前的历史销量（按天，null 是当天缺货、不知道）；只补自己流水不知道的日子。全部或全不，同样的再来一次不变",
        body=WrittenHistory,
        answer=HistoryKept,
        refusals={400: "not_json", 422: f"unknown_warehouse, day_not_over, {FIELD}"},
    ),
    ("DELETE", "/sales-history"): Operation(
        summary="删掉一个仓里这些 SKU 的历史销量，改回只看自己的流水",
        parameters=(
            _parameter("warehouse", "query", CODE),
            _parameter("sku", "query", {**CODES, "minItems": 1}),
        ),
        answer=Forgotten,
        refusals={400: "no_warehouse, no_sku, malformed_code"},
    ),
    ("GET", "/purchases"): Operation(
        summary="还有货没到的采购单",
        parameters=(WAREHOUSE, SKU),
        answer=list[PurchaseOnTheWay],
        refusals={400: "malformed_code"},
    ),
    ("POST", "/purchases"): Operation(
        summary="开采购单：同一单号同一内容只开一次",
        body=WrittenPurchase,
        answer=Settled,
        refusals={**PAPER, 409: "already_booked, reserved_document_no"},
        pointed=False,
    ),
    ("POST", "/purchase-receipts"): Operation(
        summary="采购到货：按采购单入库，可分批；超收在采购单允许的范围内",
        body=WrittenPurchaseReceipt,
        answer=Settled,
        refusals={
            **PAPER,
            409: "already_booked, not_ordered, other_warehouse, over_receipt, purchase_cancelled",
        },
        pointed=False,
    ),
    ("POST", "/purchase-redates"): Operation(
        summary="采购单改期：还没到的部分换一个预计到货时间",
        body=WrittenPurchaseRedate,
        answer=Settled,
        refusals={**PAPER, 409: "already_decided"},
        pointed=False,
    ),
    ("POST", "/purchase-cancellations"): Operation(
        summary="取消采购单还没到的部分",
        body=WrittenPurchaseEnd,
        answer=Settled,
        refusals={**PAPER, 409: "already_decided"},
        pointed=False,
    ),
}
ANYWHERE = {401: "unauthorised", 503: "busy, outcome_unknown, unavailable"}
WITH_BODY = {413: "too_large", 415: "unsupported_media_type"}


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    types = [Problem, written.FaultyRequest, api.Short]
    for operation in OPERATIONS.values():
        types += [kind for kind in (operation.body, operation.answer) if kind is not None]
    _, components = msgspec.json.schema_components(types, ref_template=AT)
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "单枢库存 API：预留与补货",
            "version": VERSION,
            "description": "供自营门店、网店与收银台：查询可用量、预留、确认、释放；供采购：补货建议、采购单、到货。数量单位为件，时间为 UTC。"
            "503 outcome_unknown 时用同一幂等键（或预留号）再试。",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _described(operation: Operation) -> dict[str, Any]:
    refusals = ANYWHERE | operation.refusals | (WITH_BODY if operation.body else {})
    described: dict[str, Any] = {
        "summary": operation.summary,
        "responses": {
            str(operation.status): {
                "description": "答复",
                "content": {"application/json": {"schema": _schema(operation.answer)}},
            },
            **{
                str(status): {
                    "description": codes,
                    "content": {
                        "application/problem+json": {"schema": _schema(_problem(codes, operation))}
                    },
                }
                for status, codes in sorted(refusals.items())
            },
        },
    }
    if operation.parameters:
        described["parameters"] = list(operation.parameters)
    if operation.body:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": {"schema": _schema(operation.body)}},
        }
    return described


def _problem(codes: str, operation: Operation) -> Any:
    if "insufficient_stock" in codes:
        return api.Short
    pointed = ("malformed", "not_json", "wrong_type", "unknown_sku")
    names_fields = operation.pointed and any(word in codes for word in pointed)
    return written.FaultyRequest if names_fields else Problem


def _schema(kind: Any) -> Any:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=AT)
    return schema


def rendered() -> str:
    """The document as it is committed."""
    return json.dumps(document(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    COMMITTED.write_text(rendered(), encoding="utf-8")
