"""Committed files say what the code says: the API's document, vendored scripts, templates without scripts."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from services.console import openapi, web
from services.console.domain.model import Card

VENDOR = web.FOLDER / "static" / "vendor"


def test_the_committed_api_document_is_the_current_one() -> None:
    committed = openapi.COMMITTED.read_text(encoding="utf-8")
    assert committed == openapi.rendered(), "run: python -m services.console.openapi"


def test_vendored_scripts_are_what_vendored_md_says() -> None:
    said = (VENDOR / "VENDORED.md").read_text(encoding="utf-8")
    scripts = sorted(VENDOR.glob("*.js"))
    assert scripts
    for script in scripts:
        assert hashlib.sha256(script.read_bytes()).hexdigest() in said, script.name
    assert "Zero-Clause BSD" in (VENDOR / "LICENSE").read_text(encoding="utf-8")


def test_pages_need_no_inline_script_or_style() -> None:
    for template in sorted((web.FOLDER / "templates").glob("*.html")):
        text = template.read_text(encoding="utf-8")
        assert not re.search(
            r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|js:", text
        ), template.name


def test_the_view_of_orders_reads_each_field_at_its_place() -> None:
    migration = Path(web.FOLDER / "sql" / "migrations" / "0001_console.sql").read_text(
        encoding="utf-8"
    )
    read = re.findall(r"'\{state,(\d+)\}'\)?(?:::\w+)? AS (\w+)", migration)
    assert len(read) == 13
    for place, name in read:
        assert Card.__struct_fields__[int(place)] == name
