"""The merchant's people, played: the warehouse picks, packs and ships; supervisors approve; returns come in.

Everything goes through the services' own doors, as a person's click would.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx2

from chassis.clock import SystemClock
from demo.platform import Platform
from services.inventory.reconciling import SHANGHAI
from simulators import demand

PARCELS_MAX = 200
STEPS = {"labelled": "pick", "picked": "pack", "packed": "ship"}
APPROVERS = {
    "supervisor": "客服主管",
    "finance": "财务经理",
    "risk": "风控专员",
}
PAUSE_S = 0.3
COMPARED = "HZ"
"""Whose sheet is compared with the book."""
MISTAKES = (2, 5)
"""Pieces that lie with another SKU, and pieces that are not there."""
HISTORY_OF = "HZ"
"""Whose sales the system before this one knew."""
HISTORY_DAYS = 182
SUPPLIERS = ("示例供应商甲", "示例供应商乙")


class Staff:
    """Works until cancelled; what cannot be done now is tried again on the next round.

    A refund is judged `judges_after_s` after it was asked for, as people do who read first.
    """

    def __init__(self, platform: Platform, *, judges_after_s: float = 0.0) -> None:
        self._platform = platform
        self._judges_after = timedelta(seconds=judges_after_s)
        self._clock = SystemClock()
        self._leaving: dict[str, dict[str, Any]] = {}
        """Parcels by their id that were let go, as far as we know, and that the carrier has not been given."""
        self.shipped = 0
        self.approved = 0

    async def run(self) -> None:
        """Rounds through the desks."""
        while True:
            for desk in (self._warehouse, self._approvals, self._returns, self._payouts):
                try:
                    await desk()
                except (httpx2.HTTPError, KeyError, ValueError):
                    # A service is being restarted; the queue keeps the work.
                    await asyncio.sleep(PAUSE_S)
            await asyncio.sleep(PAUSE_S)

    async def stock_up(self) -> int:
        """Books the catalogue's stock and weights; returns the units booked. A second call adds none."""
        http, platform = self._platform.http, self._platform
        catalog = (await http.get(f"{platform.simulators_url}/_sim/catalog")).json()
        weights = [{"sku": s["code"], "weight_g": s["weight_g"]} for s in catalog["skus"]]
        answer = await http.post(
            f"{platform.door('fulfillment')}/sku-weights",
            json={"actor": "demo-warehouse", "reason": "商品目录", "weights": weights},
            headers=platform.authorised,
        )
        answer.raise_for_status()
        units = 0
        for warehouse in catalog["warehouses"]:
            rows = [r for r in catalog["stock"] if r["warehouse"] == warehouse["code"]]
            lines = [{"sku": r["sku"], "quantity": r["quantity"]} for r in rows if r["quantity"]]
            answer = await http.post(
                f"{platform.door('inventory')}/receipts",
                json={
                    "document_no": f"OPENING-{warehouse['code']}",
                    "warehouse": warehouse["code"],
                    "lines": lines,
                },
                headers=platform.authorised,
                timeout=30.0,
            )
            answer.raise_for_status()
            units += sum(line["quantity"] for line in lines)
        return units

    async def hand_down_history(self) -> None:
        """What the scarce and the hot SKUs sold in one warehouse before, made up, and who supplies them.

        So there is something to order from the first minute on. A second call changes no number.
        """
        http, platform = self._platform.http, self._platform
        catalog = (await http.get(f"{platform.simulators_url}/_sim/catalog")).json()
        skus = [sku for pair in zip(catalog["scarce"], catalog["hot"], strict=True) for sku in pair]
        # To the last Sunday before today, so that weekdays keep their demand.
        today = SystemClock().now().astimezone(SHANGHAI).date()
        until = today - timedelta(days=today.isoweekday())
        first_day = until - timedelta(days=HISTORY_DAYS - 1)
        sold: dict[str, list[int | None]] = {}
        for row in demand.rows():
            sold.setdefault(row.sku, []).append(row.pieces if row.in_stock else None)
        bodies = {
            "sales-history": {
                "warehouse": HISTORY_OF,
                "sold": [
                    {"sku": sku, "first_day": f"{first_day}", "pieces": days[-HISTORY_DAYS:]}
                    for sku, days in zip(skus, sold.values(), strict=True)
                ],
                "actor": "demo-import",
            },
            "supply": {
                "rows": [
                    {"sku": sku, "supplier": SUPPLIERS[number % len(SUPPLIERS)], "pack_pieces": 12}
                    for number, sku in enumerate(skus)
                ],
                "actor": "demo-purchasing",
            },
        }
        for door, body in bodies.items():
            answer = await http.post(
                f"{platform.door('inventory')}/{door}",
                json=body,
                headers=platform.authorised,
                timeout=30.0,
            )
            answer.raise_for_status()

    async def compare_stock(self) -> Any:
        """The evening's sheet of one warehouse against the book, before anything is sold; returns the report.

        Two SKUs were taken for each other and one lacks some pieces, as on any evening, so that there is something to
        look into. A second call compares anew.
        """
        http, platform = self._platform.http, self._platform
        catalog = (await http.get(f"{platform.simulators_url}/_sim/catalog")).json()
        counted = {
            row["sku"]: row["quantity"]
            for row in catalog["stock"]
            if row["warehouse"] == COMPARED and row["quantity"] > sum(MISTAKES)
        }
        for sku, mistake in zip(sorted(counted), (*MISTAKES, -MISTAKES[0]), strict=False):
            counted[sku] -= mistake
        lines = (f"{sku},{pieces}" for sku, pieces in counted.items())
        query = {
            "source": "wms",
            "at": SystemClock().now().isoformat(),
            "warehouse": COMPARED,
            "partial": "1",
            "actor": "仓库甲班",
        }
        answer = await http.post(
            f"{platform.door('inventory')}/reconciliations",
            params=query,
            content="\n".join(("sku,quantity", *lines)).encode(),
            headers=platform.authorised,
            timeout=30.0,
        )
        answer.raise_for_status()
        return answer.json()

    async def _warehouse(self) -> None:
        base = self._platform.door("fulfillment")
        # What was asked for and never answered, or not yet, is asked for again: it may have been done.
        await self._let_go(list(self._leaving.values())[:PARCELS_MAX])
        for stage, action in STEPS.items():
            queue = await self._get(f"{base}/parcels?state={stage}&limit={PARCELS_MAX}")
            parcels = [p for p in queue["parcels"] if not p["held"]]
            if action == "ship":
                await self._let_go(parcels)
            elif parcels:
                await self._step(parcels, action)

    async def _step(self, parcels: list[dict[str, Any]], action: str) -> Any:
        answer = await self._post(
            f"{self._platform.door('fulfillment')}/parcels/commands",
            [
                {
                    "order_id": p["order_id"],
                    "parcel_id": p["parcel_id"],
                    "action": action,
                    "actor": "仓库甲班",
                }
                for p in parcels
            ],
        )
        return answer["results"]

    async def _let_go(self, parcels: list[dict[str, Any]]) -> None:
        """Ships parcels and gives those that left to the carrier, also where an earlier answer was lost."""
        if not parcels:
            return
        self._leaving |= {parcel["parcel_id"]: parcel for parcel in parcels}
        left = []
        for result in await self._step(parcels, "ship"):
            if result["outcome"] == "done" or result["reason"] == "already_done":
                left.append(result["parcel_id"])
            elif result["outcome"] == "refused":
                del self._leaving[result["parcel_id"]]
        if not left:
            return
        answer = await self._platform.http.post(
            f"{self._platform.simulators_url}/_sim/handover",
            json={"waybills": [self._leaving[parcel_id]["waybill_no"] for parcel_id in left]},
        )
        answer.raise_for_status()
        self.shipped += len(left)
        for parcel_id in left:
            del self._leaving[parcel_id]

    async def _approvals(self) -> None:
        base = self._platform.door("refunds")
        waiting = await self._get(f"{base}/refunds?state=awaiting_approval&limit=100")
        before = self._clock.now() - self._judges_after
        for case in waiting["refunds"]:
            if datetime.fromisoformat(case["requested_at"]) > before:
                continue
            for role in case["approvals_needed"]:
                if role not in case["approvals_given"]:
                    await self._post(
                        f"{base}/refunds/{case['order_id']}/{case['refund_id']}/approve",
                        {
                            "role": role,
                            "reason": "凭证齐全",
                            "actor": APPROVERS.get(role, f"审批人({role})"),
                        },
                    )
                    self.approved += 1

    async def _returns(self) -> None:
        base = self._platform.door("refunds")
        for case in (await self._get(f"{base}/refunds?state=awaiting_goods&limit=100"))["refunds"]:
            if case["kind"] == "return_and_refund" or await self._has_left(case["order_id"]):
                await self._post(
                    f"{base}/refunds/{case['order_id']}/{case['refund_id']}/returned",
                    {"good": True, "actor": "退货验收"},
                )

    async def _payouts(self) -> None:
        """Payouts that the service has given up on: the gateway was away each time, and is there again by now."""
        base = self._platform.door("refunds")
        for case in (await self._get(f"{base}/refunds?state=needs_person&limit=100"))["refunds"]:
            await self._post(
                f"{base}/refunds/{case['order_id']}/{case['refund_id']}/look-again",
                {"actor": APPROVERS["finance"], "reason": "支付渠道已恢复，再核实一次"},
            )

    async def _has_left(self, order_id: str) -> bool:
        """Whether the goods are on their way, so that only a return can bring them back."""
        order = await self._get(f"{self._platform.door('orders')}/orders/{order_id}")
        return order["state"] in {"shipped", "completed"}

    async def _get(self, url: str) -> Any:
        answer = await self._platform.http.get(url, headers=self._platform.authorised)
        answer.raise_for_status()
        return answer.json()

    async def _post(self, url: str, body: Any) -> Any:
        answer = await self._platform.http.post(
            url, json=body, headers=self._platform.authorised, timeout=30.0
        )
        return answer.json()
