"""What is written down of one instance: its changes, its connect attempts, its sends."""

from collections.abc import Callable
from dataclasses import replace

from waziterm.domain.alerts.facts import Changed
from waziterm.domain.fleet.api import SendResult
from waziterm.domain.fleet.counts import Counts
from waziterm.domain.fleet.history import AttemptKind
from waziterm.domain.lifecycle.event_names import tells_of_a_conflict
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.domain.lifecycle.steps import Decision
from waziterm.domain.stats.hours import drop_of
from waziterm.manager.instance.incident_tracker import IncidentTracker
from waziterm.store.records import AttemptEnd, Change
from waziterm.store.store import Store

_KINDS = {
    Reason.GUARDED: AttemptKind.GUARDED,
    Reason.TAKEOVER: AttemptKind.TAKEOVER,
    Reason.RESUMED: AttemptKind.RESUME,
    Reason.RETRY: AttemptKind.RETRY,
    Reason.MOVED: AttemptKind.MOVE,
    Reason.WORKER_LOST: AttemptKind.MOVE,
}


class Recorder:
    """Writes one instance's history. Each method raises StoreError when the disk refuses, and
    then nothing of it was written. hear: is told of each change once it is stored. counts: what is
    counted on from."""

    def __init__(
        self,
        store: Store,
        incidents: IncidentTracker,
        hear: Callable[[Changed], None],
        counts: Counts,
    ) -> None:
        self._store = store
        self._hear = hear
        self._incidents = incidents
        self._attempt: int | None = None
        self._begun_at: float | None = None
        self.counts = counts

    async def changed(self, before: Instance, decision: Decision, now: float) -> None:
        """Store the instance's next value and what led to it, with the attempt that it begins or
        ends and the incident that it belongs to.

        An attempt ends well when WhatsApp lets us in, or shows a QR code to let us in; one that
        a person cut short is no verdict.
        """
        after = decision.instance
        begins = _begun(after) if decision.dials else None
        ends = self._ended(decision) if begins is None else None
        async with self._incidents.growing(before, after, now) as growth:
            change = Change(after, decision.led_by, now, begins, ends, growth.incident)
            recorded = await self._store.record(change)
            growth.stored = recorded.incident
        self._hear(Changed(after, recorded.incident.id if recorded.incident else 0))
        self._count(before, change)
        if recorded.attempt is not None:
            self._attempt = recorded.attempt
            self._begun_at = now
        elif change.ends is not None:
            self._attempt = None

    def _count(self, before: Instance, change: Change) -> None:
        after, counts = change.instance, self.counts
        if (why := drop_of(before.state, before.reason, after.state, after.reason)) is not None:
            counts = counts.dropped(why)
        if change.event is not None and tells_of_a_conflict(change.event, after.reason):
            counts = replace(counts, conflicts=counts.conflicts + 1)
        ended = change.ends
        if ended is not None and ended.ok is not None:
            counts = replace(
                counts,
                attempts=counts.attempts + 1,
                attempts_ok=counts.attempts_ok + ended.ok,
            )
            if after.state is State.CONNECTED and self._begun_at is not None:
                counts = counts.connected(max(0.0, change.at - self._begun_at))
        self.counts = counts

    async def sent(self, identity: str, now: float, result: SendResult) -> None:
        """Count and store how a send-test went; neither its text nor its receiver."""
        counts = self.counts
        if result.ok:
            self.counts = replace(counts, sends_ok=counts.sends_ok + 1)
        else:
            self.counts = replace(counts, sends_failed=counts.sends_failed + 1)
        await self._store.add_send(identity, now, result.ok, result.took_s, result.error)

    def lost(self, more: int) -> None:
        """Count events that could not be taken in."""
        self.counts = replace(self.counts, lost=self.counts.lost + more)

    def _ended(self, decision: Decision) -> AttemptEnd | None:
        state = decision.instance.state
        if self._attempt is None or state is State.CONNECTING:
            return None
        if decision.cuts_short:
            return AttemptEnd(self._attempt, None)
        return AttemptEnd(self._attempt, state in (State.CONNECTED, State.PAIRING))


def _begun(instance: Instance) -> AttemptKind:
    if not instance.is_paired:
        return AttemptKind.PAIRING
    return _KINDS.get(instance.reason, AttemptKind.ASKED)
