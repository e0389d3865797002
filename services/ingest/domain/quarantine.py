"""An entry of the quarantine and what may become of it. Frozen values and one table.

One entry a channel order; a payload without an order number has one of its own, which its repeats meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from services.ingest.domain.model import Problem


class EntryState(StrEnum):
    """Where an entry stands. Those in `WAITING` need a person."""

    OPEN = "open"
    CORRECTED = "corrected"  # with its corrections nothing blocks it any more
    RELEASED = "released"
    SUPERSEDED = "superseded"  # the channel itself has told the order right meanwhile
    DISCARDED = "discarded"


WAITING = frozenset({EntryState.OPEN, EntryState.CORRECTED})


class Act(StrEnum):
    """What is done to an entry. `ARRIVE`: a content that is not the entry's own cannot be worked with."""

    ARRIVE = "arrive"
    MEND = "mend"  # corrected so that nothing blocks
    SPOIL = "spoil"  # corrected, and something still blocks
    RELEASE = "release"
    SUPERSEDE = "supersede"
    DISCARD = "discard"


S, A = EntryState, Act
STATES: Mapping[tuple[EntryState, Act], EntryState] = MappingProxyType(
    {
        **{(state, A.ARRIVE): S.OPEN for state in S},
        **{(state, A.MEND): S.CORRECTED for state in WAITING},
        **{(state, A.SPOIL): S.OPEN for state in WAITING},
        **{(state, A.RELEASE): S.RELEASED for state in WAITING},
        (S.RELEASED, A.RELEASE): S.RELEASED,
        **{(state, A.SUPERSEDE): S.SUPERSEDED for state in WAITING},
        **{(state, A.DISCARD): S.DISCARDED for state in WAITING},
        (S.DISCARDED, A.DISCARD): S.DISCARDED,
    }
)
"""(state, act) → state; what is not here is refused."""


class Entry(Struct, frozen=True, kw_only=True):
    """What is set aside of one order: the newest content that cannot be worked with, and what people said.

    `body` is the sealed native payload, kept here for as long as somebody may release it: longer than the topic
    keeps it. `correction` is being worked on, `standing` was released and is applied to every later snapshot;
    both are sealed. `problems` are those of the content without what is being worked on.
    """

    key: str
    channel: str
    shop: str
    channel_order_no: str
    state: EntryState
    problems: tuple[Problem, ...]
    evidence: str
    """Where the payload stands: `topic/partition/offset`."""
    sha256: bytes
    """Of the native bytes."""
    digest: str
    """Keyed, of the content as it was understood: equal for repeats."""
    door: str
    accepted_at: datetime
    modified_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    arrivals: int = 1
    body: bytes = b""
    correction: bytes = b""
    standing: bytes = b""
    order_id: str = ""

    @property
    def waits(self) -> bool:
        """Whether a person has to do something."""
        return self.state in WAITING


class Deed(Struct, frozen=True, kw_only=True):
    """One line of the audit of an entry or an order. `fields` are places only, never what stands there."""

    key: str
    at: datetime
    act: str
    actor: str
    reason: str
    basis: str
    """Id of the command or event that led here."""
    fields: tuple[str, ...] = ()


class Keep(Struct, frozen=True):
    """Effect: the entry is this from now on, and this was done to it."""

    entry: Entry
    deed: Deed | None = None
