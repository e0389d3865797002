"""How the platforms' HTTP doors answer, and how they fail to.

Guarantees: a handler says what it did (`Answer.wrote`), so that a fault after acting only ever hides
the answer of a write that really was done.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from simulators.clock import Clock
from simulators.faults import FaultPlan
from simulators.orders import Outcome

MINUTE_MS = 60_000
JSON_TYPE = "application/json;charset=UTF-8"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the merchant. Header names are lower-case."""

    method: str
    path: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""

    @property
    def params(self) -> dict[str, str]:
        """The parameters of query and form together; the form wins."""
        text = self.body.decode("utf-8", "replace")
        return {**self.query, **dict(parse_qsl(text, keep_blank_values=True))}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A platform's answer; `wrote` when the call changed something (or repeated a change)."""

    body: bytes
    wrote: bool = False
    status: int = 200
    headers: Mapping[str, str] = {}


class Tally:
    """How often each write was applied, repeated or refused: `taobao:send:applied` → count."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, call: str, outcome: Outcome) -> bool:
        """Count one outcome; True when something is written (applied or duplicate)."""
        self.counts[f"{call}:{outcome}"] += 1
        return outcome != "refused"


class Severed(Response):
    """No answer: held until the caller leaves or `hold_s` is over, then the connection is closed."""

    def __init__(self, hold_s: float) -> None:
        super().__init__(status_code=200)
        self._hold_s = hold_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Promise a body, never send it: the server then closes the connection."""
        try:
            async with asyncio.timeout(self._hold_s):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            headers = [(b"content-length", b"2"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})


class Quota:
    """So many calls in each minute of a clock; None is any number."""

    __slots__ = ("_clock", "_left", "_limit", "_minute")

    def __init__(self, calls_per_minute: int | None, clock: Clock) -> None:
        self._limit = calls_per_minute
        self._clock = clock
        self._minute = -1
        self._left = 0

    def spend(self) -> bool:
        """Take one call from the minute's; False when none is left."""
        if self._limit is None:
            return True
        minute = self._clock() // MINUTE_MS
        if minute != self._minute:
            self._minute, self._left = minute, self._limit
        self._left -= 1
        return self._left >= 0


class Door:
    """One platform's entrance: its name, its throttling answer, its quota, and the faults in front of it."""

    __slots__ = ("_hold_s", "_name", "_plan", "_quota", "_throttled")

    def __init__(
        self,
        name: str,
        *,
        throttled: Answer,
        plan: FaultPlan,
        hold_s: float,
        quota: Quota | None = None,
    ) -> None:
        self._name = name
        self._throttled = throttled
        self._plan = plan
        self._hold_s = hold_s
        self._quota = quota

    async def pass_through(self, act: Callable[[], Answer]) -> Response:
        """Let a call act and answer, unless the quota is spent or the plan has it otherwise."""
        if self._quota is not None and not self._quota.spend():
            self._plan.counts[f"{self._name}:quota_spent"] += 1
            return _response(self._throttled)
        match self._plan.before(self._name):
            case "throttled":
                return _response(self._throttled)
            case "error":
                return Response(b"upstream unavailable", status_code=502)
            case "half_open":
                return Severed(self._hold_s)
            case "slow":
                await asyncio.sleep(self._plan.slow_s(self._name))
            case None:
                pass
        answer = act()
        match self._plan.after(self._name) if answer.wrote else None:
            case "timeout":
                return Severed(self._hold_s)
            case "error":
                return Response(b"internal error", status_code=500)
            case None:
                return _response(answer)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers=dict(answer.headers), media_type=JSON_TYPE)


async def call_of(request: Request) -> Call:
    """Return a request as the value the servers read."""
    return Call(
        method=request.method,
        path=request.url.path,
        query=dict(request.query_params),
        headers=dict(request.headers),
        body=await request.body(),
    )
