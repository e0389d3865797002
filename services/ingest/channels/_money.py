"""Amounts of one order, in the minor unit of the order's own currency."""

from chassis.currency import decimals
from services.ingest.channels._wire import Amount, minor_units, problem
from services.ingest.domain.model import Problem, ProblemCode


class Money:
    """Reads amounts; what cannot be read is 0 and named in the `problems` of its order."""

    def __init__(self, currency: str, problems: list[Problem]) -> None:
        """Take two decimals for text that is no currency, which is a blocking problem."""
        found = decimals(currency)
        if found is None:
            problems.append(problem(ProblemCode.CURRENCY_UNKNOWN, currency[:8], blocks=True))
        self._decimals = 2 if found is None else found
        self._problems = problems

    def fen(self, value: Amount, field: str) -> int:
        """Read one amount; absent is 0."""
        return minor_units(value, self._decimals, field, self._problems)
