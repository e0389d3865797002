"""Everything the simulators can be told, in one value.

Guarantees: an unknown or mistyped setting is refused by name, never ignored.
"""

from pathlib import Path
from typing import Literal

import msgspec

from simulators.orders import Channel, check_channel

FaultLevel = Literal["none", "default", "storm"]


class Mix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What buyers do. `*_pct` are shares of a hundred.

    `weights` shares orders out among the channels it names; empty, the marketplaces' own weights do.
    Orders are paid at once, paid later (`pay_after_s`) or, what remains, never; of the last,
    `cancel_unpaid_pct` are cancelled by the buyer. Of the paid ones some change the address, get a
    seller memo or are cancelled, `change_after_s` later; of the shipped ones `after_sale_pct` open a
    claim over one line, `after_sale_after_s` later. Of all claims `withdraw_pct` are withdrawn by the buyer,
    `withdraw_after_s` later, unless they were answered before; of `back_office_pct` a clerk decides in the
    platform's back office, `back_office_after_s` later: `back_office_refuse_pct` of these are refused, the others
    are paid back by the platform.
    """

    weights: dict[Channel, int] = {}
    paid_at_once_pct: int = 60
    paid_later_pct: int = 30
    cancel_unpaid_pct: int = 40
    address_change_pct: int = 3
    seller_memo_pct: int = 4
    cancel_paid_pct: int = 3
    after_sale_pct: int = 4
    memo_canary_pct: int = 10
    scarce_pct: int = 2
    lines_max: int = 3
    pay_after_s: tuple[int, int] = (2, 15)
    change_after_s: tuple[int, int] = (2, 10)
    after_sale_after_s: tuple[int, int] = (3, 10)
    withdraw_pct: int = 0
    withdraw_after_s: tuple[int, int] = (5, 20)
    back_office_pct: int = 0
    back_office_refuse_pct: int = 50
    back_office_after_s: tuple[int, int] = (1, 10)

    def __post_init__(self) -> None:
        for channel, weight in self.weights.items():
            check_channel(channel)
            if weight < 0:
                message = f"the weight of {channel} must not be negative"
                raise ValueError(message)
        if self.weights and not any(self.weights.values()):
            message = "weights must not all be 0"
            raise ValueError(message)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one simulator process.

    `run` moves order numbers, so that a second run with the same seed against kept records makes new
    orders. `push_urls` is where each shop's pushes go; `calls_per_minute` is the quota of a channel's
    platform, which has none otherwise. `faults` is a level, `odds` overrides single kinds of it (see
    `simulators.faults.Odds`). `hold_s` is how long a call that never answers is held, `settled_after_s` how
    old a change is before a platform that waits for its replicas (Pinduoduo) lists it.
    `handover_on_write_back` starts tracking when a marketplace hears of a waybill, instead of waiting for
    `POST /_sim/handover`.
    """

    seed: int = 7
    run: int = 0
    faults: FaultLevel = "default"
    odds: dict[str, float] = {}
    mix: Mix = Mix()
    stock_multiplier: int = 1
    push_urls: dict[str, str] = {}
    calls_per_minute: dict[Channel, int] = {}
    tracking_push_url: str = ""
    tracking_step_s: float = 2.0
    confirm_after_s: float = 3.0
    handover_on_write_back: bool = False
    hold_s: float = 6.0
    settled_after_s: float = 180.0
    push_workers: int = 4
    push_batch: int = 20

    def __post_init__(self) -> None:
        if not 0 <= self.run < 1_009:
            message = f"run must be 0..1008, not {self.run}"
            raise ValueError(message)
        for channel, calls in self.calls_per_minute.items():
            check_channel(channel)
            if calls < 1:
                message = f"calls_per_minute of {channel} must be at least 1, not {calls}"
                raise ValueError(message)


def load(path: Path | None, **given: object) -> Settings:
    """Return the settings of a JSON file, `given` values (None = not given) before those of the file.

    Raises msgspec.ValidationError naming the setting that is unknown or of the wrong type.
    """
    told: dict[str, object] = (
        {} if path is None else msgspec.json.decode(path.read_bytes(), type=dict)
    )
    told |= {name: value for name, value in given.items() if value is not None}
    return msgspec.convert(told, Settings)
