"""The queue with the real library: what arrives, where texts rest, and SIGKILL at any moment."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.queue_host import QUICK
from tests.fleets import in_state, pair
from tests.programs import environment
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.domain.messages.codes import OnUnknown
from waziterm.domain.messages.message import (
    Content,
    MessageKind,
    MessageState,
    MessageView,
    NewMessage,
)
from waziterm.domain.messages.sending import CannotSend
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import SessionManager, open_manager

TO = "+628999000100"
JID = "628999000100@s.whatsapp.net"
TEXT = "the umbrella is under the third stone"
DEADLINE_S = 30.0


@asynccontextmanager
async def fleet_on(lab: Lab, folder: Path, **more: str) -> AsyncIterator[SessionManager]:
    settings = load_settings(data_dir=folder / "data", environ=QUICK | more)
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(folder / "data", settings, file) as fleet:
        yield fleet


async def accept(fleet: SessionManager, text: str, to: str = TO) -> MessageView:
    return await fleet.queue.accept("shop", NewMessage(to, Content(MessageKind.TEXT, text)))


async def until(fleet: SessionManager, view: MessageView, *states: MessageState) -> MessageView:
    """Wait until a message is in one of some states."""
    seen = view
    try:
        async with asyncio.timeout(DEADLINE_S):
            while (seen := await fleet.queue.message(view.id)).state not in states:
                await fleet.queue.changed()
    except TimeoutError:
        raise AssertionError(f"it never got there: {seen}") from None
    return seen


def holding(root: Path, text: str) -> set[str]:
    """The files below a directory that have a text in their bytes."""
    files = (each for each in root.rglob("*") if each.is_file())
    return {each.name for each in files if text.encode() in each.read_bytes()}


async def test_messages_arrive_in_order_and_their_texts_rest_in_one_place(
    lab: Lab, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0, "waziterm")
    async with fleet_on(lab, folder) as fleet:
        await pair(fleet, lab, "shop")
        assert not (folder / "data" / "messages.db").exists()
        views = [await accept(fleet, f"{TEXT} {number}") for number in range(5)]
        for view in views:
            await until(fleet, view, MessageState.SENT)
        read = await lab.messages(JID)
        assert [each.text for each in read] == [f"{TEXT} {number}" for number in range(5)]
        assert fleet.queue.counts()["shop"].sent_hour == 5
        await fleet.stop("shop")
        waiting = await accept(fleet, TEXT)
        assert waiting.code == CannotSend.STOPPED
        await fleet.reconnect("shop")
        await until(fleet, waiting, MessageState.SENT)
        held = holding(folder, TEXT)
        assert held <= {"messages.db", "messages.db-wal"} and held
        said = "\n".join(line.text for line in fleet.tail("shop", 500)) + caplog.text
        assert "umbrella" not in said and TO.removeprefix("+") not in said


async def test_a_cleaned_instances_messages_wait_for_a_person(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder) as fleet:
        await pair(fleet, lab, "shop")
        await fleet.stop("shop")
        view = await accept(fleet, TEXT)
        await fleet.clean("shop")
        assert (await fleet.queue.message(view.id)).code in ("cleaned", "not_paired")
        (entry,) = await fleet.trash()
        await fleet.restore(entry.id)
        await fleet.start("shop")
        await in_state(fleet, "shop", State.CONNECTED)
        other = await accept(fleet, "new")
        await until(fleet, other, MessageState.SENT)
        assert (await fleet.queue.message(view.id)).due is None
        assert [each.text for each in await lab.messages(JID)] == ["new"]
        (gone,) = {(await fleet.remove("shop")).entry}
        await fleet.restore(gone)
        assert (await fleet.queue.message(view.id)).instance == "shop"


# -- SIGKILL ------------------------------------------------------------------------------------


@dataclass
class HostProcess:
    """`tests.e2e.queue_host` in a process of its own. taken: the ids of messages that it said it
    has, by their numbers."""

    process: asyncio.subprocess.Process
    taken: dict[int, str] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)

    async def ask(self, line: str) -> None:
        assert self.process.stdin is not None
        with suppress(ConnectionError):
            self.process.stdin.write(f"{line}\n".encode())
            await self.process.stdin.drain()

    async def read(self) -> None:
        """Take in what it says, until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            with suppress(ValueError):
                # A killed process may have written half a line.
                told = json.loads(line)
                if "taken" in told:
                    self.taken[told["taken"]] = told["id"]
                self.status |= told

    async def until(self, wanted: str, least: int, most: int) -> None:
        """Wait until a figure of its status is between two."""
        async with asyncio.timeout(60):
            while not least <= self.status.get(wanted, -1) <= most:
                await self.ask("status")
                await asyncio.sleep(0.05)

    async def take(self, numbers: list[int]) -> None:
        """Let it take messages."""
        for number in numbers:
            await self.ask(f"send {number}")

    def kill_workers(self) -> None:
        for pid in self.status["pids"]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def hosting(data: Path, lab: Lab, on_unknown: OnUnknown) -> AsyncIterator[HostProcess]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.e2e.queue_host", str(data), str(lab.file), on_unknown),
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    host = HostProcess(process)
    reading = asyncio.create_task(host.read())
    try:
        yield host
    finally:
        if process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(20):
                    await process.wait()
        if process.returncode is None:
            await host.kill()
        await reading


@pytest.mark.parametrize(
    ("kills", "on_unknown", "delay_s"),
    [
        pytest.param(3, OnUnknown.HOLD, 0.03, id="3"),
        *(
            pytest.param(
                17, on_unknown, delay_s, marks=[pytest.mark.soak, pytest.mark.timeout(900)]
            )
            for on_unknown in OnUnknown
            for delay_s in (0.0, 0.03, 0.3)
        ),
    ],
)
async def test_a_kill_at_any_moment_loses_no_message_and_doubles_none(
    lab: Lab, folder: Path, kills: int, on_unknown: OnUnknown, delay_s: float
) -> None:
    data, random = folder / "data", Random(f"{kills} {on_unknown} {delay_s}")
    async with fleet_on(lab, folder) as fleet:
        for name in ("one", "two"):
            await pair(fleet, lab, name)
    if delay_s:
        await lab.trouble(TroubleKind.SLOW, None, delay_s=delay_s)
    taken: dict[int, str] = {}
    asked, killed = 0, Counter[str]()
    few = 40 if delay_s < 0.1 else 12
    while sum(killed.values()) < kills:
        async with hosting(data, lab, on_unknown) as host:
            await host.until("connected", 2, 2)
            await host.take([*missing(taken, asked), *range(asked, asked + few)])
            asked += few
            await asyncio.sleep(random.uniform(0.0, 0.7 + delay_s))
            what = random.choice(("worker", "manager", "both"))
            killed[what] += 1
            if what in ("worker", "both"):
                host.kill_workers()
            if what == "worker":
                await asyncio.sleep(random.uniform(0.0, 1.0))
            await host.kill()
        taken |= host.taken
    await lab.clear()
    async with hosting(data, lab, on_unknown) as host:
        await host.until("connected", 2, 2)
        await host.take(missing(taken, asked))
        await host.until("queued", 0, 0)
    taken |= host.taken
    assert missing(taken, asked) == [] and len(set(taken.values())) == asked
    counts = await outcome(data, lab, taken)
    told = ", ".join(f"{state} ×{times}: {count}" for (state, times), count in counts.items())
    print(f"\n{on_unknown}, {delay_s} s: {asked} messages, killed {dict(killed)}: {told}")
    most = 1 if on_unknown is OnUnknown.HOLD else 2
    for state, times in counts:
        # What is told as sent has arrived; of what may have arrived a person is told.
        least = {MessageState.SENT: 1, MessageState.UNKNOWN: 0}[state]
        assert least <= times <= most, told


def missing(taken: dict[int, str], asked: int) -> list[int]:
    """The numbers of those of which nobody has said that they were taken."""
    return sorted(set(range(asked)) - set(taken))


async def outcome(data: Path, lab: Lab, taken: dict[int, str]) -> Counter[tuple[MessageState, int]]:
    """How many messages are in a state and have arrived so many times."""
    arrived = Counter[str]()
    for chat in range(7):
        for each in await lab.messages(f"6289990001{chat:02}@s.whatsapp.net"):
            arrived[each.text] += 1
    with closing(sqlite3.connect(data / "messages.db")) as db:
        states = dict(db.execute("SELECT id, state FROM messages").fetchall())
    assert len(states) == len(taken)
    return Counter(
        (MessageState(states[identity]), arrived[f"message {number}"])
        for number, identity in taken.items()
    )
