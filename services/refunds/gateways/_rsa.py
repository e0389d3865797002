"""RSA as payment gateways use it: SHA-256, PKCS#1 v1.5, base64 (Alipay's RSA2, WeChat Pay's SHA256-RSA2048).

Guarantees: `genuine` never raises on what strangers send, keys of another kind included.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import lru_cache
from textwrap import wrap

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate


def sign(text: str, private_key: str) -> str:
    """Return the signature of a text in base64. Raises ValueError or TypeError for what is no RSA key."""
    signature = _private(private_key).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return b64encode(signature).decode()


def genuine(content: bytes, signature: str, public_key: str) -> bool:
    """Whether `content` was signed with the key's private half."""
    try:
        _public(public_key).verify(
            b64decode(signature, validate=True), content, padding.PKCS1v15(), hashes.SHA256()
        )
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def usable(private_key: str, public_key: str) -> bool:
    """Whether both are RSA keys: PEM texts, or their bare base64; the public one may be a certificate."""
    try:
        _private(private_key)
        _public(public_key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


@lru_cache(maxsize=4)
def _private(text: str) -> RSAPrivateKey:
    key = load_pem_private_key(_pem(text, "PRIVATE KEY"), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


@lru_cache(maxsize=4)
def _public(text: str) -> RSAPublicKey:
    pem = _pem(text, "PUBLIC KEY")
    certified = pem.startswith(b"-----BEGIN CERTIFICATE")
    key = load_pem_x509_certificate(pem).public_key() if certified else load_pem_public_key(pem)
    if not isinstance(key, RSAPublicKey):
        raise TypeError("not an RSA key")
    return key


def _pem(text: str, kind: str) -> bytes:
    text = text.strip()
    if not text.startswith("-----BEGIN"):
        body = "\n".join(wrap("".join(text.split()), 64))
        text = f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"
    return text.encode() + b"\n"
