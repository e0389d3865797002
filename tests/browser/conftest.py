"""A real Chromium, and a real console process on the real servers.

`DANSHU_TEST_SCREENSHOTS=<folder>` keeps the pictures there (docs/images for the README), else they go to a
temporary folder.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from chassis.crypto import MasterKeys, PersonalSeal
from deploy.embedded.stack import Stack
from services.console.signin import hash_password
from tests.support import chromium
from tests.support.stack import fresh_database, fresh_topics

USER = "演示"
PASSWORD = "browser-test-password"
MASTER_KEYS = f"1:{base64.b64encode(b'k' * 32).decode()}"
START_TIMEOUT_S = 120.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENSHOTS = "DANSHU_TEST_SCREENSHOTS"
PATIENCE_MS = 20_000


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The executable: found on this machine, or put there by the project's own step."""
    return chromium.executable()


@dataclass(frozen=True, kw_only=True)
class Console:
    """A running console and where its events come from."""

    url: str
    bootstrap: str
    prefix: str
    database_url: str

    @property
    def seal(self) -> PersonalSeal:
        """Seals under the key this console has."""
        return PersonalSeal(MasterKeys.parse(MASTER_KEYS))


@pytest.fixture(scope="module")
def console(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """`python -m services.console` on a database and topics of its own.

    A module's tests share it, each with a channel of its own.
    """
    folder = tmp_path_factory.mktemp("console")
    with fresh_database(stack.postgres_url) as url, fresh_topics(stack.kafka_bootstrap) as prefix:
        yield from _running(stack, url, prefix, folder)


def _running(stack: Stack, database_url: str, prefix: str, folder: Path) -> Iterator[Console]:
    log = folder / "console.log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DANSHU_")},
        "DANSHU_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "DANSHU_SCHEMA_REGISTRY_URL": stack.schema_registry_url,
        "DANSHU_POSTGRES_URL": database_url,
        "DANSHU_TOPIC_PREFIX": prefix,
        "DANSHU_MASTER_KEYS": MASTER_KEYS,
        # No other service is there to answer.
        "DANSHU_CONSOLE_ANSWER_TIMEOUT_S": "0.5",
        "DANSHU_CONSOLE_USERS": msgspec.json.encode({USER: hash_password(PASSWORD)}).decode(),
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.console"],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Console(
            url=f"http://127.0.0.1:{_port(process, log)}",
            bootstrap=stack.kafka_bootstrap,
            prefix=prefix,
            database_url=database_url,
        )
    finally:
        code = _ended(process)
    assert code == 0, log.read_text(encoding="utf-8")


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """The exit status after SIGTERM; None when it had to be killed."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port the console says it listens on."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        for line in log.read_text(encoding="utf-8").splitlines():
            if '"ready"' in line:
                port = int(msgspec.json.decode(line)["http_port"])
                assert httpx2.get(f"http://127.0.0.1:{port}/login").status_code == 200
                return port
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.fixture
def browser(chromium_path: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when the browser complains about scripts or the content policy."""
    context = browser.new_context(
        viewport={"width": 1366, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        expected = any(status in message.text for status in ("401", "404", "503"))
        if message.type == "error" and not expected:
            complaints.append(message.text)

    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return Path(os.environ.get(SCREENSHOTS) or tmp_path)


def sign_in(page: Page, console: Console) -> None:
    page.goto(console.url)
    page.get_by_label("用户名").fill(USER)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.locator("#board")).to_be_visible()
