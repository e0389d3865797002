"""The refunds service's own metrics; calls to gateways are in `danshu_foreign_calls_total`."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CASES = Counter(
    "danshu_refund_cases_total",
    "Steps of refund cases by tier and the state reached. Worry when failed grows.",
    ("tier", "state"),
)
SETTLED_FEN = Counter(
    "danshu_refund_settled_fen_total",
    "Money that went back, in the minor unit of its currency (fen of yuan).",
    ["currency"],
)
NEEDS_PERSON = Gauge(
    "danshu_refund_payouts_need_person",
    "Payouts whose outcome nobody knows after all questions. Worry above 0: docs of the service.",
)
DOUBLE_REFUNDS = Gauge(
    "danshu_refund_double_refunds_open",
    "Refunds whose money may have gone twice and of which nobody has said what it was. Worry above 0: docs of the service.",
)
