"""Reading native values: JSON, money, times, numbers, personal data. Nothing here raises.

Money never passes through float arithmetic. A JSON number with a fraction reaches us as the double
nearest to the text; its shortest decimal form is that text again for every amount below 10^13.
"""

import contextlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Protocol, TypeVar

import msgspec

from chassis.money import fen_of_yuan
from services.ingest.domain.model import PiiKind, Problem, ProblemCode, Receiver
from services.ingest.domain.region import settle

# Identifiers arrive as numbers above 2^53 on some paths and as text on others.
Id = int | str | None
Text = str | None
Amount = int | str | float | None
Seconds = int | str | None
# A time as text, or the zero that some platforms write where nothing has happened.
Moment = int | str | None

BEIJING = "+08:00"
_BEIJING_OFFSET = timedelta(hours=8)
_CENT = Decimal("0.01")
_NOISE_MAX = Decimal("0.000001")  # sums of doubles are off by far less, no price by so little
AMOUNT_MAX = 10**13  # a hundred billion yuan: above it, something else stands in the field
_EARLIEST_S = 946_684_800  # 2000-01-01; no channel is older
_LATEST_S = 4_102_444_800  # 2100-01-01
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:"
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Taobao ~…~, Douyin and PDD $…$ or #…#; JD and oaid forms are Base64.
_MARKED_CIPHER = re.compile(r"^(?:~.+~\d*~?|\$.+\$|#.+#)$", re.DOTALL)
# Without a letter it is a phone: "+8613000000001", or "13000000001-1234" of a number lent by the platform.
_BASE64 = re.compile(r"^(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9+/_-]{14,}={0,2}$")

# No cipher has Chinese, blanks, or nothing but the signs of a phone.
_CLEAR = re.compile(r"[\u3400-\u9fff ]|^\+?[0-9][0-9-]{5,23}\Z")

_DECIMAL = re.compile(r"^(-?)([0-9]{1,15})(?:\.([0-9]{1,12}))?\Z")

T = TypeVar("T")
_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def problem(code: ProblemCode, detail: str, *, blocks: bool) -> Problem:
    """Name one problem."""
    return Problem(code=code, detail=detail, blocks=blocks)


def name_only(found: Iterable[Problem], problems: list[Problem]) -> None:
    """Name what is wrong with fields on which neither shipping nor paying hangs: they keep no order back."""
    problems.extend(msgspec.structs.replace(one, blocks=False) for one in found)


class Note(Protocol):
    """A name and a text."""

    @property
    def name(self) -> Text:
        """As the shop calls it."""
        ...

    @property
    def value(self) -> Text:
        """What it says."""
        ...


def read_json(decode: Callable[[bytes], T], body: bytes) -> T | Problem:
    """Decode, or say what is wrong with the bytes; the message carries paths and types, no values.

    Half an emoji, a byte order mark and bytes which are not UTF-8 are mended once before giving up:
    channels cut memos in the middle of a character, and a memo is no reason to lose an order. A whole
    text in GB18030 is read as that.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        return problem(ProblemCode.BAD_SHAPE, str(error), blocks=True)
    except (msgspec.DecodeError, UnicodeError):
        pass
    except RecursionError:
        return problem(ProblemCode.GARBAGE, "nested too deeply", blocks=True)
    try:
        return decode(_mended(body))
    except msgspec.ValidationError as error:
        return problem(ProblemCode.BAD_SHAPE, str(error), blocks=True)
    except (msgspec.DecodeError, UnicodeError) as error:
        reason = "not UTF-8" if isinstance(error, UnicodeError) else str(error)
        return problem(ProblemCode.GARBAGE, reason, blocks=True)
    except RecursionError:
        return problem(ProblemCode.GARBAGE, "nested too deeply", blocks=True)


def _mended(body: bytes) -> bytes:
    return _LONE_SURROGATE.sub(
        lambda match: match[1] + (match[2] or rb"\ufffd"),
        _readable(body.removeprefix(_BYTE_ORDER_MARK)).encode(),
    )


def _readable(body: bytes) -> str:
    """A cut character spoils few of many; another encoding spoils most."""
    text = body.decode("utf-8", "replace")
    spoilt = text.count("\ufffd")
    if 2 * spoilt > len(text) - len(text.encode("ascii", "ignore")):
        with contextlib.suppress(UnicodeDecodeError):
            return body.decode("gb18030")
    return text


def starts_with(body: bytes, first: bytes) -> bool:
    """Say whether this is where the text begins, after a byte order mark and blanks."""
    return body[:1000].removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(first)


def present(raw: msgspec.Raw) -> bool:
    """Say whether a value which is kept as it stands was sent, and not as null."""
    return bytes(raw) not in {b"", b"null"}


def several(value: list[T] | T | None) -> tuple[T, ...]:
    """Return what stands where a list is usual: some gateways send a lone object."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def sliced(raw: msgspec.Raw) -> tuple[bytes, ...] | None:
    """Return the bytes of each element of a list, or of the lone object in its place.

    None: nothing is there. Bytes which are no JSON do not come here: the answer was decoded.
    """
    body = bytes(raw).strip()
    if body in {b"", b"null"}:
        return None
    if not body.startswith(b"["):
        return (body,)
    return tuple(bytes(element) for element in _decode_elements(body))


def count(value: Id) -> int | None:
    """Return how many rows there are in all; None where the answer does not say."""
    text = text_of(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None


def noted(notes: msgspec.Raw, decode: Callable[[bytes], Note], name: str) -> str:
    """Return a text that a shop keeps under this name; whatever else it keeps there, of any kind, is passed over."""
    for raw in sliced(notes) or ():
        note = read_json(decode, raw)
        if not isinstance(note, Problem) and note.name == name:
            return clean(note.value)
    return ""


def text_of(value: Id) -> str:
    """Return an identifier as text; None is ""."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else clean(value).strip()


def real_id(value: Id) -> str:
    """Return an identifier as text where "0" means "none"."""
    text = text_of(value)
    return "" if text == "0" else text


def clean(text: Text) -> str:
    """Return the text without NUL, which no database takes; None is ""."""
    if not text:
        return ""
    return text.replace("\x00", "") if "\x00" in text else text


@lru_cache(maxsize=16384, typed=True)
def _fen_of_yuan(value: str | float) -> int | None:
    # `repr` of a double is the shortest text which reads back as it, see the module docstring.
    text = value.strip() if isinstance(value, str) else _without_noise(repr(value))
    if len(text) > 20:
        return None
    fen = fen_of_yuan(text)
    return fen if fen is not None and abs(fen) <= AMOUNT_MAX else None


def _without_noise(text: str) -> str:
    """Take the traces of a platform's own sum of doubles off: 49.800000000000004 is 49.80."""
    if len(text.partition(".")[2]) <= 2 or "e" in text or "n" in text:
        return text
    amount = Decimal(text)
    cents = amount.quantize(_CENT)
    return str(cents) if abs(amount - cents) <= _NOISE_MAX else text


@lru_cache(maxsize=16384, typed=True)
def _fen(value: str | float) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        if len(text) > 16 or not digits.isdecimal() or not digits.isascii():
            return None
        value = int(text)
    elif isinstance(value, float):
        if not value.is_integer() or abs(value) > AMOUNT_MAX:
            return None
        value = int(value)
    return value if abs(value) <= AMOUNT_MAX else None


def yuan(value: Amount, field: str, problems: list[Problem]) -> int:
    """Return the fen of an amount in yuan; absent is 0, malformed is 0 and a blocking problem."""
    if value is None or value == "":
        return 0
    fen = _fen_of_yuan(value)
    if fen is None:
        problems.append(problem(ProblemCode.BAD_AMOUNT, field, blocks=True))
        return 0
    return fen


@lru_cache(maxsize=16384, typed=True)
def _minor_units(value: str | float, decimals: int) -> int | None:
    text = value.strip() if isinstance(value, str) else _without_noise(repr(value))
    match = _DECIMAL.match(text)
    if match is None:
        return None
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if fraction[decimals:].strip("0"):
        return None
    units = int(whole + fraction[:decimals].ljust(decimals, "0"))
    return (-units if sign else units) if units <= AMOUNT_MAX else None


def minor_units(value: Amount, decimals: int, field: str, problems: list[Problem]) -> int:
    """Return an amount in its currency's minor unit; absent is 0, malformed 0 and a problem.

    Decimals which the currency does not have must be zeros: "1000.00" yen are 1000.
    """
    if value is None or value == "":
        return 0
    units = _minor_units(value, decimals)
    if units is None:
        problems.append(problem(ProblemCode.BAD_AMOUNT, field, blocks=True))
        return 0
    return units


def fen(value: Amount, field: str, problems: list[Problem]) -> int:
    """Return an amount in fen; absent is 0, malformed is 0 and a blocking problem."""
    if value is None or value == "":
        return 0
    amount = _fen(value)
    if amount is None:
        problems.append(problem(ProblemCode.BAD_AMOUNT, field, blocks=True))
        return 0
    return amount


def needed(value: Amount, field: str, problems: list[Problem]) -> None:
    """Block an order that lacks an amount without which its lines have no price: absent is not free."""
    if value is None or value == "":
        problems.append(problem(ProblemCode.AMOUNT_MISSING, field, blocks=True))


def quantity(value: Amount, field: str, problems: list[Problem]) -> int:
    """Return whole pieces, at least one; anything else is 0 and a blocking problem."""
    pieces = _fen(value) if value is not None and value != "" else None
    if pieces is None or not 0 < pieces <= 1_000_000:
        problems.append(problem(ProblemCode.BAD_QUANTITY, field, blocks=True))
        return 0
    return pieces


@lru_cache(maxsize=16384)
def _beijing(text: str) -> datetime | None:
    if text[19:20] not in {"", "."} or not 19 <= len(text) <= 26 or text[10] not in " T":
        return None
    try:
        moment = datetime.fromisoformat(text + BEIJING).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 2000 <= moment.year < 2100 else None


def beijing_time(value: Moment, field: str, problems: list[Problem]) -> datetime | None:
    """Read "yyyy-MM-dd HH:mm:ss" of Beijing, with a fraction of the second or without; "", a zero and a zero date mean "has not happened"."""
    text = text_of(value)
    if text in {"", "0"} or text.startswith(("0000", "0001", "1970-01-01")):
        return None
    moment = _beijing(text)
    if moment is None:
        problems.append(problem(ProblemCode.BAD_TIME, field, blocks=False))
    return moment


def beijing_text(moment: datetime) -> str:
    """Write an aware time as the "yyyy-MM-dd HH:mm:ss" of Beijing that requests carry."""
    return (moment.astimezone(UTC) + _BEIJING_OFFSET).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache(maxsize=16384)
def _zoned(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None
    return moment if 2000 <= moment.year < 2100 else None


def zoned_time(value: Text, field: str, problems: list[Problem]) -> datetime | None:
    """Read an ISO 8601 time with its offset; "" and a zero date mean "has not happened"."""
    if not value or value.startswith(("0000", "0001", "1970-01-01")):
        return None
    moment = _zoned(value.strip()) if len(value) > 16 else None
    if moment is None or moment.tzinfo is None:
        problems.append(problem(ProblemCode.BAD_TIME, field, blocks=False))
        return None
    return moment


def utc_time(value: Text, field: str, problems: list[Problem]) -> datetime | None:
    """Read "yyyy-MM-ddTHH:mm:ss" of UTC; "" and a zero date mean "has not happened"."""
    text = (value or "").strip().removesuffix("Z")
    if len(text) == 19:
        return zoned_time(text + "+00:00", field, problems)
    return zoned_time(value, field, problems)


def epoch_time(value: Seconds, field: str, problems: list[Problem]) -> datetime | None:
    """Read epoch seconds; 0 means "has not happened"."""
    if not value or value == "0":
        return None
    seconds = _fen(value)
    if seconds is None or not _EARLIEST_S <= seconds < _LATEST_S:
        problems.append(problem(ProblemCode.BAD_TIME, field, blocks=False))
        return None
    return datetime.fromtimestamp(seconds, UTC)


def epoch_ms_time(value: Seconds, field: str, problems: list[Problem]) -> datetime | None:
    """Read epoch milliseconds; 0 means "has not happened"."""
    if not value or value == "0":
        return None
    moment_ms = _fen(value)
    if moment_ms is None or not _EARLIEST_S <= moment_ms // 1000 < _LATEST_S:
        problems.append(problem(ProblemCode.BAD_TIME, field, blocks=False))
        return None
    return datetime.fromtimestamp(moment_ms // 1000, UTC) + timedelta(milliseconds=moment_ms % 1000)


def pii_kind(text: str) -> PiiKind:
    """Tell the form of one personal text where the channel uses one field for all forms."""
    if not text:
        return PiiKind.ABSENT
    if _MARKED_CIPHER.match(text):
        return PiiKind.ENCRYPTED
    if "*" in text:
        return PiiKind.MASKED
    if _BASE64.match(text) and not text.isalpha():
        return PiiKind.ENCRYPTED
    return PiiKind.PLAIN


def typed_kind(text: str) -> PiiKind:
    """Tell the form where nobody enciphers: what a person typed is clear, however odd it looks, unless a part is starred out."""
    if not text:
        return PiiKind.ABSENT
    return PiiKind.MASKED if "**" in text else PiiKind.PLAIN


_MOST_PROTECTED = (PiiKind.ENCRYPTED, PiiKind.MASKED, PiiKind.PLAIN)


def receiver(
    *,
    region: tuple[Text, Text, Text],
    town: Text,
    person: tuple[Text, Text, Text],
    key: Text,
    problems: list[Problem],
    kind_of: Callable[[str], PiiKind] = pii_kind,
) -> Receiver:
    """Build the receiver of a channel which has one field per fact.

    `region` is province, city, district; `person` is name, phone, address in whatever form, which `kind_of` tells.
    A clear text beside ciphers stays, as nothing else tells it, and is named.
    """
    texts = [clean(text).strip() for text in person]
    kinds = [kind_of(text) for text in texts]
    found = {kind for kind in kinds if kind is not PiiKind.ABSENT}
    ciphers = [kind is PiiKind.ENCRYPTED for kind in kinds]
    # A clear phone beside masks is the platform's virtual number, which is meant to be dialled.
    but_phone = (found - {PiiKind.PLAIN}) | (found & {kinds[0], kinds[2]})
    if len(found if any(ciphers) else but_phone) > 1:
        detail = "+".join(sorted(found))
        problems.append(problem(ProblemCode.RECEIVER_MIXED, detail, blocks=False))
    readable = ["" if cipher else text for text, cipher in zip(texts, ciphers, strict=True)]
    secret = [text if cipher else "" for text, cipher in zip(texts, ciphers, strict=True)]
    place = settle(clean(region[0]), clean(region[1]), clean(region[2]))
    return Receiver(
        province=place.province,
        city=place.city,
        district=place.district,
        town=clean(town),
        pii=next((kind for kind in _MOST_PROTECTED if kind in found), PiiKind.ABSENT),
        name=readable[0],
        phone=readable[1],
        address=readable[2],
        name_cipher=secret[0],
        phone_cipher=secret[1],
        address_cipher=secret[2],
        key=clean(key),
    )


Person = tuple[Text, Text, Text]


def _sorted_out(cipher: Text, mask: Text, clear: Text) -> tuple[str, str, str]:
    """Return cipher, mask and clear text of one fact, each in its form and not in its field only."""
    secret, masked, readable = (clean(text).strip() for text in (cipher, mask, clear))
    kind = pii_kind(secret)
    if kind is PiiKind.MASKED:
        secret, masked = "", masked or secret
    elif kind is PiiKind.PLAIN and _CLEAR.search(secret):
        secret, readable = "", readable or secret
    if pii_kind(readable) is PiiKind.ENCRYPTED:
        secret, readable = secret or readable, ""
    if pii_kind(masked) is PiiKind.ENCRYPTED:
        secret, masked = secret or masked, ""
    return secret, masked, readable


def receiver_told_apart(
    *,
    region: tuple[Text, Text, Text],
    town: Text,
    ciphers: Person,
    masks: Person,
    clear: Person,
    key: Text,
    problems: list[Problem],
) -> Receiver:
    """Build the receiver of a channel which has a field per form; the forms stay apart.

    Each person is name, phone, address. Clear texts beside ciphers are left out: a receiver that
    counts as encrypted promises that nothing of it is clear.
    """
    forms = [_sorted_out(*texts) for texts in zip(ciphers, masks, clear, strict=True)]
    secret, masked, readable = ([form[at] for form in forms] for at in range(3))
    kind, texts = PiiKind.ABSENT, ["", "", ""]
    if any(secret):
        # Whatever stands in a field of masks and in one of ciphers is no mask.
        kind, texts = PiiKind.ENCRYPTED, ["" if text in secret else text for text in masked]
        if not all(secret):
            detail = "some receiver fields have no cipher"
            problems.append(problem(ProblemCode.RECEIVER_MIXED, detail, blocks=False))
    elif any(readable):
        kind = PiiKind.MASKED if any("*" in text for text in readable) else PiiKind.PLAIN
        texts = readable
    elif any(masked):
        kind, texts = PiiKind.MASKED, masked
    place = settle(clean(region[0]), clean(region[1]), clean(region[2]))
    return Receiver(
        province=place.province,
        city=place.city,
        district=place.district,
        town=clean(town),
        pii=kind,
        name=texts[0],
        phone=texts[1],
        address=texts[2],
        name_cipher=secret[0],
        phone_cipher=secret[1],
        address_cipher=secret[2],
        key=clean(key),
    )
