"""Personal data leaves a process only under a seal, and forgetting an order means destroying one key.

Three seals, all AES-256-GCM, all bound to what they are for by authenticated context:

- `PersonalSeal`: one block per order under that order's own key. The key is stored once, wrapped by a
  master key; every version of the block (events, tables, backups) opens with it only. Emptying the
  stored wrapped key erases them all: opening then answers `KeyDestroyed`, a value, not an exception.
- `PayloadSeal`: raw channel payloads under a key of this process. A sealed payload carries its own
  wrapped key, so any process with the master keys opens it; it is forgotten by the topic's retention.
- `PersonalSeal.blind_index`: a keyed hash for equality search, useless without the key.

Nonces are random. A wrapped key or a sealed text that was changed, cut or moved to another order raises
`SealBroken`. No message of this module contains plain text, keys or ciphertext.
"""

import base64
import binascii
import hmac
import os
import struct
import threading
import zlib
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.clock import Clock
from chassis.errors import Invalid, StartRefused
from chassis.ids import framed

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
VERSION_MAX: Final = 0xFFFF

# First byte of each format. A new layout gets a new number; the old ones stay readable.
_WRAPPED_FORMAT: Final = 0x11
_BLOCK_FORMAT: Final = 0x21
_PAYLOAD_FORMAT: Final = 0x31

_WRAPPED_HEAD: Final = struct.Struct(">BH")
WRAPPED_BYTES: Final = _WRAPPED_HEAD.size + NONCE_BYTES + KEY_BYTES + TAG_BYTES
_BLOCK_AAD: Final = str(_BLOCK_FORMAT)

# 2**32 messages are the limit of random nonces under one key (NIST SP 800-38D 8.3); these stay far away.
PAYLOAD_USES_MAX: Final = 2**20
PAYLOAD_KEY_MAX_AGE_MS: Final = 3_600_000
PAYLOAD_CACHE_MAX: Final = 1024  # a week of hourly keys of six processes
COMPRESS_FROM_BYTES: Final = 512
# An 8 KB window: deflate clears its window at the start, so zlib's usual 32 KB costs four times the time
# on payloads of 2 KB and shrinks them no further.
_DEFLATE_WBITS: Final = -13
_DEFLATE_MEMORY: Final = 6


class SealBroken(Invalid):
    """Sealed bytes that do not open: changed, cut, of another order, or under a key we do not hold."""


class KeyDestroyed(msgspec.Struct, frozen=True, kw_only=True):
    """The order's key was erased; its personal data is gone for good. Show it as 已删除."""

    order_id: str


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """`ciphertext` may travel anywhere; `wrapped_key` is stored once, where it can be erased."""

    ciphertext: bytes
    wrapped_key: bytes


class MasterKeys:
    """The keys that wrap other keys: the highest version wraps, every listed version unwraps.

    Rotation: add a higher version, restart, `PersonalSeal.rewrap` what is stored, and keep the old
    version for as long as payloads wrapped by it are retained. The lowest version is also the root of
    `blind_index`: taking it away means indexing anew.
    """

    __slots__ = ("_aeads", "index_key", "newest")

    def __init__(self, keys: dict[int, bytes]) -> None:
        """Take keys of 32 bytes by version 1–65535. Raises `StartRefused` if there is none such."""
        wrong = [v for v, key in keys.items() if not 0 < v <= VERSION_MAX or len(key) != KEY_BYTES]
        if wrong or not keys:
            raise StartRefused(
                f"master key versions {sorted(wrong)} are not 1-{VERSION_MAX} with {KEY_BYTES} bytes"
                if wrong
                else "no master key: set DANSHU_MASTER_KEYS to '1:<base64 of 32 random bytes>'"
            )
        self._aeads = {version: AESGCM(key) for version, key in keys.items()}
        self.newest = max(keys)
        self.index_key = hmac.digest(keys[min(keys)], b"danshu blind index", "sha256")

    @classmethod
    def parse(cls, text: str) -> "MasterKeys":
        """Read `<version>:<base64>` parts separated by commas (the setting `master_keys`).

        Raises `StartRefused` naming the part by its place, never its content.
        """
        keys: dict[int, bytes] = {}
        for place, part in enumerate(filter(None, text.replace(" ", "").split(",")), start=1):
            version, _, encoded = part.partition(":")
            try:
                number, key = int(version), base64.b64decode(encoded, validate=True)
            except (ValueError, binascii.Error):
                raise StartRefused(f"master key {place} is not '<version>:<base64>'") from None
            if number in keys:
                raise StartRefused(f"master key version {number} is listed twice")
            keys[number] = key
        return cls(keys)

    def wrap(self, key: bytes, context: str) -> bytes:
        """Return `key` sealed by the newest master key for `context` only (63 bytes)."""
        head = _WRAPPED_HEAD.pack(_WRAPPED_FORMAT, self.newest)
        nonce = os.urandom(NONCE_BYTES)
        aad = framed(context, str(self.newest)).encode()
        return head + nonce + self._aeads[self.newest].encrypt(nonce, key, aad)

    def unwrap(self, wrapped_key: bytes, context: str) -> bytes:
        """Return the key inside. Raises `SealBroken` for another context or an unknown version."""
        if len(wrapped_key) != WRAPPED_BYTES or wrapped_key[0] != _WRAPPED_FORMAT:
            raise SealBroken("wrapped_key_malformed")
        version = wrapped_version(wrapped_key)
        aead = self._aeads.get(version)
        if aead is None:
            raise SealBroken("master_key_unknown")
        nonce_end = _WRAPPED_HEAD.size + NONCE_BYTES
        try:
            return aead.decrypt(
                wrapped_key[_WRAPPED_HEAD.size : nonce_end],
                wrapped_key[nonce_end:],
                framed(context, str(version)).encode(),
            )
        except InvalidTag:
            raise SealBroken("wrapped_key_does_not_open") from None


def wrapped_version(wrapped_key: bytes) -> int:
    """Return the master key version a wrapped key names (for finding what still has to be rewrapped)."""
    version: int = _WRAPPED_HEAD.unpack_from(wrapped_key)[1]
    return version


def new_master_key_text(version: int = 1) -> str:
    """Return a fresh random key in the form the setting `master_keys` takes."""
    return f"{version}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


class PersonalSeal:
    """Seals and opens the personal block of orders. Safe to share between threads."""

    __slots__ = ("_keys",)

    def __init__(self, keys: MasterKeys) -> None:
        self._keys = keys

    def seal(self, block: bytes, order_id: str) -> Sealed:
        """Seal the first block of an order under a key of its own. A second call makes a second key."""
        key = os.urandom(KEY_BYTES)
        return Sealed(
            ciphertext=_seal_block(AESGCM(key), block, order_id),
            wrapped_key=self._keys.wrap(key, _order_context(order_id)),
        )

    def reseal(
        self, block: bytes, order_id: str, wrapped_key: bytes | None
    ) -> bytes | KeyDestroyed:
        """Seal a later block (a changed address) under the order's existing key: return ciphertext."""
        if not wrapped_key:
            return KeyDestroyed(order_id=order_id)
        key = self._keys.unwrap(wrapped_key, _order_context(order_id))
        return _seal_block(AESGCM(key), block, order_id)

    def open_block(
        self, ciphertext: bytes, order_id: str, wrapped_key: bytes | None
    ) -> bytes | KeyDestroyed:
        """Return the block, or `KeyDestroyed` when the stored key is None or empty.

        Raises `SealBroken` if the bytes are not what was sealed for this order.
        """
        if not wrapped_key:
            return KeyDestroyed(order_id=order_id)
        if not ciphertext or ciphertext[0] != _BLOCK_FORMAT:
            raise SealBroken("block_malformed")
        key = self._keys.unwrap(wrapped_key, _order_context(order_id))
        nonce, body = ciphertext[1 : 1 + NONCE_BYTES], ciphertext[1 + NONCE_BYTES :]
        return _opened(AESGCM(key), nonce, body, _block_aad(order_id))

    def rewrap(self, wrapped_key: bytes, order_id: str) -> bytes:
        """Return the order's key wrapped by the newest master key; unchanged if it already is."""
        key = self._keys.unwrap(wrapped_key, _order_context(order_id))
        if wrapped_version(wrapped_key) == self._keys.newest:
            return wrapped_key
        return self._keys.wrap(key, _order_context(order_id))

    def blind_index(self, text: str, purpose: str) -> str:
        """Return 32 hex digits, equal for equal `text` of one `purpose` ("phone", "receiver").

        The caller normalises (trimmed, digits only…) first; equality here is equality of bytes.
        """
        return hmac.digest(self._keys.index_key, framed(purpose, text).encode(), "sha256").hex()[
            :32
        ]


def _order_context(order_id: str) -> str:
    return framed("order-key", order_id)


def _block_aad(order_id: str) -> bytes:
    return framed("personal-block", order_id, _BLOCK_AAD).encode()


def _seal_block(aead: AESGCM, block: bytes, order_id: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return b"%c%b%b" % (_BLOCK_FORMAT, nonce, aead.encrypt(nonce, block, _block_aad(order_id)))


def _opened(aead: AESGCM, nonce: bytes, body: bytes, aad: bytes) -> bytes:
    try:
        return aead.decrypt(nonce, body, aad)
    except (InvalidTag, ValueError):  # ValueError: a nonce cut short
        raise SealBroken("seal_does_not_open") from None


_PAYLOAD_CONTEXT: Final = "payload-key"
_STORED: Final = bytes((_PAYLOAD_FORMAT, 0))
_DEFLATED: Final = bytes((_PAYLOAD_FORMAT, 1))
_PAYLOAD_HEAD_BYTES: Final = len(_STORED) + WRAPPED_BYTES


@dataclass(slots=True, kw_only=True)
class _PayloadKey:
    aead: AESGCM
    wrapped: bytes
    expires_at_ms: int
    uses_left: int


class PayloadSeal:
    """Seals raw payloads as self-describing bytes: format, flag, wrapped key, nonce, ciphertext.

    One data key per process, replaced after an hour or 2**20 uses. Safe to share between threads (two
    threads may overrun the count by a few uses, which the limit has room for).
    """

    __slots__ = ("_clock", "_compress_from_bytes", "_current", "_keys", "_lock", "_unwrapped")

    def __init__(
        self, keys: MasterKeys, clock: Clock, *, compress_from_bytes: int = COMPRESS_FROM_BYTES
    ) -> None:
        """Payloads of `compress_from_bytes` and more are deflated first, if that shrinks them."""
        self._keys = keys
        self._clock = clock
        self._compress_from_bytes = compress_from_bytes
        self._lock = threading.Lock()
        self._unwrapped: dict[bytes, AESGCM] = {}
        self._current = self._fresh_key()

    def seal_payload(self, payload: bytes) -> bytes:
        """Return the sealed payload, at most 93 bytes longer. A second call gives other bytes."""
        current = self._current
        if current.uses_left <= 0 or self._clock.monotonic_ms() >= current.expires_at_ms:
            with self._lock:
                if self._current is current:
                    self._current = self._fresh_key()
                current = self._current
        current.uses_left -= 1
        flag, body = _STORED, payload
        if len(payload) >= self._compress_from_bytes:
            deflated = _deflated(payload)
            if len(deflated) < len(payload):
                flag, body = _DEFLATED, deflated
        head = flag + current.wrapped
        nonce = os.urandom(NONCE_BYTES)
        return head + nonce + current.aead.encrypt(nonce, body, head)

    def open_payload(self, sealed: bytes) -> bytes:
        """Return the payload of any process with our master keys. Raises `SealBroken`."""
        flag, head = sealed[: len(_STORED)], sealed[:_PAYLOAD_HEAD_BYTES]
        if flag not in (_STORED, _DEFLATED) or len(head) < _PAYLOAD_HEAD_BYTES:
            raise SealBroken("payload_malformed")
        aead = self._aead_of(head[len(_STORED) :])
        body_start = _PAYLOAD_HEAD_BYTES + NONCE_BYTES
        body = _opened(aead, sealed[_PAYLOAD_HEAD_BYTES:body_start], sealed[body_start:], head)
        return zlib.decompress(body, _DEFLATE_WBITS) if flag == _DEFLATED else body

    def _aead_of(self, wrapped: bytes) -> AESGCM:
        aead = self._unwrapped.get(wrapped)
        if aead is None:
            aead = AESGCM(self._keys.unwrap(wrapped, _PAYLOAD_CONTEXT))
            with self._lock:
                while len(self._unwrapped) >= PAYLOAD_CACHE_MAX:
                    del self._unwrapped[next(iter(self._unwrapped))]
                self._unwrapped[wrapped] = aead
        return aead

    def _fresh_key(self) -> _PayloadKey:
        key = os.urandom(KEY_BYTES)
        return _PayloadKey(
            aead=AESGCM(key),
            wrapped=self._keys.wrap(key, _PAYLOAD_CONTEXT),
            expires_at_ms=self._clock.monotonic_ms() + PAYLOAD_KEY_MAX_AGE_MS,
            uses_left=PAYLOAD_USES_MAX,
        )


def _deflated(payload: bytes) -> bytes:
    deflate = zlib.compressobj(1, zlib.DEFLATED, _DEFLATE_WBITS, _DEFLATE_MEMORY)
    return deflate.compress(payload) + deflate.flush()


def mask_phone(phone: str) -> str:
    """Return a phone fit for a screen: "13000001234" → "130****1234"; short numbers show less."""
    phone = phone.strip()
    if len(phone) >= 11:
        return f"{phone[:3]}****{phone[-4:]}"
    return f"****{phone[-2:]}" if len(phone) >= 7 else "****" if phone else ""


def mask_name(name: str) -> str:
    """Return the first character and a star: "测试收货人" → "测*". The length is not told."""
    name = name.strip()
    return f"{name[0]}*" if len(name) > 1 else "*" if name else ""
