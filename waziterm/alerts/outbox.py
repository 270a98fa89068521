"""Takes what the outbox has to the sinks, until each message has arrived or is given up."""

import asyncio
import json
import logging
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from random import Random
from typing import Protocol, assert_never

from waziterm.alerts.channel import Channel, give_up_s, kind_of, open_channel, where
from waziterm.domain.alerts.alert_settings import Alerts, Sink
from waziterm.domain.alerts.delivery import (
    LONGEST_ASKED_S,
    AlertsView,
    Delivery,
    FailedAlert,
    Letter,
    NotYet,
    Outcome,
    Settled,
    SinkCounts,
    SinkTest,
    SinkView,
    Waiting,
    asked_s,
    in_turn,
    settled,
    trial_body,
)
from waziterm.domain.alerts.silence import Silence
from waziterm.domain.errors import FleetError
from waziterm.domain.phrase import Phrase
from waziterm.domain.screen import Lang
from waziterm.domain.text import safe_line
from waziterm.lang import into
from waziterm.store.errors import StoreError
from waziterm.store.outbox import SinkRecord
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


class Outbox:
    """One task for each sink, so that a slow or dead one delays no other.

    A message is written before it is sent, and settled after: it arrives at least once, whenever
    the program ends, and each time with the same id. start: makes a task that lasts as long as the
    manager.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        random: Random,
        start: Callable[[Coroutine[object, object, None], str], asyncio.Task[None]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._start = start
        self._carriers: dict[str, _Carrier] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._tidying: asyncio.Task[None] | None = None
        self._counts: dict[str, _Counts] = {}
        self._translate = into(Lang.EN)

    def apply(self, settings: Alerts) -> None:
        """Tell these sinks from now on. One whose settings have changed is begun anew; what waits
        for one that is gone is given up."""
        self._translate = into(settings.language)
        wanted = {sink.name: sink for sink in settings.sinks}
        for name, carrier in list(self._carriers.items()):
            if wanted.get(name) != carrier.sink:
                self._tasks.pop(name).cancel()
                del self._carriers[name]
        for name, sink in wanted.items():
            if name not in self._carriers:
                counts = self._counts.setdefault(name, _Counts())
                carrier = _Carrier(sink, self._store, self._clock, self._random, counts)
                self._carriers[name] = carrier
                self._tasks[name] = self._start(carrier.run(), f"alerts {name}")
        if self._tidying is not None:
            self._tidying.cancel()
        self._tidying = self._start(self._give_up_strays(), "alerts of no sink")

    def close(self) -> None:
        """Let all tasks end; what is under way is tried again at the next start."""
        for task in (*self._tasks.values(), *([self._tidying] if self._tidying else ())):
            task.cancel()

    def wake(self) -> None:
        """Look for new messages: somebody has written some."""
        for carrier in self._carriers.values():
            carrier.wake()

    @property
    def counts(self) -> tuple[SinkCounts, ...]:
        """The messages of each sink since the manager began."""
        found = []
        for name, each in self._counts.items():
            pending = self._carriers[name].pending if name in self._carriers else 0
            found.append(SinkCounts(name, each.sent, each.failed, pending))
        return tuple(found)

    # -- what is asked ------------------------------------------------------------------------

    async def test(self, name: str | None) -> tuple[SinkTest, ...]:
        """Send a test to one sink or to all, once each. Raises FleetError for one that is none."""
        sinks = [carrier.sink for carrier in self._carriers.values()]
        if name is not None:
            sinks = [sink for sink in sinks if sink.name == name]
        if not sinks:
            raise no_sink(name)
        return tuple(await asyncio.gather(*(self._tested(sink) for sink in sinks)))

    async def _tested(self, sink: Sink) -> SinkTest:
        began, at = self._clock.elapsed(), self._clock.now()
        letter = Letter(
            f"msg_test_{self._random.getrandbits(64):016x}", at, trial_body(at, self._translate)
        )
        channel = open_channel(sink)
        try:
            outcome = await _tried(channel, letter)
        finally:
            await channel.close()
        took_s = self._clock.elapsed() - began
        return SinkTest(sink.name, (why := _why(outcome)) is None, took_s, why or "")

    async def retry(self, message: str | None) -> tuple[FailedAlert, ...]:
        """Try anew what was given up: one message, or all of the sinks that there are. Raises
        FleetError when there is no such message."""
        found = await self._store.retry_alerts(message, list(self._carriers), self._clock.now())
        if message is not None and not found:
            raise FleetError(
                Phrase(
                    "no message that was given up has the id {message}, or its sink is not in the"
                    " settings any more",
                    message=repr(message[:60]),
                ),
                Phrase("`waziterm alerts failed` lists them with their ids, as msg_5c1e"),
                code=2,
            )
        for carrier in self._carriers.values():
            carrier.reload()
        return found

    async def _give_up_strays(self) -> None:
        while True:
            try:
                now = self._clock.now()
                damaged = await self._store.give_up_damaged_alerts(now)
                gone = await self._store.give_up_strays(list(self._carriers), now)
            except StoreError as error:
                log.warning("alerts: %s", error)
                await self._clock.sleep(_DISK_S)
                continue
            if damaged:
                log.warning("alerts: %d messages are given up: their rows are damaged", damaged)
            if gone:
                log.warning("alerts: %d messages are given up: their sinks are gone", gone)
            return


class _Counts:
    """Messages of a sink that came to an end since the manager began."""

    def __init__(self) -> None:
        self.sent = 0
        self.failed = 0


class _Carrier:
    """Takes the messages of one sink to it, one after the other."""

    def __init__(
        self, sink: Sink, store: Store, clock: Clock, random: Random, counts: _Counts
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


async def _tried(channel: Channel, letter: Letter) -> Outcome:
    try:
        return await channel.send(letter)
    except Exception as error:  # noqa: BLE001 - what it says may hold a secret
        return NotYet(f"sending failed ({type(error).__name__})")


def _why(outcome: Outcome) -> str | None:
    """Why a message has not arrived; None when it has."""
    return getattr(outcome, "why", None)


def no_sink(name: str | None) -> FleetError:
    """What is said of a sink that the settings do not have; of none at all for None."""
    if name is None:
        return FleetError(
            Phrase("no sink is set"), Phrase("add one to [[alerts.sinks]] of the config"), code=2
        )
    return FleetError(
        Phrase("no sink is called {name}", name=repr(name[:60])),
        Phrase("see `waziterm alerts`"),
        code=2,
    )


async def sinks_in(
    store: Store | None, sinks: Sequence[Sink], silences: tuple[Silence, ...]
) -> AlertsView:
    """See `domain.fleet.protocol.Fleet.alerts`. store: None where nothing is remembered. Raises
    StoreError."""
    known = {} if store is None else await store.sink_records()
    return AlertsView(tuple(_view(sink, known.get(sink.name)) for sink in sinks), silences)


def _view(sink: Sink, known: SinkRecord | None) -> SinkView:
    fresh = SinkView(
        name=sink.name,
        kind=kind_of(sink),
        where=safe_line(where(sink)),
        min_severity=sink.min_severity,
        rules=tuple(sorted(rule.value for rule in sink.rules)),
        quiet=str(sink.quiet or ""),
        numbers=sink.numbers,
    )
    if known is None:
        return fresh
    return replace(
        fresh,
        last_sent_at=known.last_sent_at,
        pending=known.pending,
        failed=known.failed,
        last_error=known.last_error,
    )
