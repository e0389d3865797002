"""An order's content for its page: goods, money to the fen, and a receiver who stays masked.

Guarantees: no name, phone or address in clear leaves this module; what cannot be opened is said, not guessed.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chassis.crypto import KeyDestroyed, PersonalSeal, SealBroken, mask_name, mask_phone
from chassis.extension_facts import told_of
from schemas.events.orders import OrderAmended, OrderLine, OrderPlaced
from services.console import words

_BORNE_BY = {"seller": "商家", "platform": "平台", "influencer": "达人"}


class _Personal(Struct, frozen=True, kw_only=True):
    """The part of the personal block that can be shown masked."""

    name: str = ""
    phone: str = ""


class Shown(BaseModel):
    """Base of what is shown: immutable."""

    model_config = ConfigDict(frozen=True)


class Line(Shown):
    """One line of goods."""

    line_no: int
    title: str
    sku: str
    quantity: int
    unit_price_fen: int
    discount_fen: int
    paid_fen: int = Field(description="行实付，不含运费")
    is_gift: bool
    note: str = Field(description="由映射而来，或未匹配的原因；空为平台原行")


class Promotion(Shown):
    """One promotion and who bears it."""

    name: str
    amount_fen: int
    borne_by: str


class Money(Shown):
    """What the order costs. goods − discount + freight = payable, as far as the channel's numbers agree."""

    goods_fen: int
    discount_fen: int
    freight_fen: int
    payable_fen: int
    currency: str


class Receiver(Shown):
    """Who gets the parcel, masked."""

    province: str
    city: str
    district: str
    name: str
    phone: str
    note: str = Field(description="个人信息的保存形态，或不能显示的原因")


class Told(Shown):
    """One thing that only the order's channel tells."""

    label: str
    value: str


class Content(Shown):
    """What the channel said of an order."""

    lines: tuple[Line, ...]
    promotions: tuple[Promotion, ...]
    money: Money
    receiver: Receiver
    problems: tuple[str, ...]
    channel_hold: str
    extension: tuple[Told, ...] = Field(description="只有该平台才有的信息，空的不列")


def content_of(
    placed: OrderPlaced,
    amended: OrderAmended | None,
    seal: PersonalSeal | None,
    wrapped_key: bytes | None,
) -> Content:
    """The order as placed, its receiver and hold as last amended."""
    newest = amended or placed
    return Content(
        lines=tuple(_line(line) for line in placed.lines),
        promotions=tuple(
            Promotion(
                name=promotion.name,
                amount_fen=promotion.amount_fen,
                borne_by=_BORNE_BY.get(promotion.borne_by, "未知"),
            )
            for promotion in placed.promotions
        ),
        money=Money(
            goods_fen=sum(line.unit_price_fen * line.quantity for line in placed.lines),
            discount_fen=placed.discount_fen,
            freight_fen=placed.freight_fen,
            payable_fen=placed.payable_fen,
            currency=placed.currency,
        ),
        receiver=_receiver(newest, seal, wrapped_key),
        problems=tuple(words.say(problem) for problem in placed.problems),
        channel_hold=words.say(newest.hold),
        # One that was told before extensions were has none.
        extension=tuple(
            Told(label=label, value=value)
            for label, value in told_of(
                placed.channel, newest.extension or placed.extension, placed.currency
            )
        ),
    )


def _line(line: OrderLine) -> Line:
    return Line(
        line_no=line.line_no,
        title=line.title,
        sku=line.sku,
        quantity=line.quantity,
        unit_price_fen=line.unit_price_fen,
        discount_fen=line.discount_fen,
        paid_fen=line.paid_fen,
        is_gift=line.is_gift,
        note=_note(line),
    )


def _note(line: OrderLine) -> str:
    if (why := line.unmatched) is not None:
        code = f"商家编码 {why.merchant_code}" if why.merchant_code else "没有商家编码"
        return f"未匹配SKU：平台SKU {line.channel_sku_id}，{code}"
    if (origin := line.mapped) is not None:
        return f"平台第 {origin.channel_line_no} 行 ×{origin.quantity} 映射而来"
    return ""


def _receiver(
    said: OrderPlaced | OrderAmended, seal: PersonalSeal | None, wrapped_key: bytes | None
) -> Receiver:
    personal, note = _opened(said, seal, wrapped_key)
    return Receiver(
        province=said.province,
        city=said.city,
        district=said.district,
        name=mask_name(personal.name),
        phone=mask_phone(personal.phone),
        note=note,
    )


def _opened(
    said: OrderPlaced | OrderAmended, seal: PersonalSeal | None, wrapped_key: bytes | None
) -> tuple[_Personal, str]:
    note = words.PERSONAL_KINDS.get(said.personal_kind, words.say(said.personal_kind))
    if said.personal_kind != "plain" or not said.personal:
        return _Personal(), note
    if seal is None:
        return _Personal(), "本控制台没有配置主密钥，收件人不显示"
    try:
        block = seal.open_block(said.personal, said.order_id, wrapped_key)
    except SealBroken:
        return _Personal(), "个人信息无法解开，请联系技术人员"
    if isinstance(block, KeyDestroyed):
        return _Personal(), "个人信息已按要求擦除"
    return msgspec.json.decode(block, type=_Personal), note
