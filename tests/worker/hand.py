"""A manager's hand on one worker process: it collects all that the worker says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

from waziterm.domain import events as ev
from waziterm.domain.labfile import LabFile
from waziterm.lab.client import Lab
from waziterm.lab.words import Scanned
from waziterm.manager.process import Message, OutputLine, WorkerProcess
from waziterm.worker.protocol import (
    Answered,
    Command,
    Connect,
    Happened,
    Noted,
    Probe,
    Ready,
    SendText,
)

NAME = "shop-1"
DEADLINE_S = 15.0
Kind = TypeVar("Kind")


class Hand:
    """One worker, and everything that it has said so far, oldest first."""

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self.said: list[Message] = []
        self.ended = False
        self._news = asyncio.Condition()
        self._requests = 0

    @property
    def position(self) -> int:
        """A place in `said`, for `wait_for`."""
        return len(self.said)

    @property
    def events(self) -> list[ev.WorkerEvent]:
        return [message.event for message in self.said if isinstance(message, Happened)]

    @property
    def lines(self) -> list[str]:
        """All text that would reach a log."""
        return [message.text for message in self.said if isinstance(message, Noted | OutputLine)]

    async def listen(self) -> None:
        async for message in self.process.messages():
            async with self._news:
                self.said.append(message)
                self._news.notify_all()
        async with self._news:
            self.ended = True
            self._news.notify_all()

    async def wait_for(
        self, kind: type[Kind], position: int = 0, timeout_s: float = DEADLINE_S
    ) -> Kind:
        """The first message or event of a kind from a position on."""
        seen = position

        def found() -> bool:
            nonlocal seen
            while seen < len(self.said) and not isinstance(self._at(seen), kind):
                seen += 1
            return seen < len(self.said) or self.ended

        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(found)
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__} came, but {self.said[position:]}") from None
        assert seen < len(self.said), f"it ended without {kind.__name__}: {self.said[position:]}"
        what = self._at(seen)
        assert isinstance(what, kind)
        return what

    async def wait_for_line(self, text: str) -> None:
        """Wait until this text is part of a line."""
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: any(text in line for line in self.lines))

    async def end(self) -> int:
        """Wait until the worker is gone and all is read; its return code."""
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: self.ended)
        return await self.process.wait()

    async def answer(self, request: int) -> Answered:
        """The answer to a request."""
        position = 0
        while (answered := await self.wait_for(Answered, position)).request != request:
            position = self.said.index(answered) + 1
        return answered

    async def probe(self) -> Answered:
        self._requests += 1
        await self.process.send(Probe(NAME, self._requests))
        return await self.answer(self._requests)

    async def start_text(self, text: str, to: str | None = None) -> int:
        """Ask for a text to be sent; the number of the request."""
        self._requests += 1
        await self.process.send(SendText(NAME, self._requests, text, to))
        return self._requests

    async def send_text(self, text: str, to: str | None = None) -> Answered:
        return await self.answer(await self.start_text(text, to))

    def _at(self, index: int) -> object:
        message = self.said[index]
        return message.event if isinstance(message, Happened) else message

    async def tell(self, command: Command) -> Self:
        await self.process.send(command)
        return self


@asynccontextmanager
async def spawned(ca_file: str | None = None) -> AsyncIterator[Hand]:
    """A worker that is ready, ended at the end of the block."""
    hand = Hand(await WorkerProcess.spawn(ca_file=ca_file))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(hand.listen())
            try:
                await hand.wait_for(Ready)
                yield hand
            finally:
                await hand.process.kill()
    finally:
        await hand.process.kill()


@asynccontextmanager
async def connecting(lab: Lab, session: Path, jid: str | None = None) -> AsyncIterator[Hand]:
    """A worker that was told to connect to the lab."""
    file = LabFile.parse(lab.file.read_text())
    async with spawned(file.ca_file) as hand:
        await hand.tell(Connect(NAME, str(session), jid, file.proxy, file.noise_root_key))
        yield hand


async def pair(lab: Lab, hand: Hand) -> Scanned:
    """A phone of the lab scans the worker's code; returns when it is connected."""
    code = await hand.wait_for(ev.QrShown)
    phone = await lab.scan(code.payload)
    await hand.wait_for(ev.Connected)
    return phone
