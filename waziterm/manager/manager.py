"""The session manager: the fleet that a screen, an HTTP API or a test talks to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from waziterm.alerts.outbox import Outbox
from waziterm.config import ConfigError, Settings
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.errors import ManagerEndingError
from waziterm.domain.fleet.api import (
    FleetError,
    FleetView,
    InstanceView,
    LogLine,
    Notice,
    OwnNumber,
    SendResult,
)
from waziterm.domain.incidents.incident import Incident
from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance, OwnKey, OwnValue
from waziterm.domain.listeners import Listener, SilentListener
from waziterm.domain.phrase import Phrase
from waziterm.domain.stats.strips import Recent
from waziterm.manager.alerting import Alerting
from waziterm.manager.broadcast import Broadcast, Subscriber
from waziterm.manager.care.cleaning import Cleaning
from waziterm.manager.care.janitor import Janitor
from waziterm.manager.files.data_files import DataFiles
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.lock import Ownership, owned
from waziterm.manager.files.program import UPGRADED, watch
from waziterm.manager.files.restored import finish_restoring
from waziterm.manager.history.audit import (
    StoreAudit,
    audit_in,
    dismiss_in,
    note_in,
    notes_in,
    who,
)
from waziterm.manager.history.queries import (
    Presence,
    acknowledge_in,
    attempts_in,
    fleet_lines_in,
    incidents_in,
    new_lines_in,
    timeline_in,
)
from waziterm.manager.history.recent import recent_in
from waziterm.manager.inputs import instance_name, own_values, phone_number, proxy_url
from waziterm.manager.instance.fresh_lines import FreshLines
from waziterm.manager.instances import Instances
from waziterm.manager.messaging import Messaging, send, text_of
from waziterm.manager.receiving import Receiving
from waziterm.manager.rivals.claims import Claims
from waziterm.manager.rivals.registry import Registry
from waziterm.manager.sending import PassedOn, Sending
from waziterm.manager.webhooks import Targets, keep_telling
from waziterm.manager.workers.usage import Usage
from waziterm.manager.world import World, real_world
from waziterm.store.errors import StoreError
from waziterm.store.outbox import add_alert
from waziterm.store.store import Store, open_store
from waziterm.worker.library_file import installed_release

if TYPE_CHECKING:
    from waziterm.domain.alerts.delivery import AlertsView, FailedAlert, SinkTest
    from waziterm.domain.care.evidence import MessagesLook
    from waziterm.domain.care.findings import Finding, FixReport
    from waziterm.domain.care.layers import TestReport
    from waziterm.domain.care.trash import Removal, TrashView
    from waziterm.domain.fleet.audit import AuditEntry
    from waziterm.domain.fleet.history import (
        Attempt,
        Edit,
        FleetLines,
        IncidentView,
        Moved,
        ShiftNote,
    )
    from waziterm.domain.fleet.tools import (
        AddedAll,
        BackedUp,
        ConflictRecord,
        ExportFormat,
        Progress,
        RestartReport,
        SealedInstance,
    )
    from waziterm.domain.links import MadeLink
    from waziterm.domain.messages.codes import Code
    from waziterm.domain.messages.message import MessageState, MessageText, MessageView, OptedOut
    from waziterm.domain.messages.queue import Resolution
    from waziterm.domain.messages.queue_counts import QueueCounts
    from waziterm.domain.messages.token import MadeToken, TokenView
    from waziterm.domain.moving.plan import ImportReport
    from waziterm.domain.reload import Reloaded
    from waziterm.domain.stats.sums import Stats, StatsBy
    from waziterm.domain.upkeep.janitor import Act
    from waziterm.domain.webhooks.target import Target
    from waziterm.domain.webhooks.views import FailedDelivery, WebhookTest, WebhookView
    from waziterm.gateway.events import Events
    from waziterm.gateway.messages_file import MessagesFile
    from waziterm.gateway.queue import Queue
    from waziterm.gateway.webhooks import Webhooks
    from waziterm.manager.care.carrying import Carrying
    from waziterm.manager.care.checkup import Checkup
    from waziterm.manager.care.facade import FacadeInstances
    from waziterm.manager.care.links import Links
    from waziterm.manager.care.patterns import LogPatterns
    from waziterm.manager.care.restart import Restart
    from waziterm.manager.care.telling import Teller
    from waziterm.manager.care.tokens import Tokens

_LIBRARY = "library"
_LOCK_S = 1.0
"""Seconds between two looks at the lock."""
_MEASURED_AFTER_S = 60.0
_LOOKED_THROUGH_AFTER_S = 30.0
_PATTERNS_AFTER_S = 3.0
"""Seconds after the start: first the fleet connects. Lines wait for it."""

log = logging.getLogger(__name__)


class SessionManager:
    """Keeps a fleet of instances, one supervisor each; see `domain.fleet.protocol.Fleet`.

    What moves sessions goes one after the other. What only an emergency needs is loaded when it is
    first asked for, not before the first paint.
    """

    def __init__(
        self,
        data: DataDir,
        settings: Settings,
        store: Store,
        lab: LabFile | None,
        world: World,
        tasks: asyncio.TaskGroup,
        begin: asyncio.Event,
        ownership: Ownership,
    ) -> None:
        self._ownership = ownership
        self._started_with = self._settings = settings
        self._reading = asyncio.Lock()
        self._world = world
        self._tasks = tasks
        self._broadcast = Broadcast()
        files = DataFiles.of(data)
        self._registry = registry = Registry(files.identity)
        self._claims = Claims(registry, self._device_key)
        self.outbox = Outbox(
            store,
            world.clock,
            world.random,
            lambda work, name: tasks.create_task(work, name=name),
        )
        self._begin = begin
        self._alerting = Alerting(
            store, world.clock, settings.alerts, post=add_alert, wake=self.outbox.wake
        )
        self.hears = PassedOn()
        self._fresh = FreshLines()
        self._patterns: LogPatterns | None = None
        self._instances = Instances(
            settings,
            store,
            files.sessions,
            data.library,
            data.journal,
            self._claims,
            lab,
            world,
            self._broadcast,
            tasks,
            begin,
            self._alerting.hear,
            self.hears,
            self._alerting.silenced_until,
            self._counts_of,
            self._fresh,
        )
        self.phones = Sending(self._instances, data.root)
        self._messaging = Messaging(world.clock, self._show)
        self._store = store
        self._lab = lab
        self._files = files
        self._cleaning = Cleaning(
            self._instances,
            store,
            files,
            registry,
            world.clock,
            settings.trash.keep_s,
            self._hold_messages,
        )
        self._order = asyncio.Lock()
        self._under_way = ""
        self._janitor = Janitor(
            files,
            store,
            self._instances,
            world.clock,
            settings.trash.keep_s,
            settings.log.history_s,
            self._tidy_messages,
        )
        self._presence = Presence(store, world.clock)
        self.audit_log = StoreAudit(store, world.clock.now, tasks)
        self._queue: Queue | None = None
        self._messages_file: MessagesFile | None = None
        self._receiving = Receiving(
            data,
            world.clock,
            self._instances,
            lambda: self.events,
            lambda work, name: tasks.create_task(work, name=name),
            self.phones.roll_journal,
        )
        self.hears.grew = self._receiving.grew
        self._targets = Targets(
            lambda: self._settings, self._targets_of_clients, self._make_webhooks
        )
        self._is_booted = False
        self._background: list[asyncio.Task[None]] = []
        self._telling: asyncio.Task[None] | None = None
        self._teller: Teller | None = None
        self._library = installed_release()
        self._silent: dict[Listener, SilentListener] = {}
        world.clock.now()
        self._shift_at_start = world.clock.shift
        self._queue_trouble: tuple[Phrase, Phrase] | None = None

    # -- the life of the fleet ----------------------------------------------------------------

    async def boot(self) -> None:
        """Take up what is stored; see `Instances.boot`. From now on the janitor goes round."""
        changed = await self._store.get_meta(_LIBRARY) not in (None, self._library)
        await self._store.set_meta(_LIBRARY, self._library)
        shift = await self._presence.begin()
        if shift:
            log.warning("the clock was set back by %.0f s since the last manager", -shift)
        kept = await self._store.kept()
        stored = await self._instances.stored(kept.instances, shift)
        await self._alerting.boot(stored, shift)
        if shift:
            await self._store.shift_links(shift)
        if self._files.data.messages.exists():
            await self.queue.boot(shift)
        await self.webhooks_changed()
        await self._instances.boot(stored, library_changed=changed)
        self._is_booted = True
        if self._begin.is_set():
            await self._instances.read_logs()
        else:
            self._background.append(self._tasks.create_task(self._read_logs(), name="logs"))
        if self._queue is not None:
            self._queue.begin()
        reading = self._receiving.begin(self._begin)
        self._background.append(self._tasks.create_task(reading, name="journals"))
        telling = self._tell_of_what_happens(shift)
        self._telling = self._tasks.create_task(telling, name="alerts")
        self._warn_of_lost()
        for name, columns in kept.damaged.items():
            log.warning("%s: its row in the database is damaged: %s", name, columns)
        rounds = self._janitor.run(self._settings.janitor.every_s)
        self._background.append(self._tasks.create_task(rounds, name="janitor"))
        self._background.append(self._tasks.create_task(self._presence.run(), name="presence"))
        self._background.append(self._tasks.create_task(self._watch_clock(), name="clock"))
        outages = self._instances.watch_outages()
        self._background.append(self._tasks.create_task(outages, name="outages"))
        looking = self._instances.usage.run()
        self._background.append(self._tasks.create_task(looking, name="usage"))
        self._background.append(self._tasks.create_task(self._keep_lock(), name="lock"))
        self._background.append(self._tasks.create_task(self._measure(), name="measures"))
        self._background.append(self._tasks.create_task(self._look_at_lines(), name="patterns"))
        self._background.append(self._tasks.create_task(self._look_through(), name="damage"))
        self._background.append(self._tasks.create_task(self._back_up(), name="backups"))
        self.outbox.apply(self._settings.alerts)
        if self._world.program is not None:
            watching = watch(self._world.program, self._world.clock, self._tell_upgraded)
            self._background.append(self._tasks.create_task(watching, name="upgrade"))

    async def close(self) -> None:
        """Let every supervisor stop its worker and end. What is wanted stays as it is."""
        if self._is_booted:
            await self._receiving.open_for_the_end()
        for task in self._background:
            task.cancel()
        if self._queue is not None:
            await self._queue.close()
        await self._instances.close()
        await self._end_telling()
        await self._receiving.close()
        await self._targets.close()
        if self._messages_file is not None:
            await self._messages_file.close()
        try:
            await self._store_patterns()
        except StoreError as error:
            log.warning("what was counted of the log is not stored: %s", error)
        self.outbox.close()
        await self._presence.end()
        await self._claims.close()

    def apply(self, settings: Settings) -> None:
        """Go by other settings from now on. What is under way goes on by the old ones: a wait
        that has begun, and the probes of a connection that is open."""
        self._settings = settings
        keep_trash_s = settings.trash.keep_s
        self._instances.apply(settings)
        self._alerting.apply(settings.alerts)
        self.outbox.apply(settings.alerts)
        if self._queue is not None:
            self._queue.apply(settings.messages, settings.pacing)
        self._tasks.create_task(self.webhooks_changed(), name="webhooks")
        self._cleaning.keep_s = keep_trash_s
        keep_history_s = settings.log.history_s
        self._janitor.apply(settings.janitor.every_s, keep_trash_s, keep_history_s)

    @property
    def queue(self) -> Queue:
        """The queue of messages out. It is loaded when it is first asked for, and makes its file
        for the first message."""
        if self._queue is None:
            from waziterm.gateway.messages_file import (  # noqa: PLC0415 - most have none
                MessagesFile,
                MessagesPlace,
            )
            from waziterm.gateway.queue import Queue  # noqa: PLC0415 - as above

            place = MessagesPlace(self._files.data.root)
            file = MessagesFile(place, self._world.clock, self._tell_of_messages)
            self._messages_file = file
            self._queue = Queue(
                file,
                self.phones,
                self._world.random,
                self._settings.messages,
                self._settings.pacing,
                lambda work, name: self._tasks.create_task(work, name=name),
                self._instances.remembered_id,
            )
            self.hears.to = self._queue
            counting = self._messaging.run(self._queue)
            self._background.append(self._tasks.create_task(counting, name="messages"))
            if self._is_booted:
                self._queue.begin()
        return self._queue

    @cached_property
    def events(self) -> Events:
        """What came in, and what webhooks are told of; it makes `messages.db` for the first of
        it."""
        from waziterm.gateway.events import Events  # noqa: PLC0415 - as above

        # The queue takes up what waits when the file is opened, whoever needs that first.
        assert self.queue is self._queue and self._messages_file is not None
        return Events(self._messages_file)

    def _make_webhooks(self) -> Webhooks:
        """What tells webhooks; its tasks begin."""
        from waziterm.gateway.webhooks import Webhooks  # noqa: PLC0415 - most have none

        events, clock = self.events, self._world.clock
        assert self._messages_file is not None
        webhooks = Webhooks(
            self._messages_file,
            self._world.random,
            lambda work, name: self._tasks.create_task(work, name=name),
            lambda: {each.id: each.name for each in self._instances.all()},
            self.facade.called,
        )
        telling = keep_telling(self._begin, self.subscribe, events, webhooks, clock)
        self._background.append(self._tasks.create_task(telling, name="webhooks"))
        return webhooks

    async def _targets_of_clients(self) -> tuple[Target, ...]:
        """See `Targets`: none where the facade takes none."""
        facade = self._started_with.facade
        if facade.address is None or not facade.set_webhook:
            return ()
        return await self.facade.targets()

    async def webhooks_changed(self) -> None:
        """Tell those whom the settings and the clients of the facade name, from now on."""
        await self._targets.changed()

    def _tell_of_messages(self, said: Phrase) -> None:
        self._broadcast.lasting(Notice(self._world.clock.now(), said, trouble=True))

    async def _hold_messages(self, identity: str, code: Code) -> None:
        """Let the messages of an instance wait for a person."""
        if not self._files.data.messages.exists():
            return
        try:
            await self.queue.hold(identity, code)
        except StoreError as error:
            log.warning("the messages are not held: %s", error)

    async def _looked_at_messages(self) -> Mapping[str, MessagesLook]:
        self._queue_trouble = None
        if self._queue is None and not self._files.data.messages.exists():
            return {}
        try:
            return await self.queue.looked_at()
        except StoreError as error:
            said = Phrase("messages are neither taken nor sent: {why}", why=str(error))
            self._queue_trouble = said, Phrase("repair the file or put it back, then restart")
            return {}

    async def _tidy_messages(self, is_calm: bool) -> None:
        if self._files.data.messages.exists():
            await self.queue.tidy(is_calm=is_calm)
            await self.events.tidy(self._settings.messages.keep_s, is_calm=is_calm)

    @property
    def usage(self) -> Usage:
        """What the workers used at the newest look."""
        return self._instances.usage

    def announce(self, text: Phrase, *, trouble: bool = False) -> None:
        """Say a sentence to whoever watches."""
        self._broadcast.notice(Notice(self._world.clock.now(), text, trouble=trouble))

    def listener_failed(self, which: Listener, why: Phrase, hint: Phrase) -> None:
        """Tell that something cannot answer: to whoever watches, and to every check from now on."""
        self._silent[which] = SilentListener(which, why, hint)
        log.error("%s (%s)", why, hint)
        said = Phrase("{what}; {hint}", what=why, hint=hint)
        self._broadcast.lasting(Notice(self._world.clock.now(), said, trouble=True))

    def _silent_now(self) -> tuple[SilentListener, ...]:
        """What does not answer, by the newest settings and by what was met at the start."""
        refused = {each.which: each for each in self._settings.silent}
        return tuple((refused | self._silent).values())

    def _counts_of(self, name: str) -> QueueCounts | None:
        return self._messaging.counts_of(name)

    def _show(self, name: str) -> None:
        """Show an instance as it is now to whoever watches."""
        if name in self._instances:
            self._broadcast.changed(self._instances.of(name).view)

    @property
    def is_upgraded(self) -> bool:
        """Whether the program's files on disk are of another version for good."""
        return self._world.program is not None and self._world.program.upgraded

    def look_for_upgrade(self) -> bool:
        program = self._world.program
        return program is not None and program.look(self._world.clock.elapsed())

    def _tell_upgraded(self) -> None:
        self._broadcast.lasting(Notice(self._world.clock.now(), Phrase(UPGRADED)))

    def _warn_of_lost(self) -> None:
        """Sessions without any instance are what is left when the database is lost."""
        left = len(self._files.sessions.identities())
        if left and not self._instances.all():
            said = Phrase(
                "no instance is known, but {count} session files lie in {folder}",
                count=left,
                folder=str(self._files.data.sessions),
            )
            log.warning("%s", said)
            said = Phrase("{what}: see `waziterm check`", what=said)
            self._broadcast.lasting(Notice(self._world.clock.now(), said, trouble=True))

    async def _keep_lock(self) -> None:
        """Take the directory's lock again whenever somebody deletes it, and tell once why that is
        not possible, until cancelled."""
        told = ""
        while True:
            # By the real clock: whoever deletes it does not wait for a test's.
            await asyncio.sleep(_LOCK_S)
            trouble = self._ownership.renew()
            if trouble and trouble != told:
                log.error("%s", trouble)
                self.announce(trouble, trouble=True)
            told = trouble

    async def _watch_clock(self) -> None:
        """Tell everybody when the clock was set, or the machine was suspended, until cancelled."""
        clock = self._world.clock
        shift = clock.shift
        while True:
            await clock.disturbed()
            self._instances.clock_set()
            self._alerting.clock_set()
            if self._messages_file is not None:
                await self._messages_file.clock_set()
            await self.links.clock_set()
            if by := clock.shift - shift:
                shift += by
                log.warning("the clock was set by %+.0f s; waits stay as long as they were", by)
            await self._presence.note()

    async def _look_through(self) -> None:
        """Tell of damage in that part of the database for which the start does not wait."""
        await self._world.clock.sleep(_LOOKED_THROUGH_AFTER_S)
        try:
            finding = await self._store.damage()
        except StoreError as error:
            finding = str(error)
        if finding:
            said = Phrase(
                "waziterm.db is damaged ({finding}): what it tells of the past may be missing;"
                " the fleet goes on",
                finding=finding,
            )
            log.error("%s", said)
            self._broadcast.lasting(Notice(self._world.clock.now(), said, trouble=True))

    async def _read_logs(self) -> None:
        """The first paint shows a few lines of those that need somebody: it does not wait for half
        a million."""
        await self._begin.wait()
        await self._instances.read_logs()

    async def _tell_of_what_happens(self, shift: float) -> None:
        """Tell of what happens to the fleet, until cancelled."""
        await self._begin.wait()
        from waziterm.manager.care.telling import Teller  # noqa: PLC0415 - not before the first paint

        self._teller = Teller(
            self._alerting,
            self._store,
            self._world.clock,
            shift,
            self._broadcast.notice,
            self._adopt_incident,
        )
        await self._teller.run()

    async def _end_telling(self) -> None:
        """Tell what the last moments brought: the next manager would take it for another time's."""
        if self._telling is None:
            return
        if self._teller is None:
            self._telling.cancel()
        else:
            self._teller.end()
        await asyncio.wait([self._telling])

    async def _measure(self) -> None:
        """Measure the machine and the instances, until cancelled."""
        await self._world.clock.sleep(_MEASURED_AFTER_S)
        from waziterm.manager.care.measuring import Measuring  # noqa: PLC0415 - as above

        measuring = Measuring(
            self._files.data,
            self._store,
            self._world.clock,
            self._instances.all,
            lambda: self._instances.usage.workers,
            lambda: self._settings.alerts,
            self._alerting.hear,
            self._store_patterns,
            lambda: self._settings.backup.planned_every_s,
        )
        await measuring.run()

    async def _back_up(self) -> None:
        """Make the regular backups, until cancelled."""
        await self._world.clock.sleep(_MEASURED_AFTER_S)
        from waziterm.manager.care.backups import Backups  # noqa: PLC0415 - as above

        def settings() -> Settings:
            return self._settings

        def announce(text: Phrase) -> None:
            self.announce(text, trouble=True)

        data, clock = self._files.data, self._world.clock
        await Backups(data, self._store, clock, settings, announce).run()

    async def _look_at_lines(self) -> None:
        """Look for patterns in the log lines, until cancelled."""
        await self._world.clock.sleep(_PATTERNS_AFTER_S)
        from waziterm.manager.care.patterns import LogPatterns  # noqa: PLC0415 - as above

        self._patterns = LogPatterns(
            self._fresh,
            self._store,
            self._world.clock,
            lambda: self._settings.alerts.patterns,
            lambda: (each.id for each in self._instances.all()),
            self._alerting.hear,
        )
        await self._patterns.run()

    async def _store_patterns(self) -> None:
        if self._patterns is not None:
            await self._patterns.store()

    def _adopt_incident(self, incident: Incident) -> None:
        self._instances.incidents.adopt(incident)

    # -- the Fleet protocol -------------------------------------------------------------------

    def now(self) -> float:
        return self._world.clock.now()

    def elapsed(self) -> float:
        """Seconds on a clock that is never set."""
        return self._world.clock.elapsed()

    def view(self, name: str) -> InstanceView:
        return self._instances.of(name).view

    def snapshot(self) -> FleetView:
        counts, usage = self._instances.counts, self._instances.usage
        return FleetView(
            at=self._world.clock.now(),
            lab=self._lab is not None,
            instances=self._instances.views(),
            attempts=sum(each.attempts for each in counts.values()),
            attempts_ok=sum(each.attempts_ok for each in counts.values()),
            library=self._library,
            version=self._instances.versions.used,
            sinks=self.outbox.counts,
            webhooks=self._targets.counts(),
            counts=counts,
            workers=usage.workers,
            workers_cpu_s=usage.cpu_s,
            aliases=self._instances.former_names,
        )

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        return self._instances.of(name).tail(limit)

    async def lines(
        self, name: str, *, limit: int = 200, since: float = 0.0, after: int = 0
    ) -> tuple[LogLine, ...]:
        identity = self._instances.remembered_id(name)
        return await self._store.lines(identity, limit=limit, since=since, after_seq=after)

    async def fleet_lines(
        self,
        *,
        limit: int = 200,
        since: float = 0.0,
        name: str | None = None,
        after: int | None = None,
    ) -> FleetLines:
        if name is None:
            names = {each.id: each.name for each in self._instances.all()}
        else:
            called = self._instances.current_name(name) or name
            names = {self._instances.id_of(called): called}
        if after is not None:
            return new_lines_in(self._store, names, after, limit)
        return await fleet_lines_in(self._store, names, since, limit)

    def subscribe(self) -> AbstractAsyncContextManager[Subscriber]:
        return self._broadcast.subscribe(self.snapshot)

    async def add(
        self,
        name: str,
        phone: str | None = None,
        proxy: str | None = None,
        *,
        session: str | None = None,
    ) -> InstanceView:
        """Add an instance and start to pair it, or to connect it with the session that it takes up.
        Raises InputError for what cannot be used."""
        instance_name(name)
        phone = phone_number(phone) if phone else None
        proxy = proxy_url(proxy) if proxy else None
        async with self._in_order():
            now = self._world.clock.now()
            instance = Instance(name, created_at=now, since=now, phone=phone, proxy=proxy)
            await self._instances.add(instance, session)
        added = self._instances.of(name)
        if self._instances.is_outdated:
            # 405 meets every instance of the fleet, the new one too.
            return await added.ask(ev.FleetOutdated())
        return await added.ask(ev.StartAsked())

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

    async def _set(
        self, name: str, values: Mapping[OwnKey, OwnValue], *, undone: int | None = None
    ) -> InstanceView:
        """Set what differs for one instance; see `edit`. undone: the number of the edit that this
        undoes, which can be undone no more."""
        from waziterm.manager.care.editing import changed_by  # noqa: PLC0415 - not before the first paint

        self._refuse_meanwhile()
        supervisor = self._instances.of(name)
        changed = await changed_by(supervisor.instance, values, self._lab)
        if changed:
            instance, now = supervisor.instance, self._world.clock.now()
            made = None
            if undone is None:
                before = instance.own(changed)
                made = await self._store.add_edit(now, who(), instance.id, before)
            try:
                await supervisor.ask(ev.EditAsked(changed))
            except FleetError:
                if made is not None:
                    await self._store.drop_edit(made)
                raise
        if undone is not None:
            await self._store.drop_edit(undone)
        return supervisor.view

    async def edits(self) -> tuple[Edit, ...]:
        from waziterm.manager.care.editing import edits_in  # noqa: PLC0415 - as above

        return await edits_in(self._store)

    async def undo_edit(self, name: str, edit: int) -> InstanceView:
        from waziterm.manager.care.editing import before_edit  # noqa: PLC0415 - as above

        found, before = await before_edit(self._store, name, edit)
        if found.former:
            return await self._rename(name, found.former, undone=edit)
        return await self._set(name, before, undone=edit)

    async def add_all(self, table: str, *, dry_run: bool = False) -> AddedAll:
        from waziterm.manager.files.table import new_instances  # noqa: PLC0415 - not before the first paint

        self.refuse_moved()
        async with nullcontext() if dry_run else self._in_order():
            found = await new_instances(
                table,
                self._world.clock.now(),
                self._instances.all(),
                self._instances.aliases,
                self._files.sessions,
            )
            if not (found.problems or dry_run):
                await self._instances.adopt_all(found.instances)
        return found.told(dry_run=dry_run)

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
    ) -> ImportReport:
        from waziterm.manager.care.importing import Importing, ImportRequest  # noqa: PLC0415 - as above

        asked = ImportRequest.of(sources, name, prefix, device, keys_db, start=start, force=force)
        importing = Importing(
            self._instances,
            self._cleaning,
            self._files,
            self._world.clock,
            self._registry,
            self._world.new_store,
            self._instances.pids,
            self.facade.bind,
        )
        async with self._in_order():
            return await importing.run(asked, dry_run=dry_run)

    async def rename(self, name: str, new: str, *, take: bool = False) -> InstanceView:
        instance_name(new)
        return await self._rename(name, new, take=take)

    async def _rename(
        self, name: str, new: str, *, take: bool = False, undone: int | None = None
    ) -> InstanceView:
        """See `rename`. undone: the number of the edit that this undoes."""
        async with self._in_order():
            self._instances.of(name)
            taken = await self._cleaning.names_taken(self._instances.aliases)
            await self._instances.rename(name, new, taken, take=take, undone=undone)
        await self.webhooks_changed()
        return self._instances.of(new).view

    async def start(self, name: str) -> InstanceView:
        self._refuse_meanwhile()
        await self._instances.let_go(name)
        return await self._instances.of(name).ask(ev.StartAsked())

    async def stop(self, name: str) -> InstanceView:
        return await self._instances.of(name).ask(ev.StopAsked())

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView:
        self._refuse_meanwhile()
        supervisor = self._instances.of(name)
        await self._instances.let_go(name)
        if takeover and not self._instances.is_outdated:
            await self._instances.make_way(supervisor)
            self._refuse_meanwhile()
        return await supervisor.ask(ev.ReconnectAsked(takeover))

    async def clean(self, name: str, *, logout: bool = False, act_id: str = "") -> InstanceView:
        async with self._in_order():
            await self._cleaning.clean(name, logout=logout, act_id=act_id)
        return self._instances.of(name).view

    async def export(
        self,
        name: str,
        to: str,
        passphrase: str = "",
        *,
        format: ExportFormat | None = None,  # noqa: A002 - as declared
    ) -> SealedInstance:
        async with self._in_order("an export"):
            return await self._carrying.export(name, to, passphrase, format)

    async def take_in(
        self,
        file: str,
        passphrase: str,
        name: str | None = None,
        *,
        start: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        async with self._in_order():
            return await self._carrying.take_in(
                file, passphrase, name, start=start, dry_run=dry_run
            )

    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        supervisor = self._instances.of(name)
        jid = str(Jid(phone_number(to).removeprefix("+"))) if to else None
        moment = datetime.fromtimestamp(self._world.clock.now(), UTC)
        return await supervisor.send_test(f"waziterm test {moment:%Y-%m-%d %H:%M:%S} UTC", jid)

    async def pairing_code(self, name: str, phone: str | None = None) -> InstanceView:
        number = phone_number(phone) if phone else None
        return await self._instances.of(name).pairing_code(number)

    async def test(self, name: str, to: str | None = None, *, send: bool = False) -> TestReport:
        from waziterm.manager.care.layer_test import Connection, test_layers  # noqa: PLC0415

        supervisor = self._instances.of(name)
        connection = Connection(
            instance=name,
            proxy=supervisor.instance.way,
            lab=self._lab,
            view=lambda: supervisor.view,
            probe=supervisor.probe,
            send=partial(self.send_test, name, to) if send or to else None,
        )
        return await test_layers(connection)

    # -- the whole fleet ----------------------------------------------------------------------

    async def remove(self, name: str, *, logout: bool = False, act_id: str = "") -> Removal:
        async with self._in_order():
            removed = await self._cleaning.remove(name, logout=logout, act_id=act_id)
        await self.webhooks_changed()
        return removed

    async def numbers(self) -> tuple[OwnNumber, ...]:
        linked = [each.instance for each in self._instances]
        return tuple(
            OwnNumber(each.name, f"+{Jid.parse(each.jid).user}")
            for each in linked
            if each.jid is not None
        )

    def with_session(self) -> tuple[str, ...]:
        return self._cleaning.with_session()

    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        async with self._in_order():
            return await self._cleaning.clean_all(count, logout=logout)

    async def trash(self) -> tuple[TrashView, ...]:
        self.refuse_moved()
        return await self._cleaning.trash()

    async def restore(self, entry: str) -> str:
        async with self._in_order():
            restored = await self._cleaning.restore(entry)
        await self.webhooks_changed()
        return restored

    async def backup(self, file: str, passphrase: str = "", recipient: str = "") -> BackedUp:
        from waziterm.manager.care.backups import back_up  # noqa: PLC0415 - not before the first paint

        self.refuse_moved()
        return await back_up(self._files.data, file, passphrase, recipient)

    async def check(self) -> tuple[Finding, ...]:
        self.refuse_moved()
        return await self._checkup.check()

    async def fix(self, *, dry_run: bool = False) -> FixReport:
        if dry_run:
            self.refuse_moved()
            return await self._checkup.fix(dry_run=True)
        async with self._in_order(Phrase("a fix")):
            return await self._checkup.fix(dry_run=False)

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        async with (
            self._in_order(Phrase("a restart")),
            aclosing(self._restart.run(clean_sessions)) as steps,
        ):
            async for step in steps:
                yield step

    async def reload(self) -> Reloaded:
        """Read the config again, from where it was read at the start, and tell whoever watches."""
        from waziterm.config.changes import reloaded  # noqa: PLC0415 - not before the first paint
        from waziterm.domain.reload import Reloaded  # noqa: PLC0415 - as above

        async with self._reading:
            try:
                fresh = await asyncio.to_thread(self._settings.read_again)
            except ConfigError as error:
                for problem in error.problems:
                    log.error("the config was not reloaded: %s", problem.error)
                said = Phrase("the config was not reloaded: {why}", why=error.summary)
                self.announce(said, trouble=True)
                return Reloaded(errors=error.problems)
            outcome = reloaded(self._started_with, self._settings, fresh)
            self.apply(fresh)
        later = ", ".join(outcome.needs_restart)
        said = Phrase("the config was reloaded")
        if later:
            said = Phrase("the config was reloaded; at the next start only: {keys}", keys=later)
        log.info("%s", said)
        self.announce(said)
        return outcome

    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        """Let the janitor go round now; the acts. dry_run: only say what a round would do."""
        self.refuse_moved()
        return await (self._janitor.planned() if dry_run else self._janitor.round())

    # -- messages out -------------------------------------------------------------------------

    async def send_message(self, name: str, to: str, text: str) -> MessageView:
        self.refuse_moved()
        return await send(self.queue, name, to, text)

    async def messages(
        self,
        name: str | None = None,
        *,
        state: MessageState | None = None,
        limit: int = 200,
        before: str | None = None,
    ) -> tuple[MessageView, ...]:
        return await self.queue.messages(instance=name, state=state, limit=limit, before=before)

    async def cancel_message(self, message: str) -> MessageView:
        return await self.queue.cancel(message)

    async def resolve_message(self, message: str, how: Resolution) -> MessageView:
        self.refuse_moved()
        return await self.queue.resolve(message, how)

    async def message_text(self, message: str) -> MessageText:
        return await text_of(self.queue, message)

    async def opt_outs(self, name: str | None = None) -> tuple[OptedOut, ...]:
        return await self.queue.opt_outs(name)

    async def remove_opt_out(self, opt_out: str) -> OptedOut:
        return await self.queue.take_back_opt_out(opt_out)

    # -- what is remembered -------------------------------------------------------------------

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        from waziterm.manager.history.conflicts import conflicts_in  # noqa: PLC0415 - as above

        return await conflicts_in(self._store, since)

    async def incidents(self, since: float = 0.0) -> tuple[IncidentView, ...]:
        return await incidents_in(self._store, since)

    async def acknowledge(self, incident: int, *, note: str = "") -> None:
        await acknowledge_in(self._store, incident, note, self._world.clock.now())

    async def silence(self, name: str, seconds: int) -> Silence:
        identity, now = self._instances.id_of(name), self._world.clock.now()
        silence = Silence(name, now, now + seconds, who(), identity)
        await self._alerting.silence(silence)
        self._show(name)
        return silence

    async def silences(self) -> tuple[Silence, ...]:
        return self._alerting.silences

    # -- who is told --------------------------------------------------------------------------

    async def alerts(self) -> AlertsView:
        from waziterm.alerts.sinks import sinks_in  # noqa: PLC0415 - as above

        return await sinks_in(self._store, self._settings.alerts.sinks, self._alerting.silences)

    async def test_alerts(self, sink: str | None = None) -> tuple[SinkTest, ...]:
        return await self.outbox.test(sink)

    async def failed_alerts(self) -> tuple[FailedAlert, ...]:
        return await self._store.failed_alerts()

    async def retry_alerts(self, message: str | None = None) -> tuple[FailedAlert, ...]:
        return await self.outbox.retry(message)

    async def webhooks(self) -> tuple[WebhookView, ...]:
        return await self._targets.webhooks.views()

    async def test_webhooks(self, webhook: str | None = None) -> tuple[WebhookTest, ...]:
        return await self._targets.webhooks.test(webhook)

    async def failed_webhooks(self) -> tuple[FailedDelivery, ...]:
        return await self._targets.webhooks.failed()

    async def retry_webhooks(self, event: str | None = None) -> tuple[FailedDelivery, ...]:
        return await self._targets.webhooks.retry(event)

    async def timeline(self, name: str, since: float = 0.0, limit: int = 200) -> tuple[Moved, ...]:
        identity = self._instances.remembered_id(name)
        return await timeline_in(self._store, identity, since, limit)

    async def stats(
        self, since: float = 0.0, name: str | None = None, by: StatsBy | None = None
    ) -> tuple[Stats, ...]:
        from waziterm.domain.stats.sums import StatsBy  # noqa: PLC0415 - as above
        from waziterm.manager.history.statistics import stats_in  # noqa: PLC0415 - as above

        with suppress(StoreError):
            # On a full disk, of which the log tells each minute, the sums are those of before.
            await self._presence.count()
            await self._store_patterns()
        now = self._world.clock.now()
        if name is not None:
            name = self._instances.current_name(name) or name
        return await stats_in(self._store, since, name, by or StatsBy.ALL, now)

    async def recent(
        self, after: str = "", name: str | None = None, *, days: int = 1
    ) -> tuple[Recent, ...]:
        names = {each.instance.id: each.instance.name for each in self._instances}
        if name is not None:
            name = self._instances.current_name(name) or name
        return await recent_in(self._store, names, after, name, days, self._world.clock.now())

    async def attempts(self, since: float = 0.0, name: str | None = None) -> tuple[Attempt, ...]:
        identity = None if name is None else self._instances.remembered_id(name)
        return await attempts_in(self._store, since, identity)

    async def audit(self, since: float = 0.0, by: str = "") -> tuple[AuditEntry, ...]:
        return await audit_in(self._store, since, by)

    async def notes(self) -> tuple[ShiftNote, ...]:
        return await notes_in(self._store)

    async def note(self, text: str) -> ShiftNote:
        return await note_in(self._store, text, self._world.clock.now())

    async def dismiss(self, note: int) -> None:
        await dismiss_in(self._store, note, self._world.clock.now())

    async def tokens(self) -> tuple[TokenView, ...]:
        return await self._tokens.all()

    async def add_token(
        self, name: str, instances: str = "*", scopes: str = "send,read"
    ) -> MadeToken:
        return await self._tokens.add(name, instances, scopes)

    async def revoke_token(self, name: str) -> None:
        await self._tokens.revoke(name)
        await self.webhooks_changed()

    async def owner_of(self, token: str) -> TokenView | None:
        """Whose token this is; None for nobody's. Raises StoreError."""
        return await self._tokens.owner_of(token)

    # -- links to the scan page ---------------------------------------------------------------

    async def make_link(self, name: str, seconds: int = 600) -> MadeLink:
        self.refuse_moved()
        return await self.links.make(name, seconds)

    async def end_link(self, name: str) -> None:
        self.refuse_moved()
        await self.links.end(name)

    # -- how it is done -----------------------------------------------------------------------

    @cached_property
    def _checkup(self) -> Checkup:
        from waziterm.manager.care.checkup import Checkup  # noqa: PLC0415 - not before the first paint
        from waziterm.manager.care.evidence import CheckSources  # noqa: PLC0415 - as above

        sources = CheckSources(
            files=self._files,
            store=self._store,
            clock=self._world.clock,
            instances=self._instances.all,
            own_pids=self._instances.pids,
            keep_trash_s=lambda: self._cleaning.keep_s,
            version=lambda: self._instances.versions.used,
            has_manager=True,
            halted=self._instances.paused,
            stuck=self._instances.stalled,
            secret_files=lambda: self._settings.all_secret_files,
            silent=self._silent_now,
            queue=lambda: self._queue_trouble,
            inbox=lambda: self._receiving.troubles,
            upgraded=self.look_for_upgrade,
            connect_limit_s=lambda: self._settings.limits.connect_timeout_s,
            phone_days=lambda: self._settings.alerts.phone_days,
            configured=lambda: self._settings.instances,
            backup_every_s=lambda: self._settings.backup.planned_every_s,
            messages=self._looked_at_messages,
            webhooks=self._targets.looked_at,
        )
        return Checkup(sources)

    @cached_property
    def _tokens(self) -> Tokens:
        from waziterm.manager.care.tokens import Tokens  # noqa: PLC0415 - as above

        return Tokens(self._store, self._world.clock.now)

    @cached_property
    def facade(self) -> FacadeInstances:
        """The instances as the facade's clients know them."""
        from waziterm.manager.care.facade import FacadeInstances  # noqa: PLC0415 - as above

        return FacadeInstances(self._store, self._world.clock.now, self._instances.all)

    @cached_property
    def links(self) -> Links:
        """The links to the scan page."""
        from waziterm.manager.care.links import Links  # noqa: PLC0415 - as above

        return Links(
            self._store,
            self._world.clock,
            self._instances,
            self._scan_page,
            self._shift_at_start,
        )

    def _scan_page(self) -> str:
        """What a link to the scan page begins with. Raises FleetError where that does not
        answer."""
        web = self._started_with.web
        silent = next((each for each in self._silent_now() if each.which is Listener.WEB), None)
        if silent is not None:
            raise FleetError(silent.why, silent.hint)
        if web.begins_with is None:
            raise FleetError(
                Phrase("the scan page is not set up"),
                Phrase("set address in the table [web] of the config, then restart"),
            )
        return web.begins_with

    @cached_property
    def _carrying(self) -> Carrying:
        from waziterm.manager.care.carrying import Carrying  # noqa: PLC0415 - as above

        return Carrying(
            self._instances,
            self._store,
            self._cleaning,
            self._files,
            self._registry,
            self._world.clock,
            self._instances.paused,
            self._world.new_store,
        )

    @cached_property
    def _restart(self) -> Restart:
        from waziterm.manager.care.restart import Restart  # noqa: PLC0415 - as above

        return Restart(
            self._instances, self._checkup, self._cleaning, self._world.clock, self.subscribe
        )

    async def _device_key(self, name: str, jid: str) -> bytes | None:
        """See `SessionFiles.device_key`."""
        return await self._files.sessions.device_key(self._instances.id_of(name), jid)

    def refuse_moved(self) -> None:
        """Raises FleetError while the data directory is not where it was."""
        self._ownership.refuse_moved()

    def _refuse_meanwhile(self) -> None:
        """A session whose file is being mended, or is not ours, must not be opened in between."""
        self.refuse_moved()
        if self._under_way:
            raise FleetError(
                Phrase("{what} is running", what=self._under_way),
                Phrase("wait until it has ended"),
            )

    @asynccontextmanager
    async def _in_order(self, what: str = "") -> AsyncIterator[None]:
        """One after the other: what adds, moves and removes sessions. what: something long, that
        the others are told of instead of having to wait for it."""
        self._refuse_meanwhile()
        async with self._order:
            self.refuse_moved()
            if self._instances.is_closing:
                raise ManagerEndingError
            self._under_way = what
            try:
                yield
            finally:
                self._under_way = ""


@asynccontextmanager
async def open_manager(
    root: Path,
    settings: Settings,
    lab: LabFile | None,
    *,
    world: World | None = None,
    begin: asyncio.Event | None = None,
) -> AsyncIterator[SessionManager]:
    """Own a data directory and keep its fleet while the context lasts.

    lab: a local WhatsApp to use instead of the real one. world: for tests that bring their own.
    begin: nobody connects before it is set, so that a screen can be painted first; None: at once.
    Raises FleetError: exit code 3 when another manager owns the directory, 1 when the directory
    or the database cannot be used.
    """
    data = DataDir(root)
    data.create()
    if begin is None:
        begin = asyncio.Event()
        begin.set()
    try:
        with owned(data.lock) as ownership:
            finish_restoring(data.root)
            stored = open_store(data.database, lines_kept=settings.log.lines_kept)
            real = real_world(lab) if world is None else nullcontext(world)
            async with stored as store, real as outside, asyncio.TaskGroup() as tasks:
                manager = SessionManager(
                    data, settings, store, lab, outside, tasks, begin, ownership
                )
                try:
                    await manager.boot()
                    yield manager
                finally:
                    await manager.close()
    except BaseExceptionGroup as group:
        # The task group wraps even what the caller's own code raised in the context.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
