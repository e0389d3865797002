"""Calls to the waybill provider, and the commands that follow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast, get_args
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from chassis.clock import ManualClock
from chassis.commands import CommandDesk
from chassis.crypto import MasterKeys, PersonalSeal, new_master_key_text
from chassis.errors import StartRefused
from chassis.outgoing import Came, Outgoing
from schemas.events.commands_fulfillment import (
    RecordWaybill,
    RecordWaybillDiscarded,
    RecordWaybillRefused,
)
from services.fulfillment.calls import Caller, peer_of
from services.fulfillment.carriers.sf import DIGESTS
from services.fulfillment.domain.model import FormerLabel, Parcel, Stage, parcel_id_of
from services.fulfillment.pacing import SETTLE_MS, Discard, Get, Pace
from services.fulfillment.settings import FulfillmentSettings
from services.fulfillment.store import ParcelReader
from tests.unit.fulfillment.parcels import NOON, ORDER, Ledger, ready


def test_a_provider_with_a_url_and_without_what_it_needs_stops_the_start() -> None:
    assert peer_of(FulfillmentSettings()).name == "cainiao"
    settings = FulfillmentSettings(waybill_url="http://127.0.0.1:1", waybill_partner_id="partner")
    with pytest.raises(
        StartRefused, match=r"waybills of cainiao need DANSHU_FULFILLMENT_WAYBILL_SECRET$"
    ):
        peer_of(settings)
    whole = settings.model_copy(update={"waybill_secret": SecretStr("secret")})
    assert peer_of(whole).account.secret == "secret"


@pytest.mark.parametrize("name", ["kuaidi100", "pigeon"])
def test_a_provider_that_gives_no_waybills_stops_the_start(name: str) -> None:
    with pytest.raises(StartRefused, match=r"gives no waybills; choose one of .'cainiao'"):
        peer_of(FulfillmentSettings(waybill_provider=name))


CREATED, SEARCHED = "EXP_RECE_CREATE_ORDER", "EXP_RECE_SEARCH_ORDER_RESP"
SETTINGS = FulfillmentSettings(
    waybill_provider="sf",
    waybill_url="http://sf.invalid/std/service",
    waybill_partner_id="partner",
    waybill_secret=SecretStr("check-word"),
    waybill_monthly_card="7551234567",
)


def test_the_digests_to_choose_from_are_those_sf_knows() -> None:
    choice = FulfillmentSettings.model_fields["waybill_digest"].annotation
    assert set(get_args(choice)) == set(DIGESTS)
    with pytest.raises(StartRefused, match=r"need DANSHU_FULFILLMENT_WAYBILL_MONTHLY_CARD$"):
        peer_of(SETTINGS.model_copy(update={"waybill_monthly_card": ""}))


@dataclass(kw_only=True)
class Outside:
    """SF, the commands' topic and the parcels' table, each as far as a call needs it."""

    answers: dict[str, object]
    wrapped: dict[str, bytes]
    asked: list[str] = field(default_factory=list)
    issued: list[Any] = field(default_factory=list)

    async def call(self, _method: str, _url: str, *, headers: object, body: bytes) -> Came:
        service = dict(parse_qsl(body.decode()))["serviceCode"]
        self.asked.append(service)
        outer = {"apiResultCode": "A1000", "apiResultData": json.dumps(self.answers[service])}
        return Came(status=200, headers={}, body=json.dumps(outer).encode())

    async def issue(self, commands: Sequence[Any]) -> None:
        self.issued += commands

    async def intend(self, order_ids: Sequence[str]) -> None:
        self.asked += order_ids

    async def wrapped_keys(self, _order_ids: Sequence[str]) -> dict[str, bytes]:
        return self.wrapped


async def after_asking_for(
    answers: dict[str, object],
    *,
    carrier: str = "SF",
    phone: str = "13000000001",
    collect_fen: int = 0,
    unused: FormerLabel | None = None,
    at: datetime = NOON,
    asking: int = 0,
) -> Outside:
    """What came of asking for one parcel's waybill, or of having a label of it voided."""
    seal = PersonalSeal(MasterKeys.parse(new_master_key_text()))
    person = {"name": "测试收货人", "phone": phone, "address": "示例路 1 号"}
    block = seal.seal(json.dumps(person).encode(), ORDER)
    parcel = Parcel(
        order_id=ORDER,
        parcel_id=parcel_id_of(ORDER),
        stage=Stage.PLANNED,
        warehouse="HZ",
        carrier=carrier,
        province="福建省",
        city="厦门市",
        district="思明区",
        personal=block.ciphertext,
        collect_fen=collect_fen,
        asking=asking,
    )
    job = Discard(parcels=(parcel,), label=unused) if unused else None
    outside = Outside(answers=answers, wrapped={ORDER: block.wrapped_key})
    caller = Caller(
        reader=cast("ParcelReader", outside),
        desk=cast("CommandDesk", outside),
        clock=ManualClock(at),
        peer=peer_of(SETTINGS),
        seal=seal,
        outgoing=cast("Outgoing", outside),
        pace=Pace(8),
    )
    await caller.do(job or Get(warehouse="HZ", carrier=carrier, parcels=(parcel,)))
    return outside


def order(**data: object) -> dict[str, object]:
    content = {"orderId": parcel_id_of(ORDER)} | data
    return {"success": True, "errorCode": "S0000", "msgData": content}


NUMBER = order(waybillNoInfoList=[{"waybillType": 1, "waybillNo": "SF0000000000001"}])


async def test_a_parcel_gets_its_label_with_one_call() -> None:
    outside = await after_asking_for({CREATED: NUMBER})
    assert outside.asked == [ORDER, CREATED]
    (command,) = outside.issued
    assert isinstance(command, RecordWaybill)
    assert command.waybill_no == "SF0000000000001"


async def test_another_receiver_is_asked_for_under_another_id() -> None:
    """The provider would give the former receiver's label for the same one."""
    answer = order(**cast("dict[str, object]", NUMBER["msgData"]) | {"orderId": f"{ORDER}-1R1"})
    outside = await after_asking_for({CREATED: answer}, asking=1)
    (command,) = outside.issued
    assert isinstance(command, RecordWaybill)
    assert (command.parcel_id, command.asking) == (parcel_id_of(ORDER), 1)


async def test_a_number_that_was_another_parcels_is_taken_once_it_is_free() -> None:
    ledger = Ledger()
    for order_id in ("TB2026111100002", ORDER):
        ledger.apply(ready(order_id))
    ledger.label("SF0000000000001", "TB2026111100002")
    (first,) = (await after_asking_for({CREATED: NUMBER})).issued
    assert ledger.command(first) == "waybill_taken"
    ledger.let_go("SF0000000000001")
    later = NOON + timedelta(milliseconds=SETTLE_MS)
    for at in (later, later + timedelta(seconds=1)):
        (again,) = (await after_asking_for({CREATED: NUMBER}, at=at)).issued
        assert ledger.command(again) == "done"
    assert ledger.kinds().count("WaybillIssued") == 2
    assert ledger.command(first) == "waybill_taken", "the same attempt gets its first answer"


async def test_an_order_taken_before_is_looked_up_and_labelled() -> None:
    before = {"success": False, "errorCode": "8016", "errorMsg": "重复下单"}
    outside = await after_asking_for({CREATED: before, SEARCHED: NUMBER})
    assert outside.asked == [ORDER, CREATED, SEARCHED]
    (command,) = outside.issued
    assert isinstance(command, RecordWaybill)
    assert command.waybill_no == "SF0000000000001"


@pytest.mark.parametrize(
    ("carrier", "phone", "reason"),
    [
        ("ZTO", "13000000001", "carrier_unsupported:ZTO"),
        ("SF", "130****0001", "receiver_not_clear"),
    ],
)
async def test_a_parcel_the_provider_cannot_serve_is_refused_without_a_call(
    carrier: str, phone: str, reason: str
) -> None:
    outside = await after_asking_for({}, carrier=carrier, phone=phone)
    assert outside.asked == []
    (command,) = outside.issued
    assert isinstance(command, RecordWaybillRefused)
    assert command.reason == reason


async def test_a_parcel_whose_money_is_to_be_collected_is_refused_without_a_call() -> None:
    outside = await after_asking_for({}, collect_fen=12_900)
    assert outside.asked == []
    (command,) = outside.issued
    assert isinstance(command, RecordWaybillRefused)
    assert command.reason == "collection_unsupported"


CANCELLED = "EXP_RECE_UPDATE_ORDER"
LABEL = FormerLabel(carrier="SF", waybill_no="SF0000000000001")


@pytest.mark.parametrize(
    ("answer", "spared", "asked", "refusal"),
    [
        (order(resStatus=2), "", [CANCELLED], ""),
        (
            {"success": False, "errorCode": "8252", "errorMsg": "已揽收"},
            "",
            [CANCELLED],
            "8252:已揽收",
        ),
        ({}, "scanned", [], "scanned"),
        ({}, "by_hand", [], "by_hand"),
    ],
)
async def test_a_label_that_is_not_used_any_more_is_voided_or_named(
    answer: dict[str, object], spared: str, asked: list[str], refusal: str
) -> None:
    unused = replace(LABEL, spared=spared)
    outside = await after_asking_for({CANCELLED: answer}, unused=unused)
    assert outside.asked == asked
    (command,) = outside.issued
    assert isinstance(command, RecordWaybillDiscarded)
    assert (command.waybill_no, command.refusal) == (LABEL.waybill_no, refusal or None)


async def test_a_label_whose_call_failed_is_not_recorded() -> None:
    busy = {"success": False, "errorCode": "S0001", "errorMsg": ""}
    outside = await after_asking_for({CANCELLED: busy}, unused=LABEL)
    assert (outside.asked, outside.issued) == ([CANCELLED], [])
