"""Cainiao LINK: e-waybills by signed form to /gateway/link.do.

Guarantees: the same objectId with the same trade orders gets the same waybill, however often it is
asked; a discarded waybill is never handed over. `success` is text, and an answer's list may be shorter
than the request's: objectId ties them.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from simulators.carriers.tracking import Tracking
from simulators.doors import Answer, Door, Tally, call_of
from simulators.drawing import namespace_of
from simulators.faults import FaultPlan
from simulators.settings import Settings
from simulators.signing import link_digest, same

PROVIDER_ID = "cainiao-token-sim"
SECRET = "cainiao-secret-sim"  # noqa: S105 - the simulator's own
PREFIXES = {
    "ZTO": "75",
    "YTO": "YT",
    "STO": "77",
    "SF": "SF",
    "YUNDA": "43",
    "EMS": "11",
    "JD": "JDVB",
    "JT": "JT",
}


class Waybill(msgspec.Struct, frozen=True, kw_only=True):
    """One number given out; `asked` counts how often it was asked for."""

    waybill: str
    cp_code: str
    object_id: str
    trade_orders: tuple[str, ...]
    asked: int = 1
    discarded: bool = False


class _OrderPart(msgspec.Struct):
    tradeOrderList: list[str]  # noqa: N815 - the platform's names


class _Address(msgspec.Struct):
    province: str = ""


class _Recipient(msgspec.Struct):
    address: _Address


class _Parcel(msgspec.Struct):
    objectId: str  # noqa: N815
    orderInfo: _OrderPart  # noqa: N815
    recipient: _Recipient


class _GetRequest(msgspec.Struct):
    cpCode: str  # noqa: N815
    tradeOrderInfoDtos: list[_Parcel]  # noqa: N815


class _DiscardRequest(msgspec.Struct):
    cpCode: str  # noqa: N815
    waybillCode: str  # noqa: N815


def failure(code: str, message: str) -> bytes:
    """Return an answer of failure."""
    return msgspec.json.encode({"success": "false", "errorCode": code, "errorMsg": message})


class Cainiao:
    """The platform's side of the e-waybill calls."""

    def __init__(
        self, *, settings: Settings, plan: FaultPlan, tally: Tally, tracking: Tracking
    ) -> None:
        self.waybills: dict[str, Waybill] = {}
        self._by_request: dict[tuple[str, str, tuple[str, ...]], str] = {}
        self._plan = plan
        self._tally = tally
        self._tracking = tracking
        self._namespace = namespace_of(settings.seed, settings.run)
        self._door = Door(
            "cainiao",
            throttled=Answer(body=failure("S07", "调用频率超限，请稍后重试")),
            plan=plan,
            hold_s=settings.hold_s,
        )

    async def gateway(self, request: Request) -> Response:
        """POST /gateway/link.do."""
        params = (await call_of(request)).params
        return await self._door.pass_through(lambda: self.answer(params))

    def answer(self, params: dict[str, str]) -> Answer:
        """Check a call and act on it."""
        content = params.get("logistics_interface", "")
        if params.get("logistic_provider_id") != PROVIDER_ID:
            return Answer(body=failure("S02", "非法的物流公司token"))
        if not same(params.get("data_digest", ""), link_digest(content, SECRET)):
            return Answer(body=failure("S03", "非法的数字签名"))
        try:
            match params.get("msg_type"):
                case "TMS_WAYBILL_GET":
                    return self._get(msgspec.json.decode(content, type=_GetRequest))
                case "TMS_WAYBILL_DISCARD":
                    return self._discard(msgspec.json.decode(content, type=_DiscardRequest))
                case _:
                    return Answer(body=failure("S04", "非法的msg_type"))
        except msgspec.MsgspecError:
            return Answer(body=failure("S01", "非法的JSON"))

    def hand_over(self, waybill: str) -> bool:
        """Give a parcel to the carrier; False for unknown, discarded or already given ones."""
        found = self.waybills.get(waybill)
        if found is None or found.discarded:
            return False
        return self._tracking.hand_over(waybill, found.cp_code)

    def _get(self, request: _GetRequest) -> Answer:
        if request.cpCode not in PREFIXES:
            return Answer(body=failure("B10", f"未开通的快递公司:{request.cpCode}"))
        rows: list[dict[str, Any]] = []
        for parcel in request.tradeOrderInfoDtos:
            # Without a province the carrier knows no route: the parcel is left out of the answer.
            if not parcel.recipient.address.province or not parcel.orderInfo.tradeOrderList:
                continue
            if self._plan.hit("short_list", "cainiao"):
                continue
            waybill = self._issue(request.cpCode, parcel)
            print_data = {
                "encryptedData": f"sim-{waybill}",
                "signature": "sim",
                "templateURL": "https://print.example.invalid/standard",
                "ver": "waybill_print_secret_version_1",
            }
            rows.append(
                {
                    "objectId": parcel.objectId,
                    "waybillCode": waybill,
                    "parentWaybillCode": "",
                    "printData": msgspec.json.encode(print_data).decode(),
                }
            )
        content = {"success": "true", "errorCode": "", "errorMsg": ""}
        body = msgspec.json.encode(content | {"waybillCloudPrintResponseList": rows})
        return Answer(body=body, wrote=bool(rows))

    def _issue(self, cp_code: str, parcel: _Parcel) -> str:
        trade_orders = tuple(sorted(parcel.orderInfo.tradeOrderList))
        request = (cp_code, parcel.objectId, trade_orders)
        waybill = self._by_request.get(request)
        known = None if waybill is None else self.waybills[waybill]
        if known is not None and not known.discarded:
            self._tally.note("cainiao:get", "duplicate")
            again = msgspec.structs.replace(known, asked=known.asked + 1)
            self.waybills[known.waybill] = again
            return known.waybill
        self._tally.note("cainiao:get", "applied")
        number = f"{self._namespace:06d}{len(self.waybills) + 1:07d}"
        waybill = f"{PREFIXES[cp_code]}{number}"
        self._by_request[request] = waybill
        self.waybills[waybill] = Waybill(
            waybill=waybill, cp_code=cp_code, object_id=parcel.objectId, trade_orders=trade_orders
        )
        return waybill

    def _discard(self, request: _DiscardRequest) -> Answer:
        found = self.waybills.get(request.waybillCode)
        if found is None or found.cp_code != request.cpCode:
            self._tally.note("cainiao:discard", "refused")
            return Answer(body=failure("B20", "电子面单号不存在"))
        if found.waybill in self._tracking.parcels:
            self._tally.note("cainiao:discard", "refused")
            return Answer(body=failure("B21", "快件已揽收，不能取消"))
        self._tally.note("cainiao:discard", "duplicate" if found.discarded else "applied")
        self.waybills[found.waybill] = msgspec.structs.replace(found, discarded=True)
        body = msgspec.json.encode({"success": "true", "discardResult": "true"})
        return Answer(body=body, wrote=True)
