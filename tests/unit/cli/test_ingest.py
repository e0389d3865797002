import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.ingest import app, signers

EXAMPLES = Path(__file__).parents[2] / "contract" / "examples" / "channels"
VECTORS = EXAMPLES / "signatures.json"
FILES = sorted(EXAMPLES.parent.glob("*/signatures.json"))
TAOBAO = EXAMPLES / "taobao" / "fullinfo_two_suborders.json"
ORDER_FIELDS = {
    "order_no", "shop", "state", "raw_state", "paid_fen", "payable_fen", "freight_fen",
    "discount_total_fen", "currency", "line_count", "total_quantity", "items", "receiver",
    "promotions", "parcels", "hold", "times", "buyer_memo", "seller_memo", "extensions",
}  # fmt: skip
ITEM_FIELDS = {
    "line_id", "sku_id", "merchant_sku", "title", "qty", "unit_price_fen", "discount_fen",
    "paid_fen", "is_gift", "refund_state", "shipped_qty",
}  # fmt: skip


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def meant(channel: str, file: Path) -> dict[str, Any]:
    shown = asked("normalise", "--channel", channel, str(file))
    assert shown.exit_code == 0, shown.output
    found: dict[str, Any] = json.loads(shown.stdout)
    assert set(found) == {"accept", "reasons", "orders"}
    return found


def test_an_order_is_shown_with_every_promised_field() -> None:
    found = meant("taobao", TAOBAO)
    assert found["accept"]
    (order,) = found["orders"]
    assert set(order) >= ORDER_FIELDS
    assert (order["line_count"], order["total_quantity"]) == (2, 3)
    for item in order["items"]:
        assert set(item) == ITEM_FIELDS
    assert set(order["receiver"]) >= {"province", "city", "district", "pii", "name", "phone"}
    assert order["times"]["paid"] == "2026-05-20T01:31:38Z"
    assert order["times"]["ended"] is None


def test_several_snapshots_of_one_order_give_the_newest(tmp_path: Path) -> None:
    page = json.loads((EXAMPLES / "jd" / "search_paid_with_coupons.json").read_text())
    rows = page["jingdong_pop_order_search_responce"]["searchorderinfo_result"]["orderInfoList"]
    older = rows[0] | {"modified": "2026-05-01 00:00:00", "venderRemark": "older"}
    rows += [older, older]
    file = tmp_path / "page.json"
    file.write_text(json.dumps(page))
    (order,) = meant("jd", file)["orders"]
    assert order["seller_memo"] != "older"


def test_what_an_accepted_order_contradicts_is_a_reason(tmp_path: Path) -> None:
    trade = json.loads(TAOBAO.read_text())
    trade["trade_fullinfo_get_response"]["trade"]["total_fee"] = "1.00"
    file = tmp_path / "trade.json"
    file.write_text(json.dumps(trade))
    found = meant("taobao", file)
    assert found["accept"]
    assert any(reason.startswith("goods_differ_from_total: ") for reason in found["reasons"])


def test_a_hint_is_taken_with_what_it_carries() -> None:
    found = meant("douyin", EXAMPLES / "douyin" / "message_order_paid.json")
    assert found["accept"]
    assert [order["order_no"] for order in found["orders"]] == ["6900000000000000001"]
    assert any(reason.startswith("detail_needed") for reason in found["reasons"])


@pytest.mark.parametrize(
    ("channel", "content", "reason"),
    [
        ("taobao", b"<html>", "garbage"),
        ("taobao", b'{"error_response":{"code":7}}', "channel_error"),
        ("douyin", b'[{"tag":"0","msg_id":"0","data":"{}"}]', "not_an_order"),
        ("jd", b'{"orderId":"1","orderPayment":"1.00"}', "lines_missing"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(
    channel: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "payload"
    file.write_bytes(content)
    found = meant(channel, file)
    assert not found["accept"]
    assert found["orders"] == []
    assert any(one.startswith(reason) for one in found["reasons"])


def test_an_empty_page_is_well() -> None:
    found = meant("taobao", EXAMPLES / "taobao" / "sold_increment_empty.json")
    assert found == {"accept": True, "reasons": [], "orders": []}


def test_an_unknown_channel_and_an_unreadable_file_are_named(tmp_path: Path) -> None:
    shown = asked("normalise", "--channel", "pigeon", str(TAOBAO))
    assert shown.exit_code == 2
    assert "there is no channel 'pigeon'; known are " in shown.stderr
    missing = tmp_path / "missing.json"
    shown = asked("normalise", "--channel", "taobao", str(missing))
    assert shown.exit_code == 2
    assert f"{missing} cannot be read: No such file" in shown.stderr
    assert asked("normalise", "--channel", "taobao", str(tmp_path)).exit_code == 2


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_every_vector_gives_its_signature_text_or_verdict(file: Path) -> None:
    shown = asked("sign", "--vectors", str(file))
    assert shown.exit_code == 0, shown.stderr
    found = [json.loads(line) for line in shown.stdout.splitlines()]
    expected = json.loads(file.read_text())["vectors"]
    assert found == [{"id": one["id"], "result": one["expected"]} for one in expected]


def test_a_vector_of_nobody_is_named_and_the_others_are_printed(tmp_path: Path) -> None:
    known = json.loads(VECTORS.read_text())["vectors"][0]
    strange = known | {"id": "odd-1", "channel": "pigeon", "secret": None}
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"vectors": [strange, known]}))
    shown = asked("sign", "--vectors", str(file))
    assert shown.exit_code == 1
    assert shown.stderr == "danshu: odd-1: there is no channel, carrier or gateway 'pigeon'\n"
    assert json.loads(shown.stdout) == {"id": known["id"], "result": known["expected"]}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"vectors":[{"id":1}]}', "\xff"])
def test_a_file_without_vectors_is_an_error(content: str, tmp_path: Path) -> None:
    file = tmp_path / "vectors.json"
    file.write_bytes(content.encode("latin-1"))
    shown = asked("sign", "--vectors", str(file))
    assert shown.exit_code == 2
    assert f"{file} holds no signature vectors" in shown.stderr


def test_a_vector_without_its_fields_crashes_nobody(tmp_path: Path) -> None:
    kinds = ("request", "webhook", "notify", "spi", "oauth", "")
    vectors = [
        {
            "id": f"{name}-{kind}-{given}",
            "channel": name,
            "kind": kind,
            "input": {"given_sign": given},
        }
        for name in signers()
        for kind in kinds
        for given in ("", "0", "\u7b7e")
    ]
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"vectors": vectors}))
    shown = asked("sign", "--vectors", str(file))
    assert shown.exit_code == 0, shown.stderr
    assert len(shown.stdout.splitlines()) == len(vectors)


@pytest.mark.parametrize(
    ("vector_id", "given", "verdict"),
    [
        ("pdd-md5", "9E5403D58653AFF2DF6FED385794B009", "ACCEPT"),
        ("pdd-md5", "9e5403d58653aff2df6fed385794b009", "REJECT"),
        ("ks-hmac", "XZxW/EJXovc2JYsmae4eBVvEVIYWrtdN7xjtOmMMT7Y=", "ACCEPT"),
        ("xhs-md5", "0", "REJECT"),
        ("wechat-msg-signature", "6b3262c3e180a48ca84d8b2ac1f355532ffc576a", "ACCEPT"),
        ("wechat-url-signature", "0", "REJECT"),
        ("douyin-event", "6de79e71399f961c8c1ef4858a426e27", "ACCEPT"),
    ],
)
def test_a_given_signature_gets_a_verdict_on_every_channel(
    vector_id: str, given: str, verdict: str, tmp_path: Path
) -> None:
    vector = next(v for v in json.loads(VECTORS.read_text())["vectors"] if v["id"] == vector_id)
    vector["input"] |= {"given_sign": given, "absent": None}
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"vectors": [vector]}))
    shown = asked("sign", "--vectors", str(file))
    assert json.loads(shown.stdout) == {"id": vector_id, "result": verdict}


def hex_hmac(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


SECRET = "密钥 +%=&"
BODY = '{"note":"加急 50% +1"}'
SHOPIFY_BODY = base64.b64encode(
    hmac.new(SECRET.encode(), BODY.encode(), hashlib.sha256).digest()
).decode()
POS_BODY = hex_hmac(SECRET, f"1784000000\n{BODY}")


@pytest.mark.parametrize(
    ("channel", "kind", "given", "expected"),
    [
        ("shopify", "webhook", {"raw_body": BODY, "given_sign": SHOPIFY_BODY}, "ACCEPT"),
        ("shopify", "webhook", {"raw_body": BODY, "given_sign": ""}, "REJECT"),
        ("shopify", "webhook", {"raw_body": BODY, "given_sign": None}, "REJECT"),
        ("shopify", "webhook", {"given_sign": SHOPIFY_BODY}, "REJECT"),
        (
            "woocommerce",
            "webhook",
            {"raw_body": BODY, "given_sign": SHOPIFY_BODY.lower()},
            "REJECT",
        ),
        (
            "shopify",
            "oauth",
            {"a": "1&b=2", "c=3&d": "4", "hmac": "x"},
            hex_hmac(SECRET, "a=1%26b=2&c%3D3%26d=4"),
        ),
        ("youzan", "webhook", {"client_id": "c", "given_sign": md5("c" + SECRET)}, "REJECT"),
        ("pos", "request", {"timestamp": 1784000000, "raw_body": BODY}, POS_BODY),
        (
            "pos",
            "request",
            {
                "timestamp": "1784000000",
                "raw_body": BODY,
                "given_sign": POS_BODY,
                "now": 1784000300,
            },
            "ACCEPT",
        ),
        (
            "pos",
            "request",
            {
                "timestamp": "1784000000",
                "raw_body": BODY,
                "given_sign": POS_BODY,
                "now": 1784000301,
            },
            "REJECT",
        ),
        (
            "pos",
            "request",
            {"raw_body": BODY, "given_sign": hex_hmac(SECRET, f"\n{BODY}")},
            "REJECT",
        ),
        (
            "groupbuy",
            "request",
            {"type": "t", "memo": "", "flag": True, "none": None, "list": [{"b": "中"}]},
            md5(f'{SECRET}flagtruelist[{{"b":"中"}}]memotypet{SECRET}').upper(),
        ),
    ],
)
def test_a_vector_of_odd_characters_and_missing_fields_gets_its_verdict(
    channel: str, kind: str, given: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    vector = {"id": "odd", "channel": channel, "kind": kind, "secret": SECRET, "input": given}
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"vectors": [vector]}))
    shown = asked("sign", "--vectors", str(file))
    assert json.loads(shown.stdout) == {"id": "odd", "result": expected}


def test_without_a_secret_no_signature_is_genuine(tmp_path: Path) -> None:
    empty = base64.b64encode(hmac.new(b"", b"{}", hashlib.sha256).digest()).decode()
    vectors = [
        {"id": name, "channel": name, "kind": "webhook", "input": {"raw_body": "{}", "given_sign": empty}}
        for name in ("shopify", "woocommerce")
    ]  # fmt: skip
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"vectors": vectors}))
    shown = asked("sign", "--vectors", str(file))
    assert [json.loads(line)["result"] for line in shown.stdout.splitlines()] == [
        "REJECT",
        "REJECT",
    ]
