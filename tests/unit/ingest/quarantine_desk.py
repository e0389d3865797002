"""One order's payloads and what people say of them, through the processor's own decisions."""

import json
from typing import Any

import msgspec
from msgspec import Struct

from chassis.clock import ManualClock
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal, new_master_key_text
from chassis.processor import Decision, Moment, Record
from schemas.events.channel_payloads import MatchRequested, PayloadReceived
from schemas.events.commands_ingest_payloads import (
    CorrectQuarantined,
    DiscardQuarantined,
    ReadPayloadAgain,
    ReleaseQuarantined,
)
from services.ingest.channels.taobao import CHANNEL as TAOBAO
from services.ingest.domain.correction import Correction
from services.ingest.domain.evidence import Evidence, with_versions
from services.ingest.domain.matching import TRUSTING
from services.ingest.domain.quarantine import Deed, Entry
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import NormaliserFacts, Reader, entry_key, opened_corrections
from services.ingest.handlers import HANDLERS
from services.ingest.matching import Freed, Parked
from tests.unit.ingest.channels.builders import NOW, Native, encoded, taobao_line, taobao_trade

KEYS = MasterKeys.parse(new_master_key_text(1))
READER = Reader({"taobao": TAOBAO}, PayloadSeal(KEYS, ManualClock(NOW)), PersonalSeal(KEYS))
TRADE_NO = "4000000000000000010"
LINE = "4000000000000000011"
KEY = f"taobao|s1|{TRADE_NO}"


class Desk:
    """What is known, the entries and their audit, kept from decision to decision as Postgres keeps them."""

    def __init__(self) -> None:
        self.known: KnownOrder | None = None
        self.entries: dict[str, Entry] = {}
        self.deeds: list[Deed] = []
        self.seen: list[Evidence] = []
        self.events: list[Struct] = []
        self.wrapped_keys: dict[str, bytes] = {}
        self.catalogue = TRUSTING
        self.waits: list[Parked | Freed] = []
        self._offset = 0
        self._commands = 0

    @property
    def entry(self) -> Entry:
        (entry,) = self.entries.values()
        return entry

    @property
    def state(self) -> str:
        return self.entry.state

    def take(self, body: bytes, order_no: str = TRADE_NO, door: str = "poll") -> tuple[Struct, ...]:
        """What one payload makes the normaliser tell."""
        payload = PayloadReceived(
            source_key=f"taobao|s1|{order_no}",
            channel="taobao",
            shop="s1",
            channel_order_no=order_no,
            door=door,
            accepted_at=NOW,
            body=READER.payloads.seal_payload(body),
        )
        return self._decided(payload, payload.source_key).events

    def correct(self, patch: object, **changed: Any) -> Decision[KnownOrder]:
        """A patch by hand."""
        sealed = READER.payloads.seal_payload(json.dumps(patch, ensure_ascii=False).encode())
        return self._command(CorrectQuarantined, patch=sealed, **changed)

    def release(self, **changed: Any) -> Decision[KnownOrder]:
        return self._command(ReleaseQuarantined, **changed)

    def discard(self, **changed: Any) -> Decision[KnownOrder]:
        return self._command(DiscardQuarantined, **changed)

    def read_again(self, body: bytes, **changed: Any) -> Decision[KnownOrder]:
        """The newest payload by today's mapping."""
        return self._decided(
            ReadPayloadAgain(
                source_key=KEY,
                command_id=f"again-{self._offset}",
                issued_at=NOW,
                actor="客服01",
                reason="新规则",
                channel="taobao",
                shop="s1",
                channel_order_no=TRADE_NO,
                evidence="channel-payloads/0/1",
                door="poll",
                accepted_at=NOW,
                body=READER.payloads.seal_payload(body),
                **changed,
            ),
            KEY,
        )

    def match(self) -> Decision[KnownOrder]:
        """A mapping has changed."""
        return self._decided(MatchRequested(source_key=KEY, revision=1, requested_at=NOW), KEY)

    def corrections(self) -> tuple[Correction, ...]:
        entry = self.entry
        wrapped = self.wrapped_keys.get(entry.order_id)
        return opened_corrections(READER, entry.correction, entry.order_id, wrapped)

    def _command(self, kind: Any, **given: Any) -> Decision[KnownOrder]:
        self._commands += 1
        command = kind(
            **{
                "source_key": KEY,
                "command_id": f"command-{self._commands}",
                "issued_at": NOW,
                "actor": "客服01",
                "reason": "买家来电",
                "entry_key": KEY,
                **given,
            }
        )
        return self._decided(command, command.source_key)

    def _decided(self, event: Any, key: str) -> Decision[KnownOrder]:
        self._offset += 1
        record = Record(event.TOPIC, 0, self._offset, key, 0, event, b"")
        arrivals = {}
        if isinstance(event, PayloadReceived):
            arrivals = {(0, self._offset): READER.arrival(event)}
            assert entry_key(event, arrivals[0, self._offset]).startswith(key)
        known_keys = {} if not self.known or not self.known.order_id else self.wrapped_keys
        facts = NormaliserFacts(
            READER, arrivals, [self._offset], known_keys, self.entries, self.catalogue
        )
        decision: Decision[KnownOrder] = HANDLERS[type(event)](
            self.known, event, facts, Moment(NOW, record)
        )
        for effect in decision.effects:
            facts.apply(effect)
        self.waits += [one for one in decision.effects if isinstance(one, Parked | Freed)]
        self.entries |= facts.changed
        self.deeds += facts.deeds
        self.wrapped_keys |= facts.new_keys
        if not decision.refusal:
            self.known = decision.state
        self.events += decision.events
        versions = sum(event.TOPIC == "orders" for event in self.events)  # type: ignore[attr-defined]
        self.seen += with_versions(facts.seen, {key: versions})
        return decision


def trade(*lines: Native, at: str = "09:31:40", **changed: Any) -> bytes:
    """A paid order of one line, as the channel answers it."""
    given = {"modified": f"2026-05-20 {at}"} | changed
    return encoded({"trade_fullinfo_get_response": {"trade": taobao_trade(*lines, **given)}})


def no_quantity(**changed: Any) -> Native:
    return taobao_line(num=-3, **changed)


def imported(**changed: Any) -> bytes:
    """An import of the same order: one line of two pieces, paid."""
    order: Native = {
        "schema": "import/1",
        "order_no": TRADE_NO,
        "state": "awaiting_shipment",
        "raw_state": "待发货",
        "payable_fen": 20000,
        "paid_fen": 20000,
        "freight_fen": 0,
        "lines": [
            {
                "line_id": "import-1",
                "merchant_sku": "TS01",
                "quantity": 2,
                "unit_price_fen": 10000,
            }
        ],
        "receiver": {},
        "times": {"paid": "2026-05-20T01:31:38Z"},
        "evidence": {"file": "x.csv", "sha256": "", "preset": "", "rows": []},
        **changed,
    }
    return msgspec.json.encode(order)
