"""Building calls and judging answers before their body is read. Nothing here raises."""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote, urlencode

from chassis.signatures import ACCEPT, REJECT, SignatureVector
from services.ingest.channels import (
    Aftersale,
    AftersalePage,
    Applied,
    ChannelError,
    Credentials,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
    PageToken,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    ToldParcel,
    Unsupported,
    WriteBack,
)
from services.ingest.channels._wire import read_json
from services.ingest.domain.model import Problem

PAGES_MAX = 500  # at 100 rows, the 50,000 rows after which channels stop; ask a narrower window
_SECONDS = re.compile(r"^([0-9]{1,9})(?:\.([0-9])[0-9]*)?$")  # some write "2.0"
T = TypeVar("T")
_R = TypeVar("_R")
NOBODY = Unsupported(reason="there is nobody to tell")  # a till, or our own door
ALL_TOLD = Unsupported(reason="all of its lines were told with an earlier parcel")
_FORM = (("content-type", "application/x-www-form-urlencoded;charset=utf-8"),)


def form_post(url: str, fields: Mapping[str, str]) -> HttpRequest:
    """Return a form POST in UTF-8."""
    return HttpRequest(
        method="POST", url=url, headers=_FORM, body=urlencode(fields).encode("ascii")
    )


def path_part(number: str) -> str:
    """Return a number fit for one part of a path: pushes bring them, and a slash leads elsewhere."""
    return quote(number, safe="")


def concatenated(fields: Iterable[tuple[str, str]]) -> str:
    """Return k1v1k2v2… in byte order of the names; empty names and values are left out."""
    return "".join(
        [key + value for key, value in sorted(fields, key=lambda f: f[0].encode()) if key and value]
    )


def md5_hex(*parts: str | bytes) -> str:
    """Return the lower-case MD5 of the parts in UTF-8: old protocols' signature, not our choice."""
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
    return digest.hexdigest()


def hmac_base64(secret: str, body: bytes) -> str:
    """Return the Base64 HMAC-SHA256 of the bytes: how own stores sign their pushes."""
    return b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def same(given: str, expected: str) -> bool:
    """Compare signatures in constant time; text outside ASCII is unequal, not an error."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def verdict(vector: SignatureVector, expected: str, *signed: str) -> str:
    """Say whether a vector's signature is genuine: `signed` are the fields that must be there.

    Without a secret anybody's signature would be right.
    """
    whole = vector.secret and all(name in vector.fields for name in signed)
    return ACCEPT if whole and same(vector.given, expected) else REJECT


def http_error(answer: HttpAnswer) -> ChannelError | None:
    """Judge the HTTP status alone: throttled, token, platform fault; None when the body decides."""
    if answer.status == 429:
        after = _SECONDS.match(answer.headers.get("retry-after", ""))
        after_ms = int(after[1]) * 1000 + int(after[2] or "0") * 100 if after else 0
        return error(ErrorKind.THROTTLED, "http_429", "too many requests", min(after_ms, 3_600_000))
    if answer.status in {401, 403}:
        return error(ErrorKind.TOKEN, f"http_{answer.status}", "access refused")
    if answer.status >= 500 or answer.status < 200:
        return error(ErrorKind.RETRY, f"http_{answer.status}", "platform fault")
    if answer.status >= 300:
        return error(ErrorKind.REFUSED, f"http_{answer.status}", "unexpected status")
    return None


def error(kind: ErrorKind, code: str, detail: str, retry_after_ms: int = 0) -> ChannelError:
    """Name an error."""
    return ChannelError(kind=kind, code=code, detail=detail, retry_after_ms=retry_after_ms)


def opened(answer: HttpAnswer, decode: Callable[[bytes], T]) -> T | ChannelError:
    """Decode a body whose HTTP status is well.

    What cannot be read is a fault worth another try: proxies answer in HTML.
    """
    fault = http_error(answer)
    if fault is not None:
        return fault
    found = read_json(decode, answer.body)
    if isinstance(found, Problem):
        return error(ErrorKind.RETRY, found.code, found.detail)
    return found


def no_answer(wanted: str) -> ChannelError:
    """Name an answer with neither what was asked for nor an error."""
    return error(ErrorKind.RETRY, "no_answer", f"no {wanted} in the answer")


def no_page(answer: HttpAnswer, page: PageToken | None) -> ChannelError:
    """Read a page of a channel which has none to ask for."""
    del page
    return no_detail(answer)


def no_detail(answer: HttpAnswer) -> ChannelError:
    """Read a detail of a channel which has none to ask for."""
    return http_error(answer) or error(ErrorKind.REFUSED, "nothing_to_ask", "the channel uploads")


def below_or_beyond(
    asked: PageToken | None, *, total: int | None, has_next: bool | None, size: int, first: int
) -> PageToken | ChannelError | None:
    """Return the next page: backwards where the answer has a total, forwards where it has not."""
    if total is not None:
        return page_below(asked, total=total, size=size, first=first)
    if has_next:
        return PageToken(number=(asked.number if asked else first) + 1)
    return None


def outcome(fault: ChannelError, already: re.Pattern[str] | None = None) -> WriteBack:
    """Turn the error of a write-back into its result; a refusal in words of `already` says that it was done."""
    if fault.kind is not ErrorKind.REFUSED:
        return Retry(error=fault)
    if already is not None and already.search(fault.detail):
        return Applied(repeated=True)
    return Refused(code=fault.code, reason=fault.detail)


def lines_first_told(parcel: ToldParcel) -> tuple[ShippedLine, ...] | Unsupported:
    """The lines of a parcel for a channel that takes lines and no pieces: those not told before."""
    lines = tuple(line for line in parcel.lines if not line.again)
    return lines or ALL_TOLD


def pieces_first_told(shipment: Shipment) -> tuple[ShippedLine, ...] | Unsupported:
    """The lines of a parcel for a channel that takes pieces: those of which pieces are left to tell."""
    lines = tuple(line for line in shipment.lines if line.qty > 0)
    return lines or ALL_TOLD


def refusal_number(credentials: Credentials) -> int | Unsupported:
    """The number of the reason that a refusal gives, for platforms which want one of their list."""
    code = credentials.refusal_code
    if not code.isascii() or not code.isdecimal() or len(code) > 18:
        return Unsupported(
            reason="the shop has no refusal_code: a number of the platform's reasons"
        )
    return int(code)


def applied(opened: object, already: re.Pattern[str] | None = None) -> WriteBack:
    """The result of a write-back whose answer says no more than that it was taken; `already` as in `outcome`."""
    return outcome(opened, already) if isinstance(opened, ChannelError) else Applied()


def aftersale_page(
    raws: Sequence[_R],
    read: Callable[[_R], Aftersale | None],
    next_page: PageToken | ChannelError | None,
) -> AftersalePage | ChannelError:
    """A page of requests; how many could not be read is counted. Where there is no next page to name, the error."""
    if isinstance(next_page, ChannelError):
        return next_page
    found = [aftersale for aftersale in map(read, raws) if aftersale is not None]
    return AftersalePage(
        aftersales=tuple(found), unreadable=len(raws) - len(found), next_page=next_page
    )


def page_below(
    asked: PageToken | None, *, total: int, size: int, first: int
) -> PageToken | ChannelError | None:
    """Return the next page when reading from the last page back to the first.

    The first answer (no token) tells the total; unless it was the only page, reading starts at the
    last one and comes down to `first`, which is read again: rows move towards it meanwhile.
    """
    if asked is not None:
        return PageToken(number=asked.number - 1) if asked.number > first else None
    pages = -(-total // size)
    if pages <= 1:
        return None
    if pages > PAGES_MAX:
        return error(ErrorKind.REFUSED, "window_too_wide", f"{total} rows")
    return PageToken(number=first + pages - 1)
