"""A shop whose secret was left empty takes no pushes: everybody knows how to sign with nothing."""

import hashlib
import json

import msgspec
import pytest

from services.ingest.channels import Channel
from services.ingest.channels import _calls as calls
from services.ingest.channels.douyin import CHANNEL as DOUYIN
from services.ingest.channels.douyin import gateway as douyin_gateway
from services.ingest.channels.pos import CHANNEL as POS
from services.ingest.channels.pos import sign as pos_sign
from services.ingest.channels.shopify import CHANNEL as SHOPIFY
from services.ingest.channels.woocommerce import CHANNEL as WOOCOMMERCE
from services.ingest.channels.youzan import CHANNEL as YOUZAN
from tests.unit.ingest.channels.builders import CREDENTIALS, NOW, pushed

STAMP = str(int(NOW.timestamp()))
KEY = CREDENTIALS.app_key
MESSAGE = hashlib.md5(f"{KEY}hello".encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("channel", "body", "headers"),
    [
        (
            DOUYIN,
            b"[]",
            {"event-sign": douyin_gateway.sign_push("", app_key=KEY, body=b"[]")},
        ),
        (SHOPIFY, b"{}", {"x-shopify-hmac-sha256": calls.hmac_base64("", b"{}")}),
        (WOOCOMMERCE, b"{}", {"x-wc-webhook-signature": calls.hmac_base64("", b"{}")}),
        (
            POS,
            b"{}",
            {
                "x-pos-timestamp": STAMP,
                "x-pos-signature": pos_sign("", timestamp=STAMP, body=b"{}"),
            },
        ),
        (YOUZAN, b"{}", {"event-sign": calls.md5_hex(KEY, b"{}", "")}),
        (YOUZAN, json.dumps({"msg": "hello", "sign": MESSAGE}).encode(), {}),
    ],
    ids=lambda given: given.name if isinstance(given, Channel) else "",
)
def test_a_push_signed_with_nothing_is_refused(
    channel: Channel, body: bytes, headers: dict[str, str]
) -> None:
    assert channel.push is not None
    nothing = msgspec.structs.replace(CREDENTIALS, app_secret="", push_token="", push_secret="")
    assert not channel.push.verify(nothing, pushed(body, headers))
