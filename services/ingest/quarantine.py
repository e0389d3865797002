"""Decisions about what waits in the quarantine: correct, release, discard.

A person's word comes as a command on a topic with the key and partitions of the payloads, so the worker that owns
a channel order decides about both, one after the other. Guarantees: a release goes through the same decision as
any payload, in one transaction with the end of its entry and the audit, so it happens once however often it is
asked for and wherever the process is killed; asked for again it answers with the same order id. What is released
stays corrected: later snapshots that repeat the channel's mistake are corrected before they are read, those that
say something else stand (`domain.correction`).
"""

from __future__ import annotations

from msgspec.structs import replace

from chassis.errors import Invalid
from chassis.processor import Decision, Moment
from schemas.events.commands_ingest_payloads import (
    CorrectQuarantined,
    DiscardQuarantined,
    ReleaseQuarantined,
)
from services.ingest.correcting import unbalanced
from services.ingest.domain.correction import PatchRefused, merged, read_patch
from services.ingest.domain.model import Problem
from services.ingest.domain.quarantine import STATES, Act, Entry, EntryState, Keep
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import Command, NormaliserFacts
from services.ingest.normalise import taken_in, witnessed
from services.ingest.setting_aside import blocked, deed, ended, payload_of, said

ENTRY_UNKNOWN = "entry_unknown"
NOT_WAITING = "not_waiting"
STILL_BLOCKED = "still_blocked"


def decide_correct(
    known: KnownOrder | None,
    command: CorrectQuarantined,
    facts: NormaliserFacts,
    moment: Moment,
) -> Decision[KnownOrder]:
    """Merges a patch into the entry's corrections. The result says what still blocks the order.

    Refused: a patch that is malformed or names no such line, a receiver that is corrected by halves, amounts
    that contradict each other.
    """
    entry = _waiting(known, command, facts)
    if isinstance(entry, Decision):
        return entry
    arrival = facts.again(payload_of(entry))
    order = arrival.normalised.order
    if order is None:
        return _refused(known, STILL_BLOCKED, "no order can be read: " + _said(entry.problems))
    try:
        patch = read_patch(facts.opened_patch(command.patch))
    except Invalid as error:
        return _refused(known, "patch_malformed", error.code)
    if isinstance(patch, PatchRefused):
        return _refused(known, patch.why)
    before = facts.opened_corrections(entry.correction, entry.order_id)
    after = merged(before, patch, order)
    if isinstance(after, PatchRefused):
        return _refused(known, after.why)
    mended = facts.corrected(arrival, after)
    counted = any(c.path[0] != "receiver" for c in after)
    if counted and (contradictions := unbalanced(mended.normalised)):
        return _refused(known, "does_not_add_up", _said(contradictions))
    left = blocked(entry, mended)
    act = Act.SPOIL if left else Act.MEND
    changed = {c.path for c in set(before) ^ set(after)}
    kept = replace(
        entry,
        state=STATES[entry.state, act],
        correction=facts.sealed_corrections(after, entry.order_id),
    )
    places = tuple(sorted(".".join(path) for path in changed))
    return Decision(
        state=known,
        effects=(Keep(kept, deed(kept, act, moment, command.reason, places)),),
        result_id=f"{kept.state}: {_said(left)}" if left else kept.state,
    )


def decide_release(
    known: KnownOrder | None,
    command: ReleaseQuarantined,
    facts: NormaliserFacts,
    moment: Moment,
) -> Decision[KnownOrder]:
    """Takes the corrected order in. The result is its order id, also when asked for again.

    Refused while anything blocks it by today's mapping. An uncorrected entry may be released as well: the
    mapping, not the payload, may have been wrong.
    """
    released = facts.entry(command.entry_key)
    if released is not None and released.state is EntryState.RELEASED:
        return Decision(state=known, result_id=released.order_id)
    entry = _waiting(known, command, facts)
    if isinstance(entry, Decision):
        return entry
    payload = payload_of(entry)
    corrections = facts.opened_corrections(entry.correction, entry.order_id)
    arrival = facts.corrected(facts.again(payload), corrections)
    if left := blocked(entry, arrival):
        return _refused(known, STILL_BLOCKED, _said(left))
    taken = taken_in(known, payload, arrival, facts, moment)
    assert taken.state is not None, "a released order is known"
    sealed = facts.sealed_corrections(corrections, taken.state.order_id) if corrections else b""
    event = ended(taken.state, entry, Act.RELEASE, moment, command.reason)
    kept = replace(
        entry,
        state=STATES[entry.state, Act.RELEASE],
        body=b"",
        correction=sealed,
        standing=sealed,
        order_id=taken.state.order_id,
    )
    released_now = Decision(
        state=replace(taken.state, quarantine=()),
        events=(*taken.events, event),
        effects=(*taken.effects, Keep(kept, deed(kept, Act.RELEASE, moment, command.reason))),
        result_id=kept.order_id,
    )
    return witnessed(released_now, payload, arrival, entry.evidence, moment, outcome="released")


def decide_discard(
    known: KnownOrder | None,
    command: DiscardQuarantined,
    facts: NormaliserFacts,
    moment: Moment,
) -> Decision[KnownOrder]:
    """Lets the content go; its repeats stay discarded. Another content of the order opens the entry again."""
    discarded = facts.entry(command.entry_key)
    if discarded is not None and discarded.state is EntryState.DISCARDED:
        return Decision(state=known, result_id=discarded.state)
    entry = _waiting(known, command, facts)
    if isinstance(entry, Decision):
        return entry
    assert known is not None, "what is set aside is known"
    kept = replace(
        entry, state=STATES[entry.state, Act.DISCARD], body=b"", correction=entry.standing
    )
    return Decision(
        state=known,
        events=(ended(known, entry, Act.DISCARD, moment, command.reason),),
        effects=(Keep(kept, deed(kept, Act.DISCARD, moment, command.reason)),),
        result_id=kept.state,
    )


def _waiting(
    known: KnownOrder | None, command: Command, facts: NormaliserFacts
) -> Entry | Decision[KnownOrder]:
    """The entry a command is about, or the refusal."""
    entry = facts.entry(command.entry_key)
    if entry is None or payload_of(entry).source_key != command.source_key:
        return _refused(known, ENTRY_UNKNOWN)
    if not entry.waits:
        return _refused(known, NOT_WAITING, f"it is {entry.state}")
    return entry


def _refused(known: KnownOrder | None, code: str, detail: str = "") -> Decision[KnownOrder]:
    code, _, why = code.partition(": ")
    said = ": ".join(filter(None, (why, detail)))
    return Decision(state=known, refusal=f"{code}: {said}" if said else code, result_id=code)


def _said(problems: tuple[Problem, ...]) -> str:
    return "; ".join(said(problem) for problem in problems)
