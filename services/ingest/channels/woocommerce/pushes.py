"""WooCommerce's webhooks: signed over the raw body, and the body is the order."""

import msgspec

from services.ingest.channels import (
    ChannelError,
    Credentials,
    ErrorKind,
    Hint,
    HintKind,
    Push,
    PushRequest,
    RawOrder,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import Id, Text, present, read_json, real_id, text_of, utc_time
from services.ingest.channels.woocommerce.orders import DRAFTS, PING
from services.ingest.domain.model import Problem


class _Body(msgspec.Struct):
    id: Id = None
    parent_id: Id = None
    status: Text = None
    date_modified_gmt: Text = None
    line_items: msgspec.Raw = msgspec.Raw()
    amount: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Body).decode


def verify(credentials: Credentials, push: PushRequest) -> bool:
    """Say whether the webhook's secret signed exactly these bytes; a ping says nothing to trust."""
    if PING.match(push.body):
        return True
    expected = calls.hmac_base64(credentials.push_token, push.body)
    genuine = calls.same(push.headers.get("x-wc-webhook-signature", ""), expected)
    # Without a secret of its own, anybody's signature would be right.
    return genuine and bool(credentials.push_token)


def read(credentials: Credentials, push: PushRequest) -> tuple[Hint | RawOrder, ...] | ChannelError:
    """Read one webhook: a whole order, or a hint at one; a ping and a draft are probes."""
    del credentials
    topic = push.headers.get("x-wc-webhook-topic", "")
    message_id = push.headers.get("x-wc-webhook-delivery-id", "")
    shop = push.headers.get("x-wc-webhook-source", "")
    if PING.match(push.body):
        return (_hint(HintKind.PROBE, "", message_id, topic, shop),)
    found = read_json(_decode, push.body)
    if isinstance(found, Problem):
        return calls.error(ErrorKind.REFUSED, found.code, found.detail)
    if found.status in DRAFTS:
        return (_hint(HintKind.PROBE, "", message_id, topic, shop),)
    about_orders = topic.startswith("order.") or not topic
    if about_orders and present(found.line_items) and not present(found.amount):
        return (
            RawOrder(
                order_no=text_of(found.id),
                modified_at=utc_time(found.date_modified_gmt, "date_modified_gmt", []),
                body=push.body,
            ),
        )
    if topic in {"order.deleted", "order.restored"}:
        # Only its number is sent; the shop still shows an order which is in the bin.
        return (_hint(HintKind.ORDER, text_of(found.id), message_id, topic, shop),)
    order_no = real_id(found.parent_id) if present(found.amount) else ""
    kind = HintKind.AFTERSALE if order_no else HintKind.OTHER
    return (_hint(kind, order_no, message_id, topic, shop),)


def _hint(kind: HintKind, order_no: str, message_id: str, topic: str, shop: str) -> Hint:
    return Hint(
        order_no=order_no, message_id=message_id, kind=kind, kind_code=topic, shop=shop, at=None
    )


PUSH = Push(verify=verify, read=read, reply=b"")
