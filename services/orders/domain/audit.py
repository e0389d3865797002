"""The audit chain of one order: who did what, when, on which basis, each entry sealing the one before.

Guarantees: an entry that was changed, left out, doubled or moved breaks the chain at its place, and a chain
cut at its end does not reach the head that the order itself keeps. `verify_chain` needs nothing but rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from services.orders.domain.model import Head

_encode = msgspec.json.Encoder().encode


class Entry(Struct, frozen=True, kw_only=True):
    """One row of orders.audit, fields in the order of its columns."""

    order_id: str
    seq: int
    """From 1."""
    at: datetime
    actor: str
    action: str
    """A trigger, `held`, `lifted`, `interception_asked` or `refused`."""
    from_state: str
    to_state: str
    basis: str
    """Id of the event or command."""
    rule: str
    """table@version#rows, empty = none"""
    detail: str
    prev_hash: bytes
    hash: bytes


class Broken(Struct, frozen=True, kw_only=True):
    """Where a chain does not hold, and why."""

    seq: int
    why: str


def seal(entry: Entry) -> bytes:
    """SHA-256 over the previous hash and the JSON array of all other fields, in the order of the columns.

    Anybody can compute it again: compact UTF-8 JSON, `at` as ISO 8601 in UTC ending in Z.
    """
    *content, prev_hash, _ = astuple(entry)
    return hashlib.sha256(prev_hash + _encode(content)).digest()


def append(  # noqa: PLR0913 — an entry's fields
    head: Head,
    *,
    order_id: str,
    at: datetime,
    actor: str,
    action: str,
    from_state: str,
    to_state: str,
    basis: str,
    rule: str,
    detail: str,
) -> tuple[Entry, Head]:
    """The next entry after `head`, and the new head."""
    seq = head.seq + 1
    content = [
        order_id,
        seq,
        at,
        actor,
        action,
        from_state,
        to_state,
        basis,
        rule,
        detail,
    ]
    digest = hashlib.sha256(head.hash + _encode(content)).digest()
    entry = Entry(
        order_id=order_id,
        seq=seq,
        at=at,
        actor=actor,
        action=action,
        from_state=from_state,
        to_state=to_state,
        basis=basis,
        rule=rule,
        detail=detail,
        prev_hash=head.hash,
        hash=digest,
    )
    return entry, Head(seq=seq, hash=digest)


def verify_chain(rows: Sequence[Entry], head: Head) -> Broken | None:
    """None when the rows, in order of seq, are whole and end at `head`; otherwise the first fault."""
    before = Head()
    for row in rows:
        if row.seq != before.seq + 1:
            return Broken(seq=before.seq + 1, why="缺失")
        if row.prev_hash != before.hash:
            return Broken(seq=row.seq, why="与前一条不衔接")
        if row.hash != seal(row):
            return Broken(seq=row.seq, why="内容被改动")
        before = Head(seq=row.seq, hash=row.hash)
    if before != head:
        return Broken(seq=before.seq + 1, why="末尾与订单记录不一致")
    return None
