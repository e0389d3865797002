"""Youzan's pushes: the inner message is signed as it was received, still URL-encoded; hints only."""

from urllib.parse import unquote_plus

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
from services.ingest.channels._wire import Id, Text, beijing_time, read_json, text_of
from services.ingest.channels.youzan import wire
from services.ingest.domain.model import Problem


class _Push(msgspec.Struct):
    client_id: Text = None
    id: Id = None
    kdt_id: Id = None
    msg: msgspec.Raw = msgspec.Raw()
    sign: Text = None
    type: Text = None
    test: bool | None = None
    version: Id = None


class Message(wire.Trade):
    """What a message is about: a number and a state, or the whole order."""

    tid: Id = None
    status: Text = None
    kdt_id: Id = None
    update_time: Text = None


_decode = msgspec.json.Decoder(_Push).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_message = msgspec.json.Decoder(Message).decode


def sign(secret: str, *, client_id: str, message: str | bytes) -> str:
    """Return the signature of a message, or of a whole body where a header carries it."""
    return calls.md5_hex(client_id, message, secret)


def message_text(raw: msgspec.Raw) -> str:
    """Return the inner message as received: text which is URL-encoded JSON; "" if it is none."""
    text = read_json(_decode_text, bytes(raw))
    return "" if isinstance(text, Problem) else text


def message_of(raw: msgspec.Raw) -> Message | Problem:
    """Read the inner message, encoded in text or, in newer ones, as an object."""
    text = message_text(raw)
    if not text:
        return read_json(_decode_message, bytes(raw))
    if not text.startswith("%"):
        plain = read_json(_decode_message, text.encode("utf-8", "replace"))
        if not isinstance(plain, Problem) or "%" not in text:
            return plain
    # Forms write a blank as "+", and a plus as %2B.
    body = unquote_plus(text, errors="replace")
    return read_json(_decode_message, body.encode("utf-8", "replace"))


def verify(credentials: Credentials, push: PushRequest) -> bool:
    """Say whether the platform signed the message, or in newer pushes the whole body.

    The rest of an older envelope is not signed: nothing of it is believed.
    """
    if not credentials.app_secret:
        return False  # anybody's signature would be right
    whole = push.headers.get("event-sign", "")
    if whole:
        expected = sign(credentials.app_secret, client_id=credentials.app_key, message=push.body)
        return calls.same(whole, expected)
    found = read_json(_decode, push.body)
    if isinstance(found, Problem) or not found.sign:
        return False
    text = message_text(found.msg)
    expected = sign(credentials.app_secret, client_id=credentials.app_key, message=text)
    return bool(text) and calls.same(found.sign, expected)


def read(credentials: Credentials, push: PushRequest) -> tuple[Hint, ...] | ChannelError:
    """Read one push; the order's number is the signed message's, not the envelope's."""
    del credentials
    found = read_json(_decode, push.body)
    if isinstance(found, Problem):
        return calls.error(ErrorKind.REFUSED, found.code, found.detail)
    message = message_of(found.msg)
    order_no, at = "", None
    if not isinstance(message, Problem):
        whole = message.full_order_info.order_info if message.full_order_info else None
        order_no = text_of(message.tid) or (text_of(whole.tid) if whole else "")
        at = beijing_time(message.update_time or (whole.update_time if whole else None), "t", [])
    kind_code = found.type or ""
    kind = HintKind.ORDER if order_no else HintKind.OTHER
    if order_no and "refund" in kind_code.lower():
        kind = HintKind.AFTERSALE
    if found.test:
        kind, order_no = HintKind.PROBE, ""
    parts = (kind_code, text_of(found.id), text_of(found.version))
    return (
        Hint(
            order_no=order_no,
            message_id=":".join(parts) if any(parts) else "",
            kind=kind,
            kind_code=kind_code,
            shop=text_of(found.kdt_id),
            at=at,
        ),
    )


PUSH = Push(verify=verify, read=read, reply=b'{"code":0,"msg":"success"}')
