"""Pictures of goods: told by their first bytes, never by what a sender calls them."""

from __future__ import annotations


def media_type_of(body: bytes) -> str | None:
    """JPEG, PNG or WebP; None for anything else, markup such as SVG included."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return None
