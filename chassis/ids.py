"""Names derived from what they name, so that a retry never mints a second one.

Guarantees: the same parts give the same id in every process and version of Danshu; different parts
give different ids, because each part is written with its length before it is hashed ("a","bc" is not
"ab","c"). Never change the namespace or the framing: event ids already on topics depend on them.
"""

import base64
import hashlib
from datetime import date
from uuid import UUID

NAMESPACE = UUID("6f1d6a0e-52a4-5c0b-9a53-1f0c7a5d3e21")
REQUEST_KIND_MAX = 11
_REQUEST_DIGEST_CHARS = 20

# RFC 9562: the two top bits of the 17th hex digit say "this layout of UUID".
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_SEEDED = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)


def framed(*parts: str) -> str:
    """Return the parts joined so that no other parts give the same text: "2:TB7:1234567"."""
    return "".join([f"{len(part)}:{part}" for part in parts])


def event_id_text(aggregate_kind: str, aggregate_id: str, version: int, event_type: str) -> str:
    """Return the 36-character id of the event which moved the aggregate to `version`.

    Equal to `str(event_id(...))`; this one builds no UUID object and is meant for the hot path.
    """
    version_text = str(version)
    hashed = _SEEDED.copy()
    hashed.update(
        f"{len(aggregate_kind)}:{aggregate_kind}{len(aggregate_id)}:{aggregate_id}"
        f"{len(version_text)}:{version_text}{len(event_type)}:{event_type}".encode()
    )
    digits = hashed.hexdigest()
    return (
        f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-"
        f"{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"
    )


def event_id(aggregate_kind: str, aggregate_id: str, version: int, event_type: str) -> UUID:
    """Return `uuid5(NAMESPACE, framed parts)` of the event which moved the aggregate to `version`."""
    return UUID(event_id_text(aggregate_kind, aggregate_id, version, event_type))


def request_id(kind: str, *parts: str) -> str:
    """Return our stable id for a call to a foreign party, such as "refund-3f7kq…" (≤ 32 characters).

    Lower-case letters, digits and one hyphen only, which every carrier and payment provider takes.
    `kind` is 1–11 lower-case ASCII letters or digits (`ValueError` otherwise) and is part of what is
    hashed. 100 bits of SHA-256: no two of a trillion requests are likely to meet.
    """
    plain = kind.isascii() and kind.isalnum() and kind == kind.lower()
    if not plain or len(kind) > REQUEST_KIND_MAX:
        raise ValueError(f"request kind {kind!r} is not 1-{REQUEST_KIND_MAX} of a-z and 0-9")
    digest = hashlib.sha256(framed(kind, *parts).encode()).digest()
    code = base64.b32encode(digest[:15])[:_REQUEST_DIGEST_CHARS].decode().lower()
    return f"{kind}-{code}"


def document_no(prefix: str, day: date, sequence: int) -> str:
    """Return a number people read aloud: ("TB", 2026-01-09, 123) → "TB2026010900123".

    `prefix` is upper-case ASCII letters, so that the date always starts at the first digit;
    `sequence` ≥ 0 is padded to five digits and simply grows beyond them. `day` is the business day,
    which the caller takes in Asia/Shanghai. Raises `ValueError` for anything else.
    """
    if not (prefix.isascii() and prefix.isalpha() and prefix.isupper()):
        raise ValueError(f"prefix {prefix!r} is not upper-case letters")
    if sequence < 0:
        raise ValueError("a sequence starts at 0")
    return f"{prefix}{day:%Y%m%d}{sequence:05d}"
