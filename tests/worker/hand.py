"""A manager's hand on one worker process: it collects all that the worker says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from typing import Self, TypeVar

from waziterm.domain.jid import Jid
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.messages.message import Content, MessageKind
from waziterm.domain.messages.sending import Acknowledged, Outgoing, Sent
from waziterm.lab.client import Lab
from waziterm.lab.words import Scanned
from waziterm.manager.workers.process import Message, OutputLine, WorkerProcess
from waziterm.manager.workers.zygote_line import Zygote
from waziterm.worker.protocol import (
    Answered,
    Command,
    Connect,
    Happened,
    Leave,
    Noted,
    Probe,
    Ready,
    RollJournal,
    SendMessage,
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
        self,
        kind: type[Kind],
        position: int = 0,
        timeout_s: float = DEADLINE_S,
        instance: str | None = None,
    ) -> Kind:
        """The first message or event of a kind from a position on; of one instance, or of any."""
        seen = position

        def found() -> bool:
            nonlocal seen
            while seen < len(self.said) and not self._is(seen, kind, instance):
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

    def events_of(self, instance: str, position: int = 0) -> list[ev.WorkerEvent]:
        """What happened to one instance from a position on."""
        return [
            message.event
            for message in self.said[position:]
            if isinstance(message, Happened) and message.instance == instance
        ]

    async def wait_for_line(self, text: str, nth: int = 1) -> None:
        """Wait until this text is part of so many lines."""
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: sum(text in line for line in self.lines) >= nth)

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

    async def start_probe(self, instance: str = NAME) -> int:
        """Ask for a probe; the number of the request."""
        self._requests += 1
        await self.process.send(Probe(instance, self._requests))
        return self._requests

    async def probe(self, instance: str = NAME) -> Answered:
        return await self.answer(await self.start_probe(instance))

    async def start_message(
        self, content: Content, to: str | None = None, instance: str = NAME, secret: str = ""
    ) -> int:
        """Ask for a message to be sent, to whom it is linked with unless another is named; the
        number of the request."""
        self._requests += 1
        message = Outgoing(to or self._own(instance), content, secret or token_hex(32))
        await self.process.send(SendMessage(instance, self._requests, message))
        return self._requests

    async def send(
        self, content: Content, to: str | None = None, instance: str = NAME, secret: str = ""
    ) -> Sent:
        answered = await self.answer(await self.start_message(content, to, instance, secret))
        assert answered.sent is not None
        assert bool(answered.error) != isinstance(answered.sent, Acknowledged)
        return answered.sent

    async def start_text(self, text: str, to: str | None = None, instance: str = NAME) -> int:
        """The same for a text."""
        return await self.start_message(Content(MessageKind.TEXT, text), to, instance)

    async def send_text(self, text: str, to: str | None = None, instance: str = NAME) -> Sent:
        return await self.send(Content(MessageKind.TEXT, text), to, instance)

    async def text_id(self, text: str, to: str | None = None, instance: str = NAME) -> str:
        """Send a text that WhatsApp acknowledges; its id."""
        sent = await self.send_text(text, to, instance)
        assert isinstance(sent, Acknowledged), sent
        return sent.whatsapp_id

    def _own(self, instance: str) -> str:
        told = [each for each in self.events_of(instance) if isinstance(each, ev.Connected)]
        return str(Jid.parse(told[-1].jid).account) if told else "62812000000@s.whatsapp.net"

    async def start_leave(self, instance: str) -> int:
        """Ask for an instance to be let go; the number of the request."""
        self._requests += 1
        await self.process.send(Leave(instance, self._requests))
        return self._requests

    async def roll(self, instance: str = NAME) -> Answered:
        """Have the journal rolled."""
        self._requests += 1
        await self.process.send(RollJournal(instance, self._requests))
        return await self.answer(self._requests)

    async def leave(self, instance: str) -> Answered:
        return await self.answer(await self.start_leave(instance))

    def _at(self, index: int) -> object:
        message = self.said[index]
        return message.event if isinstance(message, Happened) else message

    def _is(self, index: int, kind: type, instance: str | None) -> bool:
        named = getattr(self.said[index], "instance", None)
        return isinstance(self._at(index), kind) and instance in (None, named)

    async def tell(self, command: Command) -> Self:
        await self.process.send(command)
        return self


@asynccontextmanager
async def spawned(ca_file: str | None = None) -> AsyncIterator[Hand]:
    """A worker that is ready, ended at the end of the block."""
    async with _held(await WorkerProcess.spawn(ca_file=ca_file)) as hand:
        yield hand


@asynccontextmanager
async def forked(zygote: Zygote) -> AsyncIterator[Hand]:
    """The same, from a zygote."""
    async with _held(await WorkerProcess.fork(zygote)) as hand:
        yield hand


@asynccontextmanager
async def _held(process: WorkerProcess) -> AsyncIterator[Hand]:
    hand = Hand(process)
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
async def connecting(
    lab: Lab, session: Path, jid: str | None = None, inbox: str = ""
) -> AsyncIterator[Hand]:
    """A worker that was told to connect to the lab. inbox: path of the journal."""
    file = LabFile.parse(lab.file.read_text())
    async with spawned(file.ca_file) as hand:
        await hand.tell(
            Connect(NAME, str(session), jid, file.proxy, file.noise_root_key, inbox=inbox)
        )
        yield hand


async def pair(lab: Lab, hand: Hand) -> Scanned:
    """A phone of the lab scans the worker's code; returns when it is connected."""
    code = await hand.wait_for(ev.QrShown)
    phone = await lab.scan(code.payload)
    await hand.wait_for(ev.Connected)
    return phone
