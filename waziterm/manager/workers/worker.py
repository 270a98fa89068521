"""One worker process and the instances in it.

A worker that several share starts them one after the other, and starts none after its first call;
nothing is stopped in it (`worker.neonize.opening`). So an instance that is to end here is parted
from it with `Leave`, and goes on in another worker, where it is a new connection with events of
its own. The last one that leaves takes the process with it.
"""

import asyncio
import logging
import re
import resource
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, assert_never

from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.details import NO_HEARTBEAT, detail_phrase, killed_detail
from waziterm.domain.phrase import Phrase
from waziterm.domain.upkeep.packing import WorkerView
from waziterm.manager.background import cause_of
from waziterm.manager.clock import Clock, stood_still
from waziterm.manager.workers.child import exit_cause, outer_signal
from waziterm.manager.workers.link import Link, Listener, Message
from waziterm.manager.workers.process import OutputLine, WorkerGoneError
from waziterm.worker import protocol as wire

SILENCE_S = 20.0
"""A worker that reports nothing for four of its heartbeats hangs."""
LEAVE_S = 90.0
"""How long a worker may take to part with an instance. The library ends a dial first, and one
through a proxy that does not answer takes it 60 s (measured)."""
SOON_S = 5.0
"""How long whoever lets an instance leave waits for that."""
HEAR_OUT_S = 3.0
"""How long a process that is to be ended is let write messages in, and tell verdicts."""

_GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it are spread evenly between two whole numbers."""
_LAST_WORDS = re.compile(r"(?:panic|fatal error): .{1,120}")
"""What Go says on fd 2 before it ends a process."""

log = logging.getLogger(__name__)


class Process(Protocol):
    """What a worker needs of its process; `manager.workers.process.WorkerProcess` is one."""

    @property
    def pid(self) -> int: ...

    @property
    def alive(self) -> bool: ...

    async def send(self, *commands: wire.Command) -> None: ...

    def messages(self) -> AsyncIterator[wire.Report | OutputLine]: ...

    async def wait(self) -> int: ...

    async def kill(self) -> None: ...


class Worker:
    """A worker and its members. `listen` must be running. number: N of the version that it tells
    WhatsApp, None when that is not known. tell: hears, in a sentence for the whole fleet, of an end
    that has met several, or that came from outside."""

    def __init__(
        self,
        process: Process,
        clock: Clock,
        number: int | None,
        tell: Callable[[Phrase], None],
    ) -> None:
        self._tell = tell
        self.number = number
        self._process = process
        self._clock = clock
        self._held: set[str] = set()
        self._open = True
        self._ready: wire.Ready | None = None
        self._heard = False
        self._killed_for = ""
        self._suspect = self._blamed = ""
        self._last_words = ""
        self._settled_mb = 0.0
        self._tasks: asyncio.TaskGroup | None = None
        self._probes: list[wire.Probe] = []
        self._asked: dict[str, int] = {}
        self.members: dict[str, Link] = {}
        self.leaving: set[Link] = set()
        """Those of the members that are to leave."""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.alive

    @property
    def is_unused(self) -> bool:
        """Whether nobody has ever had a place in it."""
        return not self._held

    @property
    def names(self) -> tuple[str, ...]:
        """Those in it that are to stay."""
        return tuple(name for name, link in self.members.items() if not link.leaving)

    def pause_s(self, period_s: float) -> float:
        """Seconds until all in it are to be probed the next time but for one who was just probed
        or has just come: half a period at least.

        Together: a worker that is woken for each one alone uses three times the CPU, and so do we.
        Each worker has moments of its own.
        """
        phase = (self.pid * _GOLDEN) % 1.0
        since = (self._clock.elapsed() - phase * period_s) % period_s
        return period_s - since if 2 * since <= period_s else 2 * period_s - since

    def view(self) -> WorkerView:
        """For whoever decides which workers to give up. What it has grown counts from the first
        look after its last start."""
        now_mb = _rss_mb(self.pid)
        if self._open or not self._settled_mb:
            self._settled_mb = now_mb
        return WorkerView(self.pid, self.names, now_mb - self._settled_mb)

    def takes(self, name: str, size: int) -> bool:
        """Whether an instance may still be started in it."""
        room = self._open and len(self._held) < size
        return room and name not in self._held and self._process.alive

    def retire(self) -> None:
        """Take nobody any more."""
        self._open = False

    async def end(self) -> None:
        """End the process, with whoever is in it."""
        self._open = False
        await self._process.kill()

    def join(self, name: str, listener: Listener, *, alone: bool = False) -> Link:
        """A place in it. alone: nobody else will get one."""
        link = self.members[name] = Link(name, self, listener, self._clock, alone=alone)
        self._held.add(name)
        self._open = self._open and not alone
        if self._ready is not None:
            link.hear(self._ready)
        return link

    async def send(self, name: str, command: wire.Command) -> None:
        if isinstance(command, wire.Probe):
            await self._probe(command)
            return
        if not isinstance(command, wire.RollJournal):
            self._suspect = name
            # A roll asks nothing of the library.
            self._open = self._open and isinstance(command, wire.Connect)
        await self._process.send(command)

    async def _probe(self, probe: wire.Probe) -> None:
        """Send it with all that are asked for at this moment: each write wakes the worker."""
        self._probes.append(probe)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            # Nobody waits for it: it is not to go out with the next ones.
            if probe in self._probes:
                self._probes.remove(probe)
            raise
        if probe not in self._probes:
            return
        probes, self._probes, self._open = self._probes, [], False
        self._asked = {probe.instance: probe.request for probe in probes}
        self._suspect = probes[0].instance
        # Whoever is cancelled meanwhile does not take back those of the others.
        await asyncio.shield(self._process.send(*probes))

    def _probed(self, name: str, request: int) -> None:
        """Its probe was answered: of those that are still asked, the next one is under way."""
        if self._asked.get(name) != request:
            return
        del self._asked[name]
        if self._suspect == name:
            self._suspect = next(iter(self._asked), name)

    async def part(self, link: Link) -> None:
        """Let a member go; the process too when no other stays."""
        self.leaving.add(link)
        if self._tasks is not None and any(not each.leaving for each in self.members.values()):
            parting = self._tasks.create_task(self._see_off(link))
            await asyncio.wait([parting], timeout=SOON_S)
        else:
            self.retire()
            try:
                await self._hear_out(link)
            finally:
                # Also when nobody waits for it any more: it has no other end.
                await self.end()
            # It stays a member until all is read that the process has said.
            link.part()

    async def _hear_out(self, last: Link) -> None:
        """Let those who were online tell what the library has still to tell them: it sends the
        receipts of messages, and deletes a device that is logged out, sooner than it tells."""
        online = [each for each in self.leaving if each.was_online]
        if not online or self._tasks is None:
            return
        with suppress(TimeoutError, WorkerGoneError):
            # Also one that dials still: it is not to come online meanwhile.
            await self._process.send(wire.Leave(last.name, 0))
            await self._all_parted(online, HEAR_OUT_S)

    async def _see_off(self, link: Link) -> None:
        """Ask the worker to part with a member. One that does not in time is killed."""
        try:
            await self._process.send(wire.Leave(link.name, 0))
            await self._all_parted([link], LEAVE_S)
        except TimeoutError:
            await self._kill_for(f"it does not part with {link.name}", link.name)
        except WorkerGoneError:
            await self._process.kill()
        finally:
            self._gone(link)

    async def _all_parted(self, links: Sequence[Link], limit_s: float) -> None:
        """Wait until these have, and again after a freeze of ours, in which they could not tell.
        Raises TimeoutError after `limit_s` seconds."""
        while True:
            before = self._clock.elapsed()
            try:
                async with asyncio.timeout(limit_s):
                    for link in links:
                        await link.parted()
                return
            except TimeoutError:
                if not stood_still(self._clock, before, limit_s):
                    raise

    def _gone(self, link: Link) -> None:
        self.members.pop(link.name, None)
        self._asked.pop(link.name, None)
        self.leaving.discard(link)
        link.part()

    async def listen(self) -> None:
        """Pass on what the worker reports until it is gone; then every member hears how it ended.

        A worker whose heartbeat stops is killed: it would never report its own end.
        """
        try:
            await self._listen()
        except Exception as error:
            # Nobody hears this worker any more, so it is of no use to those in it.
            log.exception("worker %d cannot be heard", self.pid)
            await self._kill_for(f"internal error ({cause_of(error)})", self._suspect)
        code = await self._process.wait()
        cause, number = self._killed_for or exit_cause(code), outer_signal(code)
        killed = number is not None and not self._killed_for
        if killed and number is not None:
            cause = killed_detail(self.pid, number)
        else:
            cause = ": ".join(part for part in (cause, self._last_words) if part)
        self._tell_end(cause, killed=killed)
        lone = len(self._held) == 1
        for name, link in list(self.members.items()):
            guilty = lone or (name == (self._blamed or self._suspect) and not killed)
            link.end(ev.WorkerDied(cause) if guilty else ev.WorkerLost(cause))

    def _tell_end(self, cause: str, *, killed: bool) -> None:
        """One line and one notice for all that were in it."""
        met = sum(not link.leaving for link in self.members.values())
        if not met:
            return
        said = detail_phrase(cause)
        if not killed:
            said = Phrase("worker {pid} ended: {cause}", pid=self.pid, cause=said)
        told = Phrase(
            "{said}; 1 instance goes on in another"
            if met == 1
            else "{said}; {count} instances go on in another",
            said=said,
            count=met,
        )
        log.warning("%s", told)
        if killed or met > 1:
            self._tell(told)

    async def _listen(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            watch = tasks.create_task(self._watch_heartbeat())
            try:
                async for message in self._process.messages():
                    self._heard = True
                    self._pass_on(message)
            finally:
                self._open, self._tasks = False, None
            watch.cancel()
            for link in self.members.values():
                if link.leaving:
                    link.part()

    def _pass_on(self, message: Message) -> None:
        match message:
            case wire.Heartbeat():
                return
            case wire.Ready():
                self._ready = message
                for link in self.members.values():
                    link.hear(message)
            case wire.Answered(instance=name, request=0, error=error):
                if (parted := self.members.get(name)) and not error:
                    parted.part()
            case OutputLine(text):
                if not self._last_words and (match := _LAST_WORDS.match(text)):
                    self._last_words = match[0]
                if len(self._held) == 1:
                    for link in self.members.values():
                        link.hear(message)
                else:
                    log.warning("worker %d printed: %s", self.pid, text)
            case wire.Happened(instance=name, event=event):
                self._suspect = name
                self._open = self._open and not isinstance(event, ev.NotStarted)
                self._hand_on(name, message)
            case wire.Answered(instance=name, request=request):
                self._probed(name, request)
                self._hand_on(name, message)
            case (
                wire.Noted(instance=name)
                | wire.Lost(instance=name)
                | wire.HeardReceipt(instance=name)
                | wire.HeardOptOut(instance=name)
                | wire.JournalGrew(instance=name)
            ):
                self._hand_on(name, message)
            case _:
                assert_never(message)

    def _hand_on(self, name: str, message: Message) -> None:
        if link := self.members.get(name):
            link.hear(message)

    async def _watch_heartbeat(self) -> None:
        while True:
            self._heard = False
            before = self._clock.elapsed()
            await self._clock.sleep(SILENCE_S)
            if not self._heard and not stood_still(self._clock, before, SILENCE_S):
                await self._kill_for(NO_HEARTBEAT, self._suspect)
                return

    async def _kill_for(self, why: str, suspect: str) -> None:
        self._killed_for, self._blamed, self._open = why, suspect, False
        await self._process.kill()


def _rss_mb(pid: int) -> float:
    """Resident memory in 10^6 bytes; 0 when it cannot be read."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / 1e6
