"""The signed link by which a leader enters: who may order for which campaign, until when.

Guarantees: a link names codes only, never a person; any change of one character makes it forged; a key that was
taken out of the settings ends the links it signed. Comparison takes constant time.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from chassis.errors import StartRefused
from chassis.ids import framed

KEY_BYTES = 32
_TOKEN = re.compile(
    r"(?P<campaign>[a-z0-9-]{1,32})\.(?P<leader>[a-z0-9-]{1,32})\.(?P<expires>[0-9]{1,11})"
    r"\.(?P<key>[0-9]{1,5})\.(?P<mac>[0-9a-f]{64})"
)


class LinkFault(StrEnum):
    """Why a link does not let anybody in."""

    FORGED = "forged"
    EXPIRED = "expired"


class Link(Struct, frozen=True, kw_only=True):
    """What a genuine link says."""

    campaign_id: str
    leader_id: str
    expires_at: datetime


class LinkKeys:
    """Keys that sign links: the highest number signs, every listed number verifies."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        self._keys = dict(keys)

    @classmethod
    def parse(cls, text: str) -> "LinkKeys":
        """Read `<number>:<base64 of 32 bytes>` parts separated by commas; "" gives keys that open nothing.

        Raises `StartRefused` naming the part by its place, never its content.
        """
        keys: dict[int, bytes] = {}
        for place, part in enumerate(filter(None, text.replace(" ", "").split(",")), start=1):
            number, _, encoded = part.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except ValueError:
                key = b""
            plain = number.isascii() and number.isdecimal() and len(number) <= 5
            if not plain or len(key) != KEY_BYTES or int(number) in keys:
                raise StartRefused(
                    f"leader link key {place} is not '<number>:<base64 of {KEY_BYTES} bytes>' "
                    "with a number of its own"
                )
            keys[int(number)] = key
        return cls(keys)

    def __bool__(self) -> bool:
        """Whether there is a key to sign with."""
        return bool(self._keys)

    def sign(self, link: Link) -> str:
        """The link's token: one path segment. The same link gives the same token under the same key.

        Raises `StartRefused` where no key is set.
        """
        if not self._keys:
            raise StartRefused(
                "no key to sign leaders' links: set DANSHU_INGEST_LEADER_LINK_KEYS to "
                "'1:<base64 of 32 random bytes>'"
            )
        number = max(self._keys)
        parts = (
            link.campaign_id,
            link.leader_id,
            str(int(link.expires_at.timestamp())),
            str(number),
        )
        return ".".join((*parts, self._mac(number, "leader-link", *parts)))

    def read(self, token: str, now: datetime) -> Link | LinkFault:
        """What a token says; nothing is told of a forged one, not even that it has expired."""
        found = _TOKEN.fullmatch(token) if token.isascii() else None
        if found is None or int(found["key"]) not in self._keys:
            return LinkFault.FORGED
        *parts, mac = found.groups()
        if not hmac.compare_digest(mac, self._mac(int(found["key"]), "leader-link", *parts)):
            return LinkFault.FORGED
        expires_at = datetime.fromtimestamp(int(found["expires"]), UTC)
        if now >= expires_at:
            return LinkFault.EXPIRED
        return Link(campaign_id=found["campaign"], leader_id=found["leader"], expires_at=expires_at)

    def form_token(self, token: str, submission: str) -> str:
        """What a form opened by this link must bring back: no other site can make it.

        Under the key that signed the link, so both end together. `token` must have been read.
        """
        number = int(token.rsplit(".", 2)[1])
        return self._mac(number, "leader-form", token, submission)

    def _mac(self, number: int, *parts: str) -> str:
        return hmac.digest(self._keys[number], framed(*parts).encode(), "sha256").hex()
