"""F40: storms that meet a fleet, in a world whose time is the test's. A guess is no proof: whatever
ends connections, nothing but a real 440 is a conflict, and all are back soon after the end."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.manager.hosting import Host, settings
from tests.manager.world import BEGIN, FakeWorker, World
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State

FLEET = 20
LOGIN_S = 0.3
NAMES = [f"shop-{number}" for number in range(FLEET)]
RESET = ev.Disconnected(ev.DropKind.DIED, "connection reset by peer")
RESTART = ev.Disconnected(ev.DropKind.ERROR, "code 503")
CLOSED = ev.Disconnected()


class WhatsApp:
    """Lets clients in, and its storms end their connections. The library redials as whatsmeow
    does. rival: the names whose session somebody else takes, with a rule of his own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = Random(7)
        self.reachable = True
        self.after_login: Callable[[FakeWorker], None] = lambda worker: None
        self.online: dict[str, FakeWorker] = {}
        self.logins: Counter[str] = Counter()
        world.on_connect = self.dialled

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self.world.loop.call_later(seconds, act)

    def dialled(self, worker: FakeWorker) -> None:
        def answer() -> None:
            if self.reachable:
                self.let_in(worker)
            elif worker.alive:
                worker.say(ev.DialFailed("connection refused"))

        self.later(LOGIN_S, answer)

    def let_in(self, worker: FakeWorker) -> None:
        if worker.alive:
            self.online[worker.instance] = worker
            self.logins[worker.instance] += 1
            worker.say(ev.Connected(worker.jid or ""))
            self.after_login(worker)

    def drop(self, worker: FakeWorker, how: ev.Disconnected) -> None:
        """End a connection, if it is still there; the library redials."""
        if worker.alive and self.online.get(worker.instance) is worker:
            del self.online[worker.instance]
            worker.say(how)
            self.later(0.01, lambda: self.redialled(worker, 1))

    def redialled(self, worker: FakeWorker, failed: int) -> None:
        if not worker.alive:
            return
        if self.reachable:
            self.let_in(worker)
            return
        if failed == 2:
            worker.say(ev.DialFailed("connection refused"))
        self.later(2.0 * failed, lambda: self.redialled(worker, failed + 1))

    def drop_all(self, how: ev.Disconnected) -> None:
        for worker in tuple(self.online.values()):
            self.later(self.random.uniform(0.0, 0.5), partial(self.drop, worker, how))


def early_503(sky: WhatsApp) -> Iterator[float]:
    """Every stream gets `stream:error 503` 4 to 5 s after its login."""

    def soon(worker: FakeWorker) -> None:
        sky.later(sky.random.uniform(4.0, 5.0), lambda: sky.drop(worker, RESTART))

    sky.after_login = soon
    sky.drop_all(RESTART)
    yield from itertools.repeat(1.0)


def resets(sky: WhatsApp) -> Iterator[float]:
    """TCP resets every 8 s."""
    while True:
        sky.drop_all(RESET)
        yield 8.0


def flapping(sky: WhatsApp) -> Iterator[float]:
    """An uplink 14 s up, 14 s down."""
    while True:
        sky.reachable = False
        sky.drop_all(RESET)
        yield 14.0
        sky.reachable = True
        yield 14.0


def rotating(sky: WhatsApp) -> Iterator[float]:
    """A proxy for each number that rotates: each connection is closed some seconds after its login,
    in good order, and at a moment of its own."""

    def some_time(worker: FakeWorker) -> None:
        sky.later(sky.random.uniform(5.0, 25.0), lambda: sky.drop(worker, CLOSED))

    sky.after_login = some_time
    for worker in tuple(sky.online.values()):
        some_time(worker)
    yield from itertools.repeat(1.0)


def deafening(sky: WhatsApp) -> Iterator[float]:
    """Each library works on one node for ever: on a disk that stands still, on an answer of
    WhatsApp's that nobody gets (F51)."""

    def soon(worker: FakeWorker) -> None:
        sky.later(sky.random.uniform(31.0, 33.0), lambda: deafen(worker))

    def deafen(worker: FakeWorker) -> None:
        if worker.alive and sky.online.get(worker.instance) is worker:
            del sky.online[worker.instance]
            worker.say(ev.LibraryDeaf("it has worked on one message for 30 s"))

    sky.after_login = soon
    for worker in tuple(sky.online.values()):
        soon(worker)
    yield from itertools.repeat(1.0)


STORMS = (early_503, resets, flapping, rotating, deafening)


@pytest.fixture
def fleet(folder: Path) -> Iterator[tuple[Host, WhatsApp]]:
    world = World()
    host = Host(world, folder / "data", settings(folder, fleet__instances_per_worker=10))
    try:
        sky = WhatsApp(world)
        host.prepare(
            *(
                Instance(name, BEGIN, since=BEGIN, jid=f"62812345{number:04}:1@s.whatsapp.net")
                for number, name in enumerate(NAMES)
            )
        )
        host.open()
        world.pass_time(40.0)
        assert len(sky.online) == FLEET
        yield host, sky
        host.close()
        assert not host.lies and not world.unhandled
    finally:
        host.abandon()
        world.close()


def rage(sky: WhatsApp, storm: Callable[[WhatsApp], Iterator[float]], seconds: float) -> None:
    """Let a storm last so long."""
    until = sky.world.loop.now + seconds
    for pause in storm(sky):
        if sky.world.loop.now >= until:
            break
        sky.world.pass_time(pause)
    sky.reachable, sky.after_login = True, lambda worker: None


def all_come_online(host: Host, limit_s: float) -> None:
    world, began = host.world, host.world.loop.now
    while world.loop.now - began <= limit_s:
        states = [view.state for view in host.fleet.snapshot().instances]
        if all(state is State.CONNECTED for state in states):
            return
        world.pass_time(1.0)
    raise AssertionError(
        [
            (view.name, view.state, view.reason, view.detail, view.next_attempt)
            for view in host.fleet.snapshot().instances
            if view.state is not State.CONNECTED
        ]
    )


def told(host: Host, column: str) -> set[str]:
    return {row[column] for row in host.query(f"SELECT DISTINCT {column} FROM transitions")}


@pytest.mark.parametrize("storm", STORMS)
@pytest.mark.parametrize(
    ("seconds", "back_s"), [(60.0, 60.0), pytest.param(1200.0, 180.0, marks=pytest.mark.soak)]
)
def test_a_storm_holds_nobody_and_all_are_back_soon(
    fleet: tuple[Host, WhatsApp],
    storm: Callable[[WhatsApp], Iterator[float]],
    seconds: float,
    back_s: float,
) -> None:
    host, sky = fleet
    before = sky.logins.copy()
    rage(sky, storm, seconds)
    all_come_online(host, back_s)
    assert "440" not in told(host, "code")
    assert not {"held", "cooldown"} & told(host, "to_state")
    rows = host.query("SELECT conflicts, guarded_at, hold FROM instances")
    assert {(row["conflicts"], row["guarded_at"], row["hold"]) for row in rows} == {
        ("[]", None, None)
    }
    assert max((sky.logins - before).values()) <= 8 + seconds / 60, "hammered"
    if storm is not rotating:
        assert Reason.SHORT_LIVED.slug not in told(host, "reason")
