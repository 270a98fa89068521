"""The conflicts of the history, as they are read from the store."""

import asyncio
from dataclasses import replace

from waziterm.domain.fleet.tools import ConflictRecord
from waziterm.domain.lifecycle.event_names import NAMING, tells_of_a_conflict
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.text import safe_line
from waziterm.store.remembered import OfConflict
from waziterm.store.store import Store

_MOST = 100_000
"""So many changes are looked through at most, the newest."""


async def conflicts_in(store: Store, since: float = 0.0) -> tuple[ConflictRecord, ...]:
    """The conflicts from a moment (UTC seconds) on, oldest first. Raises StoreError.

    What a conflict is: see `tells_of_a_conflict`. Who has the session is often found out later;
    that belongs to the same conflict, and so does the state that it leads to.
    """
    changes = await store.conflicts(since, _MOST)
    # Many of them take a tenth of a second to walk through, too long for an event loop.
    return await asyncio.to_thread(_conflicts_among, changes)


def _conflicts_among(changes: tuple[OfConflict, ...]) -> tuple[ConflictRecord, ...]:
    found: list[ConflictRecord] = []
    current: dict[str, tuple[int, int | None]] = {}
    for change in changes:
        number, ended = current.get(change.instance_id, (0, 0))
        goes_on = ended is None or change.id < ended
        if goes_on and change.event in NAMING:
            who = _who(change) or found[number].who
            found[number] = replace(found[number], state=change.to_state, who=who)
        elif tells_of_a_conflict(change.event, change.reason):
            current[change.instance_id] = len(found), change.ended
            found.append(_record(change))
    return tuple(found)


def _record(change: OfConflict) -> ConflictRecord:
    """A conflict that is told in the moment of a stop leaves the instance stopped by its operator,
    and is one all the same."""
    reason = change.reason if change.reason.is_of_a_conflict else Reason.CONFLICT
    return ConflictRecord(
        change.at, change.instance, reason, change.to_state, _who(change), change.instance_id
    )


def _who(change: OfConflict) -> str:
    return safe_line(change.detail, 300) if change.event in NAMING else ""
