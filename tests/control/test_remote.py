"""The fleet behind a socket: the same views, the same answers, the same errors as the real one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.control.live import LiveFleet, two_shops
from tests.control.scripted import pairing_view, view
from tests.fleets import in_state, shown
from tests.scriptedtools import AT, CONFLICT, ENTRY, HELD, NOT_RELOADED, OPEN, RELOADED, STEP
from waziterm.control.client import remote
from waziterm.control.client.remote import RemoteFleet, attached
from waziterm.control.client.transport import SILENCE_S
from waziterm.control.server.app import serve_control
from waziterm.control.server.stream import KEEP_ALIVE_S
from waziterm.domain.care.findings import FixReport
from waziterm.domain.care.layers import LayerName, Verdict
from waziterm.domain.fleet.api import (
    Changes,
    Fleet,
    FleetError,
    InstanceNotFoundError,
    LogLine,
    SendResult,
    Subscription,
)
from waziterm.domain.fleet.readonly import read_only
from waziterm.domain.fleet.tools import Progress, RestartReport
from waziterm.domain.lifecycle.states import State
from waziterm.domain.upkeep.janitor import Act, ActKind

DEADLINE_S = 10.0


@pytest.fixture
def fleet() -> LiveFleet:
    return two_shops()


@pytest.fixture
async def far(socket_path: Path) -> AsyncIterator[RemoteFleet]:
    async with attached(socket_path, lambda: 4711) as attached_fleet:
        yield attached_fleet


async def told(subscription: Subscription, wanted: Callable[[Changes], bool]) -> Changes:
    """The first changes that are the wanted ones."""
    async with asyncio.timeout(DEADLINE_S):
        while not wanted(changes := await subscription.next()):
            pass
    return changes


async def lines_of(
    far: Fleet, name: str, wanted: Callable[[tuple[LogLine, ...]], bool]
) -> tuple[LogLine, ...]:
    """The tail, once it is the wanted one."""
    async with far.subscribe() as subscription:
        await told(subscription, lambda _: wanted(far.tail(name)))
    return far.tail(name)


def test_it_is_a_fleet(far: RemoteFleet) -> None:
    whole: Fleet = far
    only: Fleet = read_only(whole)
    assert only.snapshot().instances == far.snapshot().instances


async def test_it_shows_what_the_fleet_shows(far: RemoteFleet, fleet: LiveFleet) -> None:
    there, here = fleet.snapshot(), far.snapshot()
    # What is counted goes to the metrics alone.
    assert replace(here, at=there.at, counts=there.counts) == there
    async with far.subscribe() as subscription:
        assert (await subscription.next()).snapshot is not None
        assert far.with_session() == ("shop-a", "shop-b")
        code = pairing_view("shop-c")
        fleet.show(code)
        assert (await subscription.next()).changed == (code,)
        assert far.snapshot().instances[2].qr == code.qr
        fleet.log("shop-a", "hello")
        assert (await subscription.next()).lines == {"shop-a": fleet.tail("shop-a")}
        fleet.drop("shop-b")
        assert (await subscription.next()).removed == ("shop-b",)
        assert far.with_session() == ("shop-a",)
        assert [each.name for each in far.snapshot().instances] == ["shop-a", "shop-c"]
    assert far.tail("shop-a") == fleet.tail("shop-a")
    assert far.tail("shop-b") == far.tail("nobody") == far.tail("shop-a", 0) == ()


async def test_a_renamed_instance_keeps_its_lines(far: RemoteFleet, fleet: LiveFleet) -> None:
    fleet.log("shop-b", "hello")
    await lines_of(far, "shop-b", lambda lines: len(lines) == 1)
    assert (await far.rename("shop-b", "shop-z")).name == "shop-z"
    assert await lines_of(far, "shop-z", lambda lines: len(lines) == 1) == fleet.tail("shop-z")
    snapshot = far.snapshot()
    assert snapshot.aliases == {"shop-b": "shop-z"} and far.tail("shop-b") == ()
    with pytest.raises(InstanceNotFoundError) as error:
        snapshot.instance("shop-b")
    assert error.value.hint == "it was renamed to shop-z"


async def test_older_lines_come_when_they_are_looked_at(
    socket_path: Path, fleet: LiveFleet
) -> None:
    for number in range(120):
        fleet.log("shop-a", f"line {number}")
    async with attached(socket_path, lambda: 4711) as far:
        await lines_of(far, "shop-a", lambda lines: len(lines) >= 50)
        lines = await lines_of(far, "shop-a", lambda lines: len(lines) >= 120)
        assert [line.text for line in lines] == [f"line {number}" for number in range(120)]
        for number in range(120, 300):
            fleet.log("shop-a", f"line {number}")
        lines = await lines_of(far, "shop-a", lambda lines: lines[-1].seq == 300)
        assert [line.seq for line in lines] == list(range(101, 301))
        stored = await far.lines("shop-a", limit=250, after=60)
        assert stored == fleet.tail("shop-a", 240)


async def test_commands_reach_the_fleet(far: RemoteFleet, fleet: LiveFleet) -> None:
    added = await far.add("new", "+6281234567890", "http://h:1")
    assert added == far.snapshot().instances[2] == fleet.views["new"]
    assert (await far.start("shop-a")).state is State.CONNECTING
    assert (await far.reconnect("shop-a", takeover=True)).state is State.CONNECTING
    assert (await far.stop("shop-a")).state is State.STOPPED
    await in_state(far, "shop-a", State.STOPPED, DEADLINE_S)
    assert (await far.clean("shop-b", logout=True)).state is State.STOPPED
    assert await far.send_test("shop-a", "+6281234567890") == SendResult(True, 0.05, "3EB0", "")
    assert fleet.calls == [
        ("add", "new", "+6281234567890", "http://h:1"),
        ("start", "shop-a"),
        ("reconnect", "shop-a", True),
        ("stop", "shop-a"),
        ("clean", "shop-b", True),
        ("send_test", "shop-a", "+6281234567890"),
    ]
    acts = await far.tidy_up(dry_run=True)
    assert acts == (Act(ActKind.REPORT, "lost.db", "a session file without an instance"),)


async def test_the_emergency_tools(far: RemoteFleet, fleet: LiveFleet) -> None:
    assert await far.check() == (HELD, OPEN)
    assert await far.fix(dry_run=True) == FixReport(True, (STEP,), (HELD,))
    assert await far.trash() == (ENTRY,)
    assert await far.restore(ENTRY.id) == "shop-z"
    assert (await far.remove("shop-a", logout=True)).entry == ENTRY.id
    assert await far.clean_all(2) == fleet.sessions
    assert (await far.test("shop-a", "+6281234567890")).ok
    assert await far.conflicts(AT) == (CONFLICT,)
    for fleet.reloaded in (RELOADED, NOT_RELOADED):
        assert await far.reload() == fleet.reloaded
    assert fleet.calls == [
        ("check",),
        ("fix", True),
        ("trash",),
        ("restore", ENTRY.id),
        ("remove", "shop-a", True),
        ("clean_all", 2, False),
        ("test", "shop-a", "+6281234567890", False),
        ("reload",),
        ("reload",),
    ]


async def test_a_failed_layer_is_named(far: RemoteFleet, fleet: LiveFleet) -> None:
    fleet.layers_failed = frozenset({LayerName.TLS})
    failed = (await far.test("shop-a")).failed
    assert failed is not None
    assert (failed.name, failed.verdict, failed.act) == (
        LayerName.TLS,
        Verdict.FAILED,
        "see the network",
    )


async def test_a_restart_step_by_step(far: RemoteFleet, fleet: LiveFleet) -> None:
    there = [told async for told in fleet.restart(clean_sessions=2)]
    async with aclosing(far.restart(clean_sessions=2)) as steps:
        assert [told async for told in steps] == there
    assert fleet.calls == [("restart", 2)] * 2
    fleet.restart_fails = FleetError("the disk is full", "free some space")
    seen: list[Progress | RestartReport] = []
    with pytest.raises(FleetError, match="the disk is full") as caught:
        async with aclosing(far.restart()) as steps:
            async for told in steps:
                seen.append(told)
    assert caught.value.hint == "free some space"
    assert seen == there[:1]


async def test_errors_arrive_as_they_were_raised(far: RemoteFleet, fleet: LiveFleet) -> None:
    fleet.refuse = FleetError("shop-a is held", "r tries once", 1)
    with pytest.raises(FleetError, match="shop-a is held") as caught:
        await far.start("shop-a")
    assert (caught.value.hint, caught.value.code) == ("r tries once", 1)
    with pytest.raises(FleetError, match="no instance is called 'nobody'") as caught:
        await far.stop("nobody")
    assert caught.value.code == 2
    with pytest.raises(FleetError) as caught:
        await far.stop("../../v1/fleet")
    assert caught.value.code == 2


async def test_two_at_once_show_the_same(socket_path: Path, fleet: LiveFleet) -> None:
    async with (
        attached(socket_path, lambda: 4711) as one,
        attached(socket_path, lambda: 4711) as other,
    ):
        await one.stop("shop-a")
        await other.reconnect("shop-b")
        for far in (one, other):
            await in_state(far, "shop-a", State.STOPPED, DEADLINE_S)
            await in_state(far, "shop-b", State.CONNECTING, DEADLINE_S)
        assert one.snapshot().instances == other.snapshot().instances == fleet.snapshot().instances


class Manager:
    """A server that a test starts and ends. pid: of the lock's holder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = AsyncExitStack()
        self.pid: int | None = None

    async def start(self, fleet: LiveFleet) -> None:
        await self._stack.enter_async_context(serve_control(fleet, self._path))
        self.pid = 4711

    async def end(self) -> None:
        self.pid = None
        await self._stack.aclose()


@pytest.fixture
async def manager(folder: Path, fleet: LiveFleet) -> AsyncIterator[Manager]:
    running = Manager(folder / "control.sock")
    await running.start(fleet)
    yield running
    await running.end()


async def test_a_manager_that_goes_and_comes_back(
    manager: Manager, folder: Path, fleet: LiveFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LOOK_S", 0.02)
    fleet.log("shop-a", "before")
    async with (
        attached(folder / "control.sock", lambda: manager.pid) as far,
        far.subscribe() as subscription,
    ):
        await told(subscription, lambda changes: changes.snapshot is not None)
        await manager.end()
        gone = await told(subscription, lambda changes: bool(changes.notices))
        assert [(notice.text, notice.trouble) for notice in gone.notices] == [
            (f"the manager (pid {far.pid}) is gone; looking for it every second", True)
        ]
        assert [each.name for each in far.snapshot().instances] == ["shop-a", "shop-b"]
        with pytest.raises(FleetError, match="no manager runs") as caught:
            await far.start("shop-a")
        assert caught.value.code == 3

        other = LiveFleet(view("shop-b"), view("shop-z"))
        other.written["shop-a"] = []
        await manager.start(other)
        back = await told(subscription, lambda changes: changes.snapshot is not None)
        assert back.snapshot is not None
        assert back.snapshot.instances == other.snapshot().instances
        notices = (
            back.notices
            or (await told(subscription, lambda changes: bool(changes.notices))).notices
        )
        assert [(notice.text, notice.trouble) for notice in notices] == [
            (f"the manager is back (pid {far.pid})", False)
        ]
        await shown(far, "shop-z", lambda each: each.state is State.STOPPED, DEADLINE_S)


async def test_as_long_as_it_is_away_it_is_told_again(
    manager: Manager, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown meanwhile is old, and an operator who comes later must know."""
    monkeypatch.setattr(remote, "LOOK_S", 0.02)
    monkeypatch.setattr(remote, "REMIND_S", 0.1)
    async with (
        attached(folder / "control.sock", lambda: manager.pid) as far,
        far.subscribe() as subscription,
    ):
        await manager.end()
        for _ in range(3):
            changes = await told(subscription, lambda changes: bool(changes.notices))
            assert changes.notices[-1].trouble and "is gone" in changes.notices[-1].text


async def test_nobody_there_is_one_clear_line(folder: Path) -> None:
    with pytest.raises(FleetError, match="no manager runs") as caught:
        async with attached(folder / "control.sock", lambda: None):
            pytest.fail("there is nothing to attach to")
    assert caught.value.code == 3


async def test_a_held_lock_and_no_answer_is_waited_for_and_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 0.3)
    with pytest.raises(FleetError, match=r"the manager \(pid 4711\) does not answer") as caught:
        async with attached(folder / "control.sock", lambda: 4711):
            pytest.fail("there is nothing to attach to")
    assert caught.value.code == 3


async def test_what_a_manager_answers_is_not_called_silence(folder: Path, fleet: LiveFleet) -> None:
    """Also with the exit code that silence has."""

    def refuse() -> None:
        raise FleetError("its directory was moved", "start another one", code=3)

    path = folder / "control.sock"
    async with serve_control(fleet, path, refuse=refuse):
        with pytest.raises(FleetError, match="its directory was moved") as caught:
            async with attached(path, lambda: 4711):
                pytest.fail("it lets nobody attach")
    assert (caught.value.code, caught.value.hint) == (3, "start another one")


def test_a_manager_that_hangs_is_noticed_within_ten_seconds() -> None:
    assert 3 * KEEP_ALIVE_S <= SILENCE_S <= 10.0


async def test_a_manager_that_starts_up_is_waited_for(folder: Path, fleet: LiveFleet) -> None:
    running = Manager(folder / "control.sock")
    starting: list[asyncio.Task[None]] = []

    def owner() -> int:
        """Whoever asks has met silence; only then does the manager listen."""
        if not starting:
            starting.append(asyncio.create_task(running.start(fleet)))
        return 4711

    async with attached(folder / "control.sock", owner) as far:
        assert len(far.snapshot().instances) == 2
    assert len(starting) == 1
    await running.end()


@asynccontextmanager
async def saying(path: Path, answer: bytes) -> AsyncIterator[None]:
    """A server that says the same to everyone, and goes on listening."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(speak, path):
        yield


@pytest.mark.parametrize(
    "answer", [b"event: hello\ndata: {}\n\n", b"data: {}\n\n", b"data: \xff\x00\n\n"]
)
async def test_another_version_is_one_clear_line(folder: Path, answer: bytes) -> None:
    async with saying(folder / "s", answer):
        with pytest.raises(FleetError, match="another shape") as caught:
            async with attached(folder / "s", lambda: 4711):
                pytest.fail("nothing was understood")
    assert "another version" in caught.value.hint


async def test_read_only_passes_no_command_on(far: RemoteFleet, fleet: LiveFleet) -> None:
    only = read_only(far)
    for command in (
        lambda: only.add("new"),
        lambda: only.start("shop-a"),
        lambda: only.stop("shop-a"),
        lambda: only.reconnect("shop-a", takeover=True),
        lambda: only.clean("shop-a"),
        lambda: only.remove("shop-a"),
        lambda: only.clean_all(2),
        lambda: only.restore("x"),
        only.fix,
        only.tidy_up,
        lambda: only.test("shop-a"),
        lambda: only.send_test("shop-a"),
        lambda: anext(only.restart()),
        only.reload,
    ):
        with pytest.raises(FleetError, match="only watches") as caught:
            await command()
        assert caught.value.code == 2
    assert fleet.calls == []
    assert await only.check() == (HELD, OPEN)
    assert await only.trash() == (ENTRY,)
    assert await only.conflicts() == (CONFLICT,)
    assert (await only.fix(dry_run=True)).dry_run
    assert await only.tidy_up(dry_run=True) == await far.tidy_up(dry_run=True)
    assert only.with_session() == far.with_session()
    assert only.tail("shop-a") == far.tail("shop-a")
    await shown(only, "shop-a", lambda each: each.state is State.CONNECTED, DEADLINE_S)
