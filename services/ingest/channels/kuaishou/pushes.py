"""Kuaishou's pushes: encrypted messages, hints only, repeated up to five times.

The key is the app's message key and the IV zero, so a message is genuine when what comes out is a
message for this app: a changed block comes out as noise.
"""

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
from services.ingest.channels._cipher import (
    BLOCK_BYTES,
    base64_bytes,
    is_text,
    key_bytes,
    opened_cbc,
)
from services.ingest.channels._wire import clean, epoch_ms_time, read_json, several, text_of
from services.ingest.channels.kuaishou import wire
from services.ingest.domain.model import Problem

MESSAGES_MAX = 1000
_IV = bytes(BLOCK_BYTES)

_decode_messages = msgspec.json.Decoder(list[wire.Message] | wire.Message).decode
_decode_info = msgspec.json.Decoder(wire.Info).decode


def decrypted(secret: str, body: bytes) -> bytes | None:
    """Return the text of a message under the message key; None if it cannot be opened."""
    key, sealed = key_bytes(secret), base64_bytes(body)
    if key is None or sealed is None:
        return None
    return opened_cbc(sealed, key=key, iv=_IV, padded_to=BLOCK_BYTES)


def opened(credentials: Credentials, push: PushRequest) -> bytes | None:
    """Return the text of a push which is a heartbeat, or messages for this app."""
    text = decrypted(credentials.push_secret, push.body)
    return text if text is not None and is_genuine(text, credentials.app_key) else None


def is_genuine(text: bytes, app_key: str | None = None) -> bool:
    """Say whether these are messages or a heartbeat, for this app where one is named, and no noise."""
    found = messages(text) if is_text(text) else ()
    if isinstance(found, Problem) or not found:
        return False
    return all(
        (message.event and app_key in {None, message.appKey}) or message == _HEARTBEAT
        for message in found
    )


def verify(credentials: Credentials, push: PushRequest) -> bool:
    """Say whether the push was sealed with this app's message key."""
    return opened(credentials, push) is not None


def messages(text: bytes) -> tuple[wire.Message, ...] | Problem:
    """Read the messages of an opened push."""
    found = read_json(_decode_messages, text)
    if isinstance(found, Problem):
        return found
    return several(found)


def info_of(message: wire.Message) -> wire.Info | None:
    """Read what the message is about; None where its inner text is no JSON object."""
    found = read_json(_decode_info, (message.info or "").encode("utf-8", "replace"))
    return None if isinstance(found, Problem) else found


def read(credentials: Credentials, push: PushRequest) -> tuple[Hint, ...] | ChannelError:
    """Read an opened push into hints; a message which names no order is OTHER, not dropped."""
    del credentials
    found = messages(push.body)
    if isinstance(found, Problem):
        return calls.error(ErrorKind.REFUSED, found.code, found.detail)
    if len(found) > MESSAGES_MAX:
        return calls.error(ErrorKind.REFUSED, "too_many_messages", f"over {MESSAGES_MAX}")
    return tuple(_hint(message) for message in found)


def _hint(message: wire.Message) -> Hint:
    about = info_of(message) or wire.Info()
    order_no = text_of(about.order_no)
    kind = HintKind.ORDER if order_no else HintKind.OTHER
    if order_no and about.refundId:
        kind = HintKind.AFTERSALE
    if message.test:
        kind, order_no = HintKind.PROBE, ""
    return Hint(
        order_no=order_no,
        message_id=text_of(message.eventId),
        kind=kind,
        kind_code=clean(message.event),
        shop=text_of(message.openId),
        at=epoch_ms_time(about.updateTime or message.createTime, "time", []),
    )


_HEARTBEAT = wire.Message(test=True)
PUSH = Push(verify=verify, read=read, reply=b'{"result":1}', opened=opened)
