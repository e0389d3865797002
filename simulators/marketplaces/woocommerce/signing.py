"""How WooCommerce knows who calls: a key pair over https, a signature by OAuth 1.0a over plain http.

Guarantees: over plain http a key pair is no proof, as the store's own code has it; a nonce is taken once
within a quarter of an hour, of each second the last one.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from simulators.clock import SECOND_MS
from simulators.doors import Call
from simulators.orders import Shop
from simulators.signing import same

WINDOW_S = 15 * 60
_METHODS = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
_NEEDED = (
    "oauth_consumer_key",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
)


class NotKnown(ValueError):
    """Nobody whom the store knows calls; the message is the store's own."""


def _escaped(text: str) -> str:
    return quote(text, safe="-._~")


def oauth_signature(method: str, url: str, params: Mapping[str, str], secret: str) -> str | None:
    """Return the signature of a call without its own; None for a method the store does not know."""
    algorithm = _METHODS.get(params.get("oauth_signature_method", ""))
    if algorithm is None:
        return None
    pairs = [
        f"{_escaped(name)}={_escaped(params[name])}"
        for name in sorted(params)
        if name != "oauth_signature"
    ]
    text = "&".join(map(_escaped, (method.upper(), url, "&".join(pairs))))
    return b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), algorithm)).decode()


class Guard:
    """Finds the shop whose key pair made a call."""

    def __init__(self, shops: Iterable[Shop]) -> None:
        self._shops = {shop.app_key: shop for shop in shops}
        self._nonces: dict[str, dict[int, str]] = {shop: {} for shop in self._shops}

    def shop(self, call: Call, now_ms: int) -> Shop:
        """Return whose call it is; NotKnown with what the store says."""
        secure = call.headers.get("x-forwarded-proto", "http") == "https"
        return self._by_pair(call) if secure else self._by_signature(call, now_ms)

    def _by_pair(self, call: Call) -> Shop:
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        key, secret = call.query.get("consumer_key", ""), call.query.get("consumer_secret", "")
        if scheme.lower() == "basic":
            try:
                key, _, secret = b64decode(text, validate=True).decode().partition(":")
            except ValueError:
                key = secret = ""
        if not key:
            raise NotKnown("Sorry, you cannot list resources.")
        shop = self._known(key)
        if not same(secret, shop.app_secret):
            raise NotKnown("Consumer secret is invalid.")
        return shop

    def _by_signature(self, call: Call, now_ms: int) -> Shop:
        params = call.query
        missing = [name for name in _NEEDED if not params.get(name)]
        if missing == list(_NEEDED):
            raise NotKnown("Sorry, you cannot list resources.")
        if missing:
            raise NotKnown(f"Missing OAuth parameters {', '.join(missing)}")
        shop = self._known(params["oauth_consumer_key"])
        url = f"http://{call.headers.get('host', 'localhost')}{call.path}"
        expected = oauth_signature(call.method, url, params, shop.app_secret)
        if expected is None:
            raise NotKnown("Invalid signature - signature method is invalid.")
        if not same(params["oauth_signature"], expected):
            raise NotKnown("Invalid signature - provided signature does not match.")
        self._take_nonce(shop, params, now_ms // SECOND_MS)
        return shop

    def _known(self, key: str) -> Shop:
        shop = self._shops.get(key)
        if shop is None:
            raise NotKnown("Consumer key is invalid.")
        return shop

    def _take_nonce(self, shop: Shop, params: Mapping[str, str], now_s: int) -> None:
        at = params["oauth_timestamp"]
        if not at.isascii() or not at.isdecimal() or abs(int(at) - now_s) > WINDOW_S:
            raise NotKnown("Invalid timestamp.")
        used, nonce = self._nonces[shop.app_key], params["oauth_nonce"]
        if nonce in used.values():
            raise NotKnown("Invalid nonce - nonce has already been used.")
        used[int(at)] = nonce
        for second in [second for second in used if second < now_s - WINDOW_S]:
            del used[second]
