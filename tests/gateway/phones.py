"""Instances as senders, as a test wants them; and a queue on a loop's own time."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from tests.manager.world import World
from waziterm.domain.errors import FleetError, InstanceNotFoundError
from waziterm.domain.messages.message import Content, MessageKind, MessageView, NewMessage
from waziterm.domain.messages.message_settings import Messages, Pacing
from waziterm.domain.messages.queue import Once
from waziterm.domain.messages.sending import (
    Acknowledged,
    CannotSend,
    NotSent,
    Outgoing,
    Sent,
    Standing,
    Trace,
    Uncertain,
)
from waziterm.domain.phrase import Phrase
from waziterm.gateway.messages_file import MessagesFile, MessagesPlace
from waziterm.gateway.queue import Queue

TO = "+4915112345678"
JID = "4915112345678@s.whatsapp.net"


@dataclass
class Phone:
    """One instance. answer: what comes of the next messages; the last one stays. ack_s: seconds to
    it. sent: what reached WhatsApp, with the moment. known: what its session file has. asked:
    messages that are under way. unreadable: so many more times its session file cannot be read."""

    standing: Standing
    ack_s: float = 0.0
    answers: list[Sent | None] = field(default_factory=list)
    sent: list[tuple[float, Outgoing]] = field(default_factory=list)
    known: dict[str, Trace] = field(default_factory=dict)
    under_way: int = 0
    unreadable: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class ScriptedPhones:
    """`domain.messages.sending.Phones`. An instance is called as its id is, without the `id-`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.phones: dict[str, Phone] = {}
        self.expected: list[str] = []
        self.most_under_way = 0

    def of(self, name: str) -> Phone:
        return self.phones.setdefault(f"id-{name}", Phone(Standing(name)))

    def set(self, name: str, why: CannotSend | None, until: float | None = None) -> None:
        """Let an instance stand otherwise."""
        phone = self.of(name)
        phone.standing = replace(phone.standing, why=why, until=until)
        changed, phone.changed = phone.changed, asyncio.Event()
        changed.set()

    def standing(self, identity: str) -> Standing:
        phone = self.phones.get(identity)
        return Standing("", CannotSend.GONE) if phone is None else phone.standing

    def changed(self, identity: str) -> Coroutine[Any, Any, None]:
        phone = self.phones.get(identity)
        return _wait(asyncio.Event() if phone is None else phone.changed)

    def expect(self, identity: str) -> None:
        self.expected.append(identity)

    async def send(self, identity: str, message: Outgoing) -> Sent:
        phone = self.phones[identity]
        answer = phone.answers.pop(0) if phone.answers else None
        if isinstance(answer, NotSent):
            return answer
        trace = Trace(f"3EB0{len(phone.sent):08X}", message.to)
        phone.under_way += 1
        self.most_under_way = max(self.most_under_way, phone.under_way)
        try:
            phone.sent.append((self._world.clock.now(), message))
            phone.known[message.secret] = trace
            if phone.ack_s:
                await asyncio.sleep(phone.ack_s)
        finally:
            phone.under_way -= 1
        if isinstance(answer, Uncertain) and "never" in answer.error:
            phone.sent.pop()
            del phone.known[message.secret]
        return answer or Acknowledged(trace.whatsapp_id, trace.chat)

    async def traces(self, identity: str, secrets: Collection[str]) -> Mapping[str, Trace]:
        phone = self.phones[identity]
        if phone.unreadable:
            phone.unreadable -= 1
            raise FleetError(Phrase("it cannot be read"))
        return {each: phone.known[each] for each in secrets if each in phone.known}


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


class Bench:
    """A queue in a data directory, and the phones that it sends with."""

    def __init__(self, world: World, root: Path) -> None:
        self.world = world
        self.root = root
        self.phones = ScriptedPhones(world)
        self.messages = Messages()
        self.pacing = Pacing()
        self.told: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._queue: Queue | None = None

    @property
    def queue(self) -> Queue:
        assert self._queue is not None
        return self._queue

    def start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        task = self.world.loop.create_task(work, name=name)
        self.tasks.append(task)
        return task

    def _identity_of(self, name: str) -> str:
        if f"id-{name}" not in self.phones.phones:
            raise InstanceNotFoundError(name)
        return f"id-{name}"

    def open(self, *, shift: float = 0.0) -> None:
        """Begin with what there is."""
        self.file = MessagesFile(MessagesPlace(self.root), self.world.clock, self.told.append)
        self._queue = Queue(
            self.file,
            self.phones,
            Random(0),
            self.messages,
            self.pacing,
            self.start,
            self._identity_of,
        )
        self.world.run(self._queue.boot(shift))
        self._queue.begin()
        self.world.settle()

    def close(self) -> None:
        if self._queue is not None:
            task = self.world.task(self._closed(self._queue))
            if not task.done():
                self.world.pass_time(10.0)
            self.world.run(asyncio.wait({task}))
            task.result()
            self._queue = None

    async def _closed(self, queue: Queue) -> None:
        await queue.close()
        await self.file.close()

    def kill(self) -> None:
        """End as a killed manager does: nothing of it goes on, and nothing is tidied up."""
        for task in asyncio.all_tasks(self.world.loop):
            task.cancel()
        self.world.settle()
        self.tasks.clear()
        self.close()

    def apply(self, **changed: Any) -> None:
        """Pace otherwise from now on."""
        self.pacing = replace(self.pacing, **changed)
        self.queue.apply(self.messages, self.pacing)

    def accept(
        self, name: str = "shop", to: str = TO, text: str = "hello", **more: Any
    ) -> MessageView:
        """Take a message, and let happen what can happen then."""
        once: Once | None = more.pop("once", None)
        content = more.pop("content", Content(MessageKind.TEXT, text))
        view = self.world.run(self.queue.accept(name, NewMessage(to, content, **more), once))
        self.world.settle()
        return view

    def view(self, message: MessageView | str) -> MessageView:
        identity = message if isinstance(message, str) else message.id
        return self.world.run(self.queue.message(identity))

    def sent(self, name: str = "shop") -> list[str]:
        """The texts that reached WhatsApp, in order."""
        return [each.content.text for _, each in self.phones.of(name).sent]

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database, as another program would."""
        with closing(sqlite3.connect(self.root / "messages.db", isolation_level=None)) as db:
            return db.execute(sql, values).fetchall()

    def until(self, done: Callable[[], bool], within_s: float = 3600.0) -> None:
        """Let time pass until something is so."""
        left = within_s
        while not done():
            assert left > 0, "it did not come"
            self.world.pass_time(0.25)
            left -= 0.25
