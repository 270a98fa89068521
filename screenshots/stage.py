"""The fleet in the pictures. It is staged, without a lab and without WhatsApp:

- its week is written with the functions by which a manager records what happens (`week.py` says
  what that was);
- the last hours are lived through by the real manager, in a world in which time is ours and each
  worker says what the library would say (`tests.manager.world`): states, reasons, next steps,
  incidents and alerts are what the program makes of it;
- no message of an alert leaves: the sink takes each one.

So the screen has no LAB badge: none is used. Time stands still but where somebody lets it pass, so
that each run makes the same pictures.
"""

import asyncio
import os
import struct
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from screenshots import week
from tests.manager.world import FakeWorker, World, write_session
from tests.tui.scripted import FAKE_QR
from waziterm.cli.run.log import program_log
from waziterm.config import Settings, load_settings
from waziterm.control.server.app import serve_control
from waziterm.domain.alerts.alert_settings import Sink
from waziterm.domain.alerts.delivery import Arrived, Letter, Outcome
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.fleet.audit import Person, Via
from waziterm.domain.fleet.history import AttemptKind
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.event_names import EventName
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.manager.rivals.search import SearchResult
from waziterm.manager.workers.usage import ProcessUse
from waziterm.store.records import AttemptEnd, Change
from waziterm.store.store import Store, open_store
from waziterm.worker import protocol as wire

HOLDER = SearchResult("pid 812: node /srv/crm/app.js, since 2026-03-12 02:31 UTC")
FIRST_PID = 18_361
NO_HOST = "dial tcp: lookup web.whatsapp.com: no such host"
NO_PROXY = "socks connect tcp id-7.proxy.example:1080->web.whatsapp.com:443: dial tcp: i/o timeout"
CONFIG = """\
[limits]
keepalive_s = 300

[[alerts.sinks]]
name = "telegram"
apprise = "tgram://staged"
"""
CODES = 6
REDIALS_S = 20.0
"""The library's own redial brings back what is away for less, in seconds."""


class Taking:
    """A sink's channel whose receiver takes everything, half a second later."""

    async def prepare(self) -> None:
        """There is nothing to load."""

    async def send(self, letter: Letter) -> Outcome:
        del letter
        await asyncio.sleep(0.5)
        return Arrived()

    async def close(self) -> None:
        """There is nothing to close."""


@dataclass(slots=True)
class Stage:
    """The staged fleet, at a moment. root: its data directory. config: the file with its settings.
    clock: the file in which its time stands, for screens. down: by name, until when nobody can be
    connected, on the loop's clock."""

    world: World
    root: Path
    config: Path
    clock: Path
    chance: Random = field(default_factory=lambda: Random(12))
    down: dict[str, float] = field(default_factory=dict)
    _manager: SessionManager | None = None

    @property
    def fleet(self) -> SessionManager:
        assert self._manager is not None, "no manager runs"
        return self._manager

    @property
    def socket(self) -> Path:
        return DataDir(self.root).socket

    def now(self) -> float:
        """UTC seconds on the stage."""
        return self.world.clock.now()

    # -- time -----------------------------------------------------------------------------------

    def let_pass(self, seconds: float) -> None:
        """Let time pass, as fast as it can."""
        self.world.pass_time(seconds)
        self._tell_time()

    def step(self) -> None:
        """Answer the screens, in no time."""
        self.world.settle()
        self._tell_time()

    def until(self, at: float) -> None:
        """Let time pass until a moment, UTC seconds."""
        self.let_pass(at - self.now())

    def _tell_time(self) -> None:
        with self.clock.open("r+b") as file:
            file.write(struct.pack("d", self.world.loop.now))

    # -- what happens ---------------------------------------------------------------------------

    def worker(self, name: str) -> FakeWorker:
        (worker,) = self.world.live(name)
        return worker

    def view(self, name: str) -> InstanceView:
        return self.fleet.snapshot().instance(name)

    def do(self, act: Coroutine[Any, Any, object]) -> None:
        """Have the fleet do something, in the time that it takes."""
        task = self.world.task(act)
        while not task.done():
            self.let_pass(0.1)
        task.result()

    def drop(self, name: str, lasts_s: float) -> None:
        """The connection ends, and does not come back before."""
        self.down[name] = self.world.loop.now + lasts_s
        for worker in self.world.live(name):
            worker.say(ev.Disconnected(ev.DropKind.DIED, "connection reset by peer"))
            if lasts_s < REDIALS_S:
                self.world.loop.call_later(lasts_s, self._connected, worker)
            else:
                self.world.loop.call_later(8.0, self._fail, worker)

    def take(self, name: str) -> None:
        """Another client takes the session, and is found."""
        self.world.findings = HOLDER
        worker = self.worker(name)
        self._note(worker, "Got replaced stream error")
        worker.say(ev.StreamReplaced())
        self.step()

    def freed(self) -> None:
        """Whoever has a session is ended by a person, who was told the pid."""
        self.world.findings = SearchResult()

    def ban(self, name: str) -> None:
        """WhatsApp bans a number for six hours."""
        self.worker(name).say(ev.TemporaryBan(101, 6 * week.HOUR_S))
        self.step()

    def connect(self, worker: FakeWorker) -> None:
        """What becomes of a worker's connect: see `World.on_connect`."""
        name, loop = worker.instance, self.world.loop
        if worker.jid is None:
            loop.call_later(0.6, self._show_code, worker, 1)
            return
        slow = 3.0 if worker.command.proxy else 1.0
        worker.took_s = self.chance.uniform(0.009, 0.031) * slow**2
        if loop.now < self.down.get(name, 0.0):
            loop.call_later(1.5, self._fail, worker)
            return
        took_s = self.chance.uniform(0.7, 1.4) * slow
        loop.call_later(took_s - 0.1, self._note, worker, "Successfully authenticated")
        loop.call_later(took_s, self._connected, worker)

    def _fail(self, worker: FakeWorker) -> None:
        if worker.alive:
            worker.say(ev.DialFailed(NO_PROXY if worker.command.proxy else NO_HOST))

    def _connected(self, worker: FakeWorker) -> None:
        if worker.alive:
            self.down.pop(worker.instance, None)
            worker.say(ev.Connected(worker.jid or ""))

    def _show_code(self, worker: FakeWorker, index: int) -> None:
        """A code that nobody can use, and the next one when it is over."""
        if worker.alive and index <= CODES:
            valid_s = 60.0 if index == 1 else 20.0
            worker.say(ev.QrShown(FAKE_QR, index, CODES, valid_s))
            self.world.loop.call_later(valid_s, self._show_code, worker, index + 1)

    def _note(self, worker: FakeWorker, text: str) -> None:
        """The library writes a line into the instance's log."""
        if worker.alive:
            worker.process.report(wire.Noted(worker.instance, text))

    # -- the morning ----------------------------------------------------------------------------

    def live_through(self, until: float, *, troubled: bool) -> None:
        """What happened this morning, up to a moment. troubled: three have come into trouble."""
        plan: list[tuple[float, Callable[[], None]]] = [
            (each.at, partial(self.drop, each.name, each.lasts_s))
            for each in week.outages()
            if each.at > week.BOOT + 60.0
        ]
        for name, hours in zip(week.REMOVED, (3.1, 1.4), strict=True):
            plan.append((week.NOW - hours * week.HOUR_S, partial(self._remove, name)))
        plan.append((week.NOW - 70 * week.MINUTE_S, self._hand_over))
        plan += [(at, partial(self._say_of, name, text)) for at, name, text in week.said()]
        plan += [(at, partial(self._test, name)) for at, name in week.tested()]
        if troubled:
            plan += [
                (week.NOW - 19 * week.MINUTE_S, partial(self.ban, week.BANNED)),
                (week.NOW - 4.2 * week.MINUTE_S, partial(self.take, week.TAKEN)),
                (week.NOW - 58.0, partial(self.drop, week.AWAY, 600.0)),
            ]
        for at, act in sorted(plan, key=lambda each: each[0]):
            if at < until:
                self.until(at)
                act()
        self.until(until)

    def _remove(self, name: str) -> None:
        self.do(self.fleet.remove(name))

    def _say_of(self, name: str, text: str) -> None:
        for worker in self.world.live(name):
            self._note(worker, text)

    def _test(self, name: str) -> None:
        if self.view(name).state is State.CONNECTED:
            self.do(self.fleet.send_test(name))

    def _hand_over(self) -> None:
        """The morning's shift has seen what the night brought."""
        for each in self.world.run(self.fleet.incidents()):
            if each.acknowledged_at is None:
                self.do(self.fleet.acknowledge(each.id, note="told the provider of id-7"))

    # -- the week -------------------------------------------------------------------------------

    async def record(self) -> None:
        """Write what happened before the manager's start."""
        data = DataDir(self.root)
        data.create()
        data.sessions.mkdir(exist_ok=True)
        async with open_store(data.database) as store:
            begun = week.NOW - week.LIVED_S
            known = {}
            for each in week.members():
                instance = Instance(
                    each.name, begun, jid=each.jid, since=begun, proxy=each.proxy,
                    note=each.note, tags=each.tags, id=f"{self.chance.getrandbits(64):016x}",
                    phone_seen_at=week.NOW - 5 * week.HOUR_S,
                )  # fmt: skip
                known[each.name] = instance
                session = data.sessions / f"{instance.id}.db"
                write_session(session, each.jid)
                session.chmod(0o600)
                await store.save(instance, event=EventName.ADDED, at=begun)
            for name, added in list(known.items()):
                known[name] = await self._joined(store, added, begun + 5, AttemptKind.PAIRING)
            for outage in week.outages():
                if outage.at < week.BOOT - 3600:
                    known[outage.name] = await self._away(store, known[outage.name], outage)
            await store.count(week.BOOT)

    async def _away(self, store: Store, instance: Instance, outage: week.Outage) -> Instance:
        gone = replace(
            instance, state=State.RETRYING, reason=Reason.DROPPED, since=outage.at,
            connected_at=None, down_since=outage.at,
        )  # fmt: skip
        await store.record(Change(gone, EventName.DISCONNECTED, outage.at))
        return await self._joined(store, gone, outage.at + outage.lasts_s, AttemptKind.RETRY)

    async def _joined(
        self, store: Store, instance: Instance, at: float, kind: AttemptKind
    ) -> Instance:
        took = self.chance.uniform(0.7, 1.4) * (3.0 if instance.proxy else 1.0)
        tries = replace(instance, state=State.CONNECTING, reason=Reason.RETRY, since=at - took)
        begun = await store.record(Change(tries, EventName.DUE, at - took, begins=kind))
        assert begun.attempt is not None, "an attempt was begun"
        joined = replace(
            tries, state=State.CONNECTED, reason=Reason.ONLINE, since=at, connected_at=at,
            down_since=None,
        )  # fmt: skip
        ended = AttemptEnd(begun.attempt, ok=True)
        await store.record(Change(joined, EventName.CONNECTED, at, ends=ended))
        return joined

    # -- the manager ----------------------------------------------------------------------------

    async def live(self, settings: Settings, ready: asyncio.Event, end: asyncio.Event) -> None:
        """Run the manager, for screens to attach to, until its end is wanted."""
        outside = replace(self.world.outside(1), process_use=_use)
        async with open_manager(self.root, settings, None, world=outside) as manager:
            self._manager = manager
            async with serve_control(manager, self.socket, audit=manager.audit_log):
                ready.set()
                await end.wait()


def _use(pid: int) -> ProcessUse:
    return ProcessUse(90.0, 48_000_000 + pid % 7 * 1_100_000)


def _person(*_: object) -> Person:
    return Person("sari", 1000, 2201, Via.SCREEN, tty="pts/0")


@contextmanager
def staged(until: float, *, troubled: bool) -> Iterator[Stage]:
    """The fleet after its week, at a moment (UTC seconds) of its last morning. troubled: three of
    them need somebody."""
    with tempfile.TemporaryDirectory(prefix="wt-") as folder, ExitStack() as hands:
        top = Path(folder)
        environ = {"TZ": week.ZONE, "XDG_RUNTIME_DIR": folder, "XDG_STATE_HOME": folder}
        hands.enter_context(patch.dict(os.environ, environ))
        time.tzset()
        hands.callback(time.tzset)
        for name in ("person_of", "myself"):
            hands.enter_context(patch(f"waziterm.manager.people.{name}", _person))
        hands.enter_context(patch("waziterm.alerts.carrier.open_channel", _channel))
        by_chance = "waziterm.manager.files.trash.secrets.token_hex"
        hands.enter_context(patch(by_chance, lambda size: "3f" * size))
        world = World()
        hands.callback(world.close)
        world.clock.offset = week.BOOT - world.loop.now
        world.pids = count(FIRST_PID)
        clock, config = top / "clock", top / "config.toml"
        clock.write_bytes(struct.pack("d", 0.0))
        config.write_text(CONFIG, encoding="utf-8")
        config.chmod(0o600)
        stage = Stage(world, top / "data", config, clock)
        world.on_connect = stage.connect
        world.run(stage.record())
        settings = load_settings(data_dir=stage.root, environ={}, file=config)
        hands.enter_context(program_log(DataDir(stage.root).log))
        ready, end = asyncio.Event(), asyncio.Event()
        task = world.loop.create_task(stage.live(settings, ready, end))
        first = (task, world.loop.create_task(ready.wait()))
        world.run(asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED))
        if task.done():
            task.result()
        try:
            stage.live_through(until, troubled=troubled)
            yield stage
        finally:
            end.set()
            while not task.done():
                stage.let_pass(1.0)
            task.result()


def _channel(sink: Sink) -> Taking:
    del sink
    return Taking()
