"""WeChat's pushes: an encrypted event, signed in the query over token, time, nonce and cipher.

Only encrypted pushes are taken: the signature of a plain one does not cover its body.
"""

import hashlib
import re

import msgspec

from services.ingest.channels import (
    ChannelError,
    Credentials,
    ErrorKind,
    Hint,
    HintKind,
    Push,
    PushRequest,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._cipher import BLOCK_BYTES, base64_bytes, key_bytes, opened_cbc
from services.ingest.channels._wire import clean, epoch_time, read_json, starts_with, text_of
from services.ingest.channels.wechat_channels import wire
from services.ingest.domain.model import Problem

_PADDED_TO = 32
_RANDOM_BYTES = 16
_LENGTH_BYTES = 4
# Shops choose JSON or XML for their pushes; these few fields are all that is read of either.
_CIPHER_IN_XML = re.compile(rb"<Encrypt>(?:<!\[CDATA\[)?([A-Za-z0-9+/=]+)(?:\]\]>)?</Encrypt>")


class _Sealed(msgspec.Struct):
    Encrypt: str | None = None


_decode_sealed = msgspec.json.Decoder(_Sealed).decode
_decode_event = msgspec.json.Decoder(wire.Event).decode


def sign(token: str, *parts: str) -> str:
    """Return the signature over the token and the parts, whatever their order."""
    text = "".join(sorted((token, *parts)))
    return hashlib.sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def decrypted(aes_key: str, cipher: str, app_id: str) -> bytes | None:
    """Return the message: 16 random bytes, its length, itself, and the app it is for."""
    key = key_bytes(aes_key + "=")
    sealed = base64_bytes(cipher)
    if key is None or len(key) != 32 or sealed is None:
        return None
    text = opened_cbc(sealed, key=key, iv=key[:BLOCK_BYTES], padded_to=_PADDED_TO)
    if text is None or len(text) < _RANDOM_BYTES + _LENGTH_BYTES:
        return None
    body = text[_RANDOM_BYTES + _LENGTH_BYTES :]
    length = int.from_bytes(text[_RANDOM_BYTES:][:_LENGTH_BYTES], "big")
    if body[length:] != app_id.encode() or len(body) < length:
        return None
    return body[:length]


def cipher_of(body: bytes) -> str:
    """Return the cipher of a push, as JSON or XML; "" if there is none."""
    found = read_json(_decode_sealed, body)
    if not isinstance(found, Problem):
        return found.Encrypt or ""
    match = _CIPHER_IN_XML.search(body)
    return match[1].decode() if match else ""


def verify(credentials: Credentials, push: PushRequest) -> bool:
    """Say whether the platform signed exactly this cipher with this shop's token."""
    cipher = cipher_of(push.body)
    if not cipher or not credentials.push_token:
        return False
    timestamp, nonce = push.query.get("timestamp", ""), push.query.get("nonce", "")
    expected = sign(credentials.push_token, timestamp, nonce, cipher)
    return calls.same(push.query.get("msg_signature", ""), expected)


def opened(credentials: Credentials, push: PushRequest) -> bytes | None:
    """Return the event inside a push for this app."""
    return decrypted(credentials.push_secret, cipher_of(push.body), credentials.app_key)


def greeting(credentials: Credentials, push: PushRequest) -> bytes | None:
    """Echo what the platform sends to see that the door knows the token."""
    if not credentials.push_token:
        return None
    query = push.query
    expected = sign(credentials.push_token, query.get("timestamp", ""), query.get("nonce", ""))
    genuine = calls.same(query.get("signature", ""), expected)
    return query.get("echostr", "").encode("utf-8", "replace") if genuine else None


def event_of(text: bytes) -> wire.Event | Problem:
    """Read an opened event, JSON or XML."""
    if not starts_with(text, b"<"):
        return read_json(_decode_event, text)
    told = wire.Told(
        order_id=_xml(text, "order_id"),
        after_sale_order_id=_xml(text, "after_sale_order_id") or None,
        pay_time=_xml(text, "pay_time"),
    )
    return wire.Event(
        ToUserName=_xml(text, "ToUserName"),
        CreateTime=_xml(text, "CreateTime"),
        Event=_xml(text, "Event"),
        order_info=told if told.order_id else None,
    )


def _xml(text: bytes, name: str) -> str:
    field = re.search(
        rf"<{name}>(?:<!\[CDATA\[)?([^<>\]]*)(?:\]\]>)?</{name}>".encode(), text, re.DOTALL
    )
    return field[1].decode("utf-8", "replace").strip() if field else ""


def read(credentials: Credentials, push: PushRequest) -> tuple[Hint, ...] | ChannelError:
    """Read an opened event into a hint; one which names no order is OTHER, not dropped."""
    del credentials
    found = event_of(push.body)
    if isinstance(found, Problem):
        return calls.error(ErrorKind.REFUSED, found.code, found.detail)
    order_no = text_of(found.told.order_id)
    kind = HintKind.ORDER if order_no else HintKind.OTHER
    if order_no and found.told.after_sale_order_id:
        kind = HintKind.AFTERSALE
    happened = text_of(found.CreateTime)
    return (
        Hint(
            order_no=order_no,
            # The platform numbers no events: kind, order and second tell repeats apart.
            message_id="-".join((clean(found.Event), order_no, happened)),
            kind=kind,
            kind_code=clean(found.Event),
            shop=clean(found.ToUserName),
            at=epoch_time(found.CreateTime, "CreateTime", []),
        ),
    )


PUSH = Push(
    verify=verify,
    read=read,
    reply=b"success",
    reply_content_type="text/plain",
    opened=opened,
    greeting=greeting,
)
