"""A worker as one instance's supervisor sees it: messages passed on, requests answered."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from waziterm.domain.fleet.api import Source
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.limits import Limits
from waziterm.manager.clock import Clock, stood_still
from waziterm.manager.workers.process import OutputLine, WorkerGoneError
from waziterm.manager.workers.requests import Requests
from waziterm.manager.workers.worker import Berth
from waziterm.worker import protocol as wire


@dataclass(frozen=True, slots=True)
class Ears:
    """Whom a link tells: events of the instance, lines for its log."""

    event: Callable[[ev.Event], None]
    line: Callable[[Source, str], None]


class Link:
    """A worker as one instance sees it, from the connect to the parting."""

    def __init__(self, berth: Berth, ears: Ears, clock: Clock) -> None:
        self._berth = berth
        self._name = berth.name
        self._ears = ears
        self._clock = clock
        self._requests = Requests()
        self._closing = False
        self.wanted = asyncio.Event()
        """Set by whoever wants the next probe at once."""

    @property
    def pid(self) -> int:
        return self._berth.pid

    @property
    def number(self) -> int | None:
        """N of the version that the worker tells WhatsApp."""
        return self._berth.number

    async def listen(self) -> None:
        """Pass everything on until it is over, then say how the worker ended unless we left it."""
        async for message in self._berth.messages():
            self._pass_on(message)
        self._requests.fail_all(WorkerGoneError("the worker ended"))
        if self._berth.ended is not None and not self._closing:
            self._ears.event(self._berth.ended)

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
            before = self._clock.elapsed()
            try:
                answered = await self.probe(limits.probe_timeout_s)
            except WorkerGoneError:
                return
            except TimeoutError:
                if not stood_still(self._clock, before, limits.probe_timeout_s):
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
            case wire.Heartbeat():
                pass
            case _:
                assert_never(message)

    async def connect(self, command: wire.Connect) -> None:
        """Give the worker the instance. The end of a worker that is already gone is heard by
        `listen`, so it is no news here."""
        with contextlib.suppress(WorkerGoneError):
            await self._berth.send(command)

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
                await self._berth.send(command)
                return await answer
        finally:
            answer.cancel()

    async def close(self) -> None:
        """Leave the worker; see `Berth.leave`."""
        self._closing = True
        await self._berth.leave()
        self._requests.fail_all(WorkerGoneError("the worker was stopped"))
