"""How each platform signs, written from its own rules so that it can refuse.

Guarantees: every function takes exactly what is signed and returns the signature as sent; comparing is
constant-time and never raises on what a stranger sends.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping

import msgspec


def same(given: str, expected: str) -> bool:
    """Compare two signatures without telling by time where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def md5_hex(content: bytes) -> str:
    """Return lower-case hex MD5."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _joined(params: Mapping[str, str]) -> str:
    return "".join(
        f"{name}{params[name]}"
        for name in sorted(params)
        if name and params[name] and name != "sign"
    )


def top_sign(params: Mapping[str, str], secret: str, method: str) -> str | None:
    """Sign a Taobao TOP call: `md5`, `hmac` or `hmac-sha256`; None for any other method."""
    content = _joined(params).encode()
    if method == "md5":
        return md5_hex(secret.encode() + content + secret.encode()).upper()
    algorithms = {"hmac": "md5", "hmac-sha256": "sha256"}
    if method not in algorithms:
        return None
    return hmac.new(secret.encode(), content, algorithms[method]).hexdigest().upper()


def jos_sign(params: Mapping[str, str], secret: str) -> str:
    """Sign a JD JOS call: upper-case hex MD5(secret + sorted names and values + secret)."""
    return md5_hex(f"{secret}{_joined(params)}{secret}".encode()).upper()


def pdd_sign(params: Mapping[str, str], secret: str) -> str:
    """Sign a call through Pinduoduo's gateway, 快团团's too: as JD's, empty values included."""
    text = "".join(f"{name}{params[name]}" for name in sorted(params) if name != "sign")
    return md5_hex(f"{secret}{text}{secret}".encode()).upper()


def doudian_sign(params: Mapping[str, str], param_json: bytes, secret: str) -> str:
    """Sign a Douyin call over app_key, method, param_json, timestamp, v (never the token)."""
    content = (
        f"{secret}app_key{params.get('app_key', '')}method{params.get('method', '')}param_json".encode()
        + param_json
        + f"timestamp{params.get('timestamp', '')}v{params.get('v', '')}{secret}".encode()
    )
    return hmac.new(secret.encode(), content, "sha256").hexdigest()


def doudian_canonical(body: bytes) -> bytes:
    """Return JSON with the keys of every depth sorted, compact, unescaped; msgspec.DecodeError."""
    return msgspec.json.encode(msgspec.json.decode(body or b"{}"), order="sorted")


def doudian_event_sign(app_key: str, body: bytes, secret: str) -> str:
    """Sign a Douyin push: lower-case hex MD5(app_key + raw body + secret)."""
    return md5_hex(app_key.encode() + body + secret.encode())


def link_digest(content: str, secret: str) -> str:
    """Sign a Cainiao LINK call: Base64(MD5(content + secret))."""
    digest = hashlib.md5((content + secret).encode(), usedforsecurity=False).digest()
    return b64encode(digest).decode()


def kuaidi100_sign(param: str, salt: str) -> str:
    """Sign a kuaidi100 push: upper-case hex MD5(param + salt)."""
    return md5_hex((param + salt).encode()).upper()


def alipay_content(params: Mapping[str, str]) -> bytes:
    """Return what RSA2 signs in a request: sorted `k=v` joined by `&`, sign and empties left out."""
    return "&".join(
        f"{name}={params[name]}" for name in sorted(params) if params[name] and name != "sign"
    ).encode()
