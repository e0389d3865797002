"""Tables that let a SKU be sold before it has come."""

from __future__ import annotations

from services.inventory.presale import Presale, read_presale
from tests.unit.inventory.house import read_changed

PRESALE_TABLE = """
name: default
purpose: presale
version: 1
note: A 预售
policy: first
facts:
  channel: {type: text, label: 渠道, one_of: [taobao, douyin]}
  sku: {type: text, label: 商家SKU}
outputs:
  percent: {type: int, label: 百分之几}
  handling_days: {type: int, label: 几天内发出}
  days_max: {type: int, label: 最远几天}
rows:
  - id: spring
    note: 春茶
    when: {sku: A, channel: taobao}
    then: {percent: 90, handling_days: 2, days_max: 45}
default:
  note: 不预售
  then: {percent: 0, handling_days: 0, days_max: 0}
on_error: {percent: 0, handling_days: 0, days_max: 0}
samples:
  - note: 春茶
    facts: {channel: taobao, sku: A}
    rows: [spring]
    outputs: {percent: 90}
"""


def selling_ahead(*changes: tuple[str, str]) -> Presale:
    """A table that lets taobao sell 90 % of A ahead, two days after it came, at most 45 days before; with changes."""
    return read_changed(read_presale, "presale", PRESALE_TABLE, changes)
