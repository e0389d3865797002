"""What may be refunded, who must agree, and when the money may go. Pure; a refusal is a `Refused` value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from chassis.extension_facts import EXTENSION_FACTS
from chassis.rules.values import Kind as TableKind
from schemas.events.commands_refunds import RefundRequestLine, RequestRefund
from services.refunds.domain.leaving import any_left, gone_of, has_gone
from services.refunds.domain.model import (
    ENDED,
    GIVEN_BACK,
    Account,
    Approval,
    Case,
    CaseLine,
    CaseState,
    GoodsCheck,
    Kind,
)
from services.refunds.domain.placing import free_freight_fen, held, held_fen, placed
from services.refunds.domain.shares import free_units, take
from services.refunds.domain.sums import wanted_for

PAID_BY_CHANNEL: Final = "refunded_by_channel"
WITHDRAWN: Final = "withdrawn"
REFUSED_THERE: Final = "refused_there"
REFUNDED_THERE: Final = "refunded_there"
PAID_THERE: Final = frozenset({PAID_BY_CHANNEL, REFUNDED_THERE})
"""Why a case ended that its channel has paid."""
NOT_REFUNDED_THERE: Final = "not_refunded_there"
STOPPING: Final = "already_stopping"
BEYOND: Final = "refunded_beyond"
PIECES_UNCLEAR: Final = "pieces_unclear"
REASONS: Final[Mapping[str, str]] = {
    "order_unknown": "没有这个订单，或订单尚未同步",
    "not_paid": "订单尚未付款",
    PAID_BY_CHANNEL: "平台已退款",
    WITHDRAWN: "买家已撤回退款申请",
    REFUSED_THERE: "平台后台已拒绝",
    REFUNDED_THERE: "平台后台已退款",
    NOT_REFUNDED_THERE: "已核实平台没有退款",
    BEYOND: "平台多退的钱已占用剩余金额，请先核对",
    "request_over": "该申请在平台已了结",
    "outcome_unknown": "不认识的了结结果",
    "kind_unknown": "退款类型不正确",
    "line_unknown": "订单里没有这一行",
    "line_repeated": "同一行写了两次",
    "quantity_not_positive": "件数必须大于零",
    "quantity_above_left": "超过该行可退件数",
    PIECES_UNCLEAR: "从申请金额看不出退哪些商品，请人工处理",
    "lines_unmatched": "有商品行未匹配SKU，暂时只能整单全额退款",
    "nothing_left": "没有可退金额",
    "paid_back_above_left": "门店已退的钱超过这些商品剩余的可退金额",
    "refund_unknown": "没有这个退款单",
    "already_ended": "退款单已结束",
    "already_paying": "正在打款，不能再改",
    STOPPING: "订单正为这笔退款取消，不能再改",
    "already_approved": "已经批准",
    "already_decided": "该角色已审批",
    "role_not_needed": "不需要该角色审批",
    "maker_is_checker": "申请人不能审批自己的退款",
    "actor_already_approved": "同一人不能担任两个审批角色",
    "no_return_expected": "该退款不需要退货",
    "not_shipped": "商品尚未发货，没有可退的货",
    "goods_already_checked": "退货已验收，结论不同",
    "not_paying": "退款单不在打款中",
    "payout_not_given_up": "正在打款或核实，不需要人工",
    "payout_answered": "支付渠道已有答复，正在入账",
    "resumed_without_reason": "请写明操作人和理由",
    "not_suspected": "没有疑似重复退款",
    "already_resolved": "已经核实过，结论不同",
    "payout_in_doubt": "我方打款还在向支付渠道核实，等有结果或停下再下结论",
    "payout_confirmed": "支付渠道已确认我方打款到账，不能认定只有平台退款",
    "resolved_without_reason": "请写明操作人和理由",
}
"""Every refusal, with what people read."""


OVER_THERE: Final = frozenset({PAID_BY_CHANNEL, "request_over"})
"""Refusals of what is over on the channel: it waits for no answer."""
KINDS: Final = frozenset(Kind)


class Refused(Struct, frozen=True):
    """Why not: a key of `REASONS`."""

    reason: str


class Claim(Struct, frozen=True, kw_only=True):
    """What a request comes to."""

    lines: tuple[CaseLine, ...]
    freight_fen: int
    amount_fen: int
    whole: bool
    """Every unit of the order, or all its money, asked for at once."""


class Tier(Struct, frozen=True, kw_only=True):
    """Who must agree, and by which row of which table. No approvals: approved by the rule."""

    name: str
    approvals: tuple[str, ...]
    rule: str


def claim(account: Account, request: RequestRefund) -> Claim | Refused:
    """The exact amount of a request: no lines = everything left; freight only when asked, once.

    Where the request names a sum it is that sum, or what is left where that is less. `account` has its shares fixed.
    """
    if not account.channel:
        return Refused("order_unknown")
    if account.paid_fen <= 0:
        return Refused("not_paid")
    if account.refunded_by_channel:
        return Refused(PAID_BY_CHANNEL)
    if request.kind not in KINDS:
        return Refused("kind_unknown")
    if account.unmatched and request.lines:
        return Refused("lines_unmatched")
    found = _taken(account, request) if request.amount_fen is None else _of_sum(account, request)
    if isinstance(found, Refused):
        return found
    taken, freight_fen = found
    amount_fen = freight_fen + sum(line.amount_fen for line in taken)
    if amount_fen <= 0:
        return Refused("nothing_left")
    taken_fen = held_fen(account)
    assert taken_fen + amount_fen <= account.paid_fen, "shares add up to more than was paid"
    if taken_fen + amount_fen + sum(account.beyond.values()) > account.paid_fen:
        return Refused(BEYOND)
    quantities = {line.line_no: line.quantity for line in taken}
    every_unit = all(quantities.get(line.line_no) == line.quantity for line in account.lines)
    if account.unmatched and amount_fen != account.paid_fen:
        return Refused("lines_unmatched")
    whole = every_unit or amount_fen == account.paid_fen
    return Claim(lines=taken, freight_fen=freight_fen, amount_fen=amount_fen, whole=whole)


def overtook(request: RequestRefund, refused: Refused) -> bool:
    """Whether a request was refused only because we are behind.

    A channel asks about orders it was paid for: what we do not know of such an order is still on its way,
    and the channel asks once only.
    """
    behind = refused.reason in {"order_unknown", "not_paid", "lines_unmatched"}
    return behind and request.actor.startswith("channel:")


def paid_meanwhile(request: RequestRefund, refused: Refused) -> bool:
    """Whether a channel's request was overtaken by the refund that the channel made of it."""
    return refused.reason == PAID_BY_CHANNEL and request.actor.startswith("channel:")


_Taken: TypeAlias = tuple[tuple[CaseLine, ...], int]
"""Lines, and fen of the freight."""


def _taken(account: Account, request: RequestRefund) -> _Taken | Refused:
    if broken := _broken(account, request.lines):
        return broken
    wanted = {one.line_no: one.quantity for one in request.lines}
    taken = []
    for line in account.lines:
        parts = held(account, line.line_no)
        quantity = wanted.get(line.line_no, 0) if wanted else free_units(line, parts)
        if quantity <= 0:
            continue
        part = take(line, parts, quantity)
        if part is None:
            return Refused("quantity_above_left")
        taken.append(part)
    return tuple(taken), free_freight_fen(account) if request.include_freight else 0


def _of_sum(account: Account, request: RequestRefund) -> _Taken | Refused:
    fen = request.amount_fen or 0
    if fen <= 0:
        return Refused("nothing_left")
    if broken := _broken(account, request.lines):
        return broken
    wanted = wanted_for(account, request, fen)
    if wanted is None:
        return Refused(PIECES_UNCLEAR)
    lines, freight_fen, _ = placed(account, wanted.lines, wanted.freight_fen, fen)
    return tuple(part for part in lines if part.quantity or part.amount_fen), freight_fen


def _broken(account: Account, asked: Sequence[RefundRequestLine]) -> Refused | None:
    known = {line.line_no for line in account.lines}
    numbers = {one.line_no for one in asked}
    if len(numbers) != len(asked):
        return Refused("line_repeated")
    if numbers - known:
        return Refused("line_unknown")
    return Refused("quantity_not_positive") if any(one.quantity <= 0 for one in asked) else None


TIER_FACTS: Final[Mapping[str, TableKind]] = {
    "amount_fen": "int",
    "paid_fen": "int",
    "currency": "text",
    "kind": "text",
    "reason": "text",
    "channel": "text",
    "damaged": "bool",
    "shipped": "bool",
    "signed_days": "int",
    **EXTENSION_FACTS,
}
TIER_OUTPUTS: Final[Mapping[str, TableKind]] = {"tier": "text", "approvals": "text list"}


def tier_facts(
    account: Account, request: RequestRefund, claimed: Claim, now: datetime
) -> dict[str, object]:
    """What tables under `rules/refund-tier/` may ask; whole days since signing, -1 before it.

    A refund of which no piece has left is unshipped, whatever else of the order has left; one that is of money without
    pieces is not, once anything has.
    """
    shipped = has_gone(account, request.refund_id, claimed.lines)
    signed_at = account.delivered_at if shipped else None
    return {
        "amount_fen": claimed.amount_fen,
        "paid_fen": account.paid_fen,
        "currency": account.currency,
        "kind": request.kind,
        "reason": request.reason,
        "channel": account.channel,
        "damaged": request.damaged,
        "shipped": shipped,
        "signed_days": max(0, (now - signed_at).days) if signed_at else -1,
        **dict(account.told),
    }


def opened(
    account: Account, request: RequestRefund, claimed: Claim, tier: Tier, now: datetime
) -> Case:
    """The new case, not yet moved on by `moved_on`."""
    return Case(
        refund_id=request.refund_id,
        kind=Kind(request.kind),
        lines=claimed.lines,
        freight_fen=claimed.freight_fen,
        amount_fen=claimed.amount_fen,
        currency=account.currency,
        reason=request.reason,
        damaged=request.damaged,
        tier=tier.name,
        approvals_needed=tier.approvals,
        rule=tier.rule,
        requested_by=request.actor,
        requested_at=now,
        whole_unshipped=claimed.whole and not any_left(account),
    )


def goods_secured(account: Account, case: Case) -> bool:
    """Whether money may go: what left the house is back, and what has not left will not leave."""
    if case.goods or not (case.whole_unshipped or case.kind is Kind.RETURN_AND_REFUND):
        return True
    if any_left(account):
        return not has_gone(account, case.refund_id, case.lines)
    return account.cancelled


TOO_LATE: Final = "包裹已发出，请收到后申请退货退款"
"""Why a cancellation is refused once the parcel has left; the buyer reads it."""


def comes_too_late(case: Case) -> bool:
    """Whether a buyer has asked on a channel, before anything had left, for all the money and to have no goods."""
    asked = case.requested_by.startswith("channel:") and case.kind is Kind.REFUND_ONLY
    waits = case.state in {CaseState.AWAITING_APPROVAL, CaseState.AWAITING_GOODS}
    return asked and waits and case.whole_unshipped


def completes(account: Account, case: Case) -> bool:
    """Whether nothing has left, and with this case all of the order is given back, as it is whole when asked for at once."""
    if any_left(account):
        return False
    given = [
        other
        for other in account.cases
        if other.refund_id != case.refund_id and other.approved and other.state not in GIVEN_BACK
    ]
    given.append(case)
    if sum(one.amount_fen for one in given) >= account.paid_fen:
        return True
    taken = Counter[int]()
    for one in given:
        taken.update({line.line_no: line.quantity for line in one.lines})
    return bool(account.lines) and all(
        taken[line.line_no] >= line.quantity for line in account.lines
    )


def is_stopping(account: Account, case: Case) -> bool:
    """Whether its order is being cancelled because it was approved: taken back now, nobody would be paid nor get a parcel."""
    waits = case.state is CaseState.AWAITING_GOODS and not case.goods
    return waits and case.whole_unshipped and not any_left(account)


def doubtful_fen(case: Case) -> int:
    """What its channel may have paid beside a payout that is under way: it counts as gone until that is known."""
    if case.state is not CaseState.PAYING or case.paid_there is None:
        return 0
    return case.paid_there.fen or case.amount_fen


def affordable(account: Account, case: Case) -> bool:
    """Whether its money may go beside all that went, counting what the channel gave back beyond the books, or may have."""
    others_fen = sum(
        other.amount_fen + doubtful_fen(other)
        for other in account.cases
        if other.refund_id != case.refund_id
        and other.state in {CaseState.SETTLED, CaseState.PAYING}
    )
    return others_fen + sum(account.beyond.values()) + case.amount_fen <= account.paid_fen


def moved_on(account: Account, case: Case) -> Case:
    """The case in the state that approvals and goods allow."""
    if case.state in ENDED or case.state is CaseState.PAYING:
        return case
    if case.approved and not case.whole_unshipped and completes(account, case):
        case = replace(case, whole_unshipped=True)
    if not case.approved:
        state = CaseState.AWAITING_APPROVAL
    elif goods_secured(account, case) and affordable(account, case):
        state = CaseState.PAYING
    else:
        state = CaseState.AWAITING_GOODS
    return case if state is case.state else replace(case, state=state)


def consent(case: Case, role: str, actor: str, reason: str, now: datetime) -> Case | Refused:
    """One role agrees. The same role by the same actor again leaves the case as it is."""
    mine = [given for given in case.approvals if given.actor == actor]
    if any(given.role == role for given in mine):
        return case
    if case.state in ENDED:
        return Refused("already_ended")
    if case.state is not CaseState.AWAITING_APPROVAL:
        return Refused("already_approved")
    if role not in case.approvals_needed:
        return Refused("role_not_needed")
    if actor == case.requested_by:
        return Refused("maker_is_checker")
    if mine:
        return Refused("actor_already_approved")
    if any(given.role == role for given in case.approvals):
        return Refused("already_decided")
    given = Approval(role=role, actor=actor, reason=reason, approved_at=now)
    return replace(case, approvals=(*case.approvals, given))


def dissent(case: Case, role: str, actor: str, reason: str, now: datetime) -> Case | Refused:
    """One needed role ends the case; before any money was sent only. A second time changes nothing."""
    if case.state is CaseState.REFUSED:
        return case
    if case.state in ENDED:
        return Refused("already_ended")
    if case.state is CaseState.PAYING:
        return Refused("already_paying")
    if case.approvals_needed and role not in case.approvals_needed:
        return Refused("role_not_needed")
    ended = f"{actor}: {reason}" if reason else actor
    return replace(case, state=CaseState.REFUSED, ended_at=now, end_reason=ended)


def goods_back(account: Account, case: Case, check: GoodsCheck, *, good: bool) -> Case | Refused:
    """The warehouse saw what came back, which is what has left. The same finding again changes nothing."""
    goods = "good" if good else "damaged"
    if case.goods:
        return case if case.goods == goods else Refused("goods_already_checked")
    if case.state in ENDED:
        return Refused("already_ended")
    if case.kind is not Kind.RETURN_AND_REFUND and not case.whole_unshipped:
        return Refused("no_return_expected")
    returned = gone_of(account, case.refund_id, case.lines)
    if not has_gone(account, case.refund_id, case.lines):
        return Refused("not_shipped")
    return replace(case, goods=goods, returned=dict(returned), goods_check=check)


def with_case(account: Account, case: Case) -> Account:
    """The account with a case added or replaced."""
    if account.case(case.refund_id) is None:
        return replace(account, cases=(*account.cases, case))
    return replace(
        account,
        cases=tuple(case if old.refund_id == case.refund_id else old for old in account.cases),
    )


def settled_fen(account: Account) -> int:
    """What cases settled."""
    return sum(case.amount_fen for case in account.cases if case.state is CaseState.SETTLED)


def gone_fen(account: Account) -> int:
    """All that went back: what cases settled, and what went beside them."""
    return settled_fen(account) + sum(account.beyond.values())


def fully_refunded(account: Account) -> bool:
    """Whether all that was paid went back."""
    return settled_fen(account) == account.paid_fen
