"""The session manager: the fleet that a screen, an HTTP API or a test talks to."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random

from waziterm.config import Settings
from waziterm.domain import events as ev
from waziterm.domain.fleet import (
    FleetError,
    FleetView,
    InstanceView,
    LogLine,
    Notice,
    SendResult,
)
from waziterm.domain.instance import Instance
from waziterm.domain.janitor import Act
from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.domain.states import State
from waziterm.manager.claims import Claims
from waziterm.manager.clock import Clock, SystemClock
from waziterm.manager.datadir import DataDir
from waziterm.manager.gate import ConnectGate, GateLimits
from waziterm.manager.hands import Surroundings
from waziterm.manager.hub import Hub, Subscriber
from waziterm.manager.inputs import instance_name, phone_number, proxy_url
from waziterm.manager.journal import TAIL, Journal
from waziterm.manager.link import Worker
from waziterm.manager.lock import owned
from waziterm.manager.process import WorkerProcess
from waziterm.manager.records import Records
from waziterm.manager.registry import Registry, machine_key, registry_folder
from waziterm.manager.rounds import Places, Rounds
from waziterm.manager.sessions import SessionFiles
from waziterm.manager.supervisor import Supervisor
from waziterm.manager.trash import Trash
from waziterm.manager.troubles import Troubles
from waziterm.store.store import Store, open_store

log = logging.getLogger(__name__)

_LIBRARY = "library"
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class World:
    """What a manager meets outside of itself: time, chance and worker processes.

    spawn: starts a worker; raises OSError.
    """

    clock: Clock
    random: Random
    spawn: Callable[[], Awaitable[Worker]]

    @classmethod
    def real(cls, lab: LabFile | None) -> "World":
        """The system's clock, true chance and real worker processes."""

        async def spawn() -> Worker:
            return await WorkerProcess.spawn(ca_file=lab.ca_file if lab else None)

        return cls(SystemClock(), Random(), spawn)


class SessionManager:
    """Keeps a fleet of instances, one supervisor each; see `domain.fleet.Fleet`."""

    def __init__(
        self,
        data: DataDir,
        settings: Settings,
        store: Store,
        lab: LabFile | None,
        world: World,
        tasks: asyncio.TaskGroup,
        begin: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._store = store
        self._lab = lab
        self._world = world
        self._tasks = tasks
        self._hub = Hub()
        fleet = settings.fleet
        limits = GateLimits(fleet.connects_at_once, fleet.paced_per_s, fleet.scout_s)
        self._gate = ConnectGate(limits, world.clock, self._outage, begin)
        registry = Registry(registry_folder(), machine_key(), data.root.resolve())
        self._claims = Claims(registry, world.clock)
        trash = Trash(data.trash)
        self._sessions = SessionFiles(data.sessions, trash)
        places = Places(
            store=store,
            sessions=self._sessions,
            trash=trash,
            registry=registry,
            clock=world.clock,
            fleet=lambda: [(kept.instance, kept.view.pid) for kept in self._supervisors.values()],
            tell=lambda name, event: self._supervisors[name].post(event),
        )
        self._rounds = Rounds(
            places, settings.trash.keep_days * _DAY_S, settings.log.history_days * _DAY_S
        )
        self._troubles = Troubles(store, lambda: len(self._supervisors), self._hub.notice)
        self._records: dict[str, Records] = {}
        self._supervisors: dict[str, Supervisor] = {}
        self._janitor: asyncio.Task[None] | None = None
        self._runs: set[asyncio.Task[None]] = set()
        self._naming = asyncio.Lock()

    # -- the life of the fleet ----------------------------------------------------------------

    async def boot(self) -> None:
        """Take up what is stored: what is paired and wanted connects, the others wait."""
        for instance in await self._store.instances():
            lines = await self._store.lines(instance.name, limit=TAIL)
            self._keep(instance, lines)
        library = version("neonize")
        changed = await self._store.get_meta(_LIBRARY) not in (None, library)
        await self._store.set_meta(_LIBRARY, library)
        for name, supervisor in self._supervisors.items():
            await self._adopt_device(name, supervisor)
            await supervisor.ask(ev.Booted(library_changed=changed))
        rounds = self._rounds.run(self._settings.janitor.every_s)
        self._janitor = self._tasks.create_task(rounds, name="janitor")

    async def _adopt_device(self, name: str, supervisor: Supervisor) -> None:
        """A pairing whose end the last manager did not live to store left a device in the file."""
        if supervisor.view.paired or not self._sessions.exists(name):
            return
        try:
            devices = await self._sessions.devices(name)
        except FleetError as error:
            log.warning("%s: its session file cannot be read: %s", name, error)
            return
        if len(devices) == 1:
            await supervisor.ask(ev.DeviceFound(*devices[0]))

    async def close(self) -> None:
        """Let every supervisor stop its worker and end. What is wanted stays as it is."""
        if self._janitor is not None:
            self._janitor.cancel()
        for supervisor in self._supervisors.values():
            supervisor.close()
        await asyncio.gather(*self._runs, return_exceptions=True)
        await self._claims.close()

    def _keep(self, instance: Instance, lines: tuple[LogLine, ...] = ()) -> Supervisor:
        name = instance.name

        def sink(line: LogLine) -> None:
            self._store.add_line(name, line)
            self._hub.line(name, line)

        records = self._records[name] = Records(self._store)
        around = Surroundings(
            records=records,
            troubles=self._troubles,
            sessions=self._sessions,
            claims=self._claims,
            gate=self._gate,
            clock=self._world.clock,
            random=self._world.random,
            spawn=self._world.spawn,
            show=self._hub.changed,
            outdated=self._outdated,
            lab=self._lab,
        )
        journal = Journal(self._world.clock, sink, lines)
        supervisor = Supervisor(instance, self._settings.limits_for(name), journal, around)
        self._supervisors[name] = supervisor
        run = self._tasks.create_task(supervisor.run(), name=f"supervisor {name}")
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        return supervisor

    def _outdated(self, teller: str) -> None:
        """405 is the library's fault: it meets every instance, so all stop trying."""
        for name, supervisor in self._supervisors.items():
            if name != teller:
                supervisor.post(ev.FleetOutdated())

    async def _make_way(self, taker: Supervisor) -> None:
        """At most one live connection per device: end a sibling's before the takeover dials."""
        jid = taker.instance.jid
        for other in self._supervisors.values():
            same = other is not taker and jid is not None and other.instance.jid == jid
            if same and other.instance.state.is_live:
                name = taker.instance.name
                await other.ask(ev.TakenOver(f"the instance {name} of this fleet"))

    def _outage(self, begins: bool) -> None:
        """The network went away for the fleet, or came back: nobody sits out a long back-off."""
        now = self._world.clock.now()
        if begins:
            said = "WhatsApp cannot be reached; one attempt at a time looks, the others wait"
        else:
            said = "WhatsApp can be reached again"
            for supervisor in self._supervisors.values():
                supervisor.post(ev.NetworkBack())
        self._hub.notice(Notice(now, said, trouble=begins))

    # -- the Fleet protocol -------------------------------------------------------------------

    def snapshot(self) -> FleetView:
        return FleetView(
            at=self._world.clock.now(),
            lab=self._lab is not None,
            instances=tuple(supervisor.view for supervisor in self._supervisors.values()),
            attempts=sum(records.attempts for records in self._records.values()),
            attempts_ok=sum(records.attempts_ok for records in self._records.values()),
        )

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        return self._of(name).tail(limit)

    def subscribe(self) -> AbstractAsyncContextManager[Subscriber]:
        return self._hub.subscribe(self.snapshot)

    async def add(
        self, name: str, phone: str | None = None, proxy: str | None = None
    ) -> InstanceView:
        """Add an instance and start to pair it. Raises InputError for what cannot be used."""
        instance_name(name)
        phone = phone_number(phone) if phone else None
        proxy = proxy_url(proxy) if proxy else None
        async with self._naming:
            if name in self._supervisors:
                raise FleetError(f"{name} exists already", "choose another name")
            now = self._world.clock.now()
            instance = Instance(name, created_at=now, since=now, phone=phone, proxy=proxy)
            await self._store.save(instance, event="Added", at=now)
            supervisor = self._keep(instance)
        return await supervisor.ask(ev.StartAsked())

    async def start(self, name: str) -> InstanceView:
        return await self._of(name).ask(ev.StartAsked())

    async def stop(self, name: str) -> InstanceView:
        return await self._of(name).ask(ev.StopAsked())

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView:
        supervisor = self._of(name)
        if takeover and supervisor.instance.state is not State.BANNED:
            await self._make_way(supervisor)
        return await supervisor.ask(ev.ReconnectAsked(takeover))

    async def clean(self, name: str) -> InstanceView:
        return await self._of(name).ask(ev.CleanAsked())

    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        supervisor = self._of(name)
        jid = str(Jid(phone_number(to).removeprefix("+"))) if to else None
        moment = datetime.fromtimestamp(self._world.clock.now(), UTC)
        return await supervisor.send_test(f"waziterm test {moment:%Y-%m-%d %H:%M:%S} UTC", jid)

    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        """Let the janitor go round now; the acts. dry_run: only say what a round would do."""
        return await (self._rounds.planned() if dry_run else self._rounds.round())

    def _of(self, name: str) -> Supervisor:
        supervisor = self._supervisors.get(name)
        if supervisor is None:
            raise FleetError(f"no instance is called {name[:60]!r}", "see `waziterm list`", code=2)
        return supervisor


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
        with owned(data.lock):
            stored = open_store(data.database, lines_kept=settings.log.lines_kept)
            async with stored as store, asyncio.TaskGroup() as tasks:
                outside = world or World.real(lab)
                manager = SessionManager(data, settings, store, lab, outside, tasks, begin)
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
