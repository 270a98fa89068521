"""The fleet while no manager runs: the verbs of `domain.fleet.protocol` that need only files."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from waziterm.domain.errors import UnwritableError
from waziterm.domain.fleet.api import (
    FleetError,
    FleetView,
    InstanceNotFoundError,
    InstanceView,
    LogLine,
)
from waziterm.domain.fleet.audit import AuditEntry, AuditResult
from waziterm.domain.fleet.naming import current_name, former_names, names_of, refuse_alias
from waziterm.domain.lifecycle.event_names import EventName
from waziterm.domain.lifecycle.instance import Instance, OwnKey, OwnValue
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.version import UsedVersion
from waziterm.manager.files.data_files import DataFiles
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.lock import owned, unowned
from waziterm.manager.inputs import own_values
from waziterm.manager.version.kept import stored_version
from waziterm.manager.views import Health, view_of
from waziterm.store.store import Store, open_store, open_store_to_look

if TYPE_CHECKING:
    from waziterm.config import Settings
    from waziterm.domain.alerts.delivery import AlertsView, FailedAlert
    from waziterm.domain.alerts.silence import Silence
    from waziterm.domain.care.findings import Finding, FixReport
    from waziterm.domain.care.trash import Removal, TrashView
    from waziterm.domain.fleet.history import Edit, FleetLines, IncidentView, Moved, ShiftNote
    from waziterm.domain.fleet.tools import (
        AddedAll,
        BackedUp,
        ConflictRecord,
        ExportFormat,
        SealedInstance,
    )
    from waziterm.domain.messages.message import MessageState, MessageView, OptedOut
    from waziterm.domain.messages.token import MadeToken, TokenView
    from waziterm.domain.moving.plan import ImportReport
    from waziterm.domain.stats.strips import Recent
    from waziterm.domain.stats.sums import Stats, StatsBy
    from waziterm.domain.webhooks.views import FailedDelivery, WebhookView
    from waziterm.manager.stored.tools import StoredTools
    from waziterm.store.messages import MessageStore


PATIENCE_S = 5.0
"""How long another verb may have the files before this one gives up, in seconds."""


class StoredFleet:
    """A data directory that no manager owns. Each verb opens what it needs: what only looks at the
    database makes no directory, what moves sessions has the directory's lock meanwhile.

    Where nothing was ever kept, what only looks finds nothing, and what acts is refused.

    settings: read when a verb needs them. Every verb raises FleetError: code 3 when a manager
    starts meanwhile, 1 when the database is refused.
    """

    def __init__(self, data: DataDir, settings: "Callable[[], Settings]") -> None:
        self._data = data
        self._settings = settings

    # -- what looks at the database -----------------------------------------------------------

    async def snapshot(self) -> FleetView:
        """The fleet as the last manager left it; nobody in it when there is no database."""
        views: tuple[InstanceView, ...] = ()
        former: dict[str, str] = {}
        async with self._read() as store:
            if store is not None:
                version = await self._version(store)
                aliases = await store.aliases()
                stored = [self._configured(each, aliases) for each in await store.instances()]
                former = former_names(stored, aliases)
                ends = {each.id: each.until for each in await store.silences(time.time())}
                views = tuple(
                    replace(at_rest(each), version=version, silenced_until=ends.get(each.id))
                    for each in stored
                )
        return FleetView(time.time(), lab=False, instances=views, aliases=former)

    async def lines(
        self, name: str, *, limit: int = 200, since: float = 0.0, after: int = 0
    ) -> tuple[LogLine, ...]:
        async with self._read() as store:
            known, identity = await _with_id(store, name)
            return await known.lines(identity, limit=limit, since=since, after_seq=after)

    async def fleet_lines(
        self,
        *,
        limit: int = 200,
        since: float = 0.0,
        name: str | None = None,
        after: int | None = None,
    ) -> "FleetLines":
        from waziterm.domain.fleet.history import FleetLines  # noqa: PLC0415 - only here
        from waziterm.manager.history.queries import fleet_lines_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            if name is not None:
                known, identity = await _with_id(store, name)
                names = await known.names()
                return await fleet_lines_in(known, {identity: names[identity]}, since, limit)
            if store is None:
                return FleetLines((), 0)
            return await fleet_lines_in(store, await store.names(), since, limit)

    async def conflicts(self, since: float = 0.0) -> "tuple[ConflictRecord, ...]":
        from waziterm.manager.history.conflicts import conflicts_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            return () if store is None else await conflicts_in(store, since)

    async def incidents(self, since: float = 0.0) -> "tuple[IncidentView, ...]":
        from waziterm.manager.history.queries import incidents_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            return () if store is None else await incidents_in(store, since)

    async def audit(self, since: float = 0.0, by: str = "") -> tuple[AuditEntry, ...]:
        from waziterm.manager.history.audit import audit_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            return () if store is None else await audit_in(store, since, by)

    async def notes(self) -> "tuple[ShiftNote, ...]":
        from waziterm.manager.history.audit import notes_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            return () if store is None else await notes_in(store)

    async def silences(self) -> "tuple[Silence, ...]":
        async with self._read() as store:
            return () if store is None else await store.silences(time.time())

    async def alerts(self) -> "AlertsView":
        from waziterm.alerts.sinks import sinks_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            silences = () if store is None else await store.silences(time.time())
            return await sinks_in(store, self._settings().alerts.sinks, silences)

    async def failed_alerts(self) -> "tuple[FailedAlert, ...]":
        async with self._read() as store:
            return () if store is None else await store.failed_alerts()

    async def webhooks(self) -> "tuple[WebhookView, ...]":
        from waziterm.gateway.webhooks import views_of  # noqa: PLC0415 - only here

        targets = [each.target for each in self._settings().webhooks]
        async with self._read_messages(None) as (store, _, _names):
            return await views_of(targets, None if store is None else store.events)

    async def failed_webhooks(self) -> "tuple[FailedDelivery, ...]":
        from waziterm.gateway.webhooks import failed_in  # noqa: PLC0415 - only here

        async with self._read_messages(None) as (store, _, _names):
            return () if store is None else await failed_in(store.events)

    async def timeline(
        self, name: str, since: float = 0.0, limit: int = 200
    ) -> "tuple[Moved, ...]":
        from waziterm.manager.history.queries import timeline_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            known, identity = await _with_id(store, name)
            return await timeline_in(known, identity, since, limit)

    async def messages(
        self,
        name: str | None = None,
        *,
        state: "MessageState | None" = None,
        limit: int = 200,
        before: str | None = None,
    ) -> "tuple[MessageView, ...]":
        from waziterm.domain.messages.queue import no_such_message  # noqa: PLC0415 - only here
        from waziterm.gateway.queue_views import Outlook, view_of  # noqa: PLC0415 - only here

        async with self._read_messages(name) as (store, identity, names):
            if before is not None and (store is None or await store.message(before) is None):
                raise no_such_message(before)
            if store is None:
                return ()
            found = await store.messages(identity, state, None, limit, before)
            nobody_knows = Outlook(None, "")
            return tuple(
                view_of(each, names.get(each.instance, each.instance), nobody_knows)
                for each in found
            )

    async def opt_outs(self, name: str | None = None) -> "tuple[OptedOut, ...]":
        async with self._read_messages(name) as (store, identity, names):
            found = () if store is None else await store.opt_outs(identity)
            return tuple(
                replace(each, instance=names.get(each.instance, each.instance)) for each in found
            )

    @asynccontextmanager
    async def _read_messages(
        self, name: str | None
    ) -> "AsyncIterator[tuple[MessageStore | None, str | None, Mapping[str, str]]]":
        """A copy of `messages.db`, None where none was ever made; the id of the instance with this
        name, and by id how all are called. Raises InstanceNotFoundError."""
        from waziterm.store.messages import open_messages_to_look  # noqa: PLC0415 - only here

        identity, names = None, dict[str, str]()
        async with self._read() as known:
            if name is not None:
                _, identity = await _with_id(known, name)
            if known is not None:
                names = dict(await known.names())
        if not self._data.messages.exists():
            yield None, identity, names
            return
        async with open_messages_to_look(self._data.messages) as store:
            yield store, identity, {**await store.names(), **names}

    async def stats(
        self, since: float = 0.0, name: str | None = None, by: "StatsBy | None" = None
    ) -> "tuple[Stats, ...]":
        from waziterm.domain.stats.sums import StatsBy  # noqa: PLC0415 - only here
        from waziterm.manager.history.statistics import stats_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            if store is None:
                return ()
            if name is not None:
                known = await store.instances()
                name = current_name(name, known, await store.aliases()) or name
            await store.count()
            return await stats_in(store, since, name, by or StatsBy.ALL, time.time())

    async def recent(
        self, after: str = "", name: str | None = None, *, days: int = 1
    ) -> "tuple[Recent, ...]":
        from waziterm.manager.history.queries import last_seen_at  # noqa: PLC0415 - only here
        from waziterm.manager.history.recent import recent_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            if store is None:
                return ()
            await store.count()
            known = await store.instances()
            names = {each.id: each.name for each in known}
            if name is not None:
                name = current_name(name, known, await store.aliases()) or name
            unseen = await last_seen_at(store)
            return await recent_in(store, names, after, name, days, time.time(), seen_until=unseen)

    # -- what changes it, and what works on the files -----------------------------------------

    async def add(
        self,
        name: str,
        phone: str | None = None,
        proxy: str | None = None,
        *,
        session: str | None = None,
    ) -> InstanceView:
        """Add an instance that the next manager will know; the caller has checked its values."""
        self._data.create()
        with owned(self._data.lock):
            async with open_store(self._data.database) as store:
                known = await store.instances()
                if any(instance.name == name for instance in known):
                    raise FleetError(f"{name} exists already", "choose another name")
                refuse_alias(name, known, await store.aliases())
                sessions = DataFiles.of(self._data).sessions
                stray = await sessions.stray(name, session, known)
                now = time.time()
                instance = Instance(name, created_at=now, since=now, phone=phone, proxy=proxy)
                await store.save(instance, event=EventName.ADDED, at=now)
                if stray is not None:
                    try:
                        await sessions.take_up(stray, instance)
                    except FleetError:
                        await store.remove(instance.id)
                        raise
                    jid, lid = stray.device
                    instance = replace(instance, jid=jid, lid=lid or None)
                    await store.save(instance, event=None, at=now)
                return replace(at_rest(instance), version=await self._version(store))

    async def edit(
        self,
        name: str,
        *,
        note: str | None = None,
        tags: str | None = None,
        proxy: str | None = None,
        device_name: str | None = None,
        isolate: str | None = None,
        receipts: str | None = None,
    ) -> InstanceView:
        values = own_values(
            note=note,
            tags=tags,
            proxy=proxy,
            device_name=device_name,
            isolate=isolate,
            receipts=receipts,
        )
        return await self._set(name, values)

    async def edits(self) -> "tuple[Edit, ...]":
        from waziterm.manager.care.editing import edits_in  # noqa: PLC0415 - only here

        async with self._read() as store:
            return () if store is None else await edits_in(store)

    async def undo_edit(self, name: str, edit: int) -> InstanceView:
        from waziterm.manager.care.editing import before_edit  # noqa: PLC0415 - only here

        async with self._read() as store:
            if store is None:
                raise InstanceNotFoundError(name)
            found, before = await before_edit(store, name, edit)
        if found.former:
            async with self._tools() as tools:
                await tools.rename(name, found.former, undone=edit)
                return at_rest(tools.keeper.of(found.former))
        return await self._set(name, before, undone=edit)

    async def _set(
        self, name: str, values: "Mapping[OwnKey, OwnValue]", *, undone: int | None = None
    ) -> InstanceView:
        """Set what differs for one instance. undone: the number of the edit that this undoes, which
        can be undone no more."""
        from waziterm.manager.care.editing import changed_by  # noqa: PLC0415 - only here
        from waziterm.manager.history.audit import who  # noqa: PLC0415 - only here

        if not self._data.has_database:
            raise InstanceNotFoundError(name)
        with owned(self._data.lock):
            async with open_store(self._data.database) as store:
                stored = {each.name: each for each in await store.instances()}
                if name not in stored:
                    raise InstanceNotFoundError(name)
                instance = self._configured(stored[name], await store.aliases())
                changed = await changed_by(instance, values, None)
                if changed:
                    now = time.time()
                    if undone is None:
                        await store.add_edit(now, who(), instance.id, instance.own(changed))
                    instance = instance.with_own(changed)
                    await store.save(instance, event=EventName.EDIT_ASKED, at=now)
                if undone is not None:
                    await store.drop_edit(undone)
                return replace(at_rest(instance), version=await self._version(store))

    def _configured(self, instance: Instance, aliases: Mapping[str, str]) -> Instance:
        """The same with what the config says of it. aliases: see `Store.aliases`."""
        names = names_of(instance, aliases)
        return replace(instance, configured=self._settings().configured_for(*names))

    async def add_all(self, table: str, *, dry_run: bool = False) -> "AddedAll":
        from waziterm.manager.files.table import new_instances  # noqa: PLC0415 - only here

        sessions, now = DataFiles.of(self._data).sessions, time.time()
        if dry_run:
            async with self._read() as seen:
                known = () if seen is None else await seen.instances()
                aliases = {} if seen is None else await seen.aliases()
            found = await new_instances(table, now, known, aliases, sessions)
            return found.told(dry_run=True)
        self._data.create()
        with owned(self._data.lock):
            async with open_store(self._data.database) as store:
                known = await store.instances()
                found = await new_instances(table, now, known, await store.aliases(), sessions)
                if not found.problems:
                    await store.add_all(found.instances, now)
        return found.told(dry_run=False)

    async def import_sessions(
        self,
        sources: str,
        *,
        name: str | None = None,
        prefix: str = "",
        device: str = "",
        keys_db: str = "",
        start: bool = False,
        force: bool = False,
        dry_run: bool = False,
    ) -> "ImportReport":
        from waziterm.manager.care.importing import ImportRequest  # noqa: PLC0415 - only here

        asked = ImportRequest.of(sources, name, prefix, device, keys_db, start=start, force=force)
        async with self._tools_to_bring_in(dry_run=dry_run) as tools:
            return await tools.importing.run(asked, dry_run=dry_run)

    async def rename(self, name: str, new: str, *, take: bool = False) -> InstanceView:
        async with self._tools() as tools:
            await tools.rename(name, new, take=take)
            return at_rest(tools.keeper.of(new))

    async def acknowledge(self, incident: int, *, note: str = "") -> None:
        from waziterm.manager.history.queries import acknowledge_in, no_incident  # noqa: PLC0415 - only here

        if not self._data.has_database:
            raise no_incident(incident)
        with owned(self._data.lock):
            async with open_store(self._data.database) as store:
                await acknowledge_in(store, incident, note, time.time())

    async def note(self, text: str) -> "ShiftNote":
        from waziterm.manager.history.audit import note_in  # noqa: PLC0415 - only here

        if not self._data.has_database:
            raise FleetError(f"there is no fleet in {self._data.root}", "see --data-dir", code=2)
        with owned(self._data.lock):
            async with open_store(self._data.database) as store:
                return await note_in(store, text, time.time())

    async def dismiss(self, note: int) -> None:
        from waziterm.manager.history.audit import dismiss_in, no_note  # noqa: PLC0415 - only here

        if not self._data.has_database:
            raise no_note(note)
        with owned(self._data.lock):
            async with open_store(self._data.database) as store:
                await dismiss_in(store, note, time.time())

    async def tokens(self) -> "tuple[TokenView, ...]":
        from waziterm.manager.care.tokens import Tokens  # noqa: PLC0415 - only here

        async with self._read() as store:
            return () if store is None else await Tokens(store, time.time).all()

    async def add_token(
        self, name: str, instances: str = "*", scopes: str = "send,read"
    ) -> "MadeToken":
        from waziterm.manager.care.tokens import Tokens  # noqa: PLC0415 - only here

        self._data.create()
        with owned(self._data.lock):
            async with open_store(self._data.database) as store:
                return await Tokens(store, time.time).add(name, instances, scopes)

    async def revoke_token(self, name: str) -> None:
        from waziterm.manager.care.tokens import Tokens, no_token  # noqa: PLC0415 - only here

        if not self._data.has_database:
            raise no_token(name)
        with owned(self._data.lock):
            async with open_store(self._data.database) as store:
                await Tokens(store, time.time).revoke(name)

    async def clean(self, name: str, *, logout: bool = False, act_id: str = "") -> InstanceView:
        async with self._tools() as tools:
            await tools.cleaning.clean(name, logout=logout, act_id=act_id)
            return at_rest(tools.keeper.of(name))

    async def remove(self, name: str, *, logout: bool = False, act_id: str = "") -> "Removal":
        async with self._tools() as tools:
            return await tools.cleaning.remove(name, logout=logout, act_id=act_id)

    async def export(
        self,
        name: str,
        to: str,
        passphrase: str = "",
        *,
        format: "ExportFormat | None" = None,  # noqa: A002 - as declared
    ) -> "SealedInstance":
        async with self._tools() as tools:
            tools.keeper.of(name)
            return await tools.carrying.export(name, to, passphrase, format)

    async def take_in(
        self,
        file: str,
        passphrase: str,
        name: str | None = None,
        *,
        start: bool = False,
        dry_run: bool = False,
    ) -> "ImportReport":
        async with self._tools_to_bring_in(dry_run=dry_run) as tools:
            return await tools.carrying.take_in(
                file, passphrase, name, start=start, dry_run=dry_run
            )

    async def with_session(self) -> tuple[str, ...]:
        async with self._tools(to_look=True) as tools:
            return tools.cleaning.with_session()

    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        async with self._tools() as tools:
            return await tools.cleaning.clean_all(count, logout=logout)

    async def trash(self) -> "tuple[TrashView, ...]":
        if not self._data.holds_fleet:
            return ()
        async with self._tools(to_look=True) as tools:
            return await tools.cleaning.trash()

    async def restore(self, entry: str) -> str:
        async with self._tools() as tools:
            return await tools.cleaning.restore(entry)

    async def backup(self, file: str, passphrase: str = "", recipient: str = "") -> "BackedUp":
        from waziterm.manager.care.backups import back_up  # noqa: PLC0415 - only here

        if not self._data.has_database:
            raise FleetError(f"there is no fleet in {self._data.root}", "see --data-dir", code=2)
        with owned(self._data.lock, wait_s=PATIENCE_S):
            return await back_up(self._data, file, passphrase, recipient)

    async def check(self) -> "tuple[Finding, ...]":
        if not self._data.holds_fleet:
            return ()
        async with self._tools(to_look=True) as tools:
            return await tools.checkup.check()

    async def fix(self, *, dry_run: bool = False) -> "FixReport":
        async with self._tools(to_look=dry_run) as tools:
            return await tools.checkup.fix(dry_run=dry_run)

    # -- how they are opened ------------------------------------------------------------------

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[Store | None]:
        """The store, for reading; None when there is no database."""
        if not self._data.has_database:
            yield None
            return
        async with AsyncExitStack() as opened:
            try:
                opened.enter_context(unowned(self._data.lock))
                store = await opened.enter_async_context(open_store(self._data.database))
            except UnwritableError:
                looking = open_store_to_look(self._data.database)
                store = await opened.enter_async_context(looking)
            yield store

    async def _version(self, store: Store) -> UsedVersion | None:
        """The version that the next manager will tell WhatsApp, as far as it is known."""
        return await stored_version(store, self._settings().library.whatsapp_version, time.time())

    def _tools(self, *, to_look: bool = False) -> "AbstractAsyncContextManager[StoredTools]":
        from waziterm.manager.stored.tools import open_tools  # noqa: PLC0415 - `list` needs none

        return open_tools(self._data, self._settings(), to_look=to_look)

    @asynccontextmanager
    async def _tools_to_bring_in(self, *, dry_run: bool) -> "AsyncIterator[StoredTools]":
        """The tools where the first of a new box may come in. dry_run: what would be made of
        nothing is made elsewhere, and goes."""
        from tempfile import TemporaryDirectory  # noqa: PLC0415 - only here

        if dry_run and not self._data.holds_fleet:
            with TemporaryDirectory(prefix="waziterm-") as folder:
                there = StoredFleet(DataDir(Path(folder)), self._settings)
                async with there._tools_to_bring_in(dry_run=False) as tools:
                    yield tools
            return
        self._data.create()
        if not self._data.has_database:
            with owned(self._data.lock):
                async with open_store(self._data.database):
                    pass
        async with self._tools() as tools:
            yield tools


class FilesAudit:
    """Writes acts on the files down when they are over; see `domain.fleet.audit.AuditLog`.

    unwritten: why an act that is done could not be, once it has ended; its answer is told all the
    same. One that is not done fails with its own error then: mostly for the same reason.
    """

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self.unwritten: FleetError | None = None

    def now(self) -> float:
        return time.time()

    async def begin(self, entry: AuditEntry) -> int:
        return 0

    async def end(self, number: int, entry: AuditEntry) -> None:
        if not self._data.has_database:
            # It was refused, for there is no fleet.
            return
        is_done = entry.result is AuditResult.DONE
        try:
            with owned(self._data.lock, wait_s=PATIENCE_S if is_done else 0.0):
                async with open_store(self._data.database) as store:
                    await store.begin_audit(entry)
        except FleetError as error:
            if is_done:
                said = f"{entry.act} was done, but it is not in the audit: {error}"
                self.unwritten = FleetError(said, error.hint, error.code)


def at_rest(instance: Instance) -> InstanceView:
    """A stored instance as it is shown while no manager runs: nobody is connected."""
    if instance.state.is_live:
        said = f"last seen {instance.state.label}"
        instance = replace(
            instance,
            state=State.STOPPED,
            reason=Reason.NO_MANAGER,
            detail=said,
            connected_at=None,
            due=None,
        )
    view = view_of(instance, Health(), None)
    return replace(view, next_attempt=None, next_step=_next_step(instance))


def _next_step(instance: Instance) -> str:
    """What to do about one that no manager looks after: start one, and what the next one will not
    do by itself, see `domain.lifecycle.steps.resume_wanted`. instance: at rest."""
    first, then = Reason.NO_MANAGER.next_step, instance.next_step
    if instance.state is State.OUTDATED and instance.reason is Reason.OUTDATED_CLIENT:
        # It says itself when a manager is to be started.
        return then
    if instance.state in (State.HELD, State.LOGGED_OUT):
        return f"{first}; {then}"
    if instance.is_paired and instance.wanted is Wanted.RUNNING:
        return first
    if instance.state is State.STOPPED and instance.reason not in (
        Reason.NO_MANAGER,
        Reason.PAUSED,
    ):
        return f"{first}; {then}"
    return (
        f"{first}; {Reason.BY_OPERATOR.next_step if instance.is_paired else Reason.NEW.next_step}"
    )


async def _with_id(store: Store | None, name: str) -> tuple[Store, str]:
    """The store that knows an instance, and its id there. name: the one that it has, or had.
    Raises InstanceNotFoundError."""
    if store is None:
        raise InstanceNotFoundError(name)
    known = await store.instances()
    named = {each.name: each.id for each in known}
    former = current_name(name, known, await store.aliases())
    if (identity := named.get(name) or named.get(former or "")) is None:
        raise InstanceNotFoundError(name)
    return store, identity
