"""The session manager: the fleet that a screen, an HTTP API or a test talks to."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from waziterm.config import ConfigError, Settings
from waziterm.domain.fleet.api import FleetView, InstanceView, LogLine, Notice, SendResult
from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.reload import Reloaded
from waziterm.domain.upkeep.janitor import Act
from waziterm.manager.broadcast import Hub, Subscriber
from waziterm.manager.care.janitor import Places, Rounds
from waziterm.manager.data_files import Shelf
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.files.lock import owned
from waziterm.manager.files.program import UPGRADED, watch
from waziterm.manager.history.queries import (
    Presence,
)
from waziterm.manager.inputs import instance_name, phone_number, proxy_url
from waziterm.manager.instances import Roster
from waziterm.manager.rivals.claims import Claims
from waziterm.manager.toolbox import Toolbox
from waziterm.manager.world import World, real_world
from waziterm.store.store import Store, open_store

_LIBRARY = "library"

log = logging.getLogger(__name__)


class SessionManager(Toolbox):
    """Keeps a fleet of instances, one supervisor each; see `domain.fleet.api.Fleet`."""

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
        self._started_with = self._settings = settings
        self._reading = asyncio.Lock()
        self._world = world
        self._tasks = tasks
        self._hub = Hub()
        shelf = Shelf.of(data, settings)
        self._claims = Claims(shelf.registry, shelf.sessions.device_key)
        self._roster = Roster(
            settings,
            store,
            shelf.sessions,
            data.library,
            self._claims,
            lab,
            world,
            self._hub,
            tasks,
            begin,
        )
        super().__init__(store, lab, world.clock, self._roster, shelf, self.subscribe)
        places = Places(
            store=store,
            sessions=shelf.sessions,
            trash=shelf.trash,
            clock=world.clock,
            roster=self._roster,
        )
        self._rounds = Rounds(places, shelf.keep_trash_s, settings.log.history_s)
        self._presence = Presence(store, world.clock)
        self._background: list[asyncio.Task[None]] = []
        self._library = version("neonize")

    # -- the life of the fleet ----------------------------------------------------------------

    async def boot(self) -> None:
        """Take up what is stored; see `Roster.boot`. From now on the janitor goes round."""
        changed = await self._store.get_meta(_LIBRARY) not in (None, self._library)
        await self._store.set_meta(_LIBRARY, self._library)
        shift = await self._presence.begin()
        if shift:
            log.warning("the clock was set back by %.0f s since the last manager", -shift)
        await self._roster.boot(library_changed=changed, shift=shift)
        rounds = self._rounds.run(self._settings.janitor.every_s)
        self._background.append(self._tasks.create_task(rounds, name="janitor"))
        self._background.append(self._tasks.create_task(self._presence.run(), name="presence"))
        self._background.append(self._tasks.create_task(self._watch_clock(), name="clock"))
        if self._world.program is not None:
            watching = watch(self._world.program, self._world.clock, self._tell_upgraded)
            self._background.append(self._tasks.create_task(watching, name="upgrade"))

    async def close(self) -> None:
        """Let every supervisor stop its worker and end. What is wanted stays as it is."""
        for task in self._background:
            task.cancel()
        await self._roster.close()
        await self._presence.end()
        await self._claims.close()

    def apply(self, settings: Settings) -> None:
        """Go by other settings from now on. What is under way goes on by the old ones: a wait
        that has begun, and the probes of a connection that is open."""
        self._settings = settings
        keep_trash_s = settings.trash.keep_s
        self._roster.apply(settings)
        self._cleaning.keep_s = keep_trash_s
        keep_history_s = settings.log.history_s
        self._rounds.apply(settings.janitor.every_s, keep_trash_s, keep_history_s)

    def announce(self, text: str, *, trouble: bool = False) -> None:
        """Say a sentence to whoever watches."""
        self._hub.notice(Notice(self._world.clock.now(), text, trouble=trouble))

    @property
    def is_upgraded(self) -> bool:
        """Whether the program's files on disk are of another version for good."""
        return self._world.program is not None and self._world.program.upgraded

    def look_for_upgrade(self) -> bool:
        program = self._world.program
        return program is not None and program.look(self._world.clock.elapsed())

    def _tell_upgraded(self) -> None:
        self._hub.lasting(Notice(self._world.clock.now(), UPGRADED))

    async def _watch_clock(self) -> None:
        """Tell everybody when the clock was set, or the machine was suspended, until cancelled."""
        clock = self._world.clock
        shift = clock.shift
        while True:
            await clock.disturbed()
            self._roster.clock_set()
            if by := clock.shift - shift:
                shift += by
                log.warning("the clock was set by %+.0f s; waits stay as long as they were", by)
            await self._presence.note()

    # -- the Fleet protocol -------------------------------------------------------------------

    def now(self) -> float:
        return self._world.clock.now()

    def snapshot(self) -> FleetView:
        attempts, attempts_ok = self._roster.attempts
        return FleetView(
            at=self._world.clock.now(),
            lab=self._lab is not None,
            instances=self._roster.views(),
            attempts=attempts,
            attempts_ok=attempts_ok,
            library=self._library,
            version=self._roster.versions.used,
        )

    def tail(self, name: str, limit: int = 200) -> tuple[LogLine, ...]:
        return self._roster.of(name).tail(limit)

    async def lines(
        self, name: str, *, limit: int = 200, since: float = 0.0, after: int = 0
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
        added = self._roster.of(name)
        if self._roster.is_outdated:
            # 405 meets every instance of the fleet, the new one too.
            return await added.ask(ev.FleetOutdated())
        return await added.ask(ev.StartAsked())

    async def start(self, name: str) -> InstanceView:
        self._refuse_meanwhile()
        await self._roster.let_go(name)
        return await self._roster.of(name).ask(ev.StartAsked())

    async def stop(self, name: str) -> InstanceView:
        return await self._roster.of(name).ask(ev.StopAsked())

    async def reconnect(self, name: str, *, takeover: bool = False) -> InstanceView:
        self._refuse_meanwhile()
        supervisor = self._roster.of(name)
        await self._roster.let_go(name)
        if takeover and not self._roster.is_outdated:
            await self._roster.make_way(supervisor)
            self._refuse_meanwhile()
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

    async def pairing_code(self, name: str, phone: str | None = None) -> InstanceView:
        number = phone_number(phone) if phone else None
        return await self._roster.of(name).pairing_code(number)

    async def reload(self) -> Reloaded:
        """Read the config again, from where it was read at the start, and tell whoever watches."""
        from waziterm.config.changes import reloaded  # noqa: PLC0415 - not before the first paint

        async with self._reading:
            try:
                fresh = await asyncio.to_thread(self._settings.read_again)
            except ConfigError as error:
                for problem in error.problems:
                    log.error("the config was not reloaded: %s", problem.error)
                self.announce(f"the config was not reloaded: {error.summary}", trouble=True)
                return Reloaded(errors=error.problems)
            outcome = reloaded(self._started_with, self._settings, fresh)
            self.apply(fresh)
        later = ", ".join(outcome.needs_restart)
        said = "the config was reloaded" + (f"; at the next start only: {later}" if later else "")
        log.info("%s", said)
        self.announce(said)
        return outcome

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
            real = real_world(lab) if world is None else nullcontext(world)
            async with stored as store, real as outside, asyncio.TaskGroup() as tasks:
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
