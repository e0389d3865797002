"""JSON that people write: what cannot be used is told in words, wherever it is read."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli import campaigns, groupbuy, ingest, inventory, quarantine

RECEIPT, OPENED = '{"document_no": "入库单"}', '{"campaign_id": "团"}'
VECTORS, PATCH = '{"vectors": [{"id": "签名"}]}', '{"city": "杭州"}'
DEEP = '{"a":' + "[" * 100_000


@pytest.mark.parametrize(
    ("app", "words", "content", "why", "status"),
    [
        (inventory.app, ["receive"], RECEIPT, "it is not UTF-8", 1),
        (campaigns.app, ["campaign-open"], RECEIPT, "it is not UTF-8", 1),
        (campaigns.app, ["campaign-open"], DEEP, "it is nested too deep", 1),
        (groupbuy.app, ["open"], OPENED, "it is not UTF-8", 1),
        (ingest.app, ["sign", "--vectors"], VECTORS, "it is not UTF-8", 2),
        (quarantine.app, ["correct", "E1", "-r", "typo", "--patch-file"], PATCH, "not UTF-8", 2),
        (quarantine.app, ["correct", "E1", "-r", "typo", "--patch-file"], DEEP, "too deep", 2),
    ],
    ids=("receipt", "campaign", "deep campaign", "group-buy", "vectors", "patch", "deep patch"),
)
def test_a_file_that_cannot_be_used_is_told_in_words(
    tmp_path: Path, app: typer.Typer, words: list[str], content: str, why: str, status: int
) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content.encode("gb18030"))
    done = CliRunner().invoke(app, [*words, str(file)])
    assert (done.exit_code, why in done.output) == (status, True), done.output


def test_a_patch_typed_in_another_encoding_is_told_in_words() -> None:
    typed = '{"city": "\udcba\udcbc"}'
    done = CliRunner().invoke(quarantine.app, ["correct", "E1", "-r", "typo", "--patch", typed])
    assert (done.exit_code, "it is not UTF-8" in done.output) == (2, True), done.output
