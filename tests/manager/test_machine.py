"""The real session manager under random events: the invariants 1 to 4 of the design.

A machine plays the outside: WhatsApp and the workers (also dead ones), operators, the clock,
the machine's suspend, and the end of the program. What may never happen is judged from outside:
by the workers that live, by what they are told to do, and by what the database says.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.manager import hosting
from tests.manager.hosting import Host
from tests.manager.world import BEGIN, FakeWorker, World, write_library
from waziterm.domain.care.trash import Why
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.details import is_queued
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.lifecycle.states import State, Wanted
from waziterm.manager.rivals.search import SearchResult
from waziterm.manager.workers.worker import LEAVE_S
from waziterm.worker.library_file import compiled_number

NAMES = ("a", "b", "c")
LIMITS = Limits()
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a commit costs nothing: many short lives, and none of them meets a power cut."""
BAN_S = (60.0, 3600.0)
OWN_VERSION = 1_047_769_893
Which = st.integers(0, 2)

ORDER = st.sampled_from(["start", "reconnect", "take over", "stop", "clean", "remove"])

SAID = st.one_of(
    st.sampled_from(
        [
            ev.Connected(),
            ev.Disconnected(),
            ev.Disconnected(ev.DropKind.ERROR, "code 503"),
            ev.Disconnected(ev.DropKind.DIED, "connection reset by peer"),
            ev.Authenticated(),
            ev.StoreFailing(ev.StoreFault.READ_ONLY, "attempt to write a readonly database"),
            ev.StoreFailing(ev.StoreFault.FULL, "database or disk is full"),
            ev.StreamReplaced(),
            ev.QrShown("q" * 50, 1, 6, 60.0),
            ev.KeepAliveTimeout(1),
            ev.KeepAliveRestored(),
            ev.ClientOutdated(),
            ev.StreamError("515"),
            ev.StreamError("516"),
            ev.DialFailed("no route to host"),
            ev.SessionBroken("file is not a database"),
        ]
    ),
    st.builds(ev.PairFailed, st.sampled_from(ev.PairingEnd)),
    st.builds(ev.LoggedOut, st.booleans(), st.sampled_from([401, 403, 406])),
    st.builds(ev.TemporaryBan, st.just(101), st.sampled_from([0.0, *BAN_S])),
    st.builds(ev.ConnectFailure, st.sampled_from([0, 409, 418, 429, 503])),
)


@dataclass
class Judge:
    """What is forbidden now, by what the history in the database says.

    told_until: ends of the cool-downs after conflicts that a live worker told, stored or not.
    presses: takeovers that were asked for and not yet used.
    tells: the version that the newest worker of each tells WhatsApp; refused: the newest of those
    that it refused. waiting: who was outdated when the manager began, as long as it may be that
    its version ended that.
    """

    host: Host
    cool_until: dict[str, float] = field(default_factory=dict)
    ban_until: dict[str, float] = field(default_factory=dict)
    told_until: dict[str, float] = field(default_factory=dict)
    told_ban_s: dict[str, float] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    outdated: set[str] = field(default_factory=set)
    tells: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    waiting: set[str] = field(default_factory=set)
    cleaned: dict[str, tuple[float, bool]] = field(default_factory=dict)
    presses: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)
    _read: int = 0

    def read(self) -> None:
        """Take in what was stored since the last time."""
        sql = (
            "SELECT transitions.*, name FROM transitions JOIN names ON names.id = instance"
            " WHERE transitions.id > ? ORDER BY transitions.id"
        )
        for row in self.host.query(sql, self._read):
            self._read = row["id"]
            self._take(row["name"], row)

    def _take(self, name: str, row: Any) -> None:
        state, before, event = State(row["to_state"]), row["from_state"], row["event"]
        if event == "Added":
            # Another instance of that name: what the one before met went to the trash with it.
            self.held.discard(name)
            self.outdated.discard(name)
            for moments in (self.ban_until, self.cool_until, self.told_until):
                moments.pop(name, None)
        if not row["reason"]:
            self.wrongs.append(f"{name}: a change without a reason")
        if event == "VersionChanged" and name in self.outdated:
            self.outdated.discard(name)
            self.held.discard(name)
        if event == "PairSucceeded" and name not in self.outdated:
            # A hold without a device was none; the new device has met nothing yet.
            self.held.discard(name)
        if event == "CleanAsked" or state in (State.LOGGED_OUT, State.OUTDATED, State.BANNED):
            self.told_until.pop(name, None)
        if event == "CleanAsked":
            if row["reason"] == "cleaned":
                # What was not linked is not what comes back from the trash.
                self.cleaned[name] = (self.cool_until.get(name, 0.0), name in self.held)
            self._release(name)
        if event == "SessionRestored" and row["reason"] == "restored":
            if name not in self.outdated:
                # As above: of whoever had no device until now.
                self.held.discard(name)
            until, held = self.cleaned.get(name, (0.0, False))
            self.cool_until[name] = max(until, self.cool_until.get(name, 0.0))
            self.held |= {name} if held else set()
        if event == "ReconnectAsked" and row["reason"] == "takeover":
            if not self.presses[name]:
                self.wrongs.append(f"{name}: a takeover that nobody asked for")
            self.presses[name] -= 1
            self._release(name)
        elif event == "ReconnectAsked" and state is State.BANNED and self.presses[name]:
            self._release(name)
        if state is State.COOLDOWN and before != state and State(before).is_live:
            self.cool_until[name] = row["at"] + LIMITS.cooldown_s
        if state is State.BANNED and event == "TemporaryBan":
            until = row["at"] + self.told_ban_s[name]
            self.ban_until[name] = max(until, self.ban_until.get(name, 0.0))
        if state in (State.HELD, State.OUTDATED):
            self.held.add(name)
        if state is State.HELD:
            # For a reason of its device, which came in the place of the fleet's.
            self.outdated.discard(name)
        online = state in (State.CONNECTED, State.DEGRADED)
        if state is State.OUTDATED or (event == "FleetOutdated" and not online):
            self.held.add(name)
            self.outdated.add(name)
            # Outdated still or again: whatever ends that now stands in the history.
            self.waiting.clear()
        if state is State.OUTDATED and event in ("ClientOutdated", "PairFailed"):
            self.refused = max(self.refused, self.tells[name])

    def _release(self, name: str) -> None:
        self.cool_until.pop(name, None)
        self.told_until.pop(name, None)
        if name not in self.outdated:
            self.held.discard(name)

    def _take_version(self, worker: FakeWorker) -> None:
        """A manager that begins with a version newer than the refused one releases whoever was
        outdated; of one that was stopped the history says nothing."""
        library = worker.process.library or self.host.world.library
        assert library is not None
        self.tells[worker.instance] = compiled_number(Path(library))
        if self.tells[worker.instance] > self.refused:
            self.held -= self.waiting
            self.outdated -= self.waiting
            self.waiting.clear()

    def begins(self) -> None:
        """Another manager is about to begin."""
        self.waiting = set(self.outdated)

    def connects(self, worker: FakeWorker) -> None:
        """A worker is told to connect: is that allowed now?"""
        self.read()
        self._take_version(worker)
        name, now = worker.instance, self.host.world.clock.now()
        for other in self.host.world.live():
            if other is worker:
                continue
            if other.instance == name:
                self.wrongs.append(f"{name}: a second live worker")
            elif other.jid and other.jid == worker.jid:
                self.wrongs.append(f"{name}: {other.instance} is live with the same JID")
        if now < self.ban_until.get(name, 0.0):
            self.wrongs.append(f"{name}: an attempt inside a ban")
        if now < self.cool_until.get(name, 0.0):
            self.wrongs.append(f"{name}: an attempt inside a cool-down")
        if now < self.told_until.get(name, 0.0):
            self.wrongs.append(f"{name}: an attempt in spite of a conflict that was told")
        # A hold belongs to a device; who has none, and is not outdated, may be linked.
        if name in self.held and (worker.jid is not None or name in self.outdated):
            self.wrongs.append(f"{name}: an attempt while held")


class Fleet(RuleBasedStateMachine):
    """The outside of one manager with at most three instances."""

    per_worker = 1

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="wt-", dir=IN_MEMORY))
        self.world = World()
        self.world.turns = 20
        changed = {
            "fleet__connects_at_once": 2,
            "fleet__instances_per_worker": self.per_worker,
        }
        self.world.library = write_library(self.folder / "library.so", OWN_VERSION)
        self.newest = OWN_VERSION
        self.host = Host(self.world, self.folder / "data", hosting.settings(self.folder, **changed))
        self.judge = Judge(self.host)
        self.world.on_connect = self.judge.connects
        self.commands: dict[asyncio.Task[Any], str] = {}
        self.devices = 0

    @initialize(
        paired=st.lists(
            st.sampled_from(["online", "online", "dialling", "stopped"]), min_size=1, max_size=2
        ),
        twins=st.booleans(),
    )
    def begin(self, paired: list[str], twins: bool) -> None:
        """Paired instances of an earlier manager; twins have copies of one session."""
        self.host.prepare(
            *(
                Instance(
                    name,
                    BEGIN,
                    since=BEGIN,
                    wanted=Wanted.STOPPED if how == "stopped" else Wanted.RUNNING,
                    jid=self.new_jid(again=twins),
                )
                for name, how in zip(NAMES, paired, strict=False)
            )
        )
        self.host.open()
        for name, how in zip(NAMES, paired, strict=False):
            if how == "online" and self.world.live(name):
                self.bring_online(self.world.live(name)[0])

    def new_jid(self, *, again: bool = False) -> str:
        self.devices += 0 if again and self.devices else 1
        return f"628123456789:{self.devices}@s.whatsapp.net"

    # -- WhatsApp and the workers -----------------------------------------------------------

    @precondition(lambda self: self.world.live())
    @rule(which=Which)
    def comes_online(self, which: int) -> None:
        self.bring_online(self.worker(which))

    def bring_online(self, worker: FakeWorker) -> None:
        """All goes well: a phone scans where that is needed, and WhatsApp lets it in."""
        if worker.jid is None:
            self.say(worker, ev.QrShown("q" * 50, 1, 6, 60.0))
            self.world.settle()
            self.say(worker, ev.PairSucceeded(self.new_jid(), "1@lid", "android"))
        self.say(worker, ev.Connected(worker.jid or ""))
        self.world.settle()

    def worker(self, which: int) -> FakeWorker:
        live = self.world.live()
        return live[which % len(live)]

    @precondition(lambda self: self.world.live())
    @rule(which=Which, events=st.lists(SAID, min_size=1, max_size=3))
    def says(self, which: int, events: list[ev.WorkerEvent]) -> None:
        """Some events, in any order, before the manager can handle the first of them."""
        for event in events:
            self.say(self.worker(which), event)
        self.world.settle()

    @precondition(lambda self: self.world.live())
    @rule(which=Which)
    def is_replaced(self, which: int) -> None:
        """Another client takes the session: what this project is about."""
        self.says(which, [ev.StreamReplaced()])

    @precondition(lambda self: any(worker.said for worker in self.world.workers))
    @rule(newest=st.integers(0, 3), back=st.integers(0, 2))
    def says_again(self, newest: int, back: int) -> None:
        """An event comes twice or late, also from a worker that was killed."""
        talkers = [worker for worker in self.world.workers if worker.said]
        worker = talkers[-1 - newest % len(talkers)]
        self.say(worker, worker.said[-1 - back % len(worker.said)])
        self.world.settle()

    def say(self, worker: FakeWorker, event: ev.WorkerEvent) -> None:
        name, now = worker.instance, self.world.clock.now()
        if isinstance(event, ev.TemporaryBan) and worker.alive:
            self.judge.told_ban_s[name] = event.expire_s
        told = isinstance(event, ev.StreamReplaced) and worker.alive and worker.jid is not None
        if told and self.world.is_idle and not self.judge.presses[name]:
            self.judge.told_until[name] = now + LIMITS.cooldown_s
        worker.say(event)

    @precondition(lambda self: self.world.live())
    @rule(which=Which, ill=st.sampled_from(["dies", "hangs", "is deaf", "errs"]))
    def worker_is_ill(self, which: int, ill: str) -> None:
        worker = self.worker(which)
        match ill:
            case "dies":
                worker.die(-9)
            case "hangs":
                worker.beats, worker.answers = False, "never"
            case "is deaf":
                worker.answers = "never"
            case "errs":
                worker.answers = "error"
        self.world.settle()

    # -- operators --------------------------------------------------------------------------

    @rule()
    def add(self) -> None:
        taken = {view.name for view in self.host.fleet.snapshot().instances}
        for name in [name for name in NAMES if name not in taken][:1]:
            self.command(name, self.host.fleet.add(name))

    @rule(which=Which, joins=st.sampled_from(["start", "reconnect", "take over"]))
    def wants_it(self, which: int, joins: str) -> None:
        """Somebody wants it connected: an attempt in flight must go on undisturbed."""
        name = self.name(which)
        attempting = [
            worker
            for worker in self.world.live(name)
            if self.world.is_idle and self.state(name) in (State.CONNECTING, State.PAIRING)
        ]
        self.command(name, self.ordered(name, joins))
        assert all(worker.alive for worker in attempting), "an attempt in flight was ended"

    def name(self, which: int) -> str:
        """An instance; a name that does not exist where there is none."""
        views = self.host.fleet.snapshot().instances
        return views[which % len(views)].name if views else NAMES[which]

    def ordered(self, name: str, verb: str) -> Coroutine[Any, Any, object]:
        """What is asked of the fleet about one instance."""
        if verb != "take over":
            asked: Coroutine[Any, Any, object] = getattr(self.host.fleet, verb)(name)
            return asked
        self.judge.presses[name] += 1
        return self.host.fleet.reconnect(name, takeover=True)

    def take_over(self, name: str) -> None:
        self.command(name, self.ordered(name, "take over"))

    @rule(orders=st.lists(st.tuples(Which, ORDER), min_size=2, max_size=4))
    def ask_at_once(self, orders: list[tuple[int, str]]) -> None:
        """Several operators, before the manager can do what the first of them asks."""
        for which, verb in orders:
            name = self.name(which)
            asked = self.ordered(name, verb)
            self.commands[self.world.loop.create_task(asked)] = name
        self.world.settle()
        self.collect()

    @rule(which=Which, verb=st.sampled_from(["stop", "clean", "remove", "send_test", "tidy_up"]))
    def asks(self, which: int, verb: str) -> None:
        name = self.name(which)
        names = [] if verb == "tidy_up" else [name]
        self.command(name, getattr(self.host.fleet, verb)(*names))

    @rule(how=st.sampled_from(["fix", "restart"]))
    def maintains(self, how: str) -> None:
        """All is stopped, looked at and started again, or only what needs it."""

        async def restart() -> None:
            async with aclosing(self.host.fleet.restart()) as steps:
                async for _ in steps:
                    pass

        self.command("", self.host.fleet.fix() if how == "fix" else restart())

    @rule(which=Which)
    def restores(self, which: int) -> None:
        """The session that was cleaned or removed last comes back, if nothing is in its way."""
        name = NAMES[which % len(NAMES)]
        entries = [
            entry for entry in self.world.run(self.host.fleet.trash()) if entry.instance == name
        ]
        if entries and entries[0].why in (Why.CLEANED, Why.REMOVED):
            self.command(name, self.host.fleet.restore(entries[0].id))

    def command(self, name: str, asked: Coroutine[Any, Any, object]) -> None:
        """Ask for something; nobody waits for the answer before the next thing happens."""
        self.commands[self.world.task(asked)] = name
        self.collect()

    def collect(self) -> None:
        """See how the commands ended that have; a takeover that is done is used up."""
        for task in [task for task in self.commands if task.done()]:
            name = self.commands.pop(task)
            error = task.exception()
            if error is not None and not isinstance(error, FleetError):
                raise AssertionError(f"a command on {name} ended with {error!r}") from error
            assert error is None or "internal error" not in str(error), error
        self.judge.read()
        for name in NAMES:
            if name not in self.commands.values():
                self.judge.presses[name] = 0

    def state(self, name: str) -> State | None:
        views = self.host.fleet.snapshot().instances
        return next((view.state for view in views if view.name == name), None)

    # -- the machine ------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.3, 3.0, 11.0, 40.0, 130.0, 320.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(seconds=st.sampled_from([7.0, 100.0, 4000.0]))
    def is_suspended(self, seconds: float) -> None:
        self.world.jump(seconds)

    @rule(spawn_s=st.sampled_from([0.0, 0.5]), kill_s=st.sampled_from([0.0, 0.3]))
    def is_slow(self, spawn_s: float, kill_s: float) -> None:
        self.world.spawn_s, self.world.kill_s = spawn_s, kill_s

    @rule(times=st.sampled_from([0, 0, 1, 5]), holder=st.booleans())
    def changes(self, times: int, holder: bool) -> None:
        """No more processes can be started for a while; somebody has our session file open."""
        self.world.failing_spawns = times
        self.world.findings = SearchResult("python bot.py (pid 7)") if holder else SearchResult()

    @rule(told=st.sampled_from(["nothing", "an older one", "the same", "a newer one"]))
    def page_tells(self, told: str) -> None:
        """WhatsApp's page tells its current version from now on, or nothing of use."""
        match told:
            case "a newer one":
                self.newest += 1
                self.world.page = self.newest
            case "an older one":
                self.world.page = OWN_VERSION - 1
            case "the same":
                self.world.page = self.newest
            case _:
                self.world.page = "no answer within 10 s"

    @rule(which=Which)
    def loses_a_file(self, which: int) -> None:
        name = self.name(which)
        known = self.host.query("SELECT 1 FROM instances WHERE name = ?", name)
        if known and not self.world.live(name):
            self.host.session(name).unlink(missing_ok=True)

    @rule(by_cancelling=st.booleans(), neonize=st.sampled_from(["same", "same", "older", "newer"]))
    def restarts(self, by_cancelling: bool, neonize: str) -> None:
        """neonize: that of the next manager, by the newest version that was ever told."""
        self.end(by_cancelling=by_cancelling)
        if neonize != "same":
            self.newest += neonize == "newer"
            write_library(self.folder / "library.so", self.newest - (neonize == "older"))
        self.judge.begins()
        self.host.open()

    def end(self, *, by_cancelling: bool) -> None:
        self.host.close(by_cancelling=by_cancelling)
        assert not self.world.live(), "a worker outlived its manager"
        assert all(task.done() for task in self.commands), "a command was never answered"
        self.collect()

    # -- what must hold ---------------------------------------------------------------------

    @invariant()
    def nothing_wrong(self) -> None:
        self.no_view_lies()
        self.judge.read()
        self.collect()
        assert not self.judge.wrongs, self.judge.wrongs
        assert not self.host.lies, self.host.lies
        assert not self.world.unhandled, self.world.unhandled

    def no_view_lies(self) -> None:
        """What is shown is stored, and agrees with the workers that there are."""
        if not self.host.runs:
            return
        stored = {row["name"]: row for row in self.host.query("SELECT * FROM instances")}
        for view in self.host.fleet.snapshot().instances:
            row = stored[view.name]
            assert (view.state, view.reason.slug) == (row["state"], row["reason"])
            assert (view.wanted, view.paired) == (row["wanted"], row["jid"] is not None)
            if not self.world.is_idle:
                continue
            workers = self.world.live(view.name)
            match view.state:
                case State.CONNECTED | State.DEGRADED | State.PAIRING:
                    expected = 1
                case State.CONNECTING:
                    expected = 0 if is_queued(view.detail) else 1
                case State.RETRYING:
                    expected = 0 if view.next_attempt is not None else 1
                case _:
                    expected = 0
            assert len(workers) == expected, f"{view} has {len(workers)} workers"
            if view.next_attempt is not None:
                late_s = self.world.clock.now() - view.next_attempt
                assert late_s < 1.0, f"{view.name} waits for what was due {late_s} s ago"

    def teardown(self) -> None:
        try:
            if self.host.runs:
                self.everybody_can_come_online()
                self.end(by_cancelling=False)
                self.nothing_wrong()
        finally:
            self.host.abandon()
            self.world.close()
            shutil.rmtree(self.folder)

    def everybody_can_come_online(self) -> None:
        """In a calm world an operator can bring every instance back: nothing was left jammed."""
        world = self.world
        world.spawn_s = world.kill_s = world.failing_spawns = 0
        world.findings = SearchResult()
        self.page_tells("a newer one")
        world.pass_time(5.0)
        world.jump(2 * max(BAN_S))
        # A restart may still wait for those that do not come online, and another one for it.
        world.pass_time(150.0)
        for view in self.host.fleet.snapshot().instances:
            self.command(view.name, self.host.fleet.clean(view.name))
            self.take_over(view.name)
            # One that is deaf, in a worker that others share, may have to be killed before.
            for _ in range(20 + round(LEAVE_S)):
                if self.state(view.name) is State.STOPPED:
                    # Who was outdated and has no device waits for a key once a version is found.
                    self.take_over(view.name)
                for worker in world.live():
                    self.bring_online(worker)
                if self.state(view.name) is State.CONNECTED:
                    break
                world.pass_time(1.0)
            assert self.state(view.name) is State.CONNECTED, self.host.view(view.name)


class PackedFleet(Fleet):
    """The same, whose instances may share a worker."""

    per_worker = 3


FLEETS = pytest.mark.parametrize("fleet", [Fleet, PackedFleet])
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@FLEETS
def test_no_order_of_events_breaks_an_invariant(fleet: type[Fleet]) -> None:
    """The same examples each time; `make soak` draws new ones."""
    run_state_machine_as_test(
        fleet,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            suppress_health_check=QUIET,
        ),
    )


@FLEETS
@pytest.mark.soak
def test_no_order_of_many_new_events_breaks_an_invariant(fleet: type[Fleet]) -> None:
    run_state_machine_as_test(
        fleet,
        settings=settings(
            max_examples=1000,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=QUIET,
        ),
    )
