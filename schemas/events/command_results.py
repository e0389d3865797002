"""Records of the domain `command-results`. Generated from schemas/avro/command-results/ — do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class CommandSettled(Struct, frozen=True, kw_only=True):
    """命令已有结果."""

    TOPIC: ClassVar[str] = "command-results"
    FULL_NAME: ClassVar[str] = "danshu.command_results.CommandSettled"

    command_id: str
    """命令号 · the Kafka key"""
    settled_at: datetime
    """完成时间"""
    outcome: str
    """结果 · done or refused"""
    reason: str
    """拒绝原因 · empty = none"""
    result_id: str
    """产生的单据号 · empty = none"""


RECORDS: tuple[type[Struct], ...] = (
    CommandSettled,
)
