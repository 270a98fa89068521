"""The link of one instance to its worker: its place there, what is said, what is asked."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol, assert_never

from waziterm.domain.fleet.api import Source
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.messages.sending import Heard, InboxGrew, NotSent, Outgoing, Sent, Uncertain
from waziterm.manager.background import cause_of
from waziterm.manager.clock import Clock, stood_still
from waziterm.manager.workers.process import OutputLine, WorkerGoneError
from waziterm.worker import protocol as wire

log = logging.getLogger(__name__)

Message = wire.Report | OutputLine


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a link tells, at once: events of the instance, lines for its log, how many more of the
    library's events were lost, what came in that concerns messages, which is told even when the
    instance leaves."""

    event: Callable[[ev.Event], None]
    line: Callable[[Source, str], None]
    lost: Callable[[int], None]
    heard: Callable[[Heard], None]


class Carrier(Protocol):
    """What a link needs of the worker it leads to; `manager.workers.worker.Worker` is one."""

    number: int | None

    @property
    def pid(self) -> int: ...

    def pause_s(self, period_s: float) -> float: ...

    async def send(self, name: str, command: wire.Command) -> None: ...

    async def part(self, link: "Link") -> None: ...


class Link:
    """The place of one instance in a worker, until it leaves or the worker ends. alone: nobody
    else has one there. jid: of its device, None before it is linked."""

    def __init__(
        self, name: str, carrier: Carrier, listener: Listener, clock: Clock, *, alone: bool
    ) -> None:
        self.name = name
        self.alone = alone
        self.jid: str | None = None
        self._carrier = carrier
        self._listener = listener
        self._clock = clock
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[wire.Answered]] = {}
        self._owed: dict[int, str] = {}
        self._parted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost = 0
        self.leaving = False
        self.was_online = False
        """Whether there may be messages in, and verdicts, that the library has not told."""
        self.wanted = asyncio.Event()
        """Set by whoever wants the next probe at once."""

    @property
    def pid(self) -> int:
        return self._carrier.pid

    @property
    def number(self) -> int | None:
        """N of the version that the worker tells WhatsApp."""
        return self._carrier.number

    # -- for whoever carries the instance ---------------------------------------------------

    async def connect(self, command: wire.Connect) -> None:
        """Give the worker the instance. The end of a worker that is already gone is told by
        itself, so it is no news here."""
        self.jid = command.jid
        with contextlib.suppress(WorkerGoneError):
            await self._send(command)

    async def beat(self, limits: Limits) -> None:
        """Probe the session every `keepalive_s` seconds for as long as it is connected, together
        with the others in its worker; the first time, and after a late answer, half a period to
        one and a half later.

        whatsmeow's own keep-alive cannot be set. One probe is in flight at a time. A deadline
        that passes while our loop or the machine stood still says nothing: probe again.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._carrier.pause_s(limits.keepalive_s)):
                    await self.wanted.wait()
            self.wanted.clear()
            before = self._clock.elapsed()
            try:
                answered = await self.probe(limits.probe_timeout_s)
            except WorkerGoneError:
                return
            except TimeoutError:
                if not stood_still(self._clock, before, limits.probe_timeout_s):
                    self._listener.event(ev.ProbeMissed())
                continue
            if answered.is_refused:
                self._listener.event(ev.ProbeRefused(answered.error))
            elif answered.error:
                self._listener.event(ev.ProbeMissed())
            else:
                self._listener.event(ev.ProbeAnswered(answered.took_s))

    async def probe(self, timeout_s: float) -> wire.Answered:
        """One light round trip to WhatsApp.

        Raises TimeoutError after `timeout_s` seconds, which ends our wait and not the worker,
        and WorkerGoneError.
        """
        return await self._ask(lambda number: wire.Probe(self.name, number), timeout_s)

    async def send(self, message: Outgoing, limit_s: float) -> tuple[Sent, float]:
        """Send a message and wait for WhatsApp's acknowledgement; how it went, and how long it
        took, in seconds.

        That is at most `limit_s` seconds, those left out in which our loop or the machine stood
        still. After `Uncertain` it may still be sent until this link has parted, see `owes`.
        """
        number, answer = self._expect()
        self._owed[number] = message.secret
        began = self._clock.elapsed()
        try:
            async with asyncio.timeout(limit_s):
                await self._send(wire.SendMessage(self.name, number, message))
        except WorkerGoneError as error:
            del self._owed[number]
            self._forget(number)
            return NotSent(str(error)), 0.0
        except TimeoutError:
            self._forget(number)
            return Uncertain("the worker takes no messages"), limit_s
        try:
            answered = await self._patient(answer, limit_s)
        except TimeoutError:
            said = f"no acknowledgement within {limit_s:.0f} s"
            return Uncertain(said), self._clock.elapsed() - began
        except WorkerGoneError as error:
            return Uncertain(f"{error} before WhatsApp acknowledged"), 0.0
        finally:
            self._forget(number)
        return answered.sent or Uncertain(answered.error), answered.took_s

    async def _patient(
        self, answer: asyncio.Future[wire.Answered], limit_s: float
    ) -> wire.Answered:
        """Wait for an answer, and again after a freeze of ours, in which none could be heard.
        Raises TimeoutError and WorkerGoneError."""
        while True:
            before = self._clock.elapsed()
            try:
                async with asyncio.timeout(limit_s):
                    return await asyncio.shield(answer)
            except TimeoutError:
                if not stood_still(self._clock, before, limit_s):
                    raise

    def owes(self, secrets: Collection[str]) -> bool:
        """Whether the worker was given a message with one of these secrets and has not said how it
        went: it may be sent until this link has parted."""
        return any(each in secrets for each in self._owed.values())

    async def unlink(self, limit_s: float) -> str:
        """Unlink the device at WhatsApp; "" or why it failed, after `limit_s` seconds at most."""
        asking = self._ask(lambda number: wire.Logout(self.name, number), limit_s)
        return await _ended(asking, limit_s)

    async def ask_code(self, phone: str, limit_s: float) -> str:
        """Have a pairing code made, which `CodeShown` tells before this returns; "" or why it
        failed, after `limit_s` seconds at most."""
        digits = phone.removeprefix("+")
        asking = self._ask(lambda number: wire.PairByCode(self.name, number, digits), limit_s)
        return await _ended(asking, limit_s)

    async def roll(self, limit_s: float) -> str:
        """Have the journal of messages in rolled; "" or why not, after `limit_s` seconds."""
        asking = self._ask(lambda number: wire.RollJournal(self.name, number), limit_s)
        return await _ended(asking, limit_s)

    async def leave(self) -> None:
        """End the connection here, or a try to make one. Nothing but a verdict is heard of it any
        more. When that takes longer than `worker.SOON_S` it goes on in the background, until
        `parted`: before that, nobody may connect this instance elsewhere.
        """
        if not self.leaving:
            self.leaving = True
            self._fail_all(WorkerGoneError("the worker was stopped"))
            await self._carrier.part(self)

    @property
    def has_parted(self) -> bool:
        """Whether `parted` is over."""
        return self._parted.done()

    async def parted(self) -> None:
        """Wait until the worker neither holds a connection of this instance nor makes one."""
        await asyncio.shield(self._parted)

    async def _ask(self, command: Callable[[int], wire.Command], timeout_s: float) -> wire.Answered:
        number, answer = self._expect()
        try:
            async with asyncio.timeout(timeout_s):
                await self._send(command(number))
                return await answer
        finally:
            self._forget(number)

    def _expect(self) -> tuple[int, asyncio.Future[wire.Answered]]:
        """The number of a new request, and its answer."""
        number = next(self._numbers)
        answer: asyncio.Future[wire.Answered] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        return number, answer

    def _forget(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        answer = self._asked.pop(number, None)
        if answer is not None:
            answer.cancel()

    async def _send(self, command: wire.Command) -> None:
        """Send a command for this instance. Raises WorkerGoneError."""
        if self.leaving:
            raise WorkerGoneError(f"{self.name} has left worker {self.pid}")
        await self._carrier.send(self.name, command)

    def _fail_all(self, error: WorkerGoneError) -> None:
        """Nobody will be answered any more."""
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(error)

    # -- for the worker ---------------------------------------------------------------------

    def hear(self, message: Message) -> None:
        """Pass on what the worker reports of this instance. What fails in it is this instance's
        trouble alone, and told: nothing else would bring its attempt to its end."""
        verdict = isinstance(message, wire.Happened) and ev.is_verdict(message.event)
        if self.leaving and not verdict:
            return
        try:
            self._pass_on(message)
        except Exception as error:
            log.exception("%s: a report of its worker was not passed on", self.name)
            self._listener.event(ev.NotCarriedOut(cause_of(error), is_carried=False))

    def _pass_on(self, message: Message) -> None:
        match message:
            case OutputLine(text):
                self._listener.line(Source.LIBRARY, text)
            case wire.Noted(text=text):
                self._listener.line(Source.LIBRARY, text)
            case wire.Happened(event=event):
                if isinstance(event, ev.PairSucceeded):
                    self.jid = event.jid
                self._listener.event(event)
            case wire.Answered(request=number):
                # One that comes too late has nobody who waits for it.
                self._owed.pop(number, None)
                answer = self._asked.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case wire.HeardReceipt(receipt=receipt):
                self._listener.heard(receipt)
            case wire.HeardOptOut(opt_out=opt_out):
                self._listener.heard(opt_out)
            case wire.JournalGrew():
                self._listener.heard(InboxGrew())
            case wire.Lost(total=total):
                self._listener.lost(total - self._lost)
                self._lost = total
            case wire.Ready(pid=pid, library=library):
                self._listener.line(Source.WORKER, f"worker {pid} with neonize {library}")
            case wire.Heartbeat():
                pass
            case _:
                assert_never(message)

    def end(self, how: ev.WorkerDied | ev.WorkerLost) -> None:
        """The worker is gone; that is news unless we have left it."""
        self.part()
        if not self.leaving:
            self._fail_all(WorkerGoneError("the worker ended"))
            self._listener.event(how)

    def part(self) -> None:
        """The worker holds no connection of this instance any more."""
        if not self._parted.done():
            self._parted.set_result(None)
            # What it wrote last it may not have told.
            self._listener.heard(InboxGrew())


async def _ended(asking: Awaitable[wire.Answered], limit_s: float) -> str:
    try:
        answered = await asking
    except TimeoutError:
        return f"no answer within {limit_s:.0f} s"
    except WorkerGoneError as error:
        return str(error)
    return answered.error
