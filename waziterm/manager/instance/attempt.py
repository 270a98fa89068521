"""One attempt of an instance: the wait for its turn, then the worker that carries it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from waziterm.domain.fleet.api import Source
from waziterm.domain.lifecycle import events as ev
from waziterm.domain.lifecycle.limits import Limits
from waziterm.domain.messages.sending import Heard
from waziterm.manager.background import cause_of
from waziterm.manager.clock import Clock
from waziterm.manager.workers.connect_limit import ConnectLimit, Place
from waziterm.manager.workers.link import Link, Listener
from waziterm.manager.workers.pairing_turns import PairingTurn, PairingTurns
from waziterm.worker.protocol import Connect

log = logging.getLogger(__name__)


class Teller(Protocol):
    """Who hears of an attempt's events; `attempt` tells a current one from an ended one."""

    def __call__(self, event: ev.Event, attempt: "Attempt") -> None: ...


class Attempt:
    """From the wait for a turn to the reaping of the worker. Used once.

    tasks: owns what runs in the background. tell: hears `Dialling` when the turn has come, and
    all events of the worker. write: takes lines for the instance's log. lost: hears how many more
    of the library's events were lost. heard: hears what comes in that concerns messages.
    turns: for a pairing, which waits for one first.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        clock: Clock,
        tell: Teller,
        write: Callable[[Source, str], None],
        lost: Callable[[int], None],
        heard: Callable[[Heard], None],
        turns: PairingTurns | None,
    ) -> None:
        self._clock = clock
        self._tasks = tasks
        self._tell = tell
        self._write = write
        self._lost = lost
        self._heard = heard
        self._turns = turns
        self._task: asyncio.Task[None] | None = None
        self._pulse: asyncio.Task[None] | None = None
        self._place: Place | None = None
        self._turn: PairingTurn | None = None
        self.link: Link | None = None

    def queue(
        self, connect_limit: ConnectLimit, free: Callable[[], Awaitable[None]], *, paced: bool
    ) -> None:
        """Wait for a place among the connects, in the background. free: waits for the end of
        what an earlier attempt, or another instance with the same device, may have left behind."""
        self._task = self._begin(lambda: self._await_turn(connect_limit, free, paced))

    async def _await_turn(
        self, connect_limit: ConnectLimit, free: Callable[[], Awaitable[None]], paced: bool
    ) -> None:
        if self._turns is not None:
            await self._await_pairing(self._turns)
        await free()
        self._place = await connect_limit.place(paced=paced)
        # Whoever had the same device may have begun to leave meanwhile.
        await free()
        self._tell(ev.Dialling(), self)

    async def _await_pairing(self, turns: PairingTurns) -> None:
        self._turn = await turns.turn(lambda count: self._tell(ev.PairingsAhead(count), self))

    async def dial(self, place: Callable[[Listener], Awaitable[Link]], command: Connect) -> None:
        """Connect in a worker. What comes of it is told, a failing start too.

        place: finds the instance its place in one; raises OSError.
        """
        try:
            listener = Listener(
                lambda event: self._tell(event, self), self._write, self._lost, self._heard
            )
            link = await place(listener)
        except OSError as error:
            # No worker has died: this is the machine's fault, and no crash of the instance.
            why = f"cannot start a worker: {error.strerror}"
            self._tell(ev.NotCarriedOut(why, is_carried=False), self)
            return
        self.link = link
        await link.connect(replace(command, alone=link.alone))

    def watch(self, limits: Limits) -> None:
        """From now on probe the connection, in the background, until it is let go."""
        if self._pulse is None and self.link is not None:
            self.link.was_online = True
            self._pulse = self._begin(partial(self.link.beat, limits))

    def _begin(self, work: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
        return self._tasks.create_task(self._told(work))

    async def _told(self, work: Callable[[], Awaitable[None]]) -> None:
        """What fails in the background is told: nothing else would bring this attempt to its end,
        and the fleet must not end with it."""
        try:
            await work()
        except Exception as error:
            log.exception("an attempt failed")
            self._tell(ev.NotCarriedOut(cause_of(error), is_carried=False), self)

    def probe_now(self) -> None:
        """Do not wait for the next probe's moment."""
        if self.link is not None:
            self.link.wanted.set()

    async def unwatch(self) -> None:
        """Stop probing: there is no connection that could answer."""
        pulse, self._pulse = self._pulse, None
        await _cancelled(pulse)

    def free_place(self) -> None:
        """Give the place among the connects to the next: this connect has come to its end."""
        if self._place is not None:
            self._place.give_back()

    def hold_pairing(self, for_s: float) -> None:
        """Give the turn to pair, if it has one, to the next in so many seconds."""
        if self._turn is not None:
            self._turn.hold(for_s)

    async def close(self) -> None:
        """End it, in whichever phase it is; see `Link.leave`."""
        await self.unwatch()
        if self.link is not None:
            await self.link.leave()
            # It holds us, and would wait for the collector with all that it has received.
            self.link = None
        await _cancelled(self._task)
        self.free_place()
        if self._turn is not None:
            self._turn.give_back()


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
