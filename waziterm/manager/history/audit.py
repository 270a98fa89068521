"""What people did, and what they leave for each other: the audit and the notes."""

import asyncio
import logging
from collections.abc import Callable

from waziterm.domain.fleet.api import FleetError
from waziterm.domain.fleet.audit import AuditEntry, acting
from waziterm.domain.fleet.history import ShiftNote
from waziterm.domain.phrase import Phrase
from waziterm.manager.inputs import InputError, note_text
from waziterm.store.errors import StoreError
from waziterm.store.store import Store

log = logging.getLogger(__name__)

MOST_ENTRIES = 5000
MOST_NOTES = 20
"""So many are told at most, the newest."""


class StoreAudit:
    """Writes acts into the store; see `domain.fleet.audit.AuditLog`. now: UTC seconds. tasks: end
    before the store is closed; None: whoever acts waits until its end is written."""

    def __init__(
        self, store: Store, now: Callable[[], float], tasks: asyncio.TaskGroup | None = None
    ) -> None:
        self._store = store
        self._now = now
        self._tasks = tasks

    def now(self) -> float:
        return self._now()

    async def begin(self, entry: AuditEntry) -> int:
        try:
            return await self._store.begin_audit(entry)
        except StoreError as error:
            log.error("%s by %s is not in the audit: %s", entry.act, entry.person.who, error)
            return 0

    async def end(self, number: int, entry: AuditEntry) -> None:
        # Nobody is answered later for it: that it was begun is stored, and the store does its jobs
        # in their order, so whoever reads the audit next reads the end too.
        if self._tasks is None:
            await self._end(number, entry)
            return
        writing = self._end(number, entry)
        try:
            self._tasks.create_task(writing)
        except RuntimeError:
            # The manager is ending: its group takes no more tasks.
            writing.close()
            await self._end(number, entry)

    async def _end(self, number: int, entry: AuditEntry) -> None:
        try:
            await self._store.end_audit(number, entry)
        except StoreError as error:
            log.error("what came of %s is not in the audit: %s", entry.act, error)


def who() -> str:
    """Whose act is carried out now; "" for nobody that is known."""
    person = acting()
    return "" if person is None else person.who


async def audit_in(store: Store, since: float, by: str) -> tuple[AuditEntry, ...]:
    """See `domain.fleet.protocol.Fleet.audit`. Raises StoreError."""
    return await store.audit(since, by, MOST_ENTRIES)


async def notes_in(store: Store) -> tuple[ShiftNote, ...]:
    """See `domain.fleet.protocol.Fleet.notes`. Raises StoreError."""
    return await store.notes(MOST_NOTES)


async def note_in(store: Store, text: str, at: float) -> ShiftNote:
    """See `domain.fleet.protocol.Fleet.note`. at: UTC seconds. Raises StoreError."""
    if not (text := note_text(text)):
        raise InputError(Phrase("a note has to say something"))
    return await store.add_note(at, who(), text)


async def dismiss_in(store: Store, note: int, at: float) -> None:
    """See `domain.fleet.protocol.Fleet.dismiss`. at: UTC seconds. Raises StoreError."""
    if not await store.dismiss(note, at):
        raise no_note(note)


def no_note(number: int) -> FleetError:
    """What is said of a number that no note has."""
    return FleetError(
        Phrase("there is no note {number}", number=number),
        Phrase("it may be older than the history"),
        code=2,
    )
