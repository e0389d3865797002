"""Who may look: password hashes, sessions in a sealed cookie, and a limit on guessing.

Guarantees: a password is only ever compared with an scrypt hash, for unknown names too; a session cookie that
was changed or has expired is no session; every form token belongs to one session; five wrong passwords for a
name from one address stop that pair for a minute. Nothing is stored outside the process.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.clock import Clock
from chassis.ids import framed

SCRYPT_N = 2**15
SCRYPT_R = 8
SCRYPT_P = 1
SCRYPT_BYTES = 64 * 1024 * 1024
"""OpenSSL's ceiling for one hash; n=2**15, r=8 takes 32 MiB and about 80 ms."""
SALT_BYTES = 16
HASH_BYTES = 32

FAILURES_MAX = 5
PAUSE_MS = 60_000
REMEMBERED_MAX = 10_000
PASSWORD_CHARS_MAX = 200
NAME_CHARS_MAX = 64


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=n, r=r, p=p, dklen=HASH_BYTES, maxmem=SCRYPT_BYTES
    )


def hash_password(password: str) -> str:
    """`scrypt$n$r$p$salt$hash` (base64), with a fresh salt. Takes about 80 ms."""
    salt = os.urandom(SALT_BYTES)
    digest = _scrypt(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    return (
        f"scrypt${SCRYPT_N}${SCRYPT_R}${SCRYPT_P}"
        f"${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
    )


def verify_password(password: str, stored: str) -> bool:
    """Whether the password made this hash. A malformed hash matches nothing."""
    try:
        kind, n, r, p, salt, digest = stored.split("$")
        wanted = base64.b64decode(digest, validate=True)
        made = _scrypt(password, base64.b64decode(salt, validate=True), int(n), int(r), int(p))
    except (ValueError, binascii.Error):
        return False
    return kind == "scrypt" and hmac.compare_digest(made, wanted)


_NOBODY = (
    f"scrypt${SCRYPT_N}${SCRYPT_R}${SCRYPT_P}$"
    f"{base64.b64encode(bytes(SALT_BYTES)).decode()}${base64.b64encode(bytes(HASH_BYTES)).decode()}"
)
"""No password makes it; unknown names are compared with it, so that time does not tell who exists."""


def check_user(users: Mapping[str, str], name: str, password: str) -> bool:
    """Whether this is a user with this password. Takes as long for names that do not exist."""
    if len(password) > PASSWORD_CHARS_MAX or len(name) > NAME_CHARS_MAX:
        return False
    return verify_password(password, users.get(name, _NOBODY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in user. `form_token` must come back with every form of this session."""

    user: str
    expires_at: datetime
    form_token: str


class Sessions:
    """Seals and opens session cookies with one key."""

    def __init__(self, key: bytes, clock: Clock, hours: int) -> None:
        self._key = key
        self._clock = clock
        self._lifetime = timedelta(hours=hours)

    def issue(self, user: str) -> str:
        """A fresh cookie value for the user."""
        expires_s = int((self._clock.now() + self._lifetime).timestamp())
        name = base64.urlsafe_b64encode(user.encode()).decode()
        nonce = base64.urlsafe_b64encode(os.urandom(12)).decode()
        body = f"{name}.{expires_s}.{nonce}"
        return f"{body}.{self._mac('session', body)}"

    def read(self, cookie: str) -> Session | None:
        """The session, or None when the cookie is not ours, was changed, or has expired."""
        body, _, mac = cookie.rpartition(".")
        if not body or not hmac.compare_digest(mac.encode(), self._mac("session", body).encode()):
            return None
        name, expires_s, _ = body.split(".")
        expires_at = datetime.fromtimestamp(int(expires_s), tz=self._clock.now().tzinfo)
        if expires_at <= self._clock.now():
            return None
        return Session(
            user=base64.urlsafe_b64decode(name).decode(),
            expires_at=expires_at,
            form_token=self.form_token(body),
        )

    def form_token(self, nonce: str) -> str:
        """What a form must bring back: bound to a session, or to the nonce of the sign-in page."""
        return self._mac("form", nonce)

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.digest(self._key, framed(purpose, text).encode(), "sha256").hex()


@dataclass(slots=True)
class _Tries:
    failures: int = 0
    since_ms: int = 0


class Guesses:
    """Counts wrong passwords by name and address, in this process; the oldest pairs are forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()

    def wait_s(self, name: str, address: str) -> int:
        """Seconds to wait before the next try; 0 = go on."""
        tries = self._tries.get((name, address))
        if tries is None or tries.failures < FAILURES_MAX:
            return 0
        left_ms = tries.since_ms + PAUSE_MS - self._clock.monotonic_ms()
        if left_ms <= 0:
            del self._tries[name, address]
            return 0
        return -(-left_ms // 1000)

    def failed(self, name: str, address: str) -> None:
        """Takes a wrong password into account."""
        tries = self._tries.setdefault((name, address), _Tries())
        tries.failures += 1
        tries.since_ms = self._clock.monotonic_ms()
        self._tries.move_to_end((name, address))
        while len(self._tries) > REMEMBERED_MAX:
            self._tries.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forgets the wrong ones."""
        self._tries.pop((name, address), None)
