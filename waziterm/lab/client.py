"""Start a lab in a process of its own and steer it.

async with run_lab(directory) as lab:
    phone = await lab.scan(qr_text)
    await lab.wait_online(phone.jid, timeout_s=10)
    await lab.trouble(TroubleKind.CONFLICT, phone.jid)
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from waziterm.lab.events import EventKind, LabEvent
from waziterm.lab.process import LabProcess
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import (
    LabError,
    PageMode,
    ReceiptMode,
    ReceivedMessage,
    Scanned,
    ScanOutcome,
    SessionView,
)

Stanza = Sequence[tuple[str, Mapping[str, str], Any]]
MAX_LINE = 1 << 22
KEPT_EVENTS = 20_000
REQUEST_TIMEOUT_S = 10.0


class Lab:
    """A running lab. Everything that talks to it raises LabError with one line for a person.

    file: the lab file that clients get. Devices are named by number, JID or LID; a number or an
    account's JID means all linked devices of the account.
    """

    def __init__(self, process: LabProcess) -> None:
        self._process = process
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: deque[LabEvent] = deque(maxlen=KEPT_EVENTS)
        self._news = asyncio.Condition()
        self._requests = 0
        self._position = 0

    @property
    def file(self) -> Path:
        """The lab file."""
        return self._process.file

    @property
    def pid(self) -> int:
        """The lab's process."""
        return self._process.pid

    @property
    def position(self) -> int:
        """How many events have been seen: where `events` and `wait_event` may begin."""
        return self._position

    async def scan(
        self,
        qr_text: str,
        number: str | None = None,
        *,
        outcome: ScanOutcome = ScanOutcome.PAIRED,
        code: int = 0,
    ) -> Scanned:
        """A phone (a new one without a number) scans a QR code; returns once pairing was answered.

        qr_text: all of the QR's text. number: digits, with or without a plus sign. code: with which
        WhatsApp refuses, for the outcome REFUSED.
        """
        answer = await self._ask("scan", qr=qr_text, number=number, outcome=outcome, code=code)
        return Scanned(**answer)

    async def enter_code(self, code: str, number: str) -> Scanned:
        """A pairing code is typed on the phone with that number; returns once it is accepted."""
        return Scanned(**await self._ask("enter_code", code=code, number=number))

    async def wait_online(self, jid: str, timeout_s: float) -> SessionView:
        """Wait until a device is logged in; at once when it is.

        Raises TimeoutError after timeout_s seconds.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                position = self._position
                for session in await self.sessions():
                    if session.jid == jid:
                        return session
                await self._event(lambda e: e.kind is EventKind.LOGIN and e.jid == jid, position)

    async def sessions(self) -> tuple[SessionView, ...]:
        """The devices that are online."""
        return tuple(SessionView(**item) for item in await self._ask("sessions"))

    async def trouble(
        self,
        kind: TroubleKind,
        jid: str | None = None,
        *,
        code: int | None = None,
        ban_code: int | None = None,
        expire_s: int | None = None,
        times: int | None = None,
        delay_s: float = 0.0,
        query: str | None = None,
    ) -> int:
        """Make trouble for one session, or for all without a JID; how many it hit at once.

        See `TroubleKind` for the kinds. code: of a stream error or a refusal, a login failure's
        reason, or N of the oldest version that is let in; ban_code and expire_s (seconds) go with
        reason 402, expire_s with a time lock too.
        times: how often a failure, a rival, a refusal or a lost acknowledgement happens to each,
        None until cleared. delay_s: seconds, for SLOW, RIVAL and the storms. query: what MUTE
        leaves unanswered, for example `encrypt/count`.
        """
        options: dict[str, Any] = {"code": code, "ban_code": ban_code, "expire_s": expire_s}
        options |= {"times": times, "query": query}
        return int(await self._ask("trouble", kind=kind, jid=jid, delay_s=delay_s, **options))

    async def clear(self, kind: TroubleKind | None = None, jid: str | None = None) -> None:
        """End troubles that are in force: of one kind or all, for one target or every one."""
        await self._ask("clear", kind=kind, jid=jid)

    async def remove_device(self, jid: str) -> None:
        """The phone removes a linked device: 401, and it can never log in again."""
        await self._ask("remove_device", jid=jid)

    async def messages(self, jid: str) -> tuple[ReceivedMessage, ...]:
        """The latest texts that an account's phone has read, oldest first."""
        return tuple(
            ReceivedMessage(**{**item, "nodes": tuple(item["nodes"])})
            for item in await self._ask("messages", jid=jid)
        )

    async def receipted(self, jid: str) -> dict[str, str]:
        """The messages that a linked device has taken since the lab started, by their ids, oldest
        first, and how: the type of its receipt, "" for the usual one, `ack` or `refused`."""
        return dict(await self._ask("receipted", jid=jid))

    async def drop_messages(self, jid: str) -> None:
        """WhatsApp loses what it still has for a linked device: it does not bring it again."""
        await self._ask("drop_messages", jid=jid)

    async def wait_message(self, jid: str, timeout_s: float, *, nth: int = 1) -> ReceivedMessage:
        """The nth text that an account's phone reads, counted from 1 since the lab started.

        Raises TimeoutError after timeout_s seconds.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                position = self._position
                messages = await self.messages(jid)
                if len(messages) >= nth:
                    return messages[nth - 1]
                await self._event(lambda event: event.kind is EventKind.MESSAGE, position)

    async def send_text(self, jid: str, text: str, number: str | None = None) -> str:
        """A phone (a new one without a number) writes to a linked device; the message's id."""
        return str(await self._ask("send_text", jid=jid, text=text, number=number))

    async def send_message(self, jid: str, body: bytes, number: str | None = None) -> str:
        """A phone sends a message with any body, the device's own phone too; the message's id.

        body: a serialised `E2E.Message`, or what a hostile phone makes of it.
        """
        return str(await self._ask("send_message", jid=jid, body=body.hex(), number=number))

    async def write(
        self, jid: str, text: str, to: str | None = None, *, ago_s: float = 0.0
    ) -> None:
        """A phone has written by itself, and its own linked devices get their copies.

        jid: of the account. to: the number of a phone without linked devices, None for a new one.
        ago_s: for so many seconds WhatsApp has it already.
        """
        await self._ask("write", jid=jid, text=text, to=to, ago_s=ago_s)

    async def send_frame(self, jid: str, data: bytes) -> None:
        """Send bytes in the place of a node, of any length, to a device that is online."""
        await self._ask("send_frame", jid=jid, data=data.hex())

    async def send_history(self, jid: str, size: int, *, part: int, days: int = 1) -> int:
        """A phone sends its own linked device its history, as much of it as that wanted; in how
        many parts.

        size: bytes of the whole before it is compressed. part: bytes of a part. days: how far the
        whole goes back.
        """
        sizes = {"size": size, "part": part, "days": days}
        return int(await self._ask("send_history", jid=jid, **sizes))

    async def send_stanza(
        self, jid: str, tag: str, attrs: Mapping[str, str] = {}, content: Stanza | str = ()
    ) -> None:
        """Send a stanza of any kind to a device that is online.

        content: bytes as text, or children, each `(tag, attrs, content)`. In all texts a surrogate
        from U+DC80 on stands for a byte that is not UTF-8, and a JID is sent as one.
        """
        await self._ask("send_stanza", jid=jid, node=[tag, dict(attrs), content])

    async def settings(
        self,
        *,
        receipts: ReceiptMode | None = None,
        refs: int | None = None,
        page: PageMode | None = None,
        revision: int | None = None,
    ) -> None:
        """How far receipts go, how many QR codes a pairing client gets, and what the page answers
        that tells WhatsApp's current version `2.3000.revision`; None keeps it."""
        wanted = {"receipts": receipts, "refs": refs, "page": page, "revision": revision}
        await self._ask("settings", **{k: v for k, v in wanted.items() if v is not None})

    async def counters(self) -> dict[EventKind, int]:
        """How often each kind of event has happened since the lab started."""
        counted = await self._ask("counters")
        return {kind: int(counted.get(kind, 0)) for kind in EventKind}

    async def restart(self) -> None:
        """End the lab and start it again: the same port, keys, phones and linked devices."""
        await self.disconnect()
        await self._process.stop()
        await self._process.start()
        await self.connect()

    async def events(self, position: int | None = None) -> AsyncIterator[LabEvent]:
        """Events as they happen; from `position` on when one is given. Ends with the lab."""
        at = self._position if position is None else position
        while new := await self._after(at):
            at = self._position
            for event in new:
                yield event

    async def wait_event(
        self,
        wanted: Callable[[LabEvent], bool],
        timeout_s: float,
        *,
        position: int | None = None,
    ) -> LabEvent:
        """The first event that is wanted; only new ones, or those from `position` on.

        To miss nothing, read `position` before the act that causes the event. Raises TimeoutError
        after timeout_s seconds.
        """
        async with asyncio.timeout(timeout_s):
            return await self._event(wanted, self._position if position is None else position)

    async def _event(self, wanted: Callable[[LabEvent], bool], position: int) -> LabEvent:
        async for event in self.events(position):
            if wanted(event):
                return event
        raise LabError("the lab has ended")

    async def _after(self, position: int) -> list[LabEvent]:
        """The events after a position, as soon as there are any; none when the lab has ended."""
        async with self._news:
            await self._news.wait_for(lambda: self._position > position or self._writer is None)
        return self.seen(position)

    def seen(self, position: int) -> list[LabEvent]:
        """The events after a position that have come; after an answer, all from before it."""
        count = min(self._position - position, len(self._events))
        return list(self._events)[len(self._events) - count :] if count > 0 else []

    async def connect(self) -> None:
        """Open the control socket."""
        try:
            reader, writer = await asyncio.open_unix_connection(
                self._process.socket, limit=MAX_LINE
            )
        except OSError as error:
            raise LabError(f"the lab's control socket does not open: {error}") from error
        self._writer = writer
        self._task = asyncio.create_task(self._read(reader))

    async def disconnect(self) -> None:
        """Close the control socket."""
        if self._writer is not None:
            self._writer.close()
        if self._task is not None:
            await self._task
            self._task = None

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while line := await reader.readline():
                data = json.loads(line)
                if "event" in data:
                    event = data["event"]
                    event["kind"] = EventKind(event["kind"])
                    async with self._news:
                        self._events.append(LabEvent(**event))
                        self._position += 1
                        self._news.notify_all()
                elif (answer := self._answers.pop(data["id"], None)) and not answer.done():
                    if "error" in data:
                        answer.set_exception(LabError(data["error"]))
                    else:
                        answer.set_result(data["ok"])
        self._writer = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(LabError("the lab has ended"))
        self._answers.clear()
        async with self._news:
            self._news.notify_all()

    async def _ask(self, op: str, **args: Any) -> Any:
        if self._writer is None:
            raise LabError("the lab has ended")
        self._requests += 1
        number = self._requests
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._writer.write(json.dumps({"id": number, "op": op, **args}).encode() + b"\n")
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                return await answer
        except TimeoutError as error:
            raise LabError(f"the lab does not answer a request ({op})") from error
        finally:
            self._answers.pop(number, None)


@asynccontextmanager
async def run_lab(directory: Path) -> AsyncIterator[Lab]:
    """Run a lab in a directory until the block ends. Raises LabError when it does not start."""
    process = LabProcess(directory)
    await process.start()
    lab = Lab(process)
    try:
        await lab.connect()
        yield lab
    finally:
        await lab.disconnect()
        await process.stop()
