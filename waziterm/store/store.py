"""`Store`: all that the rest of the program may ask of the database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from waziterm.domain.alerts.silence import Silence
from waziterm.domain.fleet.api import LogLine
from waziterm.domain.fleet.audit import AuditEntry
from waziterm.domain.fleet.history import Attempt, Edit, IncidentView, Moved, ShiftNote
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.lifecycle.instance import Instance, OwnKey, OwnValue
from waziterm.domain.stats.calendar import Span
from waziterm.domain.stats.hours import FLEET, HOUR_S, Gap, Hour, hour_of
from waziterm.domain.stats.strips import Stood
from waziterm.store import (
    alerts,
    audit,
    carried,
    counts,
    edits,
    history,
    hours,
    incidents,
    made,
    outbox,
    patterns,
    spans,
    tokens,
)
from waziterm.store import instances as rows_of
from waziterm.store import lines as log
from waziterm.store.connection import Connection, Job, connected, finished
from waziterm.store.errors import LockedStoreError, StoreError, from_sqlite
from waziterm.store.grouped import GroupedWrites
from waziterm.store.opening import damage, open_copy
from waziterm.store.recording import record
from waziterm.store.records import Change, Recorded
from waziterm.store.sound import HOURLY, SOUND, damaged, damaged_of

if TYPE_CHECKING:
    from waziterm.domain.alerts.delivery import FailedAlert, Settled, Waiting
    from waziterm.domain.alerts.told import ToldTo
    from waziterm.domain.link_end import LinkEnd
    from waziterm.domain.links import KeptLink
    from waziterm.domain.messages.token import KeptToken
    from waziterm.domain.stats.sums import StatsBy
    from waziterm.store.remembered import (
        AttemptCounts,
        OfConflict,
        Pruned,
        SendCounts,
        StoredAct,
        Transition,
        Week,
    )

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_PRUNED_AT_ONCE = 5_000
_READ_AT_ONCE = 2_000
_MADE_AT_ONCE = 500
_COUNTED_AT_ONCE = 500
_SUMMED_AT_ONCE = 1_500
_SPANS_AT_ONCE = 5_000
_DAYS_AT_ONCE = 1_000
_UNMADE_AT_ONCE = 10
_ROWS_AT_ONCE = 500
_TAILS_AT_ONCE = 20
_ENDS_AT_ONCE = 500
_NOW_S = 0.02
_RECENT_AT_ONCE = 50
_COURSES_AT_ONCE = 200
_WEEKS_AT_ONCE = 25


class _ReadNewest(Protocol[T_co]):
    """Reads the newest `limit` rows of a table, newest first, each with its id."""

    def __call__(
        self, db: sqlite3.Connection, *, before: int | None, limit: int
    ) -> Sequence[tuple[int, T_co]]: ...


class Store:
    """The open database. Any number of tasks may call it at once.

    Each method is one transaction: it happened wholly or not at all. A method that writes
    returns after the commit, and what it wrote survives the death of the process. All of them
    raise StoreError; the store stays usable after it. An instance is asked for by its id, and
    told by its name.
    """

    def __init__(self, path: Path, connection: Connection, writer: log.LineWriter) -> None:
        self._path = path
        self._connection = connection
        self._writer = writer
        # All that writes an instance's row, so that it stays in order.
        self._steps = GroupedWrites(connection, lambda: None, "store steps")

    async def finish(self) -> None:
        """Wait until what is under way of the instances is written."""
        await self._steps.finish()

    # -- instances --------------------------------------------------------------------------

    async def instances(self) -> tuple[Instance, ...]:
        """All instances, in the order of their creation, without QR codes."""
        return await self._connection.read(rows_of.read_instances)

    async def kept(self) -> rows_of.Kept:
        """The same, with those whose row is damaged."""
        return await self._connection.read(rows_of.read_kept)

    async def names(self) -> Mapping[str, str]:
        """The names of all instances, by id."""
        return await self._connection.read(rows_of.read_names)

    async def is_locked(self) -> bool:
        """Whether another program keeps the database from being written, for as long as a write
        waits for that. Changes nothing."""
        try:
            await self._connection.write(lambda _: None)
        except LockedStoreError:
            return True
        except StoreError:
            # A database that can only be looked at is locked by nobody.
            return False
        return False

    async def damage(self) -> str:
        """What is wrong with the file, all of it looked through; "" when nothing is."""
        return await self._connection.read_beside(damage)

    async def damaged_rows(self) -> Mapping[str, str]:
        """By name, the instances whose row holds what cannot be, and its columns that do."""
        return (await self.kept()).damaged

    async def damaged_history(self) -> Mapping[str, int]:
        """How many rows of each table of the history cannot be read and are left out, where there
        are any."""
        found = Counter[str]()
        for table in [each for each in SOUND if each not in HOURLY]:
            found[table] = await self._connection.read(partial(damaged, table))
        for each in await self._connection.read(hours.counted_ids):
            for table in HOURLY:
                found[table] += await self._connection.read(partial(damaged_of, table, each))
        return +found

    async def save(self, instance: Instance, *, event: str | None, at: float) -> None:
        """Store an instance, new or changed; its QR code is left out.

        event: what led to it, or None. A transition is recorded when there is an event, or when
        the state, the reason or the detail differs from what was stored.
        """
        await self._steps.write(lambda db: rows_of.save_instance(db, instance, event, at))

    async def add_all(self, instances: Sequence[Instance], at: float) -> None:
        """Store new instances, all of them or none."""
        await self._steps.write(lambda db: rows_of.add_instances(db, instances, at))

    async def record(self, change: Change) -> Recorded:
        """Store a step of an instance with its attempt and its incident."""
        return await self._steps.write(lambda db: record(db, change))

    async def leave(self, at: float) -> None:
        """Record that nobody keeps the instances from a moment on: none of them is connected then.

        at: UTC seconds. What `instances` tells stays as it is.
        """
        await self._steps.write(lambda db: rows_of.leave_instances(db, at))

    async def rename(
        self, instance: Instance, at: float, who: str, undone: int | None = None
    ) -> Mapping[str, str]:
        """Store an instance under its new name; the `aliases` after that. What is kept by its id is
        told under that name; the one that it had leads to it, and the new one to nobody else. who,
        undone: see `store.instances.rename_instance`."""
        return await self._steps.write(
            lambda db: rows_of.rename_instance(db, instance, at, who, undone)
        )

    async def aliases(self) -> Mapping[str, str]:
        """By each name that an instance had before, its id, see `store.instances.read_aliases`."""
        return await self._connection.read(rows_of.read_aliases)

    async def remove(self, identity: str) -> None:
        """Forget an instance; its history and lines stay until `prune`."""
        await self._steps.write(lambda db: rows_of.remove_instance(db, identity))

    async def history_of(self, identity: str) -> bytes:
        """What goes along when an instance leaves, see `store.carried`."""
        await self.flush()
        return await self._connection.read(lambda db: carried.history_of(db, identity))

    async def take_history(self, identity: str, history: bytes) -> None:
        """Store what came along with an instance, before it is stored itself. Raises FleetError,
        and then nothing is."""
        await self._connection.write(lambda db: carried.take_history(db, identity, history))

    # -- history ----------------------------------------------------------------------------

    async def transitions(
        self, identity: str | None = None, since: float = 0.0, limit: int = 1000
    ) -> tuple[Transition, ...]:
        """The newest `limit` transitions from `since` on, oldest first. identity: None for all.

        It reads in small steps, so that others wait a few milliseconds at most, and so does
        `attempts`.
        """
        return await self._newest(
            partial(history.read_transitions, identity=identity, since=since), limit
        )

    async def conflicts(self, since: float, limit: int) -> tuple[OfConflict, ...]:
        """The newest `limit` changes that are a conflict or may tell more of one, oldest first; in
        small steps too."""
        return await self._newest(partial(history.read_conflicts, since=since), limit)

    async def timeline(self, identity: str, since: float, limit: int) -> tuple[Moved, ...]:
        """See `domain.fleet.protocol.Fleet.timeline`."""
        return await self._connection.read(
            lambda db: history.read_timeline(db, identity, since, limit)
        )

    async def courses(
        self, incidents: Sequence[Incident], limit: int
    ) -> Mapping[int, Mapping[str, tuple[Moved, ...]]]:
        """What the instances of incidents went through, see `store.history.read_courses`: of the
        last of these incidents, until `limit` moves are read.

        It reads in small steps, so that others wait a few milliseconds at most.
        """
        found: dict[int, Mapping[str, tuple[Moved, ...]]] = {}
        few: list[Incident] = []
        for place, incident in enumerate(reversed(incidents), 1):
            few.append(incident)
            if sum(len(each.met) for each in few) < _COURSES_AT_ONCE and place < len(incidents):
                continue
            read = partial(history.read_courses, incidents=few, most=limit)
            told, count = await self._connection.read(read)
            found |= told
            limit -= count
            if limit < 0:
                break
            few = []
        return found

    async def oldest_move(self) -> float:
        """See `store.history.oldest_move`."""
        return await self._connection.read(history.oldest_move)

    async def stood(self, identities: Sequence[str], since: float) -> Mapping[str, list[Stood]]:
        """How instances stood from a moment on, see `store.history.read_stood`.

        It reads in small steps, so that others wait a few milliseconds at most.
        """
        found: dict[str, list[Stood]] = {}
        while len(found) < len(identities):
            rest = identities[len(found) :][:_RECENT_AT_ONCE]
            found |= await self._connection.read(
                partial(history.read_stood, identities=rest, since=since, most=_READ_AT_ONCE)
            )
        return found

    async def attempts(self, since: float, identity: str | None, limit: int) -> tuple[Attempt, ...]:
        """The newest `limit` attempts; see `domain.fleet.protocol.Fleet.attempts`."""
        return await self._newest(
            partial(history.read_attempts, identity=identity, since=since), limit
        )

    async def _newest(self, read: _ReadNewest[T], limit: int) -> tuple[T, ...]:
        """The newest rows, oldest first."""
        found: list[tuple[int, T]] = []
        while (most := min(limit - len(found), _MADE_AT_ONCE)) > 0:
            before = found[-1][0] if found else None
            older = await self._connection.read(partial(read, before=before, limit=most))
            found += older
            if len(older) < most:
                break
        return tuple(each for _, each in reversed(found))

    async def attempt_counts(self, since: float) -> AttemptCounts:
        """Attempts of the fleet that began at `since` or later and have ended.

        Those under way, and those cut off by the end of the program, do not count.
        """
        return await self._connection.read(lambda db: history.count_attempts(db, since))

    async def add_send(self, identity: str, at: float, ok: bool, took_s: float, error: str) -> None:
        """Record a send-test, without its text and its number.

        took_s: seconds to WhatsApp's acknowledgement. error: one line, "" when ok.
        """
        await self._connection.write(
            lambda db: history.add_send(db, identity, at, ok=ok, took_s=took_s, error=error)
        )

    async def send_counts(self, since: float, identity: str | None = None) -> SendCounts:
        """Send-tests from `since` on. identity: None for the fleet."""
        return await self._connection.read(lambda db: history.count_sends(db, since, identity))

    async def incidents(self, since: float = 0.0, limit: int = 1000) -> tuple[IncidentView, ...]:
        """The newest `limit` incidents that still grew at `since` or later, oldest first; what was
        done about them is left out."""
        return await self._connection.read(lambda db: incidents.read_incidents(db, since, limit))

    async def grow(self, incident: Incident) -> Incident:
        """Store an incident that no change of an instance brings along; it comes with its id."""
        number = await self._connection.write(lambda db: incidents.save_incident(db, incident))
        return replace(incident, id=number)

    async def acknowledge(self, incident: int, at: float, who: str, note: str) -> bool:
        """Note that an incident was seen, see `store.incidents.acknowledge`; False when there is
        none with this number."""
        return await self._connection.write(
            lambda db: incidents.acknowledge(db, incident, at, who, note)
        )

    # -- people -----------------------------------------------------------------------------

    async def begin_audit(self, entry: AuditEntry) -> int:
        """Write down an act of a person; its number."""
        return await self._connection.write(lambda db: audit.save_entry(db, entry))

    async def end_audit(self, number: int, entry: AuditEntry) -> None:
        """Write down what came of the act with this number."""
        await self._connection.write(lambda db: audit.end_entry(db, number, entry))

    async def audit(self, since: float, by: str, limit: int) -> tuple[AuditEntry, ...]:
        """The newest `limit` acts of people; see `domain.fleet.protocol.Fleet.audit`."""
        return await self._connection.read(lambda db: audit.read_entries(db, since, by, limit))

    async def add_note(self, at: float, who: str, text: str) -> ShiftNote:
        """Keep a note until somebody dismisses it."""
        return await self._connection.write(lambda db: audit.save_note(db, at, who, text))

    async def dismiss(self, note: int, at: float) -> bool:
        """Take away the note with this number and those before it; False when there is none with
        it."""
        return await self._connection.write(lambda db: audit.dismiss_notes(db, note, at))

    async def notes(self, limit: int) -> tuple[ShiftNote, ...]:
        """The newest `limit` notes that nobody has dismissed, oldest first."""
        return await self._connection.read(lambda db: audit.read_notes(db, limit))

    async def add_edit(
        self, at: float, who: str, identity: str, before: Mapping[OwnKey, OwnValue]
    ) -> int:
        """Write down how an instance was before an edit, see `store.edits.save_edit`."""
        return await self._connection.write(
            lambda db: edits.save_edit(db, at, who, identity, before)
        )

    async def edits(self, limit: int) -> tuple[tuple[Edit, dict[OwnKey, OwnValue]], ...]:
        """The newest `limit` edits that can be undone, see `store.edits.read_edits`."""
        return await self._connection.read(lambda db: edits.read_edits(db, limit))

    async def drop_edit(self, number: int) -> None:
        """Forget the edit with this number."""
        await self._connection.write(lambda db: edits.drop_edit(db, number))

    async def tokens(self) -> tuple[KeptToken, ...]:
        """The tokens of the API, by name."""
        return await self._connection.read(tokens.read_tokens)

    async def add_token(self, token: KeptToken, most: int) -> bool:
        """Keep a token with a name that is free, see `store.tokens.save_token`."""
        return await self._connection.write(lambda db: tokens.save_token(db, token, most))

    async def drop_token(self, name: str) -> bool:
        """Forget the token with this name; whether there was one."""
        return await self._connection.write(lambda db: tokens.drop_token(db, name))

    async def of_facade(self, job: Job[T]) -> T:
        """The result of a function of `store.facade`, in a transaction."""
        return await self._connection.write(job)

    # -- links to the scan page ---------------------------------------------------------------

    async def add_link(self, link: KeptLink) -> int:
        """Keep a new link, see `store.links.save_link`; its number."""
        from waziterm.store import links  # noqa: PLC0415 - not before the first paint

        return await self._connection.write(lambda db: links.save_link(db, link))

    async def link(self, digest: str) -> KeptLink | None:
        """The link whose token has this digest; None for none."""
        from waziterm.store import links  # noqa: PLC0415 - as above

        return await self._connection.read(lambda db: links.read_link(db, digest))

    async def bind_link(self, number: int, browser: str) -> bool:
        """Let a link be one browser's, see `store.links.bind_link`; whether it is now."""
        from waziterm.store import links  # noqa: PLC0415 - as above

        return await self._connection.write(lambda db: links.bind_link(db, number, browser))

    async def end_link(self, number: int, why: LinkEnd, at: float) -> bool:
        """End the link with this number; whether it led somewhere."""
        from waziterm.store import links  # noqa: PLC0415 - as above

        return await self._connection.write(lambda db: links.end_link(db, number, why, at))

    async def end_links(self, identity: str, why: LinkEnd, at: float) -> int:
        """End the links of an instance; how many led somewhere."""
        return await self._connection.write(lambda db: rows_of.end_links(db, identity, why, at))

    async def shift_links(self, by: float) -> None:
        """Move the links that have not ended along with a clock that was set by so many seconds."""
        from waziterm.store import links  # noqa: PLC0415 - as above

        await self._connection.write(lambda db: links.shift_links(db, by))

    # -- alerts -----------------------------------------------------------------------------

    async def kept_alerts(self) -> alerts.Kept:
        """What was told of what goes on."""
        return await self._connection.read(alerts.read_kept)

    async def tell(
        self,
        grown: Mapping[int, Incident],
        ended: Sequence[tuple[int, float]],
        told: Callable[[Mapping[int, int]], alerts.Tale],
        post: alerts.Post | None,
    ) -> None:
        """Store a step of the alerts, see `store.alerts.tell`."""
        await self._connection.write(lambda db: alerts.tell(db, grown, ended, told, post))

    async def silence(self, silence: Silence) -> None:
        """Store a silence, instead of one that the instance had; one that is over ends it."""
        await self._connection.write(lambda db: alerts.save_silence(db, silence))

    async def silences(self, now: float) -> tuple[Silence, ...]:
        """The silences that last longer than a moment (UTC seconds), the first to end first."""
        return await self._connection.read(lambda db: alerts.read_silences(db, now))

    # -- the janitor ------------------------------------------------------------------------

    async def add_act(
        self, at: float, kind: str, subject: str, why: str, identity: str | None = None
    ) -> None:
        """Record something that the janitor did: to whom or what, and why. identity: of the
        instance that it was done to, if any."""
        await self._connection.write(
            lambda db: db.execute(
                "INSERT INTO acts (at, kind, subject, why, instance) VALUES (?, ?, ?, ?, ?)",
                (at, kind, subject, why, identity),
            )
        )

    async def acts(self, since: float = 0.0, limit: int = 1000) -> tuple[StoredAct, ...]:
        """The newest `limit` acts of the janitor from `since` on, oldest first."""
        rows = await self._connection.read(
            lambda db: db.execute(
                "SELECT at, kind, subject, why, instance FROM acts WHERE at >= ?"
                f" AND {SOUND['acts']} ORDER BY id DESC LIMIT ?",
                (since, limit),
            ).fetchall()
        )
        from waziterm.store.remembered import StoredAct  # noqa: PLC0415 - not before the first paint

        return tuple(StoredAct(*row) for row in reversed(rows))

    # -- hours ------------------------------------------------------------------------------

    async def count(self, at: float | None = None, gap: Gap | None = None) -> None:
        """Count into the hours what the history tells, each row once, and the time until a moment.

        at: UTC seconds; None: no later than the history tells. gap: a time that does not count.
        A history that was never counted is taken in small transactions, so that others wait a few
        milliseconds at most.
        """
        some = partial(hours.count_history, limit=_COUNTED_AT_ONCE, gap=gap)
        # What comes meanwhile is counted with the rest: a fleet that boots always tells more.
        while await self._connection.write(some) >= _COUNTED_AT_ONCE:
            continue
        if at is not None:
            await self._connection.write(lambda db: _count_rest(db, at, gap))

    async def add_usage(self, at: float, usage: Mapping[str, tuple[float, int]]) -> None:
        """Count what workers used, see `store.hours.add_usage`."""
        await self._connection.write(lambda db: hours.add_usage(db, at, usage))

    async def add_patterns(self, at: float, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Count lines of logs, see `store.patterns.count_patterns`."""
        await self._connection.write(lambda db: patterns.count_patterns(db, at, counts))

    async def sums(
        self, since: float, at: float, by: StatsBy, identity: str | None = None
    ) -> AsyncIterator[hours.Sums]:
        """What was counted from the hour of `since` until `at`, both UTC seconds: for each part of
        the time in which something was, what was counted of each instance and of the fleet
        (`FLEET`). identity: of an instance alone; None for all, removed ones too.

        It reads in small steps, so that others wait a few milliseconds at most.
        """
        from waziterm.domain.stats.sums import StatsBy  # noqa: PLC0415 - not before the first paint

        read = self._connection.read
        who = await read(hours.counted_ids) if identity is None else (identity,)
        plan = partial(spans.parts, identities=who, since=since, until=at, by=by)
        plan_of_all = await read(plan)
        if by is StatsBy.HOUR:
            for span in (span for part in plan_of_all for span in part.counted):
                async for hour in self._each_hour(who, span, at, identity is None):
                    yield hour
            return
        at_once = max(1, _DAYS_AT_ONCE // max(1, len(who)))
        for few in spans.runs(plan_of_all, at_once):
            for found in await self._parts(who, few, at, identity):
                if found:
                    yield found

    async def _parts(
        self, who: Sequence[str], few: Sequence[spans.Part], at: float, identity: str | None
    ) -> Sequence[hours.Sums]:
        """What was counted in each of some parts of a time; see `store.spans.runs`."""
        if len(few) > 1:
            with suppress(spans.UnsoundSpanError):
                read = partial(spans.read_each, spans=[each.spans[0] for each in few])
                return await self._connection.read(partial(read, identity=identity))
        return [await self._part(who, part, at, identity) for part in few]

    async def _part(
        self, who: Sequence[str], part: spans.Part, at: float, identity: str | None
    ) -> hours.Sums:
        """What was counted in a part of a time."""
        found: hours.Sums = {}
        counted = list(part.counted)
        at_once = max(1, min(counts.AT_ONCE, _SPANS_AT_ONCE // len(who)))
        for first in range(0, len(part.spans), at_once):
            few = part.spans[first : first + at_once]
            try:
                more = await self._connection.read(
                    partial(spans.read_spans, spans=few, identity=identity)
                )
            except spans.UnsoundSpanError:
                await self._connection.write(partial(made.unmake_spans, spans=few))
                counted += few
            else:
                spans.add_up(found, more)
        for begin, end in counted:
            for some, first_, end_ in hours.pieces(who, begin, end, at, _SUMMED_AT_ONCE):
                read = partial(spans.counted, identities=some, begin=first_, end=end_)
                more = await self._connection.read(read)
                if identity is None and more:
                    more[FLEET] = spans.fleet_of(more)
                spans.add_up(found, more)
        if FLEET in found:
            spans.add_memory(found)
        return found

    async def _each_hour(
        self, who: Sequence[str], span: Span, at: float, whole: bool
    ) -> AsyncIterator[hours.Sums]:
        """The hours of a time. whole: with the fleet's."""
        begin, end = span
        step_s = max(1, _ROWS_AT_ONCE // len(who)) * HOUR_S
        while begin < end:
            until = begin + step_s if begin + step_s <= at else end
            read = partial(spans.each_counted, identities=who, begin=begin, end=until)
            for _, found in sorted((await self._connection.read(read)).items()):
                if whole:
                    found[FLEET] = spans.fleet_of(found)
                yield found
            begin = until

    async def make_spans(self, at: float) -> None:
        """Sum up the days, and blocks of them, that were over at a moment (UTC seconds) and are
        not summed up yet, one in a transaction."""
        who = await self._connection.read(hours.counted_ids)
        look = partial(spans.missing, identities=who, until=at)
        # A block is not made of what turns out to be damaged, which is made anew first.
        for _ in range(spans.LEVELS):
            for span in await self._connection.read(look):
                await self._connection.write(partial(spans.make, identities=who, span=span))

    async def recent(self, identities: Sequence[str], at: float) -> Mapping[str, tuple[Hour, Hour]]:
        """The last day of instances and the week before it, see `store.hours.recent`.

        It reads in small steps, so that others wait a few milliseconds at most.
        """
        found: dict[str, tuple[Hour, Hour]] = {}
        for first in range(0, len(identities), _RECENT_AT_ONCE):
            few = identities[first : first + _RECENT_AT_ONCE]
            found |= await self._connection.read(partial(hours.recent, identities=few, at=at))
        return found

    async def weeks(self, identities: Sequence[str], at: float) -> Mapping[str, Week]:
        """The last seven days of instances, see `store.hours.weeks`; in small steps too."""
        found: dict[str, Week] = {}
        for first in range(0, len(identities), _WEEKS_AT_ONCE):
            few = identities[first : first + _WEEKS_AT_ONCE]
            found |= await self._connection.read(partial(hours.weeks, identities=few, at=at))
        return found

    async def newest_rows(self) -> Mapping[str, int]:
        """The number of the newest row of each table of the history, 0 where there is none."""
        return await self._connection.read(history.newest_rows)

    async def prune(self, before: float, rows: Mapping[str, int]) -> Pruned:
        """Delete history from before a moment, and such lines of instances that were removed.

        rows: by table, the newest row that may be deleted, whatever moment it tells.
        It deletes in small transactions, so that others wait a few milliseconds at most. What is
        deleted was counted before; what was counted stays for 370 days more.
        """
        await self.count()
        transitions, attempts, sends = [
            await self._in_steps(partial(_prune_history, table, before, rows.get(table, 0)))
            for table in ("transitions", "attempts", "sends")
        ]
        for table in ("acts", "incidents", "audit", "notes", "edits", "links", "outbox"):
            await self._in_steps(partial(_prune_history, table, before, rows.get(table, 0)))
        lines = await self._in_steps(lambda db: log.prune_lines(db, before, _PRUNED_AT_ONCE))
        oldest = before - hours.KEPT_LONGER_S
        await self._in_steps(lambda db: hours.prune_hours(db, oldest, _PRUNED_AT_ONCE))
        await self._in_steps(lambda db: patterns.prune_patterns(db, oldest, _PRUNED_AT_ONCE))
        await self._in_steps(lambda db: made.unmake_before(db, hour_of(oldest), _UNMADE_AT_ONCE))
        await self._connection.write(rows_of.prune_names)
        from waziterm.store.remembered import Pruned  # noqa: PLC0415 - as above

        return Pruned(transitions, attempts, sends, lines)

    async def _in_steps(self, job: Job[int]) -> int:
        total = 0
        while count := await self._connection.write(job):
            total += count
        return total

    # -- the outbox -------------------------------------------------------------------------

    async def waiting(self, sink: str, after: int = 0) -> tuple[Waiting, ...]:
        """The messages of a sink that wait, with a greater number than `after`, in order."""
        return await self._connection.read(lambda db: outbox.read_waiting(db, sink, after))

    async def body(self, number: int) -> str | None:
        """The body of the message with this number, as JSON; None when it waits no more."""
        return await self._connection.read(lambda db: outbox.read_body(db, number))

    async def settle(self, number: int, told: Settled, at: float) -> None:
        """Store how it stands with the message with this number after a try."""
        await self._connection.write(lambda db: outbox.settle(db, number, told, at))

    async def give_up_damaged_alerts(self, at: float) -> int:
        """Give up the messages that wait and cannot be read; how many those were."""
        return await self._connection.write(lambda db: outbox.give_up_damaged(db, at))

    async def give_up_strays(self, sinks: Sequence[str], at: float) -> int:
        """Give up what waits for other sinks than those with these names; how many those were."""
        return await self._connection.write(lambda db: outbox.give_up_strays(db, sinks, at))

    async def failed_alerts(self, limit: int = 1000) -> tuple[FailedAlert, ...]:
        """The newest `limit` messages that were given up, oldest first."""
        return await self._connection.read(lambda db: outbox.read_failed(db, limit))

    async def retry_alerts(
        self, message: str | None, sinks: Sequence[str], at: float
    ) -> tuple[FailedAlert, ...]:
        """Let messages that were given up be tried anew: the one with this id, or all; only those
        of the sinks with these names. Returns them."""
        return await self._connection.write(lambda db: outbox.retry(db, message, sinks, at))

    async def sink_records(self) -> Mapping[str, outbox.SinkRecord]:
        """What is remembered of each sink, by name."""
        return await self._connection.read(outbox.read_sinks)

    async def told(self, incidents: Sequence[int]) -> Mapping[int, tuple[ToldTo, ...]]:
        """Who was told of each of the incidents with these numbers, by number."""
        return await self._connection.read(lambda db: outbox.read_told(db, incidents))

    # -- log lines --------------------------------------------------------------------------

    def add_line(self, identity: str, line: LogLine) -> None:
        """Take in a log line, without waiting; it is stored about 0.25 s later.

        line.seq: greater than `last_seq` and than all before. A line with a known number
        replaces the older one.
        """
        self._writer.add(identity, line)

    async def lines(
        self, identity: str, *, limit: int, since: float | None = None, after_seq: int | None = None
    ) -> tuple[LogLine, ...]:
        """The newest `limit` lines of an instance, oldest first, with those not yet written.

        since: only lines from this moment on. after_seq: only lines with a greater number.
        """
        earliest = float("-inf") if since is None else since
        number = -1 if after_seq is None else after_seq
        # First the buffer: a line that is written meanwhile is then in both, never in neither.
        pending = [
            line
            for line in self._writer.pending(identity)
            if line.seq > number and line.at >= earliest
        ]
        stored = await self._connection.read(
            lambda db: log.read_lines(db, identity, earliest, number, limit)
        )
        merged = {line.seq: line for line in (*stored, *pending)}
        return tuple(merged[seq] for seq in sorted(merged)[-limit:]) if limit > 0 else ()

    @property
    def lines_count(self) -> int:
        """How many lines were taken in since it was opened; see `lines_after`."""
        return self._writer.count

    async def tails(
        self, identities: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[LogLine, ...]]:
        """The newest `limit` stored lines of each of these instances, oldest first. It reads in
        small steps, so that others wait a few milliseconds at most."""
        found = dict[str, tuple[LogLine, ...]]()
        most = min(_ENDS_AT_ONCE, max(_TAILS_AT_ONCE, _ENDS_AT_ONCE // limit))
        for first in range(0, len(identities), most):
            few = identities[first : first + most]
            found |= await self._connection.read(
                partial(log.read_tails, identities=few, limit=limit)
            )
        return found

    def tail_now(self, identity: str, *, limit: int) -> tuple[LogLine, ...]:
        """The same of one instance, for whoever cannot wait for others: on this thread, which takes
        a millisecond or two. Raises StoreError; where others hold the file at once."""
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, _NOW_S, uri=True, isolation_level=None)) as db:
                return log.read_tails(db, (identity,), limit)[identity]
        except sqlite3.Error as error:
            raise from_sqlite(error, self._path) from error

    def lines_after(self, count: int) -> list[tuple[str, LogLine]]:
        """The lines that were taken in after so many, with the ids of their instances, in the order
        in which they came; see `store.lines.LineWriter.after`."""
        return self._writer.after(count)

    async def lines_of(
        self, identities: Sequence[str], *, limit: int, since: float
    ) -> tuple[tuple[str, LogLine], ...]:
        """The newest `limit` lines of instances together, by time, oldest first, each with the id
        of its instance, with those not yet written.

        It reads in small steps, so that others wait a few milliseconds at most.
        """
        wanted = frozenset(identities)
        found = {
            (who, line.seq): line
            for who, line in self._writer.pending_of_all()
            if who in wanted and line.at >= since
        }
        for first in range(0, len(identities), _TAILS_AT_ONCE):
            few = identities[first : first + _TAILS_AT_ONCE]
            read = partial(log.read_lines_of, identities=few, since=since, limit=limit)
            for who, line in await self._connection.read(read):
                found.setdefault((who, line.seq), line)
            newest = sorted(found.items(), key=lambda each: (each[1].at, each[0]))[-limit:]
            found = dict(newest)
            if len(found) == limit:
                # Nothing older than these is among the newest.
                since = newest[0][1].at
        by_time = sorted(found.items(), key=lambda each: (each[1].at, each[0]))
        return tuple((who, line) for (who, _), line in by_time[-limit:])

    async def last_seq(self, identity: str) -> int:
        """The number of an instance's newest line, stored or buffered; 0 when there is none."""
        pending = max((line.seq for line in self._writer.pending(identity)), default=0)
        return max(pending, await self._connection.read(lambda db: log.last_seq(db, identity)))

    async def flush(self) -> None:
        """Store all buffered lines now. Raises StoreError; the lines then stay buffered."""
        await self._writer.flush()

    # -- meta -------------------------------------------------------------------------------

    async def get_meta(self, key: str) -> str | None:
        """A single remembered value, for example the version of neonize; None when not set."""
        row = await self._connection.read(
            lambda db: db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        )
        return None if row is None else str(row[0])

    async def set_meta(self, key: str, value: str) -> None:
        """Remember a single value."""
        await self._connection.write(
            lambda db: db.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET value = excluded.value",
                (key, value),
            )
        )


@asynccontextmanager
async def open_store_to_look(path: Path) -> AsyncIterator[Store]:
    """Open a copy of the database at `path`, see `store.opening.open_copy`. Raises
    StoreError."""
    async with connected(path, open_copy) as connection:
        await connection.write(history.interrupt_attempts)
        yield Store(path, connection, log.LineWriter(connection, 0))


@asynccontextmanager
async def open_store(path: Path, *, lines_kept: int = 2000) -> AsyncIterator[Store]:
    """Open the database at `path` for the time of an `async with` block.

    path: created when missing, with mode 0600; its directory has to exist. Only the owner of
    the data directory's lock opens it, once: attempts that are under way in the file are taken
    for those of a killed program. lines_kept: newest log lines kept for each instance.
    Raises StoreError: on entry for a file that is damaged, newer than this program or not ours,
    which then stays as it is; at the end when the last log lines could not be written.
    """
    async with connected(path) as connection:
        await connection.write(history.interrupt_attempts)
        writer = log.LineWriter(connection, lines_kept)
        task = asyncio.create_task(writer.run(), name="store lines")
        store = Store(path, connection, writer)
        try:
            yield store
        finally:
            writer.close()
            await finished(_ended(store, writer, task))


async def _ended(store: Store, writer: log.LineWriter, task: asyncio.Task[None]) -> None:
    await task
    await store.finish()
    await writer.flush()


def _prune_history(table: str, before: float, newest: int, db: sqlite3.Connection) -> int:
    return history.prune_history(db, table, before, newest, _PRUNED_AT_ONCE)


def _count_rest(db: sqlite3.Connection, at: float, gap: Gap | None) -> None:
    """What was written since the last step too, so that the time is of how it stands now."""
    hours.count_history(db, _COUNTED_AT_ONCE, gap)
    hours.count_until(db, at, gap)
