"""`danshu refunds`: ask for refunds, judge them, look at them, through the refunds service's own doors.

The service is found by its settings (`DANSHU_REFUNDS_HTTP_HOST`, `_HTTP_PORT`, `DANSHU_API_TOKEN`) or by
`--url`. Exit status 1 where the service refuses, with its reason.
"""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from chassis.currency import amount_text
from cli import printing
from cli.doors import call
from services.ingest.shanghai import SHANGHAI
from services.refunds.settings import RefundsSettings

app = typer.Typer(no_args_is_help=True, add_completion=False)

STATES: Final = {
    "awaiting_approval": "待审批",
    "awaiting_goods": "待货物确认",
    "paying": "打款中",
    "settled": "已退款",
    "failed": "退款失败",
    "refused": "已拒绝",
    "needs_person": "待人工核实",
}
GAVE_UP: Final = {
    "no_answer": "支付渠道一直没有可用的答复",
    "not_taken": "多次发出，支付渠道仍没有这笔退款",
    "underway_too_long": "支付渠道处理得太久",
    "differs": "支付渠道要求人工处理",
    "currency_not_taken": "支付渠道不收这个币种，没有发出；请在店铺后台退款，再记为人工退款",
    "": "原因没有留下",
}

DOUBTS: Final = {
    "payout_under_way": "平台已退款，我方打款已发出",
    "payout_settled_too": "平台已退款，支付渠道也已打款",
    "answer_lost": "我方已打款，通知平台时未收到答复，可能只退了一次",
    "beyond_books": "平台退款超出账面可退金额",
}
OUTCOMES: Final = {
    "only_ours": "只有我方打款成功",
    "only_channel": "只有平台退了款",
    "recovered": "退了两次，多退的已追回",
    "written_off": "退了两次，多退的已核销",
}
HEARD: Final = {
    "agreed": "平台已同意，等平台打款，不要在这里再批一次",
    "withdrawn": "买家已撤回申请，我方打款没有拦住",
    "refused": "平台后台已拒绝，我方打款没有拦住",
}


class Outcome(StrEnum):
    """What became of money that may have gone twice."""

    ONLY_OURS = "only-ours"
    ONLY_CHANNEL = "only-channel"
    RECOVERED = "recovered"
    WRITTEN_OFF = "written-off"


Url = Annotated[str, typer.Option("--url", help="Of the refunds service; default: its settings.")]
Actor = Annotated[str, typer.Option("--actor", help="Who does this.")]
Role = Annotated[str, typer.Option("--role", help="supervisor, finance or risk")]
Reason = Annotated[str, typer.Option("--reason")]


@app.command()
def show(order: str, url: Url = "") -> None:
    """Show every refund of an order."""
    found = _call("GET", "/refunds", url, query={"order_id": order})["refunds"]
    doubts = _call("GET", "/double-refunds", url, query={"order_id": order})["double_refunds"]
    if not found and not doubts:
        typer.echo(f"{order}: no refunds")
        return
    # An amount stays beside its currency.
    table = Table(
        *printing.keys("refund"),
        "state",
        "tier",
        *printing.keys("amount"),
        "approvals",
        "payout",
        "requested",
        box=None,
    )
    for case in found:
        _add_row(table, case)
    printing.show(table)
    for case in found:
        if case["goods_check"]:
            typer.echo(_goods_check(case))
        for one in case["resumptions"]:
            typer.echo(_resumption(case["refund_id"], one))
        if case["payout_given_up_at"]:
            typer.echo(_given_up(case))
        if case["heard_there"]:
            typer.echo(_heard_there(case["refund_id"], case["heard_there"]))
    for doubt in doubts:
        _print_doubt(doubt)


@app.command("double-refunds")
def double_refunds(url: Url = "") -> None:
    """List refunds whose money may have gone twice and that wait for a person."""
    found = _call("GET", "/double-refunds", url, query={"open": "1"})["double_refunds"]
    if not found:
        typer.echo("nothing waits")
    for doubt in found:
        typer.echo(f"{doubt['order_id']} {_suspected(doubt)}")


@app.command()
def request(  # noqa: PLR0913 — each is an option of the command
    order: str,
    *,
    key: Annotated[str, typer.Option("--key", help="The same key never makes a second refund.")],
    actor: Actor,
    line: Annotated[
        list[str] | None, typer.Option("--line", help="LINE:PIECES; none: everything left.")
    ] = None,
    returning: Annotated[bool, typer.Option("--return", help="Goods come back first.")] = False,
    freight: Annotated[bool, typer.Option("--freight", help="Freight too.")] = False,
    damaged: Annotated[bool, typer.Option("--damaged")] = False,
    reason: Reason = "",
    url: Url = "",
) -> None:
    """Ask for a refund."""
    body = {
        "order_id": order,
        "request_key": key,
        "actor": actor,
        "kind": "return_and_refund" if returning else "refund_only",
        "lines": [_line(text) for text in line or ()],
        "include_freight": freight,
        "damaged": damaged,
        "reason": reason,
    }
    _print(_call("POST", "/refunds", url, body=body))


@app.command()
def approve(
    order: str, refund: str, *, role: Role, actor: Actor, reason: Reason = "", url: Url = ""
) -> None:
    """Agree in one role."""
    body = {"actor": actor, "role": role, "reason": reason}
    _print(_call("POST", f"/refunds/{order}/{refund}/approve", url, body=body))


@app.command()
def refuse(
    order: str,
    refund: str,
    *,
    role: Role,
    actor: Actor,
    reason: Annotated[str, typer.Option("--reason", help="Why; the buyer may be told.")],
    url: Url = "",
) -> None:
    """Refuse; ends the refund."""
    body = {"actor": actor, "role": role, "reason": reason}
    _print(_call("POST", f"/refunds/{order}/{refund}/refuse", url, body=body))


@app.command()
def returned(
    order: str,
    refund: str,
    *,
    actor: Actor,
    good: Annotated[bool, typer.Option("--good/--damaged", help="What the warehouse found.")],
    reason: Annotated[
        str, typer.Option("--reason", help="What it rests on, such as an inspection slip's number.")
    ] = "",
    url: Url = "",
) -> None:
    """Say that the goods came back."""
    body = {"actor": actor, "good": good, "reason": reason}
    _print(_call("POST", f"/refunds/{order}/{refund}/returned", url, body=body))


@app.command("look-again")
def look_again(
    order: str,
    refund: str,
    *,
    actor: Actor,
    reason: Annotated[str, typer.Option("--reason", help="Why it is worth asking again.")],
    key: Annotated[str, typer.Option("--key", help="The same key is the same press.")] = "",
    url: Url = "",
) -> None:
    """Have the gateway asked once more about a payout that waits for a person."""
    body = {"actor": actor, "reason": reason, "request_key": key}
    _print(_call("POST", f"/refunds/{order}/{refund}/look-again", url, body=body))


@app.command("paid-by-hand")
def paid_by_hand(
    order: str,
    refund: str,
    *,
    actor: Actor,
    refund_no: Annotated[str, typer.Option("--no", help="The shop's own number of the refund.")],
    url: Url = "",
) -> None:
    """Say that you gave the money back at the shop, where the gateway does not take its currency."""
    body = {"actor": actor, "refund_no": refund_no}
    _print(_call("POST", f"/refunds/{order}/{refund}/paid-by-hand", url, body=body))


@app.command("resolve-double-refund")
def resolve_double_refund(
    order: str,
    refund: str,
    *,
    outcome: Annotated[
        Outcome,
        typer.Option(
            "--outcome",
            help="only-ours, only-channel: one payment went, whose; recovered, written-off: both did, and what went "
            "beyond was got back, or stays gone.",
        ),
    ],
    actor: Actor,
    reason: Annotated[str, typer.Option("--reason", help="What it rests on.")],
    key: Annotated[str, typer.Option("--key", help="The same key is the same word.")] = "",
    url: Url = "",
) -> None:
    """Say what became of money that may have gone back twice; it is settled by that, once."""
    body = {
        "actor": actor,
        "reason": reason,
        "outcome": outcome.replace("-", "_"),
        "request_key": key,
    }
    path = f"/refunds/{order}/{refund}/resolve-double-refund"
    doubt = _call("POST", path, url, body=body)
    if doubt.get("pending"):
        _print(doubt)
    else:
        _print_doubt(doubt)


def _line(text: str) -> dict[str, int]:
    line_no, _, pieces = text.partition(":")
    if not (line_no.isdecimal() and pieces.isdecimal()):
        raise typer.BadParameter(f"{text!r} is not LINE:PIECES, such as 1:2")
    return {"line_no": int(line_no), "quantity": int(pieces)}


def _call(method: str, path: str, url: str, **parts: Any) -> Any:
    return call(RefundsSettings, method, path, url, **parts)


def _money(of: dict[str, Any], name: str) -> str:
    return amount_text(of[name], of["currency"])


def _print(case: dict[str, Any]) -> None:
    if case.get("pending"):
        sys.stdout.write(f"{case['refund_id']}: 已受理，稍后用同样的参数再查\n")
        return
    state = STATES.get(case["payout_stage"]) or STATES.get(case["state"], case["state"])
    sys.stdout.write(f"{case['refund_id']}: {state} {_money(case, 'amount_fen')}\n")


def _when(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(SHANGHAI):%Y-%m-%d %H:%M} 北京时间"


def _resumption(refund_id: str, one: dict[str, Any]) -> str:
    before = f"（此前：{one['last_heard']}）" if one["last_heard"] else ""
    when = _when(one["resumed_at"])
    return f"{refund_id}: {when} {one['actor']} 重新核实打款：{one['reason']}{before}"


def _goods_check(case: dict[str, Any]) -> str:
    check = case["goods_check"]
    when = _when(check["checked_at"])
    found = "良品" if case["goods"] == "good" else "有损"
    why = f"（依据：{check['reason']}）" if check["reason"] else ""
    return f"{case['refund_id']}: {when} {check['actor']} 验收退货：{found}{why}"


def _given_up(case: dict[str, Any]) -> str:
    when = _when(case["payout_given_up_at"])
    why = GAVE_UP.get(case["payout_gave_up"], case["payout_gave_up"])
    heard = f"，最后听到：{case['payout_note']}" if case["payout_note"] else ""
    return (
        f"{case['refund_id']}: {when} 停下等人核实打款：{why}"
        f"（发出 {case['payout_sends']} 次{heard}）"
    )


def _heard_there(refund_id: str, heard: dict[str, Any]) -> str:
    when = _when(heard["heard_at"])
    no = f"（平台售后单 {heard['refund_no']}）" if heard["refund_no"] else ""
    said = HEARD.get(heard["outcome"], heard["outcome"])
    return f"{refund_id}: {when} {heard['actor']} {said}{no}"


def _suspected(doubt: dict[str, Any]) -> str:
    when = _when(doubt["suspected_at"])
    there = doubt["there_fen"]
    there_said = "金额未告知" if there is None else _money(doubt, "there_fen")
    beyond = f"，超出账面 {_money(doubt, 'beyond_fen')}" if doubt["beyond_fen"] else ""
    return (
        f"{doubt['refund_id']}: {when} 疑似重复退款：{DOUBTS.get(doubt['reason'], doubt['reason'])}"
        f"（平台退 {there_said}，我方退款单 {_money(doubt, 'amount_fen')}{beyond}）"
    )


def _print_doubt(doubt: dict[str, Any]) -> None:
    waits = "，等人核实" if doubt["standing"] else ""
    typer.echo(f"{_suspected(doubt)}{waits}")
    for one in doubt["resolutions"]:
        when = _when(one["resolved_at"])
        why = f"：{one['reason']}" if one["reason"] else ""
        gone = amount_text(one["given_back_fen"], doubt["currency"])
        typer.echo(
            f"{doubt['refund_id']}: {when} {one['actor']} 核实为"
            f"{OUTCOMES.get(one['outcome'], one['outcome'])}，这笔共退 {gone}{why}"
        )


def _add_row(table: Table, case: dict[str, Any]) -> None:
    given = case["approvals_given"]
    approvals = [f"{role}{'✓' if role in given else ''}" for role in case["approvals_needed"]]
    payout = " ".join(filter(None, (case["payout_stage"], case["payout_note"])))
    table.add_row(
        case["refund_id"],
        STATES.get(case["state"], case["state"]),
        case["tier"],
        _money(case, "amount_fen"),
        " ".join(approvals),
        payout,
        _when(case["requested_at"]),
    )
