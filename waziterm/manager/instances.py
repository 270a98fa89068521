"""The supervisors of a fleet, and what they tell each other."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from waziterm.config import Settings
from waziterm.domain.alerts.facts import Changed, Fact, Removed
from waziterm.domain.errors import ManagerEndingError
from waziterm.domain.fleet.api import (
    FleetError,
    InstanceNotFoundError,
    InstanceView,
    LogLine,
    Notice,
)
from waziterm.domain.fleet.counts import Counts
from waziterm.domain.fleet.naming import (
    Taken,
    current_name,
    former_names,
    names_of,
    refuse_alias,
    refuse_rename,
)
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.details import QUEUED, sibling_detail
from waziterm.domain.lifecycle.event_names import EventName
from waziterm.domain.lifecycle.future import OVERDUE_S
from waziterm.domain.lifecycle.instance import Configured, Instance
from waziterm.domain.lifecycle.reasons import OF_THE_NETWORK, Reason
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.domain.messages.opt_out import opt_out_word
from waziterm.domain.messages.queue_counts import QueueCounts
from waziterm.domain.messages.sending import Hears
from waziterm.domain.phrase import Phrase
from waziterm.domain.upkeep.outage import is_outage, pace
from waziterm.domain.upkeep.packing import WorkerView, shares
from waziterm.manager.broadcast import Broadcast
from waziterm.manager.files.leaving import finish_leaving
from waziterm.manager.files.sessions import SessionFiles
from waziterm.manager.history.audit import who
from waziterm.manager.instance.effects import Services
from waziterm.manager.instance.fresh_lines import FreshLines
from waziterm.manager.instance.incident_tracker import IncidentTracker
from waziterm.manager.instance.log import TAIL, InstanceLog
from waziterm.manager.instance.recorder import Recorder
from waziterm.manager.instance.storms import Storms
from waziterm.manager.instance.supervisor import Supervisor
from waziterm.manager.instance.traces import Traces
from waziterm.manager.rivals.addresses import Addresses
from waziterm.manager.rivals.claims import Claims
from waziterm.manager.version.versions import FleetAccess, Versions
from waziterm.manager.views import Shown
from waziterm.manager.workers.connect_limit import ConnectLimit, ConnectRates
from waziterm.manager.workers.pairing_turns import PairingTurns
from waziterm.manager.workers.pool import Pool
from waziterm.manager.workers.usage import Usage
from waziterm.manager.world import World
from waziterm.store.connection import finished
from waziterm.store.errors import StoreError
from waziterm.store.store import Store

log = logging.getLogger(__name__)

OUTAGES_EVERY_S = 60.0
_KEPT_AT_ONCE = 50
"""Of many; in between others have their turn, and what is stored of them shares a transaction."""


class Instances:
    """One supervisor for each instance. tasks: runs them. begin: nobody connects before it.
    copies: the folder of the library's copies. journal: where the worker of the instance with an id
    writes what comes in. hear: is told what may have to be told on. hears: is
    told what comes in that concerns messages. messages: how an instance's messages out stand, by
    its name. fresh: takes in the log lines."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        sessions: SessionFiles,
        copies: Path,
        journal: Callable[[str], Path],
        claims: Claims,
        lab: LabFile | None,
        world: World,
        broadcast: Broadcast,
        tasks: asyncio.TaskGroup,
        begin: asyncio.Event,
        hear: Callable[[Fact], None],
        hears: Hears,
        silenced: Callable[[str], float | None],
        messages: Callable[[str], QueueCounts | None],
        fresh: FreshLines,
    ) -> None:
        self._hear = hear
        self._fresh = fresh
        self._settings = settings
        self._configured = settings.configured_for()
        self._store = store
        self._sessions = sessions
        self._journal = journal
        self._world = world
        self._broadcast = broadcast
        self._connect_limit = ConnectLimit(
            _connect_rates(settings),
            lambda: pace(self._settings.fleet.paced_per_s, len(self._supervisors)),
            world.clock,
            lambda failing: is_outage(failing, self.all()),
            self._outage,
            begin,
        )
        self._pairing_turns = PairingTurns(settings.fleet.pairings_at_once, world.clock)
        self._storms = Storms(
            world.clock, lambda: self._settings.limits.short_lived_s, self._post, self._wake_all
        )
        self._pool = Pool(
            world.spawn, world.clock, tasks, lambda: self.per_worker, self._worker_ended
        )
        self.traces = Traces(sessions, self._pool)
        self._news: dict[str, asyncio.Event] = {}
        self._of_ids: dict[str, Supervisor] = {}
        self.usage = Usage(store, world.clock, self._pool.held, self.id_of, world.process_use)
        self.incidents = IncidentTracker(
            lambda: len(self._supervisors), broadcast.notice, world.clock, store
        )
        self._supervisors: dict[str, Supervisor] = {}
        self._recorders: dict[str, Recorder] = {}
        self._counted_before: dict[str, Counts] = {}
        fleet = FleetAccess(self._supervisors, self._pool, broadcast.refresh, broadcast.notice)
        self.versions = Versions(
            settings.library.whatsapp_version, copies, lab, store, world, tasks, fleet
        )
        self.is_closing = False
        self._adopting = asyncio.Lock()
        self._services = Services(
            tasks=tasks,
            sessions=sessions,
            claims=claims,
            connect_limit=self._connect_limit,
            pairing_turns=self._pairing_turns,
            storms=self._storms,
            clock=world.clock,
            random=world.random,
            pool=self._pool,
            traces=self.traces,
            hears=hears,
            inbox=self._inbox,
            opt_out_words=self._opt_out_words,
            addresses=Addresses(world.clock),
            show=self._changed,
            silenced=silenced,
            messages=messages,
            tell=broadcast.notice,
            versions=self.versions,
            lab=lab,
        )
        self._aliases: Mapping[str, str] = {}

    def __iter__(self) -> Iterator[Supervisor]:
        return iter(tuple(self._supervisors.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._supervisors

    def views(self) -> tuple[InstanceView, ...]:
        """All instances as they are shown, in the order in which they were added."""
        return tuple(supervisor.view for supervisor in self._supervisors.values())

    @property
    def counts(self) -> Mapping[str, Counts]:
        """What has happened in this run, by the names of the instances, those that were removed
        too: no sum of them falls."""
        kept = {name: recorder.counts for name, recorder in self._recorders.items()}
        return self._counted_before | kept

    def of(self, name: str) -> Supervisor:
        """The supervisor of an instance. Raises FleetError when there is none."""
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            raise InstanceNotFoundError(name, self.current_name(name))
        return supervisor

    def with_id(self, identity: str) -> Supervisor | None:
        """The supervisor of the instance with this id, None when there is none."""
        return self._of_ids.get(identity)

    def now(self) -> float:
        """UTC seconds, as the instances' moments are told."""
        return self._world.clock.now()

    async def news_of(self, identity: str) -> None:
        """Wait until something of the instance with this id is shown, or it comes or goes."""
        await self._news.setdefault(identity, asyncio.Event()).wait()

    def tell_news(self, *identities: str) -> None:
        """Wake who waits for news of the instances with these ids."""
        for identity in identities:
            if (waiting := self._news.pop(identity, None)) is not None:
                waiting.set()

    def id_of(self, name: str) -> str:
        """The id of the instance with this name. Raises FleetError when there is none."""
        return self.of(name).instance.id

    def current_name(self, name: str) -> str | None:
        """How the instance is called now that has this name or had it; None when nobody had it."""
        return name if name in self else current_name(name, self.all(), self.aliases)

    @property
    def aliases(self) -> Mapping[str, str]:
        """By each name that an instance had before, and nobody has now, its id, the newest first;
        of removed ones too."""
        return {name: each for name, each in self._aliases.items() if name not in self}

    @property
    def former_names(self) -> Mapping[str, str]:
        """By each name that an instance had before, the one that it has."""
        return former_names(self.all(), self.aliases)

    def remembered_id(self, name: str) -> str:
        """The id of the instance that has this name or had it: what was kept of it is found under
        either. Raises FleetError when there is none."""
        return self.id_of(self.current_name(name) or name)

    def _names_of(self, instance: Instance) -> tuple[str, ...]:
        """The name of an instance, then those that it had before, as far as the config may say
        something of them."""
        if not self._settings.instances:
            return (instance.name,)
        return names_of(instance, self.aliases)

    # -- `manager.care.cleaning.Keeper` ------------------------------------------------------------

    @property
    def is_outdated(self) -> bool:
        """Whether WhatsApp refuses the library: nobody of the fleet tries to connect."""
        return self.versions.is_outdated

    def pids(self) -> frozenset[int]:
        """The workers of this fleet."""
        return self._pool.pids()

    @property
    def per_worker(self) -> int:
        """How many instances share a worker at most."""
        return shares(self._settings.fleet.instances_per_worker, len(self._supervisors))

    def workers(self) -> tuple[WorkerView, ...]:
        """The workers that may be given up for others; none while nobody could connect again."""
        if self._connect_limit.is_out or self.is_outdated:
            return ()
        isolated = (each.name for each in self.all() if each.is_isolated)
        return self._pool.views(frozenset(isolated))

    def all(self) -> tuple[Instance, ...]:
        return tuple(supervisor.instance for supervisor in self)

    async def tell(self, name: str, event: ev.Event) -> None:
        await self.of(name).ask(event)

    async def adopt(self, instance: Instance) -> None:
        """Store an instance and give it its supervisor. One that was removed before goes on with
        its log. Raises FleetError, also when the manager is ending."""
        name = instance.name
        if name in self._supervisors:
            raise FleetError(
                Phrase("{name} exists already", name=name), Phrase("choose another name")
            )
        refuse_alias(name, self.all(), self.aliases)
        async with self._adopting:
            if self.is_closing:
                raise ManagerEndingError
            await self._store.save(instance, event=EventName.ADDED, at=self._world.clock.now())
            lines = await self._store.lines(instance.id, limit=TAIL)
            self.keep(self.configured(instance), lines)
        self._broadcast.changed(self.of(name).view)

    async def adopt_all(self, instances: Sequence[Instance]) -> None:
        """The same for new instances, all of them or none."""
        async with self._adopting:
            if self.is_closing:
                raise ManagerEndingError
            await self._store.add_all(instances, self._world.clock.now())
            for number, each in enumerate(instances):
                if number % _KEPT_AT_ONCE == 0:
                    await asyncio.sleep(0)
                self.keep(self.configured(each))
        self._broadcast.refresh()

    async def add(self, instance: Instance, session: str | None) -> None:
        """Keep a new instance, with the session file that it takes up, see `SessionFiles.stray`.
        Raises FleetError, and then it is not kept."""
        name = instance.name
        if name in self._supervisors:
            raise FleetError(
                Phrase("{name} exists already", name=name), Phrase("choose another name")
            )
        refuse_alias(name, self.all(), self.aliases)
        stray = await self._sessions.stray(name, session, self.all())
        await self.adopt(instance)
        if stray is None:
            return
        try:
            await self._sessions.take_up(stray, instance)
        except FleetError:
            await self.forget(name)
            raise
        await self.tell(name, ev.DeviceFound(*stray.device))

    async def forget(self, name: str) -> None:
        """Let an instance's supervisor end, and take the instance out of the database."""
        supervisor = self.of(name)
        await self._end(name)
        try:
            await self._store.remove(supervisor.instance.id)
        except FleetError:
            await self._keep_again(supervisor)
            raise
        self._let_go_of(name)
        self._broadcast.removed(name)
        self._hear(Removed(supervisor.instance.id))
        with suppress(StoreError):
            # Another one may have had its name before.
            self._aliases = await self._store.aliases()

    async def rename(
        self, name: str, new: str, taken: Taken, *, take: bool, undone: int | None = None
    ) -> None:
        """Give an instance another name, see `domain.fleet.protocol.Fleet.rename`; nobody else
        notices. taken: what else than the instances has names. undone: the number of the edit that
        this undoes. Raises FleetError, and then it has the name that it had."""
        supervisor = self.of(name)
        instance = supervisor.instance
        refuse_rename(instance, new, taken, take=take)
        # Whoever asked may go away: it would stay paused, or be without a supervisor.
        await finished(self._rename(supervisor, new, undone))

    async def _rename(self, supervisor: Supervisor, new: str, undone: int | None) -> None:
        instance = supervisor.instance
        name = instance.name
        pairs = not instance.is_paired and instance.state in (State.CONNECTING, State.PAIRING)
        await self.tell(name, ev.PauseAsked())
        await self._end(name)
        try:
            async with self._adopting:
                if self.is_closing:
                    raise ManagerEndingError
                tail = await self._store.lines(supervisor.instance.id, limit=TAIL)
                renamed = replace(supervisor.instance, name=new)
                now = self._world.clock.now()
                self._aliases = await self._store.rename(renamed, now, who(), undone)
                self._keep_as(new, supervisor, tail)
        except FleetError:
            await self._keep_again(supervisor)
            if name in self:
                await self._go_on(name, pairs=pairs)
            raise
        await self.incidents.renamed(self.of(new).instance)
        await self._go_on(new, pairs=pairs)

    def _keep_as(self, new: str, supervisor: Supervisor, lines: tuple[LogLine, ...]) -> None:
        """Let an instance whose supervisor has ended go on under a new name, in the place that it
        had among the others."""
        name, order = supervisor.instance.name, list(self._supervisors)
        self._let_go_of(name)
        self._counted_before[new] = self._counted_before.pop(name)
        renamed = self.keep(self.configured(replace(supervisor.instance, name=new)), lines)
        for each in order[order.index(name) :]:
            # In the mapping itself, which others have too.
            there = new if each == name else each
            self._supervisors[there] = self._supervisors.pop(there)
        renamed.note(f"renamed; its name was {name}")
        self._hear(Changed(renamed.instance))
        self._broadcast.refresh()

    async def _go_on(self, name: str, *, pairs: bool) -> None:
        """End a pause. pairs: it was being linked, and is again."""
        await self.resume(name)
        if pairs:
            try:
                await self.tell(name, ev.StartAsked())
            except FleetError as error:
                log.warning("%s is not being linked any more: %s", name, error)

    async def _end(self, name: str) -> None:
        """Let a supervisor end, and its worker."""
        supervisor = self.of(name)
        supervisor.close(
            FleetError(
                Phrase("{name} is being changed", name=name), Phrase("ask again in a moment")
            )
        )
        await supervisor.ended()

    async def _keep_again(self, supervisor: Supervisor) -> None:
        """Keep an instance whose supervisor has ended, as it was, unless the manager is ending."""
        async with self._adopting:
            tail: tuple[LogLine, ...] = ()
            with suppress(StoreError):
                tail = await self._store.lines(supervisor.instance.id, limit=TAIL)
            if not self.is_closing:
                self.keep(self.configured(supervisor.instance), tail)

    def _let_go_of(self, name: str) -> None:
        """Nobody has this name any more; what was counted under it stays."""
        self._counted_before[name] = self._recorders[name].counts
        identity = self._supervisors[name].instance.id
        self._of_ids.pop(identity, None)
        self.tell_news(identity)
        for kept in (self._supervisors, self._recorders):
            kept.pop(name, None)
        self._storms.forgotten(name)
        self.versions.forgotten(name)

    async def logout(self, name: str) -> str:
        return await self.of(name).logout()

    @asynccontextmanager
    async def paused(self, name: str) -> AsyncIterator[None]:
        """Nothing uses the session of this name while the context lasts; then it goes on, unless
        somebody else has paused it before."""
        if name not in self or self.of(name).instance.reason is Reason.PAUSED:
            yield
            return
        await self.tell(name, ev.PauseAsked())
        try:
            yield
        finally:
            await self.resume(name)

    async def resume(self, name: str) -> None:
        """End a pause, also when that cannot be stored: nobody stays paused."""
        try:
            await self.tell(name, ev.Booted())
        except FleetError as error:
            log.warning("%s goes on, and that is not stored: %s", name, error)
            self.of(name).post(ev.Booted())

    # -- the life of the fleet ----------------------------------------------------------------

    async def stored(self, stored: Sequence[Instance], shift: float) -> tuple[Instance, ...]:
        """What is stored, with what the config says of it now. shift: by how many seconds
        the clock was set since it was stored, as far as known."""
        self._aliases = await self._store.aliases()
        return tuple(self.configured(each).shifted(shift) for each in stored)

    async def boot(self, stored: Sequence[Instance], *, library_changed: bool) -> None:
        """Take up what is stored: what is paired and wanted connects, the others wait.

        library_changed: neonize is another version than last time.
        """
        await self._sessions.settle(stored)
        await finish_leaving(self._store, stored)
        resuming = sum(self._will_share(one) for one in stored)
        if resuming:
            self._world.warm()
        held = any(one.hold is Reason.OUTDATED_CLIENT for one in stored)
        released = await self.versions.boot(held=held, upgraded=library_changed)
        ends = await self._store.tails([each.id for each in stored], limit=1)
        for instance in stored:
            self.keep(instance, ends[instance.id], partial(self._tail_now, instance.id))
        self._pool.expect(resuming)
        booted, everybody = ev.Booted(released), tuple(self)
        for begin in range(0, len(everybody), _KEPT_AT_ONCE):
            some = everybody[begin : begin + _KEPT_AT_ONCE]
            for supervisor in some:
                await self._adopt_device(supervisor)
            await asyncio.gather(*(each.tell(booted) for each in some if not each.rests(booted)))
            await asyncio.sleep(0)
        self.versions.resume()

    async def read_logs(self) -> None:
        """Take up the ends of all logs, which the boot has left out."""
        ids = [each.id for each in self.all()]
        for begin in range(0, len(ids), _KEPT_AT_ONCE):
            try:
                tails = await self._store.tails(ids[begin : begin + _KEPT_AT_ONCE], limit=TAIL)
            except StoreError as error:
                # Whoever asks for one has it read again.
                log.warning("the ends of the logs cannot be read: %s", error)
                return
            for identity, lines in tails.items():
                if (supervisor := self.with_id(identity)) is not None:
                    supervisor.recall(lines)

    def _tail_now(self, identity: str) -> tuple[LogLine, ...] | None:
        try:
            return self._store.tail_now(identity, limit=TAIL)
        except StoreError as error:
            log.warning("the end of a log cannot be read: %s", error)
            return None

    def _will_share(self, one: Instance) -> bool:
        """Whether an instance of the last manager will want a place in a shared worker."""
        wanted = one.is_paired and one.wanted is Wanted.RUNNING and not one.is_held
        return wanted and not one.is_isolated

    def configured(self, instance: Instance) -> Instance:
        """The same with what the config says of it now."""
        configured = self._configured_for(instance)
        if configured == instance.configured:
            return instance
        return replace(instance, configured=configured)

    def _configured_for(self, instance: Instance) -> Configured:
        settings = self._settings
        # In most fleets no instance has a table of its own.
        return (
            settings.configured_for(*self._names_of(instance))
            if settings.instances
            else self._configured
        )

    async def _adopt_device(self, supervisor: Supervisor) -> None:
        """A pairing whose end the last manager did not live to store left a device in the file."""
        name, identity = supervisor.instance.name, supervisor.instance.id
        if supervisor.instance.is_paired or not self._sessions.exists(identity):
            return
        try:
            devices = await self._sessions.devices(identity)
        except FleetError as error:
            log.warning("%s: its session file cannot be read: %s", name, error)
            return
        if len(devices) == 1:
            await supervisor.ask(ev.DeviceFound(*devices[0]))

    def keep(
        self,
        instance: Instance,
        lines: tuple[LogLine, ...] = (),
        read: Callable[[], tuple[LogLine, ...] | None] | None = None,
    ) -> Supervisor:
        """Give an instance its supervisor. instance: `configured`. lines: the end of its log. read:
        see `InstanceLog`."""
        name, identity = instance.name, instance.id

        def sink(line: LogLine) -> None:
            self._store.add_line(identity, line)
            self._broadcast.line(name, line)
            self._fresh.add(identity, line.text)

        counts = self._counted_before.get(name, Counts())
        recorder = self._recorders[name] = Recorder(self._store, self.incidents, self._hear, counts)
        instance_log = InstanceLog(self._world.clock, sink, lines, read)
        limits = self._settings.limits_for(*self._names_of(instance))
        supervisor = Supervisor(instance, limits, instance_log, recorder, self._services)
        self._supervisors[name] = self._of_ids[identity] = supervisor
        self.tell_news(identity)
        return supervisor

    def apply(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        self._settings = settings
        self._configured = settings.configured_for()
        self._connect_limit.apply(_connect_rates(settings))
        self._pairing_turns.apply(settings.fleet.pairings_at_once)
        self.versions.apply(settings.library.whatsapp_version)
        for supervisor in self:
            limits = settings.limits_for(*self._names_of(supervisor.instance))
            supervisor.apply(limits, self._configured_for(supervisor.instance))

    def stuck(self) -> dict[str, Phrase]:
        """By name, why an instance is longer in its state than its limit says."""
        found = {name: supervisor.stuck for name, supervisor in self._supervisors.items()}
        return {name: why for name, why in found.items() if why}

    def stalled(self) -> dict[str, Phrase]:
        """The same, with those that wait for their turn to connect while nobody gets one: that
        nobody can bring on. A place is given back when its connect has come to its end."""
        stalled_s, limits = self._connect_limit.stalled_s, self._settings.limits
        waits = {each.instance.name for each in self if each.instance.detail == QUEUED}
        longest_s = 2 * limits.connect_timeout_s + self._settings.fleet.scout_s + OVERDUE_S
        if stalled_s <= longest_s:
            return self.stuck()
        why = Phrase(
            "{queued}, and nobody got one for {count} s",
            queued=Phrase(QUEUED),
            count=round(stalled_s),
        )
        return dict.fromkeys(sorted(waits), why) | self.stuck()

    async def watch_outages(self) -> None:
        """Tell every minute of those that try in vain for long, until cancelled."""
        while True:
            await self._world.clock.sleep(OUTAGES_EVERY_S)
            try:
                await self.incidents.look(self.all(), self._settings.limits.short_lived_s)
            except Exception:
                # It is looked again in a minute; it is no reason to end the fleet.
                log.exception("not looked for outages")

    def clock_set(self) -> None:
        """The wall clock was set, or the machine was suspended: everybody's moments have moved."""
        for supervisor in self:
            supervisor.post(ev.ClockSet())
        self.tell_news(*tuple(self._news))
        self._broadcast.refresh()

    async def close(self) -> None:
        """Let every supervisor stop its worker and end. What is wanted stays as it is."""
        self.is_closing = True
        self._storms.close()
        self.versions.close()
        self._broadcast.refresh()
        async with self._adopting:
            # Whoever gets a supervisor after this would never end, and the manager with it.
            for supervisor in self:
                supervisor.close()
        await asyncio.gather(*(each.ended() for each in self))
        await self._pool.close()

    async def let_go(self, name: str) -> None:
        """End the hold of an instance that was outdated when the fleet was, and came back since,
        from the trash for example."""
        supervisor = self.of(name)
        if supervisor.instance.hold is Reason.OUTDATED_CLIENT and not self.is_outdated:
            await supervisor.ask(ev.VersionChanged(scouting=False))

    async def make_way(self, taker: Supervisor) -> None:
        """At most one live connection per device: end a sibling's before the takeover dials.

        A ban lets nobody take over, so it is no reason to end anything.
        """
        jid, name = taker.instance.jid, taker.instance.name
        now = self._world.clock.now()
        if (taker.instance.banned_until or 0.0) > now:
            return
        for other in self:
            # Also one that is not live by its state: its worker may just be about to end.
            if other is not taker and jid is not None and other.instance.jid == jid:
                await other.ask(ev.TakenOver(sibling_detail(name)))

    def _inbox(self, identity: str) -> str:
        return str(self._journal(identity)) if self._settings.messages.inbox else ""

    def _opt_out_words(self) -> tuple[str, ...]:
        return tuple(opt_out_word(each) for each in self._settings.messages.opt_out_words)

    def _changed(self, shown: Shown) -> None:
        if self._broadcast.is_heard:
            self._broadcast.changed(shown.view)
        self.tell_news(shown.instance.id)
        self.versions.saw(shown.instance)

    def _outage(self, begins: bool) -> None:
        """The network went away for the fleet, or came back: nobody sits out a long back-off."""
        now = self._world.clock.now()
        if begins:
            said = Phrase(
                "WhatsApp cannot be reached; one attempt at a time looks, the others wait"
            )
        else:
            said = Phrase("WhatsApp can be reached again")
            self._wake_all()
        self._broadcast.notice(Notice(now, said, trouble=begins))

    def _worker_ended(self, said: Phrase) -> None:
        self._broadcast.notice(Notice(self._world.clock.now(), said, trouble=True))

    def _wake_all(self) -> None:
        """Whoever waits because of the network tries now; the connect limit paces them."""
        waiting = [each for each in self.all() if each.next_attempt is not None]
        coming = (each for each in waiting if each.reason in OF_THE_NETWORK)
        self._pool.expect(sum(map(self._will_share, coming)))
        for supervisor in self:
            supervisor.post(ev.NetworkBack())

    def _post(self, name: str, event: ev.Event) -> None:
        if name in self._supervisors:
            self._supervisors[name].post(event)


def _connect_rates(settings: Settings) -> ConnectRates:
    fleet = settings.fleet
    return ConnectRates(fleet.connects_at_once, fleet.scout_s)
