"""One genuine push of every channel that pushes, made from the signature vectors."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from chassis.signatures import SignatureVector
from services.ingest.channels import Credentials, PushRequest
from services.ingest.channels.youzan import recompute

EXAMPLES = Path(__file__).parent / "examples" / "channels"
NOW = datetime(2026, 5, 20, 2, 11, 12, tzinfo=UTC)
VECTORS = json.loads((EXAMPLES / "signatures.json").read_text())["vectors"]
CREDENTIALS = Credentials(
    app_key="7000000000000000001",
    app_secret="planted-secret",
    access_token="planted-token",
    base_url="http://127.0.0.1:1",
)


def pushed(body: bytes, headers: dict[str, str], at: datetime = NOW) -> PushRequest:
    return PushRequest(headers=headers, query={}, body=body, at=at)


def vector_of(vector_id: str) -> dict[str, Any]:
    return next(vector for vector in VECTORS if vector["id"] == vector_id)


def push_of(vector_id: str) -> tuple[Credentials, PushRequest]:
    """Make the push of a vector whose signature stands in a header."""
    vector = vector_of(vector_id)
    credentials = msgspec.structs.replace(
        CREDENTIALS, app_key=vector["input"].get("app_key", ""), app_secret=vector["secret"]
    )
    headers = {vector["input"]["header"].lower(): vector["expected"]}
    return credentials, pushed(vector["input"]["raw_body"].encode(), headers)


def kuaishou_push() -> tuple[Credentials, PushRequest]:
    vector = vector_of("ks-message-aes")
    credentials = msgspec.structs.replace(
        CREDENTIALS, app_key="ks000000000000000001", push_secret=vector["secret"]
    )
    return credentials, pushed(vector["input"]["raw_body"].encode(), {})


def wechat_push() -> tuple[Credentials, PushRequest]:
    sealed, signed = vector_of("wechat-msgcrypt"), vector_of("wechat-msg-signature")
    credentials = msgspec.structs.replace(
        CREDENTIALS,
        app_key=sealed["input"]["appid"],
        push_secret=sealed["secret"],
        push_token=signed["secret"],
    )
    query = {
        "timestamp": signed["input"]["timestamp"],
        "nonce": signed["input"]["nonce"],
        "msg_signature": signed["expected"],
    }
    body = b'{"Encrypt":"%s"}' % sealed["input"]["encrypt"].encode()
    return credentials, msgspec.structs.replace(pushed(body, {}), query=query)


def pos_push() -> tuple[Credentials, PushRequest]:
    vector = vector_of("pos-hmac")
    headers = {
        "x-pos-timestamp": vector["input"]["timestamp"],
        "x-pos-signature": vector["expected"],
    }
    credentials = msgspec.structs.replace(CREDENTIALS, app_secret=vector["secret"])
    return credentials, pushed(vector["input"]["raw_body"].encode(), headers)


def woocommerce_push() -> tuple[Credentials, PushRequest]:
    credentials, push = push_of("woo-webhook")
    return msgspec.structs.replace(credentials, push_token=credentials.app_secret), push


def youzan_push() -> tuple[Credentials, PushRequest]:
    """Make the newer form, signed over the whole body; the older one signs the message only."""
    vector = vector_of("youzan-push")
    body = json.dumps({"client_id": vector["input"]["client_id"], "msg": vector["input"]["msg"]})
    credentials = msgspec.structs.replace(
        CREDENTIALS, app_key=vector["input"]["client_id"], app_secret=vector["secret"]
    )
    signature = recompute(
        SignatureVector(
            kind="webhook",
            secret=credentials.app_secret,
            fields={"client_id": credentials.app_key, "raw_body": body},
        )
    )
    return credentials, pushed(body.encode(), {"event-sign": signature})


GENUINE_PUSHES: dict[str, Callable[[], tuple[Credentials, PushRequest]]] = {
    "douyin": lambda: push_of("douyin-event"),
    "kuaishou": kuaishou_push,
    "pos": pos_push,
    "shopify": lambda: push_of("shopify-webhook"),
    "wechat_channels": wechat_push,
    "woocommerce": woocommerce_push,
    "youzan": youzan_push,
}
