"""One worker as its supervisor sees it: its messages passed on, its requests answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from waziterm.domain import events as ev
from waziterm.domain.fleet import Source
from waziterm.domain.limits import Limits
from waziterm.manager.clock import Clock
from waziterm.manager.process import OutputLine, WorkerGoneError, exit_cause
from waziterm.manager.requests import Requests
from waziterm.worker import protocol as wire

SILENCE_S = 20.0
"""A worker that reports nothing for four of its heartbeats hangs."""
LOOP_GAP_S = 5.0
"""Our loop was frozen, or the machine suspended, when a sleep lasts that much longer."""


class Worker(Protocol):
    """What a link needs of a worker process; `manager.process.WorkerProcess` is one."""

    @property
    def pid(self) -> int: ...

    @property
    def alive(self) -> bool: ...

    async def send(self, command: wire.Command) -> None: ...

    def messages(self) -> AsyncIterator[wire.Report | OutputLine]: ...

    async def wait(self) -> int: ...

    async def kill(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ears:
    """Whom a link tells: events of the instance, lines for its log."""

    event: Callable[[ev.Event], None]
    line: Callable[[Source, str], None]


class Link:
    """A worker that serves one instance, from its spawn to its reaping."""

    def __init__(self, name: str, worker: Worker, ears: Ears, clock: Clock) -> None:
        self._name = name
        self._worker = worker
        self._ears = ears
        self._clock = clock
        self._requests = Requests()
        self._heard = False
        self._killed_for = ""
        self._closing = False
        self.wanted = asyncio.Event()
        """Set by whoever wants the next probe at once."""

    @property
    def pid(self) -> int:
        return self._worker.pid

    async def listen(self) -> None:
        """Pass everything on until the worker is gone, then say how it ended unless we did it.

        A worker whose heartbeat stops is killed: it would never report its own end.
        """
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch_heartbeat())
            async for message in self._worker.messages():
                self._heard = True
                self._pass_on(message)
            watch.cancel()
        code = await self._worker.wait()
        self._requests.fail_all(WorkerGoneError("the worker ended"))
        if not self._closing:
            self._ears.event(ev.WorkerDied(self._killed_for or exit_cause(code)))

    async def _watch_heartbeat(self) -> None:
        while True:
            self._heard = False
            before = self._clock.now()
            await self._clock.sleep(SILENCE_S)
            frozen = self._clock.now() - before > SILENCE_S + LOOP_GAP_S
            if not self._heard and not frozen:
                self._killed_for = "its heartbeat stopped"
                await self._worker.kill()
                return

    async def beat(self, limits: Limits) -> None:
        """Probe the session every `keepalive_s` seconds for as long as it is connected.

        whatsmeow's own keep-alive cannot be set. One probe is in flight at a time. A deadline
        that passes while our loop or the machine stood still says nothing: probe again.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limits.keepalive_s):
                    await self.wanted.wait()
            self.wanted.clear()
            before = self._clock.now()
            try:
                answered = await self.probe(limits.probe_timeout_s)
            except WorkerGoneError:
                return
            except TimeoutError:
                if self._clock.now() - before <= limits.probe_timeout_s + LOOP_GAP_S:
                    self._ears.event(ev.ProbeMissed())
                continue
            missed = ev.ProbeMissed() if answered.error else ev.ProbeAnswered(answered.took_s)
            self._ears.event(missed)

    def _pass_on(self, message: wire.Report | OutputLine) -> None:
        match message:
            case OutputLine(text):
                self._ears.line(Source.LIBRARY, text)
            case wire.Noted(text=text):
                self._ears.line(Source.LIBRARY, text)
            case wire.Happened(event=event):
                self._ears.event(event)
            case wire.Answered():
                self._requests.answer(message)
            case wire.Ready(pid=pid, library=library):
                self._ears.line(Source.WORKER, f"worker {pid} with neonize {library}")

    async def connect(self, command: wire.Connect) -> None:
        """Give the worker its instance. The end of a worker that is already gone is heard by
        `listen`, so it is no news here."""
        with contextlib.suppress(WorkerGoneError):
            await self._worker.send(command)

    async def send_text(self, text: str, to: str | None, timeout_s: float) -> wire.Answered:
        """Send a text and wait for WhatsApp's acknowledgement.

        Raises TimeoutError after `timeout_s` seconds, which ends our wait and not the worker,
        and WorkerGoneError.
        """
        number, answer = self._requests.open()
        return await self._ask(wire.SendText(self._name, number, text, to), answer, timeout_s)

    async def probe(self, timeout_s: float) -> wire.Answered:
        """One light round trip to WhatsApp; raises like `send_text`."""
        number, answer = self._requests.open()
        return await self._ask(wire.Probe(self._name, number), answer, timeout_s)

    async def pair_by_code(self, phone: str, timeout_s: float) -> wire.Answered:
        """Have a pairing code made for a phone number (digits); `CodeShown` tells it before this
        returns. Raises like `send_text`."""
        number, answer = self._requests.open()
        return await self._ask(wire.PairByCode(self._name, number, phone), answer, timeout_s)

    async def logout(self, timeout_s: float) -> wire.Answered:
        """Unlink the device at WhatsApp; raises like `send_text`."""
        number, answer = self._requests.open()
        return await self._ask(wire.Logout(self._name, number), answer, timeout_s)

    async def _ask(
        self, command: wire.Command, answer: asyncio.Future[wire.Answered], timeout_s: float
    ) -> wire.Answered:
        try:
            async with asyncio.timeout(timeout_s):
                await self._worker.send(command)
                return await answer
        finally:
            answer.cancel()

    async def close(self) -> None:
        """Kill the worker and reap it. Afterwards nothing holds the session file any more."""
        self._closing = True
        await self._worker.kill()
        self._requests.fail_all(WorkerGoneError("the worker was stopped"))
