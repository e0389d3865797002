"""The published vectors of each platform's signature."""

import pytest

from simulators import signing

TOP = {
    "method": "taobao.trades.sold.increment.get",
    "app_key": "23000001",
    "session": "test-session-01",
    "timestamp": "2026-05-20 10:11:12",
    "format": "json",
    "v": "2.0",
    "fields": "tid,status,payment,modified",
    "start_modified": "2026-05-20 09:40:00",
    "end_modified": "2026-05-20 10:10:00",
    "page_no": "1",
    "page_size": "50",
    "use_has_next": "true",
}


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("md5", "015CDEE31475571F0C9A5872F7C3AF02"),
        ("hmac", "ABD2ABD676B6ACB55395FC5B91852D7D"),
        ("hmac-sha256", "4F405051A2640B2BD87DE09AF0E2B05660207040842A76FAE9874CA53A4DE814"),
    ],
)
def test_top_signs_as_its_documentation_shows(method: str, expected: str) -> None:
    params = TOP | {"sign_method": method, "sign": "left out"}
    assert signing.top_sign(params, "top-secret-demo-1", method) == expected


def test_top_knows_no_other_method() -> None:
    assert signing.top_sign(TOP, "top-secret-demo-1", "plain") is None


def test_jos_sorts_the_parameter_that_begins_with_a_digit_first() -> None:
    business = (
        '{"start_date":"2026-05-20 00:00:00","end_date":"2026-05-20 10:00:00",'
        '"order_state":"WAIT_SELLER_STOCK_OUT",'
        '"optional_fields":"orderId,orderPayment,itemInfoList",'
        '"page":"1","page_size":"20","sortType":"1","dateType":"0"}'
    )
    params = {
        "method": "jingdong.pop.order.search",
        "app_key": "JDAPPKEY0001",
        "access_token": "jdtoken-01",
        "timestamp": "2026-05-20 10:11:12",
        "v": "2.0",
        "360buy_param_json": business,
    }
    assert signing.jos_sign(params, "jd-secret-demo") == "7BCD17CA51B1366A657F4F2C1DDCDD13"


def test_douyin_signs_the_canonical_body_whatever_the_order_of_its_keys() -> None:
    body = (
        b'{ "page":0,"size":50,"order_by":"update_time","order_asc":true,'
        b'"update_time_start":1779241200,"update_time_end":1779243000 }'
    )
    params = {
        "app_key": "7000000000000000001",
        "method": "order.searchList",
        "timestamp": "1779243072",
        "v": "2",
    }
    canonical = signing.doudian_canonical(body)
    expected = "3427f13c6ecc02865c834cb702d2c00d55790d6ecba8c2b079cc88c2cac69642"
    assert signing.doudian_sign(params, canonical, "douyin-secret-demo") == expected


def test_douyin_signs_a_push_over_its_raw_bytes() -> None:
    inner = (
        r"{\"p_id\":6900000000000000001,\"s_ids\":[6900000000000000001],\"shop_id\":100001,"
        r"\"pay_amount\":9900,\"order_status\":2,\"pay_time\":1779243000,\"pay_type\":1,"
        r"\"biz\":2,\"order_type\":0}"
    )
    body = f'[{{"tag":"101","msg_id":"7000000000000000001:0:demo:1","data":"{inner}"}}]'.encode()
    sign = signing.doudian_event_sign("7000000000000000001", body, "douyin-secret-demo")
    assert sign == "6de79e71399f961c8c1ef4858a426e27"
    changed = signing.doudian_event_sign("7000000000000000001", body + b" ", "douyin-secret-demo")
    assert changed != sign


def test_cainiao_digest_is_base64_of_the_raw_md5() -> None:
    content = '{"cpCode":"ZTO","tradeOrderInfoDtos":[{"objectId":"1"}]}'
    assert signing.link_digest(content, "cn-secret-demo") == "r/falcNVOoBfeEROzqTn/Q=="


def test_kuaidi100_signs_the_param_text_with_the_salt() -> None:
    param = (
        '{"status":"polling","lastResult":{"nu":"SF0000000000001","com":"shunfeng",'
        '"state":"3","ischeck":"1"}}'
    )
    assert signing.kuaidi100_sign(param, "salt01") == "21E847E088FA14A70DF8EA1BF2F8D1FC"


def test_alipay_keeps_sign_type_and_leaves_sign_out() -> None:
    content = signing.alipay_content(
        {"b": "2", "sign": "x", "sign_type": "RSA2", "a": "1", "c": ""}
    )
    assert content == b"a=1&b=2&sign_type=RSA2"
