"""Shopify's webhooks: signed over the raw body; those about an order carry it whole."""

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
from services.ingest.channels._wire import Id, Text, present, read_json, text_of, zoned_time
from services.ingest.domain.model import Problem

# Topics whose body is the order itself; edits, refunds and fulfilments only name it.
_ABOUT_MONEY_BACK = ("refunds/", "returns/", "disputes/")


class _Edit(msgspec.Struct):
    order_id: Id = None


class _Body(msgspec.Struct):
    id: Id = None
    order_id: Id = None
    order_edit: _Edit | None = None
    updated_at: Text = None
    test: bool | None = None
    line_items: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Body).decode


def verify(credentials: Credentials, push: PushRequest) -> bool:
    """Say whether the app's secret signed exactly these bytes."""
    expected = calls.hmac_base64(credentials.app_secret, push.body)
    genuine = calls.same(push.headers.get("x-shopify-hmac-sha256", ""), expected)
    # Without a secret of its own, anybody's signature would be right.
    return genuine and bool(credentials.app_secret)


def read(credentials: Credentials, push: PushRequest) -> tuple[Hint | RawOrder, ...] | ChannelError:
    """Read one webhook: a whole order, or a hint at one; a test order is a probe."""
    del credentials
    found = read_json(_decode, push.body)
    if isinstance(found, Problem):
        return calls.error(ErrorKind.REFUSED, found.code, found.detail)
    topic = push.headers.get("x-shopify-topic", "")
    about_orders = topic.startswith("orders/") or not topic
    if about_orders and not found.test and present(found.line_items):
        return (
            RawOrder(
                order_no=text_of(found.id),
                modified_at=zoned_time(found.updated_at, "updated_at", []),
                body=push.body,
            ),
        )
    order_no = text_of(found.order_id)
    if not order_no and found.order_edit is not None:
        order_no = text_of(found.order_edit.order_id)
    kind = HintKind.ORDER if order_no else HintKind.OTHER
    if order_no and topic.startswith(_ABOUT_MONEY_BACK):
        kind = HintKind.AFTERSALE
    if found.test:
        kind, order_no = HintKind.PROBE, ""
    return (
        Hint(
            order_no=order_no,
            message_id=push.headers.get("x-shopify-webhook-id", ""),
            kind=kind,
            kind_code=topic,
            shop=push.headers.get("x-shopify-shop-domain", ""),
            at=zoned_time(push.headers.get("x-shopify-triggered-at", ""), "triggered_at", []),
        ),
    )


PUSH = Push(verify=verify, read=read, reply=b"")
