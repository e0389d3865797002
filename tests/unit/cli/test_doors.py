"""Calling a service's doors: what answers there need not be the service."""

from pathlib import Path

import httpx2
import pytest

from cli.doors import Refused, call
from services.ingest.settings import IngestSettings


@pytest.mark.parametrize("content", [b"<html>welcome</html>", b'"\xd6\xd0"', b""])
def test_an_answer_that_is_no_json_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    monkeypatch.setenv("DANSHU_HOME", str(tmp_path))
    monkeypatch.setenv("DANSHU_API_TOKEN", "t")
    answer = httpx2.Response(200, content=content)
    monkeypatch.setattr("cli.doors.httpx2.request", lambda *_, **__: answer)
    with pytest.raises(Refused, match=r"the service does not answer at http://127\.0\.0\.1:1"):
        call(IngestSettings, "GET", "/listings", "http://127.0.0.1:1")
