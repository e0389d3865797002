"""docs/order-states.md, rendered from the table; a test holds the file current.

Run: `python -m services.orders.domain.diagram > docs/order-states.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from services.orders.domain.guards import GUARD_TITLES, WAITING_TITLES
from services.orders.domain.states import (
    REFUSAL_TITLES,
    RULES,
    STATE_TITLES,
    TABLE,
    TRIGGER_TITLES,
    Rule,
    State,
    Trigger,
)

SOURCE = (
    "Rendered from `services/orders/domain/states.py` by "
    "`python -m services.orders.domain.diagram`; do not edit."
)
KEPT, REFUSED = "·", "✗"

EFFECT_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "match_risk_hold": "风控未通过则挂起，通过则解挂",
        "match_channel_hold": "平台冻结则挂起，解除则解挂",
        "match_shortage_hold": "缺货则挂起，占到则解挂",
        "match_unmatched_hold": "有商品行未匹配则挂起，全部匹配则解挂",
        "match_refund_hold": "全部被申请退款则挂起，申请未成则解挂",
        "pass_review": "以人工结论为准并解挂",
        "record_address": "采用新收件人并记录",
        "record_payment": "记录实付金额",
        "hold_address": "挂起，等人处理新收件人",
        "hold_by_hand": "人工挂起",
        "lift_by_hand": "解除人工挂起和收件人挂起",
        "ask_interception": "请仓库拦截包裹",
        "end_interception": "拦截未成，记录拒绝",
        "announce_ready": "交给履约",
        "close_if_ours": "商家能在平台关单、且没有付过定金的，随即超时未付关闭；其他的继续等买家付款",
        "catch_up": "补上先到的事实",
    }
)


def cell(state: State, trigger: Trigger) -> str:
    """What the table answers: `→ state`, `·` (the fact is kept, nothing moves) or `✗` (refused)."""
    rule = TABLE.get((state, trigger))
    if rule is None:
        return REFUSED
    return f"→ {STATE_TITLES[rule.to]}" if rule.to is not None else KEPT


def render() -> str:
    """The whole document."""
    return "\n".join(
        [
            "# 订单状态 · order states",
            "",
            SOURCE,
            "",
            "```mermaid",
            *_mermaid(),
            "```",
            "",
            "挂起 and 售后中 are axes of their own and change no state.",
            "",
            "## Table",
            "",
            f"`→` moves, `{KEPT}` keeps the fact and stays, `{REFUSED}` is refused and recorded.",
            "",
            *_matrix(),
            "",
            "## Guards and effects",
            "",
            *_rules(),
            "",
            "## Words",
            "",
            *_words("What an order waits for", WAITING_TITLES.items()),
            "",
            *_words("Why something was refused", REFUSAL_TITLES.items()),
            "",
        ]
    )


def _mermaid() -> Iterator[str]:
    yield "stateDiagram-v2"
    for state in State:
        if state is not State.NEW:
            yield f'    state "{STATE_TITLES[state]}" as {state}'
    arrows: dict[tuple[State, State], list[str]] = {}
    for (state, trigger), rule in TABLE.items():
        if rule.to is not None:
            arrows.setdefault((state, rule.to), []).append(TRIGGER_TITLES[trigger])
    for (come_from, to), titles in arrows.items():
        start = "[*]" if come_from is State.NEW else come_from
        yield f"    {start} --> {to}: {' / '.join(titles)}"
    for final in (State.COMPLETED, State.CANCELLED):
        yield f"    {final} --> [*]"


def _matrix() -> Iterator[str]:
    yield "| | " + " | ".join(STATE_TITLES[state] for state in State) + " |"
    yield "|---|" + "---|" * len(State)
    for trigger in Trigger:
        cells = " | ".join(cell(state, trigger) for state in State)
        yield f"| {TRIGGER_TITLES[trigger]} `{trigger}` | {cells} |"


def _rules() -> Iterator[str]:
    yield "| trigger | in | guards | effects |"
    yield "|---|---|---|---|"
    for rule in RULES:
        if rule.guards or rule.effects:
            yield _rule(rule)


def _rule(rule: Rule) -> str:
    states = "、".join(STATE_TITLES[state] for state in rule.come_from)
    guards = "、".join(GUARD_TITLES[name] for name in rule.guards)
    effects = "；".join(EFFECT_TITLES[name] for name in rule.effects)
    return f"| {TRIGGER_TITLES[rule.on]} | {states} | {guards} | {effects} |"


def _words(heading: str, titles: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"| {heading} | |"
    yield "|---|---|"
    for code, title in titles:
        yield f"| `{code}` | {title} |"


if __name__ == "__main__":
    sys.stdout.write(render())
