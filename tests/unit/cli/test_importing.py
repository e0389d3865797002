"""The import's own part: what it reads, shows and refuses before anything is sent."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from cli.importing_sending import Sender
from cli.ingest import app
from tests.unit.ingest.imports.files import csv_file, table, xlsx_file

SECOND = "900000000000000002"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No ingest is known in this shell."""
    monkeypatch.setenv("DANSHU_HOME", str(tmp_path / "home"))
    for name in ("DANSHU_API_TOKEN", "DANSHU_INGEST_HTTP_PORT", "DANSHU_HTTP_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")


def asked(file: Path, *options: str, channel: str = "pos") -> Result:
    return CliRunner().invoke(app, ["import", str(file), "-c", channel, "-s", "s1", *options])


def test_a_dry_run_without_ingest_checks_everything_and_says_what_it_does_not_know(
    tmp_path: Path,
) -> None:
    done = asked(csv_file(tmp_path, table({}, {"订单号": SECOND})), "--dry-run")
    assert done.exit_code == 0, done.output
    assert "按预设 generic" in done.output
    assert "不知道哪些订单已经有了" in done.output
    assert "演练结果，什么都没有写入" in done.output
    assert "SKU-A × 2" in done.output
    assert "900000000000000001" in done.output


def test_the_preview_does_not_show_whom_an_order_is_for(tmp_path: Path) -> None:
    done = asked(csv_file(tmp_path, table({})), "--dry-run")
    assert "测* 130****1234" in done.output
    assert "测试收货人" not in done.output
    assert "13000001234" not in done.output


def test_every_error_is_told_by_row_and_column_and_the_rest_would_go_on(tmp_path: Path) -> None:
    rows = table({}, *({"订单号": f"x{place}", "数量": "0"} for place in range(30)))
    done = asked(xlsx_file(tmp_path, rows), "--dry-run")
    assert done.exit_code == 1
    for place in range(30):
        wanted = f"第 {place + 3} 行［数量］“0”不是件数（1 到 1000000 的整数）（订单 x{place}）"
        assert wanted in done.output
    assert "共 31 单，其中 30 单不能导入" in done.output
    assert "30 × 数量：不是件数" in done.output


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--yes"], "where the service's doors answer is not known"),
        (["--yes", "--url", "http://127.0.0.1:1"], "there is no access token"),
        (["--preset", "nosuch"], "没有名为 nosuch 的预设"),
        (["--preset", "pdd"], "预设 pdd 是 pdd 的，不是 pos 的"),
    ],
)
def test_what_cannot_be_used_ends_before_anything_is_sent(
    tmp_path: Path, options: list[str], why: str
) -> None:
    done = asked(csv_file(tmp_path, table({})), *options)
    assert (done.exit_code, why in done.output) == (2, True), done.output


def test_an_ingest_that_does_not_answer_has_been_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANSHU_API_TOKEN", "t")
    monkeypatch.setattr("cli.importing_sending.PAUSES_S", ())
    done = asked(csv_file(tmp_path, table({})), "--yes", "--url", "http://127.0.0.1:1")
    assert (done.exit_code, "什么都没有发出：ingest 没有回应" in done.output) == (2, True), (
        done.output
    )
    assert "--resume" not in done.output


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:abc", "127.0.0.1", "ftp://127.0.0.1", "http://[::1"]
)
@pytest.mark.parametrize("option", ["--yes", "--dry-run"])
def test_what_is_no_address_has_been_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, url: str
) -> None:
    monkeypatch.setenv("DANSHU_API_TOKEN", "t")
    done = asked(csv_file(tmp_path, table({})), option, "--url", url)
    assert (done.exit_code, f"{url} 不是网址" in done.output) == (2, True), done.output


@pytest.mark.parametrize("content", [b"<html>welcome</html>", b"{}", b'"\xd6\xd0"'])
def test_something_else_at_the_address_has_been_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    def answered(*_: object, **options: Any) -> httpx2.AsyncClient:
        transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, content=content))
        return httpx2.AsyncClient(transport=transport, **options)

    monkeypatch.setenv("DANSHU_API_TOKEN", "t")
    monkeypatch.setattr("cli.importing_sending.client", answered)
    done = asked(csv_file(tmp_path, table({})), "--yes", "--url", "http://127.0.0.1:1")
    assert (done.exit_code, "那里也许不是 ingest" in done.output) == (2, True), done.output


@pytest.mark.parametrize("answer", ["", "n\n", "\n"])
def test_who_does_not_say_yes_imports_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    def typed(*_: object) -> str:
        if not answer:
            raise EOFError
        return answer.strip()

    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setenv("DANSHU_API_TOKEN", "t")
    monkeypatch.setattr("cli.importing.sys", terminal)
    monkeypatch.setattr("builtins.input", typed)
    done = asked(csv_file(tmp_path, table({})), "--url", "http://127.0.0.1:1")
    assert (done.exit_code, "没有导入" in done.output) == (2, True), done.output


@pytest.mark.parametrize("where", ["_shown", "_sent"])
def test_who_stops_it_before_anything_is_sent_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("DANSHU_API_TOKEN", "t")
    monkeypatch.setattr(f"cli.importing.{where}", stop)
    done = asked(csv_file(tmp_path, table({})), "--yes", "--url", "http://127.0.0.1:1")
    assert (done.exit_code, "什么都没有发出：按了 Ctrl-C" in done.output) == (2, True), done.output


def test_what_stops_once_orders_may_have_left_goes_on_with_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stop(self: Sender, *_: object, **__: object) -> None:
        self.sent = True
        raise KeyboardInterrupt

    monkeypatch.setenv("DANSHU_API_TOKEN", "t")
    monkeypatch.setattr(Sender, "send", stop)
    done = asked(csv_file(tmp_path, table({})), "--yes", "--url", "http://127.0.0.1:1")
    assert (done.exit_code, "停在半路：按了 Ctrl-C" in done.output) == (3, True), done.output


def test_without_a_terminal_it_wants_to_be_told_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANSHU_API_TOKEN", "t")
    done = asked(csv_file(tmp_path, table({})), "--url", "http://127.0.0.1:1")
    assert (done.exit_code, "看过预览后加上 --yes" in done.output) == (2, True), done.output


def test_a_file_of_another_channel_names_what_each_preset_misses(tmp_path: Path) -> None:
    done = asked(csv_file(tmp_path, [["编号", "货"], ["1", "2"]]), "--dry-run", channel="pdd")
    assert done.exit_code == 2
    assert "预设 pdd：前 20 行里没有表头“订单号”" in done.output
    assert "预设 generic：" in done.output


def test_a_file_in_which_nothing_can_be_used_is_not_an_empty_success(tmp_path: Path) -> None:
    done = asked(csv_file(tmp_path, table({"数量": "0"})), "--dry-run")
    assert (done.exit_code, "没有一单可以导入" in done.output) == (2, True)


def test_presets_are_listed_and_printed_as_a_start_for_ones_own(tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, ["presets"])
    assert listed.exit_code == 0
    assert "generic" in listed.output
    printed = CliRunner().invoke(app, ["presets", "generic"])
    own = tmp_path / "own.toml"
    own.write_text(printed.stdout, encoding="utf-8")
    file = csv_file(tmp_path, table({}))
    assert asked(file, "--dry-run", "--preset", str(own)).exit_code == 0
    assert CliRunner().invoke(app, ["presets", "nosuch"]).exit_code == 2
