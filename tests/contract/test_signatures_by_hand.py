"""Signatures of awkward fields, worked out here from the public rules alone, and what must be rejected."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cli.ingest import Vector, recomputed

SECRETS = ("k", "密钥 %2B+/=", "a" * 200)
ODD = {
    "timestamp": "2026-11-11 00:00:00",
    "app_key": "23000009",
    "Z": "upper before lower",
    "_a": "+ % & = # ~ * 空格 ",
    "memo": "退款😀\n第二行",
    "tid": 4798765432109876543,
    "flag": True,
    "off": False,
    "absent": None,
    "empty": "",
    "nested": {"b": [{"z": "<&>", "a": "中"}], "a": None},
}
# As each platform's signature takes a value that is no text.
TEXTS = {
    **{name: value for name, value in ODD.items() if isinstance(value, str)},
    "tid": "4798765432109876543",
    "flag": "true",
    "off": "false",
    "nested": '{"b":[{"z":"<&>","a":"中"}],"a":null}',
}
FILLED = {name: value for name, value in TEXTS.items() if value}


def joined(fields: dict[str, str]) -> str:
    return "".join(
        name + fields[name] for name in sorted(fields, key=lambda name: name.encode("utf-8"))
    )


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def mac(secret: str, text: str, how: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), text.encode(), how).digest()


def vector(channel: str, kind: str, secret: str, **fields: Any) -> Vector:
    return Vector(id="v", channel=channel, kind=kind, secret=secret, input=fields)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("how", ["md5", "hmac", "hmac-sha256"])
def test_taobao_leaves_out_what_is_empty(secret: str, how: str) -> None:
    text = joined(FILLED | {"sign_method": how})
    expected = {
        "md5": md5(secret + text + secret),
        "hmac": mac(secret, text, "md5").hex(),
        "hmac-sha256": mac(secret, text).hex(),
    }[how].upper()
    made = vector("taobao", "request", secret, **ODD, sign_method=how, sign="stale")
    assert recomputed(made) == expected


@pytest.mark.parametrize("secret", SECRETS)
def test_jd_signs_all_fields_and_its_parameters_as_one_text(secret: str) -> None:
    parameters = {"page": "1", "order_state": "LOCKED,PAUSE", "remark": "加急 +%"}
    text = joined(
        TEXTS
        | {"360buy_param_json": '{"page":"1","order_state":"LOCKED,PAUSE","remark":"加急 +%"}'}
    )
    assert text.startswith("360buy_param_json")
    made = vector("jd", "request", secret, **ODD, **{"360buy_param_json": parameters})
    assert recomputed(made) == md5(secret + text + secret).upper()


@pytest.mark.parametrize("secret", SECRETS)
def test_pinduoduo_drops_nulls_alone_and_writes_booleans_small(secret: str) -> None:
    text = joined(TEXTS | {"use_has_next": "true"})
    made = vector("pdd", "request", secret, **ODD, use_has_next="True")
    assert recomputed(made) == md5(secret + text + secret).upper()


PARAM = {"z": [{"b": "<&> 中文", "a": 4798765432109876543}], "page": 0, "asc": True, "empty": ""}
PARAM_JSON = '{"asc":true,"empty":"","page":0,"z":[{"a":4798765432109876543,"b":"<&> 中文"}]}'


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("given", [{"param": PARAM}, {"param_json": PARAM_JSON}])
def test_douyin_sorts_at_every_depth_and_leaves_the_token_out(
    secret: str, given: dict[str, Any]
) -> None:
    fields = {"app_key": "71", "method": "order.searchList", "timestamp": 1793548800}
    text = f"{secret}app_key71methodorder.searchListparam_json{PARAM_JSON}timestamp1793548800v2{secret}"
    made = vector("douyin", "request", secret, **fields, **given, access_token="t", v="2")
    assert recomputed(made) == mac(secret, text).hex()


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("how", ["md5", "hmac-sha256"])
@pytest.mark.parametrize("param_json", [PARAM_JSON, json.dumps(PARAM)])
def test_douyins_own_calls_are_sorted_before_they_are_signed(
    secret: str, how: str, param_json: str
) -> None:
    text = f"{secret}app_key71param_json{PARAM_JSON}timestamp2026-11-11 00:00:00{secret}"
    expected = md5(text) if how == "md5" else mac(secret, text).hex()
    fields = {"app_key": "71", "timestamp": "2026-11-11 00:00:00", "sign_method": how}
    made = vector("douyin", "spi", secret, **fields, param_json=param_json)
    assert recomputed(made) == expected
    for given, said in ((expected, "ACCEPT"), (expected[:-1] + "x", "REJECT"), ("", "REJECT")):
        asked = vector("douyin", "spi", secret, **fields, param_json=param_json, given_sign=given)
        assert recomputed(asked) == said


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("how", ["MD5", "HMAC_SHA256"])
def test_kuaishou_joins_its_fields_before_they_are_encoded(secret: str, how: str) -> None:
    fields = {
        "signMethod": how,
        "appkey": "ks1",
        "timestamp": "1793548800000",
        "param": '{"note":"a b+c%20 中"}',
        "method": "open.order.detail",
    }
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)) + f"&signSecret={secret}"
    expected = md5(text) if how == "MD5" else base64.b64encode(mac(secret, text)).decode()
    assert recomputed(vector("kuaishou", "request", secret, **fields)) == expected


def sealed(key: bytes, iv: bytes, text: bytes, block: int) -> bytes:
    added = block - len(text) % block
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(text + bytes([added]) * added) + encryptor.finalize()


MESSAGE = '{"eventId":"1_2_3","appKey":"ks1","event":"kwaishop_order_payOrder","info":"{\\"oid\\":4798765432109876543}","测":"试"}'


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("text", [MESSAGE, f"[{MESSAGE},{MESSAGE}]", '{"test":true}'])
def test_a_kuaishou_message_opens_and_no_changed_one_does(size: int, text: str) -> None:
    key = bytes(range(size))
    secret = base64.b64encode(key).decode()
    body = sealed(key, bytes(16), text.encode(), 16)

    def opened(sent: bytes, under: str = secret) -> str:
        raw = base64.b64encode(sent).decode()
        return recomputed(vector("kuaishou", "webhook", under, raw_body=raw))

    assert opened(body) == text
    changed = [body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] for at in range(len(body))]
    for sent in (*changed, body[:-1], body[16:] if len(body) > 16 else b"", b""):
        assert opened(sent) == "REJECT"
    for under in ("", "nokey", base64.b64encode(bytes(size)).decode()):
        assert opened(body, under) == "REJECT"


def test_a_wechat_message_opens_for_its_app_alone() -> None:
    aes_key = "ZyXwVuTsRqPoNmLkJiHgFeDcBa9876543210aBcDeFg"
    key = base64.b64decode(aes_key + "=")
    text = '{"Event":"channels_ec_order_pay","order_info":{"order_id":"4798765432109876543"},"备注":"+%"}'
    said = text.encode()
    plain = b"0123456789abcdef" + len(said).to_bytes(4, "big") + said + b"wx9"
    body = sealed(key, key[:16], plain, 32)

    def opened(sent: bytes, app: str = "wx9", under: str = aes_key) -> str:
        fields = {"encrypt": base64.b64encode(sent).decode(), "appid": app}
        return recomputed(vector("wechat_channels", "webhook", under, **fields))

    assert opened(body) == text
    for at in range(32, len(body)):
        # The first two blocks hold noise and the message's start: that these are whole, the signature says.
        assert opened(body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]) == "REJECT"
    assert opened(body, app="wx8") == opened(body, app="") == "REJECT"
    assert opened(body, under="A" * 43) == opened(body, under="") == "REJECT"
    assert opened(body[:-16]) == opened(b"") == "REJECT"


@pytest.mark.parametrize("secret", SECRETS)
def test_a_wechat_signature_is_of_all_its_parts_in_their_own_order(secret: str) -> None:
    parts = {"timestamp": "1793548800", "nonce": "空 n+%", "encrypt": "AbC+/="}
    whole = hashlib.sha1("".join(sorted([secret, *parts.values()])).encode()).hexdigest()
    assert recomputed(vector("wechat_channels", "webhook", secret, **parts)) == whole
    for given, fields, said in (
        (whole, parts, "ACCEPT"),
        (whole.upper(), parts, "REJECT"),
        (whole[:-1], parts, "REJECT"),
        ("", parts, "REJECT"),
        (None, parts, "REJECT"),
        (whole, parts | {"timestamp": "1793548801"}, "REJECT"),
        (whole, {name: parts[name] for name in ("timestamp", "nonce")}, "REJECT"),
    ):
        asked = vector("wechat_channels", "webhook", secret, **fields, given_sign=given)
        assert recomputed(asked) == said
    bare = hashlib.sha1("".join(sorted([secret, "n"])).encode()).hexdigest()
    asked = vector("wechat_channels", "webhook", secret, nonce="n", given_sign=bare)
    assert recomputed(asked) == "REJECT"


@pytest.mark.parametrize("secret", SECRETS)
def test_a_douyin_push_is_signed_over_its_bytes(secret: str) -> None:
    body = '[{"tag":"101","msg_id":"1","data":"{\\"p_id\\":4798765432109876543,\\"备注\\":\\"+ %\\"}"}]'
    whole = md5("71" + body + secret)
    assert recomputed(vector("douyin", "webhook", secret, app_key="71", raw_body=body)) == whole
    for given, fields, said in (
        (whole, {"app_key": "71", "raw_body": body}, "ACCEPT"),
        (whole.upper(), {"app_key": "71", "raw_body": body}, "REJECT"),
        (whole[:-1] + "g", {"app_key": "71", "raw_body": body}, "REJECT"),
        ("", {"app_key": "71", "raw_body": body}, "REJECT"),
        (None, {"app_key": "71", "raw_body": body}, "REJECT"),
        (whole, {"app_key": "72", "raw_body": body}, "REJECT"),
        (whole, {"app_key": "71", "raw_body": body + "\n"}, "REJECT"),
        (md5("71" + secret), {"app_key": "71"}, "REJECT"),
    ):
        assert recomputed(vector("douyin", "webhook", secret, **fields, given_sign=given)) == said
    asked = vector("douyin", "webhook", "", app_key="71", raw_body="[]", given_sign=md5("71[]"))
    assert recomputed(asked) == "REJECT"


@pytest.mark.parametrize("channel", ["taobao", "jd", "pdd", "kuaishou"])
def test_a_call_that_is_to_be_verified_is_accepted_letter_by_letter(channel: str) -> None:
    fields = {"method": "m", "type": "m", "timestamp": "1", "param": "中 +%"}
    signed = recomputed(vector(channel, "request", "s", **fields))
    for given, said in (
        (signed, "ACCEPT"),
        (signed.swapcase(), "REJECT"),
        (signed[1:], "REJECT"),
        (" " + signed, "REJECT"),
        ("", "REJECT"),
        (None, "REJECT"),
    ):
        assert recomputed(vector(channel, "request", "s", **fields, given_sign=given)) == said
