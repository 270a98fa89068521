"""The written-once rule under stress, with the real library: Go ends the whole process when one
of its maps is written while it is read, so a worker that lives has not broken the rule."""

import asyncio
import contextlib
import os
import random
import signal
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from secrets import token_hex

import pytest
import pytest_asyncio

from tests.worker.hand import connecting, pair
from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.message import Content, MessageKind
from waziterm.domain.messages.sending import Outgoing
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import LabError
from waziterm.manager.workers.process import Message, OutputLine, WorkerProcess
from waziterm.manager.workers.zygote_line import Zygote
from waziterm.worker.instance.session import MAX_REQUESTS
from waziterm.worker.protocol import (
    Answered,
    Command,
    Connect,
    Happened,
    Leave,
    Probe,
    SendMessage,
    encode,
)

COUNT = 25
LEAVING = 2
STRESS_S = 60.0
"""How long the stress takes at least."""
DROPS = 50
WENT_WELL = 2000
"""How many drops and good calls make it one; on a slow machine it goes on until there were."""
ENOUGH_S = 300.0
"""How long that may take: about ten times as long as it does on two cores."""
DROPPERS = 4
CALLS_BETWEEN_DROPS = 5
"""How many calls of an instance go well between two drops of its connection."""
LATE_CALLS = 200
"""How many more calls each of its callers makes of an instance that has left; they fail at once,
and a client that was stopped would end the process."""
DEADLINE_S = 150.0
"""For one answer: the library itself waits 75 s for some, and twice for a text."""
SEED = 20261124
HAMMER_S = 5.0
BREACHES = 5
"""How often the rule may be broken until it does harm; each of seven tries ended the process."""

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

_OFFLINE = (ev.Disconnected, ev.StreamReplaced, ev.LoggedOut, ev.ConnectFailure)
_DROPS: tuple[tuple[TroubleKind, int | None], ...] = (
    (TroubleKind.TCP_RESET, None),
    (TroubleKind.WS_CLOSE, None),
    (TroubleKind.STREAM_ERROR, 503),
)


class Member:
    """One instance of the worker, as far as those who call it must know it."""

    def __init__(self, name: str, jid: str) -> None:
        self.name = name
        self.jid = jid
        self.is_online = False
        self.has_left = False
        self.connections = 0
        self.went_well = 0
        self._news = asyncio.Condition()

    async def changed(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until_online(self, connection: int = 1) -> None:
        """Wait for its nth connection, or until it has left."""
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(
                lambda: self.has_left or (self.is_online and self.connections >= connection)
            )

    async def until_went_well(self, count: int) -> None:
        """Wait until so many calls have gone well, or until it has left."""
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: self.has_left or self.went_well >= count)


class Crowd:
    """All that one worker is asked, and what became of it."""

    def __init__(self, worker: WorkerProcess, jids: dict[str, str]) -> None:
        self.worker = worker
        self.members = {name: Member(name, jid) for name, jid in jids.items()}
        self.asked: Counter[str] = Counter()
        self.answered: Counter[tuple[str, str]] = Counter()
        self.happened: Counter[str] = Counter()
        self.printed: Counter[str] = Counter()
        self.drops = 0
        self.is_over = False
        self.enough = asyncio.Event()
        self._open: dict[int, tuple[str, asyncio.Future[Answered]]] = {}
        self._numbers = 0

    @property
    def unanswered(self) -> int:
        return len(self._open)

    @property
    def went_well(self) -> int:
        """How many calls have ended without an error."""
        return sum(count for (_, error), count in self.answered.items() if not error)

    def count(self) -> None:
        """Say so when there was enough of everything."""
        if self.drops > DROPS and self.went_well > WENT_WELL:
            self.enough.set()

    @property
    def here(self) -> list[Member]:
        return [member for member in self.members.values() if not member.has_left]

    async def listen(self) -> None:
        async for message in self.worker.messages():
            await self._take(message)
        for _, answer in self._open.values():
            answer.set_exception(AssertionError(f"the worker has ended: {self.printed}"))

    async def ask(self, member: Member, command: Command) -> Answered:
        """Ask for something, and wait until it is answered."""
        kind = type(command).__name__
        assert isinstance(command, Probe | SendMessage | Leave)
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._open[command.request] = (member.name, answer)
        self.asked[kind] += 1
        await self.worker.send(command)
        async with asyncio.timeout(DEADLINE_S):
            answered = await asyncio.shield(answer)
        self.answered[kind, answered.error.rpartition(": ")[2]] += 1
        self.count()
        if not answered.error:
            member.went_well += 1
            await member.changed()
        return answered

    def number(self) -> int:
        """For the next request."""
        self._numbers += 1
        return self._numbers

    async def _take(self, message: Message) -> None:
        match message:
            case Answered(instance=name, request=number):
                asked_of, answer = self._open.pop(number)
                assert asked_of == name
                answer.set_result(message)
            case Happened(instance=name, event=event):
                self.happened[type(event).__name__] += 1
                member = self.members[name]
                if isinstance(event, ev.Connected):
                    member.is_online = True
                    member.connections += 1
                elif isinstance(event, _OFFLINE):
                    member.is_online = False
                await member.changed()
            case OutputLine(text):
                self.printed[text.rpartition(": ")[2]] += 1

    # -- those who call, drop and leave -----------------------------------------------------

    async def call(self, member: Member, chance: random.Random) -> None:
        """One of many: a probe or a text at a time, to itself or to another, until it is over."""
        late = 0
        while not self.is_over and late < LATE_CALLS:
            late += member.has_left
            number = self.number()
            other = chance.choice(list(self.members.values()))
            commands: tuple[Command, ...] = (
                Probe(member.name, number),
                _text(member, number, f"to self {number}", member),
                _text(member, number, f"text {number}", other),
            )
            command = chance.choice(commands)
            if (await self.ask(member, command)).error:
                await member.until_online()

    async def drop(self, lab: Lab, chance: random.Random) -> None:
        """Drop a connection; when it is back and some calls have gone well, another one."""
        while not self.is_over:
            member = chance.choice(self.here)
            seen, well = member.connections, member.went_well
            kind, code = chance.choice(_DROPS)
            try:
                self.drops += await lab.trouble(kind, member.jid, code=code)
                self.count()
            except LabError:
                # Another has dropped it just now.
                await member.until_online(seen)
            else:
                await member.until_online(seen + 1)
            await member.until_went_well(well + CALLS_BETWEEN_DROPS)

    async def leave(self, member: Member) -> None:
        """One leaves while calls of it are under way."""
        member.has_left = True
        answered = await self.ask(member, Leave(member.name, self.number()))
        assert answered.error == ""
        await member.changed()

    def report(self, took_s: float) -> str:
        total = sum(self.answered.values())
        lines = [
            f"{COUNT} instances, {total} calls in {took_s:.0f} s ({total / took_s:.0f}/s), "
            f"{self.drops} drops, {self.unanswered} unanswered",
            f"  asked    {dict(self.asked)}",
            f"  happened {dict(self.happened)}",
        ]
        lines += [
            f"  {count:6} {kind}: {error or 'ok'}"
            for (kind, error), count in self.answered.most_common(20)
        ]
        lines += [f"  {count:6} printed: {text}" for text, count in self.printed.most_common(5)]
        return "\n".join(lines)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connects(shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Connect]:
    """The commands that connect each instance; all of them are paired."""
    folder = tmp_path_factory.mktemp("stress")
    file = LabFile.parse(shared_lab.file.read_text())
    commands = {}
    for number in range(COUNT):
        name = f"shop-{number}"
        session = folder / f"{name}.db"
        async with connecting(shared_lab, session) as hand:
            jid = (await pair(shared_lab, hand)).jid
        key = file.noise_root_key
        commands[name] = Connect(name, str(session), jid, file.proxy, key, alone=False)
    return commands


async def test_a_worker_lives_through_calls_from_many_sides_while_connections_drop(
    shared_lab: Lab, connects: dict[str, Connect]
) -> None:
    zygote = Zygote(LabFile.parse(shared_lab.file.read_text()).ca_file)
    worker = await WorkerProcess.fork(zygote)
    crowd = Crowd(worker, {name: str(command.jid) for name, command in connects.items()})
    chance = random.Random(SEED)
    try:
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(crowd.listen())
            began = time.monotonic()
            for command in connects.values():
                await worker.send(command)
            for member in crowd.members.values():
                await member.until_online()
            print(f"\n{COUNT} instances online after {time.monotonic() - began:.2f} s")

            await _stress(crowd, shared_lab, chance)

            assert worker.alive
            for member in crowd.here:
                await member.until_online()
                assert (await crowd.ask(member, Probe(member.name, crowd.number()))).error == ""
            online = {session.jid for session in await shared_lab.sessions()}
            assert online == {member.jid for member in crowd.here}
            assert len(crowd.here) == COUNT - LEAVING
            assert crowd.unanswered == 0
            assert sum(crowd.answered.values()) == sum(crowd.asked.values())
            assert worker.alive
            await worker.kill()
            await listening
    finally:
        await worker.kill()
        await zygote.close()


async def test_the_rule_saves_the_process_from_calls_without_a_pause(
    shared_lab: Lab, connects: dict[str, Connect], tmp_path: Path
) -> None:
    """And without the rule they end it, so that the test above can fail."""
    commands = tmp_path / "commands"
    commands.write_bytes(b"".join(encode(command) for command in connects.values()))
    code, printed = await _hammered(shared_lab, commands, "ruled")
    assert code == 0, printed
    print(f"\n{printed.splitlines()[-1]}")

    for number in range(BREACHES):
        code, printed = await _hammered(shared_lab, commands, "broken")
        if code == -signal.SIGABRT:
            assert "concurrent map" in printed
            print(f"broken: ended by {number + 1} of {BREACHES} tries")
            return
    raise AssertionError("calls while clients are started do no harm")


async def _hammered(lab: Lab, commands: Path, mode: str) -> tuple[int | None, str]:
    """Let six threads call without a pause; the end of their process, and what it printed."""
    ca_file = LabFile.parse(lab.file.read_text()).ca_file
    assert ca_file is not None
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _HAMMER, mode, str(commands), str(HAMMER_S)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"SSL_CERT_FILE": ca_file},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, printed.decode(errors="replace")


# It reaches under the surface: `IsConnected` is the cheapest call that reads the library's maps,
# a million times in a second, and no part of what a worker offers.
_HAMMER = textwrap.dedent("""
    import os, socket, sys, threading
    from pathlib import Path
    from waziterm.worker.instance.desk import Desk
    from waziterm.worker.neonize.library import load
    from waziterm.worker.pipe import Outbox
    from waziterm.worker.protocol import decode_command

    mode, commands, hammer_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
    ours, theirs = socket.socketpair()
    binder = load()
    desk = Desk(Outbox(theirs), binder)
    online, all_online, over = 0, threading.Event(), threading.Event()
    first, *others = Path(commands).read_bytes().splitlines()

    def read():
        global online
        for line in ours.makefile("rb"):
            online += b'"kind": "connected"' in line
            if online > len(others):
                all_online.set()

    def hammer():
        if mode == "ruled":
            desk._opening.close()
        session = desk._sessions[decode_command(first).instance]
        calls = 0
        while not over.is_set():
            binder.gocode.IsConnected(session._client._id)
            calls += 1
        counts.append(calls)

    threading.Thread(target=read, daemon=True).start()
    counts = []
    threads = [threading.Thread(target=hammer) for _ in range(6)]
    desk.take(first)
    desk._sessions[decode_command(first).instance]._start.begun.wait(10)
    if mode == "broken":
        for thread in threads:
            thread.start()
    for line in others:
        desk.take(line)
    if mode == "ruled":
        for thread in threads:
            thread.start()
    over.wait(hammer_s)
    all_online.wait(30)
    over.set()
    for thread in threads:
        thread.join()
    print(f"{mode}: {online} online, {sum(counts)} calls", flush=True)
    os._exit(0 if online == len(others) + 1 else 3)
""")


async def _stress(crowd: Crowd, lab: Lab, chance: random.Random) -> None:
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for member in crowd.members.values():
            for _ in range(MAX_REQUESTS):
                group.create_task(crowd.call(member, random.Random(chance.random())))
        for _ in range(DROPPERS):
            group.create_task(crowd.drop(lab, random.Random(chance.random())))
        leaving = chance.sample(list(crowd.members.values()), LEAVING)
        for number, member in enumerate(leaving, start=1):
            await _until(began + STRESS_S * number / (LEAVING + 1))
            await crowd.leave(member)
        await _until(began + STRESS_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENOUGH_S - STRESS_S):
                await crowd.enough.wait()
        crowd.is_over = True
    took_s = time.monotonic() - began
    print(crowd.report(took_s))
    assert took_s >= STRESS_S
    assert crowd.drops > DROPS
    assert crowd.went_well > WENT_WELL


async def _until(moment: float) -> None:
    """Let the others go on until a moment of the monotonic clock, in seconds."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(moment - time.monotonic(), over.set)
    await over.wait()


def _text(member: Member, number: int, text: str, to: Member) -> SendMessage:
    content = Content(MessageKind.TEXT, text)
    account = str(Jid.parse(to.jid).account)
    return SendMessage(member.name, number, Outgoing(account, content, token_hex(32)))
