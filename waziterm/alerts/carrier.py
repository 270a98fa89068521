"""Takes the messages of one sink to it, one after the other; and a message that only tries it."""

import asyncio
import json
import logging
import math
from collections.abc import Callable
from random import Random
from typing import Protocol, assert_never

from waziterm.alerts.channel import Channel, give_up_s, open_channel
from waziterm.domain.alerts.alert_settings import Sink
from waziterm.domain.alerts.delivery import (
    LONGEST_ASKED_S,
    Delivery,
    Letter,
    NotYet,
    Outcome,
    Settled,
    SinkTest,
    Waiting,
    asked_s,
    in_turn,
    settled,
    trial_body,
)
from waziterm.store.errors import StoreError
from waziterm.store.store import Store

log = logging.getLogger(__name__)

_LOOK_S = 60.0
"""At least so often it is looked what is due: a timer stands still while a machine is suspended."""
_PREPARE_AFTER_S = 3.0
"""So long after its begin what a sink needs is loaded, where no message has asked for it before:
the manager's boot, and the first paint of its screen, do not wait for that."""
_DISK_S = 5.0
"""The pause before the database is tried again."""


class Handle(Protocol):
    """A call that waits for its moment."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """See `manager.clock.Clock`."""

    def now(self) -> float: ...

    def elapsed(self) -> float: ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Handle: ...

    async def sleep(self, seconds: float) -> None: ...


class Counts:
    """Messages of a sink that came to an end since the manager began."""

    def __init__(self) -> None:
        self.sent = 0
        self.failed = 0


class Carrier:
    """Takes the messages of one sink to it, one after the other."""

    def __init__(
        self, sink: Sink, store: Store, clock: Clock, random: Random, counts: Counts
    ) -> None:
        self.sink = sink
        self._store = store
        self._clock = clock
        self._random = random
        self._counts = counts
        self._has_news = self._is_stale = True
        self._over = asyncio.Event()
        """Ends a pause."""
        self._waiting: dict[int, Waiting] = {}
        self._ready: dict[int, float] = {}
        """When each of them may be tried, as `elapsed` tells it."""
        self._hold_until = 0.0
        self._newest = 0
        self._error = ""
        self._prepare_at = clock.elapsed() + _PREPARE_AFTER_S

    @property
    def pending(self) -> int:
        return len(self._waiting)

    def wake(self) -> None:
        self._has_news = True
        self._over.set()

    def reload(self) -> None:
        """Look at all that waits again, not only at what is new."""
        self._is_stale = True
        self.wake()

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        channel = open_channel(self.sink)
        try:
            while True:
                try:
                    await self._step(channel)
                except StoreError as error:
                    log.warning("alerts: sink %s: %s", self.sink.name, error)
                    await self._clock.sleep(_DISK_S)
                except Exception:
                    # A sink must never end the manager.
                    log.exception("alerts: sink %s: delivering failed", self.sink.name)
                    await self._clock.sleep(_DISK_S)
        finally:
            await channel.close()

    async def _step(self, channel: Channel) -> None:
        """Take in what is new, then send one message that is due, or wait for one."""
        if self._has_news:
            await self._take_in()
        elapsed = self._clock.elapsed()
        heads = in_turn(sorted(self._waiting.values(), key=lambda each: each.number))
        ready = [each for each in heads if self._ready_at(each) <= elapsed]
        if not ready and elapsed >= self._prepare_at:
            self._prepare_at = math.inf
            await channel.prepare()
            return
        if not ready:
            wait_s = min((self._ready_at(each) - elapsed for each in heads), default=_LOOK_S)
            await self._pause(min(wait_s, self._prepare_at - elapsed))
            return
        # What is new does not wait behind many that fail.
        first = min(ready, key=lambda each: (each.tries, each.number))
        await self._send(channel, first)

    def _ready_at(self, message: Waiting) -> float:
        return max(self._ready[message.number], self._hold_until)

    async def _take_in(self) -> None:
        is_whole, self._is_stale, self._has_news = self._is_stale, False, False
        try:
            found = await self._store.waiting(self.sink.name, 0 if is_whole else self._newest)
        except StoreError:
            self._has_news = self._is_stale = True
            raise
        if is_whole:
            self._waiting.clear()
        now, elapsed = self._clock.now(), self._clock.elapsed()
        for each in found:
            self._waiting[each.number] = each
            # A clock that was set makes no wait longer than it was meant to be.
            wait_s = min(max(0.0, each.due - now), each.wait_s, LONGEST_ASKED_S)
            self._ready.setdefault(each.number, elapsed + wait_s)
            self._newest = each.number

    async def _pause(self, wait_s: float) -> None:
        """Wait until so much time has passed, or something is new; a minute at most."""
        if self._has_news:
            return
        over = self._over = asyncio.Event()
        handle = self._clock.call_later(min(wait_s, _LOOK_S), over.set)
        try:
            await over.wait()
        finally:
            handle.cancel()

    async def _send(self, channel: Channel, message: Waiting) -> None:
        body = await self._store.body(message.number)
        if body is None:
            self._forget(message.number)
            return
        letter = Letter(message.id, self._clock.now(), json.loads(body))
        outcome = await _tried(channel, letter)
        told = settled(message, outcome, self._random.random(), give_up_s(self.sink))
        if isinstance(outcome, NotYet) and outcome.after_s is not None:
            # It asks for a pause of everything, not of this message.
            self._hold_until = self._clock.elapsed() + asked_s(outcome.after_s)
        await self._settle(message, told)

    async def _settle(self, message: Waiting, told: Settled) -> None:
        """Store what became of a message; as often as it takes, or it would be sent again."""
        elapsed = self._clock.elapsed()
        while True:
            now = self._clock.now()
            try:
                await self._store.settle(message.number, told, now)
                break
            except StoreError as error:
                log.warning("alerts: sink %s: %s", self.sink.name, error)
                await self._clock.sleep(_DISK_S)
        self._log(message, told)
        self._forget(message.number)
        match told.state:
            case Delivery.SENT:
                self._counts.sent += 1
            case Delivery.FAILED:
                self._counts.failed += 1
            case Delivery.PENDING:
                self._waiting[message.number] = Waiting(
                    message.number,
                    message.id,
                    message.keys,
                    now + told.wait_s,
                    told.wait_s,
                    told.waited_s,
                    told.tries,
                )
                self._ready[message.number] = elapsed + told.wait_s
            case _:
                assert_never(told.state)

    def _forget(self, number: int) -> None:
        self._waiting.pop(number, None)
        self._ready.pop(number, None)

    def _log(self, message: Waiting, told: Settled) -> None:
        """Say when a sink comes into trouble or out of it, and what is given up."""
        name, why = self.sink.name, told.error
        if told.state is Delivery.FAILED:
            log.warning("alerts: sink %s: %s is given up: %s", name, message.id, why)
        elif why != self._error:
            log.log(
                logging.WARNING if why else logging.INFO,
                "alerts: sink %s: %s",
                name,
                why or "messages arrive again",
            )
        self._error = why


async def tested(
    sink: Sink, clock: Clock, random: Random, translate: Callable[[str], str]
) -> SinkTest:
    """Send a test to a sink, once. translate: a text in the language of the alerts."""
    began, at = clock.elapsed(), clock.now()
    letter = Letter(f"msg_test_{random.getrandbits(64):016x}", at, trial_body(at, translate))
    channel = open_channel(sink)
    try:
        outcome = await _tried(channel, letter)
    finally:
        await channel.close()
    took_s = clock.elapsed() - began
    return SinkTest(sink.name, (why := _why(outcome)) is None, took_s, why or "")


async def _tried(channel: Channel, letter: Letter) -> Outcome:
    try:
        return await channel.send(letter)
    except Exception as error:  # noqa: BLE001 - what it says may hold a secret
        return NotYet(f"sending failed ({type(error).__name__})")


def _why(outcome: Outcome) -> str | None:
    """Why a message has not arrived; None when it has."""
    return getattr(outcome, "why", None)
