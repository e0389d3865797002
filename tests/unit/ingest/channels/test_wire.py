from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.channels import _wire as wire
from services.ingest.domain.model import PiiKind, Problem, ProblemCode


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_an_amount_in_yuan_is_exact_as_text_and_as_a_json_number(amount_fen: int) -> None:
    problems: list[Problem] = []
    text = str(Decimal(amount_fen).scaleb(-2))
    assert wire.yuan(text, "x", problems) == amount_fen
    assert wire.yuan(float(text), "x", problems) == amount_fen
    assert wire.fen(amount_fen, "x", problems) == amount_fen
    assert wire.fen(str(amount_fen), "x", problems) == amount_fen
    assert problems == []


@pytest.mark.parametrize(
    "value",
    [
        "1e3",
        "1,000.00",
        "12.345",
        "１２",
        "--1",
        "+1",
        ".5",
        "5.",
        "NaN",
        "1" * 30,
        1e300,
        12.345,
        4.3501,
        1e-5,
    ],
)
def test_what_is_no_amount_is_a_blocking_problem(value: str | float) -> None:
    problems: list[Problem] = []
    assert wire.yuan(value, "payment", problems) == 0
    (problem,) = problems
    assert (problem.code, problem.detail, problem.blocks) == (
        ProblemCode.BAD_AMOUNT,
        "payment",
        True,
    )


@pytest.mark.parametrize(
    ("value", "amount_fen"),
    [
        (None, 0),
        ("", 0),
        ("12.3", 1230),
        (4.35, 435),
        ("12.3000", 1230),
        (" 1.00 ", 100),
        (7, 700),
        (49.800000000000004, 4980),
        (0.1 + 0.2, 30),
        (1.1 + 2.2, 330),
        (-0.0, 0),
    ],
)
def test_yuan_in_all_its_forms(value: str | float | None, amount_fen: int) -> None:
    problems: list[Problem] = []
    assert wire.yuan(value, "x", problems) == amount_fen
    assert problems == []


@pytest.mark.parametrize(
    "value", [None, "", " ", 0, "0", "0000-00-00 00:00:00", "1970-01-01 08:00:00"]
)
def test_an_empty_time_has_not_happened(value: int | str | None) -> None:
    problems: list[Problem] = []
    assert wire.beijing_time(value, "x", problems) is None
    assert problems == []


@pytest.mark.parametrize(
    "value",
    ["2026-02-30 00:00:00", "2026-05-20", "20.05.2026 09:31:02", "9999-12-31 23:59:59", "x"],
)
def test_a_time_which_cannot_be_is_named_and_left_out(value: str) -> None:
    problems: list[Problem] = []
    assert wire.beijing_time(value, "created", problems) is None
    assert [(p.code, p.detail) for p in problems] == [(ProblemCode.BAD_TIME, "created")]


@given(st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2099, 1, 1)))  # noqa: DTZ001
def test_a_time_of_beijing_goes_there_and_back(naive: datetime) -> None:
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(hours=8)))
    problems: list[Problem] = []
    assert wire.beijing_time(wire.beijing_text(moment), "x", problems) == moment
    assert problems == []


@pytest.mark.parametrize(
    ("value", "year"),
    [(0, None), ("0", None), (None, None), ("", None), (1779240662, 2026), ("1779240662", 2026)],
)
def test_epoch_seconds_of_zero_have_not_happened(value: int | str | None, year: int | None) -> None:
    problems: list[Problem] = []
    moment = wire.epoch_time(value, "x", problems)
    assert (moment.year if moment else None) == year
    assert problems == []


def test_epoch_milliseconds_are_not_taken_for_seconds() -> None:
    problems: list[Problem] = []
    assert wire.epoch_time(1779240662000, "x", problems) is None
    assert [p.code for p in problems] == [ProblemCode.BAD_TIME]


def test_a_read_time_is_aware_and_in_utc() -> None:
    moment = wire.beijing_time("2026-05-20 00:30:00", "x", [])
    assert moment == datetime(2026, 5, 19, 16, 30, tzinfo=UTC)
    assert moment is not None
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", PiiKind.ABSENT),
        ("测**", PiiKind.MASKED),
        ("138****0001", PiiKind.MASKED),
        ("测试收货人", PiiKind.PLAIN),
        ("13000000001", PiiKind.PLAIN),
        ("Christopherjohnson", PiiKind.PLAIN),
        ("示例路1号", PiiKind.PLAIN),
        ("~AbC~1~", PiiKind.ENCRYPTED),
        ("$idx$cipher$1$$", PiiKind.ENCRYPTED),
        ("#idx#cipher*1*1##", PiiKind.ENCRYPTED),
        ("AwAAdemoEncryptedTel==", PiiKind.ENCRYPTED),
        ("+8613000000001", PiiKind.PLAIN),
        ("13000000001-1234", PiiKind.PLAIN),
        ("0571-88880000-1001", PiiKind.PLAIN),
        ("86-13000000001", PiiKind.PLAIN),
        ("0571-88000000-801", PiiKind.PLAIN),
        ("13000000001/13000000002", PiiKind.PLAIN),
    ],
)
def test_the_form_of_one_personal_text_is_told(text: str, kind: PiiKind) -> None:
    assert wire.pii_kind(text) is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", PiiKind.ABSENT),
        ("RueDeLaPaix10bis", PiiKind.PLAIN),
        ("#12-34 Block#5", PiiKind.PLAIN),
        ("Unit 3*5", PiiKind.PLAIN),
        ("130****0001", PiiKind.MASKED),
    ],
)
def test_what_a_person_typed_is_no_cipher(text: str, kind: PiiKind) -> None:
    assert wire.typed_kind(text) is kind


@pytest.mark.parametrize(
    ("person", "kind", "readable"),
    [
        (("#i#c#", "$i$c$", "示例路 1 号"), "encrypted", ("", "", "示例路 1 号")),
        (("#i#c#", "130****0001", "示例路 1 号"), "encrypted", ("", "130****0001", "示例路 1 号")),
        (("测**", "13000000001", "示例路"), "masked", ("测**", "13000000001", "示例路")),
        (("测试", "130****0001", "示例路"), "masked", ("测试", "130****0001", "示例路")),
    ],
)
def test_forms_that_stand_beside_one_another_are_named(
    person: wire.Person, kind: str, readable: tuple[str, str, str]
) -> None:
    problems: list[Problem] = []
    found = wire.receiver(
        region=("山东省", "青岛市", "市南区"), town="", person=person, key=None, problems=problems
    )
    assert (found.pii, (found.name, found.phone, found.address)) == (kind, readable)
    assert [p.code for p in problems] == [ProblemCode.RECEIVER_MIXED]


def test_a_clear_phone_beside_masks_is_a_virtual_number() -> None:
    problems: list[Problem] = []
    person = ("测**", "17000000001", "示例路**")
    found = wire.receiver(
        region=("山东省", "青岛市", ""), town="", person=person, key=None, problems=problems
    )
    assert (found.pii, found.phone, problems) == ("masked", "17000000001", [])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"note":"浙江省杭州市"}'.encode("gb18030"), "浙江省杭州市"),
        ('{"note":"浙江省杭州市"}'.encode(), "浙江省杭州市"),
        (b"\xef\xbb\xbf" + '{"note":"浙江"}'.encode(), "浙江"),
        ('{"note":"浙江省杭'.encode() + b'\xe5\xb7"}', "浙江省杭\ufffd"),
        (b'{"note":"\xff\xff"}', "\ufffd\ufffd"),
    ],
)
def test_bytes_of_another_encoding_are_read_and_cut_ones_lose_no_more(
    body: bytes, text: str
) -> None:
    found = wire.read_json(msgspec.json.Decoder(dict[str, str]).decode, body)
    assert found == {"note": text}


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1779240701000, datetime(2026, 5, 20, 1, 31, 41, tzinfo=UTC)),
        ("1779240701001", datetime(2026, 5, 20, 1, 31, 41, 1000, tzinfo=UTC)),
        (0, None),
        ("0", None),
        (None, None),
    ],
)
def test_milliseconds_are_a_moment_and_zero_has_not_happened(
    value: int | str | None, moment: datetime | None
) -> None:
    problems: list[Problem] = []
    assert wire.epoch_ms_time(value, "payTime", problems) == moment
    assert problems == []


@pytest.mark.parametrize("value", [1779240701, "soon", -1, 10**18])
def test_seconds_where_milliseconds_belong_are_no_time(value: int | str) -> None:
    problems: list[Problem] = []
    assert wire.epoch_ms_time(value, "payTime", problems) is None
    assert [(p.code, p.blocks) for p in problems] == [(ProblemCode.BAD_TIME, False)]


CIPHERS = ("#i#c#", "$i$c$", "~i~c~1~")
MASKS = ("测*", "130****0001", "示例*")


@pytest.mark.parametrize(
    ("ciphers", "masks", "clear", "kind", "name"),
    [
        (CIPHERS, MASKS, ("", "", ""), "encrypted", "测*"),
        (CIPHERS, MASKS, ("张三", "13000000001", "示例路"), "encrypted", "测*"),
        (("", "", ""), MASKS, ("", "", ""), "masked", "测*"),
        (("", "", ""), MASKS, ("张三", "13000000001", "示例路"), "plain", "张三"),
        (("", "", ""), ("", "", ""), MASKS, "masked", "测*"),
        ((None, None, None), (None, None, None), (None, None, None), "absent", ""),
        (MASKS, ("", "", ""), ("", "", ""), "masked", "测*"),
        (("", "", ""), CIPHERS, ("", "", ""), "encrypted", ""),
        (("", "", ""), MASKS, CIPHERS, "encrypted", "测*"),
        (("-1", "-1", "-1"), ("-1", "-1", "-1"), ("", "", ""), "encrypted", ""),
        (("张三", "13000000001", "示例路 1 号"), MASKS, ("", "", ""), "plain", "张三"),
        (("Li Lei", "+86-13000000001", "1 号"), ("", "", ""), ("", "", ""), "plain", "Li Lei"),
    ],
)
def test_forms_with_fields_of_their_own_stay_apart(
    ciphers: wire.Person, masks: wire.Person, clear: wire.Person, kind: str, name: str
) -> None:
    problems: list[Problem] = []
    found = wire.receiver_told_apart(
        region=("山东省", "青岛市", "市南区"),
        town="",
        ciphers=ciphers,
        masks=masks,
        clear=clear,
        key=None,
        problems=problems,
    )
    assert (found.pii, found.name) == (kind, name)
    assert problems == []


@pytest.mark.parametrize(
    ("value", "decimals", "units"),
    [
        ("12.30", 2, 1230),
        ("1000", 0, 1000),
        ("1000.00", 0, 1000),
        ("1.234", 3, 1234),
        ("1.2", 3, 1200),
        ("-29.00", 2, -2900),
        (89.0, 2, 8900),
        (4.35, 2, 435),
        (None, 2, 0),
        ("", 0, 0),
    ],
)
def test_an_amount_is_read_in_the_minor_unit_of_its_currency(
    value: str | float | None, decimals: int, units: int
) -> None:
    problems: list[Problem] = []
    assert wire.minor_units(value, decimals, "price", problems) == units
    assert problems == []


@pytest.mark.parametrize(
    ("value", "decimals"),
    [("1000.50", 0), ("12.345", 2), ("1e3", 2), ("١٢", 0), ("NaN", 2), (1e300, 0), ("9" * 15, 2)],
)
def test_decimals_which_a_currency_does_not_have_are_no_amount(
    value: str | float, decimals: int
) -> None:
    problems: list[Problem] = []
    assert wire.minor_units(value, decimals, "price", problems) == 0
    assert [p.code for p in problems] == [ProblemCode.BAD_AMOUNT]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-20T09:31:02+08:00", datetime(2026, 5, 20, 1, 31, 2, tzinfo=UTC)),
        ("2026-05-19T21:31:02-04:00", datetime(2026, 5, 20, 1, 31, 2, tzinfo=UTC)),
        ("2026-05-20T01:31:02Z", datetime(2026, 5, 20, 1, 31, 2, tzinfo=UTC)),
        (None, None),
        ("", None),
        ("0000-00-00T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
    ],
)
def test_a_time_with_its_offset_is_a_moment(text: str | None, moment: datetime | None) -> None:
    problems: list[Problem] = []
    assert wire.zoned_time(text, "created_at", problems) == moment
    assert problems == []


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-20T09:31:02",
        "2026-05-20",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_a_time_without_an_offset_is_named(text: str) -> None:
    problems: list[Problem] = []
    assert wire.zoned_time(text, "created_at", problems) is None
    assert [p.code for p in problems] == [ProblemCode.BAD_TIME]
    assert not problems[0].blocks


def test_the_utc_twin_of_a_time_needs_no_offset() -> None:
    problems: list[Problem] = []
    wanted = datetime(2026, 5, 20, 1, 31, 2, tzinfo=UTC)
    assert wire.utc_time("2026-05-20T01:31:02", "date_created_gmt", problems) == wanted
    assert wire.utc_time("2026-05-20T01:31:02Z", "date_created_gmt", problems) == wanted
    assert wire.utc_time(None, "date_created_gmt", problems) is None
    assert problems == []


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("张三 示例路".encode("gb18030"), "张三 示例路"),
        ("㐂㐄𠀀".encode("gb18030"), "㐂㐄𠀀"),
        ("张三 示例路".encode()[:-1], "张三 示例\ufffd"),
        (b"\xef\xbb\xbf" + "张三".encode(), "张三"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_a_text_in_gb18030_is_told_from_one_that_was_cut(body: bytes, read: str) -> None:
    mark = b"\xef\xbb\xbf" if body.startswith(b"\xef") else b""
    quoted = mark + b'"' + body.removeprefix(mark) + b'"'
    assert wire.read_json(msgspec.json.Decoder(str).decode, quoted) == read
