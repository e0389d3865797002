"""The samples of every payment gateway: native answers and notices, and what each means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from services.refunds.domain.payout import Payment
from services.refunds.gateways import Credentials, HttpAnswer, Notice

SAMPLES = Path(__file__).parent / "gateways"


class AnswerSample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One native answer and what it means."""

    note: str
    status: int
    body: str
    expected: str
    headers: dict[str, str] = {}

    def came(self, body: bytes | None = None) -> HttpAnswer:
        """The answer, or one with another body."""
        sent = self.body.encode() if body is None else body
        return HttpAnswer(status=self.status, headers=self.headers, body=sent)


class NoticeSample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One native notice; `expected` is the refund it is about, "" for none, or why it is refused."""

    note: str
    headers: dict[str, str]
    body: str
    expected: str

    def came(self, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Notice:
        """The notice, or one with another body or other headers."""
        sent = self.body.encode() if body is None else body
        return Notice(headers={**self.headers, **(headers or {})}, body=sent)


class Samples(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sample file of one gateway."""

    note: str
    credentials: Credentials
    merchant_public_key: str
    payment: Payment
    refund_answers: tuple[AnswerSample, ...]
    query_answers: tuple[AnswerSample, ...]
    notices: tuple[NoticeSample, ...] = ()


def samples_of(name: str) -> Samples:
    return msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes(), type=Samples)
