"""The written-once rule under stress, with the real library: it ends the whole process when its
maps are written while they are read, so a worker that lives has not broken the rule."""

import asyncio
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.worker.hand import connecting, forked, pair
from waziterm.domain import events as ev
from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.lab.client import Lab, run_lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.process import Message, OutputLine, WorkerProcess
from waziterm.manager.zygote import Zygote
from waziterm.worker.protocol import (
    Answered,
    Command,
    Connect,
    Happened,
    Leave,
    Noted,
    Probe,
    Ready,
    SendText,
)
from waziterm.worker.session import MAX_REQUESTS

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

COUNT = 25
LEAVING = 2
STRESS_S = 60.0
DROPPERS = 3
CALLS_BETWEEN_DROPS = 10
"""How many calls of an instance are answered well between two drops of its connection."""
DEADLINE_S = 120.0
"""For one answer: the library itself waits 75 s for some, and dials again after seconds."""
SEED = 20261124
ENDS = (ev.Disconnected, ev.StreamReplaced, ev.LoggedOut, ev.ConnectFailure, ev.StreamError)


class Member:
    """One instance of the worker, as far as its callers must know it."""

    def __init__(self, name: str, jid: str) -> None:
        self.name = name
        self.jid = jid
        self.connections = 0
        self.well = 0
        self.left = False
        self.online = asyncio.Event()
        self.news = asyncio.Condition()


class Crowd:
    """All that is asked of one worker, and what became of it."""

    def __init__(self, worker: WorkerProcess, members: list[Member]) -> None:
        self.worker = worker
        self.members = {member.name: member for member in members}
        self.happened: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.asked = 0
        self.printed: list[str] = []
        self.notes = 0
        self._open: dict[int, asyncio.Future[Answered]] = {}
        self._wrong: list[Answered] = []
        self._names: dict[int, str] = {}

    @property
    def unanswered(self) -> int:
        return len(self._open)

    async def listen(self) -> None:
        async for message in self.worker.messages():
            await self._take(message)
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(AssertionError(f"the worker has ended: {self.printed}"))

    async def ask(self, kind: type[Probe] | type[SendText] | type[Leave], name: str,
                  **more: str) -> Answered:
        """Ask for one thing, and wait until it is answered."""
        self.asked += 1
        number = self.asked
        answer = self._open[number] = asyncio.get_running_loop().create_future()
        self._names[number] = name
        command: Command = kind(name, number, **more)
        await self.worker.send(command)
        async with asyncio.timeout(DEADLINE_S):
            answered = await answer
        word = "ok" if not answered.error else answered.error
        self.answers[f"{kind.__name__}: {word}"] += 1
        return answered

    async def _take(self, message: Message) -> None:
        match message:
            case Answered(instance=name, request=number):
                assert self._names.pop(number) == name
                answer = self._open.pop(number)
                if not answer.done():
                    answer.set_result(message)
            case Happened(instance=name, event=event):
                self.happened[type(event).__name__] += 1
                await self._happen(self.members[name], event)
            case OutputLine(text):
                self.printed = [*self.printed[-50:], text]
            case Noted():
                self.notes += 1

    async def _happen(self, member: Member, event: ev.WorkerEvent) -> None:
        if isinstance(event, ev.Connected):
            member.connections += 1
            member.online.set()
        elif isinstance(event, ENDS):
            member.online.clear()
        async with member.news:
            member.news.notify_all()


@pytest.fixture
def randomness() -> random.Random:
    return random.Random(SEED)
