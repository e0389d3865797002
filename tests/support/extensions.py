"""Extensions as events tell them, with whatever a test changes in them."""

from collections.abc import Mapping
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

import chassis
from schemas.events.orders import ChannelExtension, PddExtension, TaobaoExtension


def pdd(**changes: Any) -> ChannelExtension:
    """Of a plain Pinduoduo order."""
    fields: dict[str, Any] = {
        "tags": (), "seller_flag": 0, "group_status": "1", "deposit_order": False,
        "pre_sale": False, "lottery": False, "pick_up": False, "wholesale": False,
        "sf_free": False, "next_day": False, "consolidate_type": "", "market_type": "",
        "inner_transaction_id": "", "pay_type": "WEIXIN", "service_fee_fen": 0,
    }  # fmt: skip
    return ChannelExtension(pdd=PddExtension(**fields | {"promised_ship_at": None} | changes))


def taobao(**changes: Any) -> ChannelExtension:
    """Of a plain Taobao trade."""
    fields: dict[str, Any] = {
        "trade_type": "fixed", "pre_sale": False, "step_trade_status": "", "trade_from": "WAP",
        "seller_flag": 0, "adjust_fen": 0, "coupon_fen": 0, "platform_subsidy_fen": 0,
        "o2o_guide_id": "", "promised_ship_at": None, "promised_ship_minutes": None,
    }  # fmt: skip
    return ChannelExtension(taobao=TaobaoExtension(**fields | changes))


def rules_asking(
    folder: Path, purpose: str, facts: Mapping[str, str], row: Mapping[str, Any]
) -> Path:
    """A copy of the shipped rules in which a table asks for more facts, and this row speaks first."""
    rules = folder / "rules"
    copytree(Path(chassis.__path__[0]).parent / "rules", rules)
    path = rules / purpose / "default.yaml"
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    table["facts"] |= dict(facts)
    table["rows"].insert(0, {"note": "", **row})
    path.write_text(yaml.safe_dump(table, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return rules
