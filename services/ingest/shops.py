"""The shops of the merchant and their access, read once at start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from chassis.errors import StartRefused
from services.ingest.channels import Channel, Credentials
from services.ingest.domain.shop_health import settled_after_max_s

ORDER_NO_CHARS_MAX = 64
"""Of any channel's order number."""


class Shop(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One shop on one channel. `push_secret` and `push_token`: where its pushes have keys of their own."""

    channel: str
    shop: str
    app_key: str
    app_secret: str
    access_token: str
    base_url: str
    push_secret: str = ""
    push_token: str = ""
    settled_after_s: float | None = None
    """How old a change must be before the platform lists it; None: what the channel's documents say."""
    stock_location: str = ""
    """The platform's name of the place whose stock is told, where it counts by place (Shopify's location id)."""
    refusal_code: str = ""
    """The platform's number of the reason that refused refunds give, where it wants one of its list."""
    carriers: Mapping[str, str] = {}
    """Our carrier → the platform's code, for carriers the channel has no code of."""

    def credentials(self) -> Credentials:
        """What the channel's pure functions sign with."""
        return Credentials(
            app_key=self.app_key,
            app_secret=self.app_secret,
            access_token=self.access_token,
            base_url=self.base_url,
            push_secret=self.push_secret,
            push_token=self.push_token,
            settled_after_s=self.settled_after_s,
            stock_location=self.stock_location,
            refusal_code=self.refusal_code,
        )


Shops = Mapping[tuple[str, str], Shop]


def read_shops(path: Path | None, channels: Mapping[str, Channel]) -> Shops:
    """(channel, shop) → shop. Raises StartRefused for a file that cannot be used; no file = no shops."""
    if path is None:
        return {}
    try:
        shops = msgspec.json.decode(path.read_bytes(), type=list[Shop])
    except (OSError, msgspec.DecodeError) as error:
        raise StartRefused(
            f"the shops file cannot be used ({error}). It is a JSON list of objects with channel, shop, "
            "app_key, app_secret, access_token, base_url; push_secret and push_token where pushes need them."
        ) from None
    for shop in shops:
        if shop.channel not in channels:
            raise StartRefused(
                f"shop {shop.shop} is on channel {shop.channel!r}; known channels: {', '.join(channels)}"
            )
        latest_s = settled_after_max_s(channels[shop.channel])
        if not 0 <= (shop.settled_after_s or 0) <= latest_s:
            raise StartRefused(
                f"shop {shop.shop} has settled_after_s {shop.settled_after_s}; "
                f"on channel {shop.channel} it is 0 to {latest_s:g}"
            )
    return {(shop.channel, shop.shop): shop for shop in shops}


def shop_key(channel: str, shop: str) -> str:
    """The natural key of a shop, for Kafka."""
    return f"{channel}|{shop}"


def number_of(channel_order_no: str) -> str:
    """The number, or none where no order has one so long: it would be a key, and Postgres' indexes end at 2,704 bytes."""
    return channel_order_no if len(channel_order_no) <= ORDER_NO_CHARS_MAX else ""


def source_key(channel: str, shop: str, channel_order_no: str) -> str:
    """The natural key of a channel order, for Kafka and the id map."""
    return f"{channel}|{shop}|{channel_order_no}"
