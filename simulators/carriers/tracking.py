"""Parcels on their way, told in kuaidi100's pushes.

Guarantees: a parcel moves from pick-up to signature one step every `tracking_step_s` once it was
handed over; each push carries the whole trace so far, newest first, signed over the exact `param`
text; a posting counts as received only when it is answered with result true.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from simulators.clock import Clock, beijing_text
from simulators.faults import FaultPlan
from simulators.pushes import Posting, PushQueue
from simulators.settings import Settings
from simulators.signing import kuaidi100_sign

SALT = "tracking-salt-sim"
COMPANIES = {
    "ZTO": "zhongtong",
    "YTO": "yuantong",
    "STO": "shentong",
    "SF": "shunfeng",
    "YUNDA": "yunda",
    "EMS": "ems",
    "JD": "jd",
    "JT": "jtexpress",
}
# (state, condition, status text, context), as kuaidi100 codes them.
STEPS = (
    ("1", "JSHZ", "揽收", "【始发网点】快件已被揽收"),
    ("0", "00", "在途", "【始发转运中心】快件已发往目的地"),
    ("0", "00", "在途", "【目的转运中心】快件已到达"),
    ("5", "HFC", "派件", "【目的网点】快件正在派送"),
    ("3", "F00", "签收", "已签收，签收人：本人"),
)
STALLED_AT = 2


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """One scan of a parcel."""

    step: int
    at_ms: int


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel in the carrier's hands."""

    waybill: str
    company: str
    handed_over_at_ms: int
    scans: tuple[Scan, ...] = ()
    stalled: bool = False

    @property
    def delivered(self) -> bool:
        """Whether it was signed for."""
        return len(self.scans) == len(STEPS)


class _Reply(msgspec.Struct):
    result: bool


def _encode(_group: str, params: Sequence[Any]) -> Posting:
    param = params[0]
    body = urlencode({"sign": kuaidi100_sign(param, SALT), "param": param}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
    return Posting(headers=headers, body=body)


def _accepted(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=_Reply).result
    except msgspec.MsgspecError:
        return False


def push_param(parcel: Parcel) -> str:
    """Return the JSON text of the push after the parcel's last scan."""
    state, condition, _, _ = STEPS[parcel.scans[-1].step]
    trace = [
        {
            "time": beijing_text(scan.at_ms),
            "ftime": beijing_text(scan.at_ms),
            "context": STEPS[scan.step][3],
            "status": STEPS[scan.step][2],
        }
        for scan in reversed(parcel.scans)
    ]
    content = {
        "status": "shutdown" if parcel.delivered else "polling",
        "billstatus": "check" if parcel.delivered else "got",
        "message": "",
        "lastResult": {
            "message": "ok",
            "nu": parcel.waybill,
            "ischeck": "1" if parcel.delivered else "0",
            "com": parcel.company,
            "status": "200",
            "state": state,
            "condition": condition,
            "data": trace,
        },
    }
    return msgspec.json.encode(content).decode()


class Tracking:
    """All parcels that were handed over."""

    def __init__(
        self,
        *,
        settings: Settings,
        plan: FaultPlan,
        clock: Clock,
        on_delivered: Callable[[str], None],
    ) -> None:
        self.queue = PushQueue(
            "tracking_push",
            encode=_encode,
            accepted=_accepted,
            batch_max=1,
            plan=plan,
            clock=clock,
        )
        self.queue.url = settings.tracking_push_url
        self.parcels: dict[str, Parcel] = {}
        self._plan = plan
        self._clock = clock
        self._step_ms = int(settings.tracking_step_s * 1_000)
        self._on_delivered = on_delivered
        self._agenda: list[tuple[int, str]] = []

    def hand_over(self, waybill: str, cp_code: str) -> bool:
        """Take a parcel; False when it was taken before (nothing happens)."""
        if waybill in self.parcels:
            return False
        now_ms = self._clock()
        self.parcels[waybill] = Parcel(
            waybill=waybill,
            company=COMPANIES.get(cp_code, cp_code.lower()),
            handed_over_at_ms=now_ms,
            stalled=self._plan.hit("stalled_parcel", "tracking"),
        )
        heapq.heappush(self._agenda, (now_ms + self._step_ms, waybill))
        return True

    def advance(self) -> int:
        """Scan every parcel whose next step is due; return how many scans were made."""
        now_ms, scanned = self._clock(), 0
        while self._agenda and self._agenda[0][0] <= now_ms:
            due_ms, waybill = heapq.heappop(self._agenda)
            parcel = self.parcels[waybill]
            scan = Scan(step=len(parcel.scans), at_ms=due_ms)
            parcel = msgspec.structs.replace(parcel, scans=(*parcel.scans, scan))
            self.parcels[waybill] = parcel
            self.queue.add(waybill, push_param(parcel))
            scanned += 1
            if parcel.delivered:
                self._on_delivered(waybill)
            elif not (parcel.stalled and scan.step == STALLED_AT):
                heapq.heappush(self._agenda, (due_ms + self._step_ms, waybill))
        return scanned
