"""Opening what platforms push encrypted. Nothing here raises; what cannot be opened is None.

AES-CBC as the platforms use it carries no signature of its own: who opens a message must still look
whether what came out is one.
"""

import base64
import binascii
import re

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BYTES = 16
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_KEY_BYTES = frozenset({16, 24, 32})


def base64_bytes(text: str | bytes) -> bytes | None:
    """Return the bytes of a Base64 text; None for any text but the one encoding gives for them."""
    given = text.encode("utf-8", "replace") if isinstance(text, str) else text
    found = key_bytes(given)
    return found if found is not None and base64.b64encode(found) == given else None


def key_bytes(text: str | bytes) -> bytes | None:
    """Return the bytes of a key; platforms draw its last letter without a look at its spare bits."""
    given = text.encode("utf-8", "replace") if isinstance(text, str) else text
    try:
        return base64.b64decode(given, validate=True)
    except binascii.Error:
        return None


def is_text(text: bytes) -> bool:
    """Say whether these bytes are UTF-8 without control characters: sixteen of noise hardly are."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(text)


def opened_cbc(sealed: bytes, *, key: bytes, iv: bytes, padded_to: int) -> bytes | None:
    """Decrypt AES-CBC and take the padding (PKCS7 to `padded_to` bytes) off."""
    if len(key) not in _KEY_BYTES or not sealed or len(sealed) % BLOCK_BYTES:
        return None
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    text = decryptor.update(sealed) + decryptor.finalize()
    added = text[-1]
    if not 1 <= added <= padded_to or len(text) < added:
        return None
    if text[-added:] != bytes([added]) * added:
        return None
    return text[:-added]
