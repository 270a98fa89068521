"""The session manager: the fleet that a screen, an HTTP API or a test talks to."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from waziterm.config import Settings
from waziterm.domain import events as ev
from waziterm.domain.checkup import Finding, FixReport
from waziterm.domain.fleet import FleetError, FleetView, InstanceView, LogLine, Notice, SendResult
from waziterm.domain.instance import Instance
from waziterm.domain.janitor import Act
from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.domain.layers import TestReport
from waziterm.domain.tools import ConflictRecord, Progress, RestartReport
from waziterm.domain.trash import TrashView
from waziterm.manager.checkup import CheckPlaces, Checkup
from waziterm.manager.claims import Claims
from waziterm.manager.cleaning import Cleaning
from waziterm.manager.datadir import DataDir
from waziterm.manager.hub import Hub, Subscriber
from waziterm.manager.inputs import instance_name, phone_number, proxy_url
from waziterm.manager.lock import owned
from waziterm.manager.reading import conflicts_in
from waziterm.manager.registry import Registry, machine_key, registry_folder
from waziterm.manager.restart import Restart
from waziterm.manager.roster import Roster
from waziterm.manager.rounds import Places, Rounds
from waziterm.manager.sessions import SessionFiles
from waziterm.manager.tester import Connection, test_layers
from waziterm.manager.trash import Trash
from waziterm.manager.world import World
from waziterm.store.store import Store, open_store

_LIBRARY = "library"
_DAY_S = 86_400.0


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
        registry = Registry(registry_folder(), machine_key(), data.root.resolve())
        self._claims = Claims(registry, world.clock)
        trash = Trash(data.trash)
        sessions = SessionFiles(data.sessions, trash)
        self._roster = Roster(
            settings, store, sessions, self._claims, lab, world, self._hub, tasks, begin
        )
        keep_trash_s = settings.trash.keep_days * _DAY_S
        self._cleaning = Cleaning(
            self._roster, sessions, trash, registry, world.clock, keep_trash_s
        )
        checkup = CheckPlaces(
            data=data,
            store=store,
            sessions=sessions,
            trash=trash,
            registry=registry,
            clock=world.clock,
            instances=self._roster.instances,
            own_pids=self._roster.pids,
            keep_trash_s=keep_trash_s,
            has_manager=True,
            halted=self._roster.paused,
        )
        self._checkup = Checkup(checkup)
        self._restart = Restart(
            self._roster, self._checkup, self._cleaning, world.clock, self.subscribe
        )
        places = Places(
            store=store,
            sessions=sessions,
            trash=trash,
            registry=registry,
            clock=world.clock,
            roster=self._roster,
        )
        self._rounds = Rounds(places, keep_trash_s, settings.log.history_days * _DAY_S)
        self._janitor: asyncio.Task[None] | None = None
        self._order = asyncio.Lock()
        self._under_way = ""

    # -- the life of the fleet ----------------------------------------------------------------

    async def boot(self) -> None:
        """Take up what is stored; see `Roster.boot`. From now on the janitor goes round."""
        library = version("neonize")
        changed = await self._store.get_meta(_LIBRARY) not in (None, library)
        await self._store.set_meta(_LIBRARY, library)
        await self._roster.boot(library_changed=changed)
        rounds = self._rounds.run(self._settings.janitor.every_s)
        self._janitor = self._tasks.create_task(rounds, name="janitor")

    async def close(self) -> None:
        """Let every supervisor stop its worker and end. What is wanted stays as it is."""
        if self._janitor is not None:
            self._janitor.cancel()
        await self._roster.close()
        await self._claims.close()

    def apply(self, settings: Settings) -> None:
        """Go by other settings from now on. What is under way goes on by the old ones: a wait
        that has begun, and the probes of a connection that is open."""
        keep_trash_s = settings.trash.keep_days * _DAY_S
        self._roster.apply(settings)
        self._cleaning.keep_s = keep_trash_s
        self._checkup.apply(keep_trash_s)
        keep_history_s = settings.log.history_days * _DAY_S
        self._rounds.apply(settings.janitor.every_s, keep_trash_s, keep_history_s)

    def announce(self, text: str, *, trouble: bool = False) -> None:
        """Say a sentence to whoever watches."""
        self._hub.notice(Notice(self._world.clock.now(), text, trouble=trouble))

    # -- the emergency tools: `domain.tools.Tools` ---------------------------------------------

    async def remove(self, name: str, *, logout: bool = False) -> str:
        async with self._in_order():
            return await self._cleaning.remove(name, logout=logout)

    def with_session(self) -> tuple[str, ...]:
        return self._cleaning.with_session()

    async def clean_all(self, count: int, *, logout: bool = False) -> tuple[str, ...]:
        async with self._in_order():
            return await self._cleaning.clean_all(count, logout=logout)

    async def trash(self) -> tuple[TrashView, ...]:
        return await self._cleaning.trash()

    async def restore(self, entry: str) -> str:
        async with self._in_order():
            return await self._cleaning.restore(entry)

    async def check(self) -> tuple[Finding, ...]:
        return await self._checkup.check()

    async def fix(self, *, dry_run: bool = False) -> FixReport:
        if dry_run:
            return await self._checkup.fix(dry_run=True)
        async with self._in_order("a fix"):
            return await self._checkup.fix(dry_run=False)

    async def restart(
        self, *, clean_sessions: int | None = None
    ) -> AsyncGenerator[Progress | RestartReport, None]:
        async with (
            self._in_order("a restart"),
            aclosing(self._restart.run(clean_sessions)) as steps,
        ):
            async for step in steps:
                yield step

    async def test(self, name: str, to: str | None = None) -> TestReport:
        supervisor = self._roster.of(name)
        connection = Connection(
            instance=name,
            proxy=supervisor.instance.proxy,
            lab=self._lab,
            view=lambda: supervisor.view,
            probe=supervisor.probe,
            send=lambda: self.send_test(name, to),
        )
        return await test_layers(connection)

    async def conflicts(self, since: float = 0.0) -> tuple[ConflictRecord, ...]:
        return await conflicts_in(self._store, since)

    def _refuse_meanwhile(self) -> None:
        """A session whose file is being mended must not be opened in between."""
        if self._under_way:
            raise FleetError(f"{self._under_way} is under way", "wait until it has ended")

    @asynccontextmanager
    async def _in_order(self, what: str = "") -> AsyncIterator[None]:
        """One after the other: what adds, moves and removes sessions. what: something long, that
        the others are told of instead of having to wait for it."""
        self._refuse_meanwhile()
        async with self._order:
            self._under_way = what
            try:
                yield
            finally:
                self._under_way = ""

    # -- the Fleet protocol -------------------------------------------------------------------

    def snapshot(self) -> FleetView:
        attempts, attempts_ok = self._roster.attempts
        return FleetView(
            at=self._world.clock.now(),
            lab=self._lab is not None,
            instances=self._roster.views(),
            attempts=attempts,
            attempts_ok=attempts_ok,
        )

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        return self._roster.of(name).tail(limit)

    async def lines(
        self, name: str, *, limit: int, since: float = 0.0, after: int = 0
    ) -> tuple[LogLine, ...]:
        self._roster.of(name)
        return await self._store.lines(name, limit=limit, since=since, after_seq=after)

    def subscribe(self) -> AbstractAsyncContextManager[Subscriber]:
        return self._hub.subscribe(self.snapshot)

    async def add(
        self, name: str, phone: str | None = None, proxy: str | None = None
    ) -> InstanceView:
        """Add an instance and start to pair it. Raises InputError for what cannot be used."""
        instance_name(name)
        phone = phone_number(phone) if phone else None
        proxy = proxy_url(proxy) if proxy else None
        async with self._in_order():
            now = self._world.clock.now()
            instance = Instance(name, created_at=now, since=now, phone=phone, proxy=proxy)
            await self._roster.adopt(instance)
        return await self._roster.of(name).ask(ev.StartAsked())

    async def start(self, name: str) -> InstanceView:
        self._refuse_meanwhile()
        return await self._roster.of(name).ask(ev.StartAsked())

    async def stop(self, name: str) -> InstanceView:
        return await self._roster.of(name).ask(ev.StopAsked())

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView:
        self._refuse_meanwhile()
        supervisor = self._roster.of(name)
        if takeover:
            await self._roster.make_way(supervisor)
        return await supervisor.ask(ev.ReconnectAsked(takeover))

    async def clean(self, name: str, *, logout: bool = False) -> InstanceView:
        async with self._in_order():
            await self._cleaning.clean(name, logout=logout)
        return self._roster.of(name).view

    async def send_test(self, name: str, to: str | None = None) -> SendResult:
        supervisor = self._roster.of(name)
        jid = str(Jid(phone_number(to).removeprefix("+"))) if to else None
        moment = datetime.fromtimestamp(self._world.clock.now(), UTC)
        return await supervisor.send_test(f"waziterm test {moment:%Y-%m-%d %H:%M:%S} UTC", jid)

    async def tidy_up(self, *, dry_run: bool = False) -> tuple[Act, ...]:
        """Let the janitor go round now; the acts. dry_run: only say what a round would do."""
        return await (self._rounds.planned() if dry_run else self._rounds.round())


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
