"""Douyin's pushes: a list of messages, signed over the raw body; hints only, repeated at will."""

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
from services.ingest.channels._wire import (
    Amount,
    Id,
    Seconds,
    Text,
    epoch_time,
    read_json,
    several,
    text_of,
)
from services.ingest.channels.douyin import gateway
from services.ingest.domain.model import Problem

PROBE = "0"
MESSAGES_MAX = 1000


class Message(msgspec.Struct):
    """One message; `data` is JSON inside text."""

    tag: Id = None
    msg_id: Id = None
    data: Text = None


class OrderChange(msgspec.Struct):
    """What an order message carries. Numbers here, texts in the API."""

    p_id: Id = None
    shop_id: Id = None
    aftersale_id: Id = None
    order_status: Id = None
    pay_amount: Amount = None
    create_time: Seconds = None
    pay_time: Seconds = None
    update_time: Seconds = None


_decode_messages = msgspec.json.Decoder(list[Message] | Message).decode
_decode_change = msgspec.json.Decoder(OrderChange).decode


def verify(credentials: Credentials, push: PushRequest) -> bool:
    """Say whether the platform signed exactly these bytes for this app."""
    expected = gateway.sign_push(
        credentials.app_secret, app_key=credentials.app_key, body=push.body
    )
    genuine = calls.same(push.headers.get("event-sign", ""), expected)
    # Without a secret of its own, anybody's signature would be right.
    return genuine and bool(credentials.app_secret)


def messages(body: bytes) -> tuple[tuple[Message, OrderChange | None], ...] | Problem:
    """Read the messages of a push; None beside one whose inner text is no JSON object."""
    found = read_json(_decode_messages, body)
    if isinstance(found, Problem):
        return found
    return tuple((message, _change(message)) for message in several(found)[: MESSAGES_MAX + 1])


def says_something(message: Message) -> bool:
    """Say whether this is a message at all, and nothing else that stands in a list."""
    return message.tag is not None or message.data is not None


def _change(message: Message) -> OrderChange | None:
    change = read_json(_decode_change, (message.data or "").encode("utf-8", "replace"))
    return None if isinstance(change, Problem) else change


def read(credentials: Credentials, push: PushRequest) -> tuple[Hint, ...] | ChannelError:
    """Read a push into hints; a message which names no order is OTHER, not dropped."""
    del credentials
    found = messages(push.body)
    if isinstance(found, Problem):
        return calls.error(ErrorKind.REFUSED, found.code, found.detail)
    if len(found) > MESSAGES_MAX:
        return calls.error(ErrorKind.REFUSED, "too_many_messages", f"over {MESSAGES_MAX}")
    return tuple(_hint(message, change) for message, change in found)


def _hint(message: Message, change: OrderChange | None) -> Hint:
    tag = text_of(message.tag)
    order_no = text_of(change.p_id) if change is not None else ""
    kind = HintKind.ORDER if order_no else HintKind.OTHER
    if order_no and change is not None and change.aftersale_id:
        kind = HintKind.AFTERSALE
    if tag == PROBE:
        kind = HintKind.PROBE
    at = None
    if change is not None:
        moment = change.update_time or change.pay_time or change.create_time
        at = epoch_time(moment, "time", [])
    return Hint(
        order_no=order_no,
        message_id=text_of(message.msg_id),
        kind=kind,
        kind_code=tag,
        shop=text_of(change.shop_id) if change is not None else "",
        at=at,
    )


PUSH = Push(verify=verify, read=read, reply=b'{"code":0,"msg":"success"}')
