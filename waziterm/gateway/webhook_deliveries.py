"""Takes the events of one target to it: of each instance in order, of several at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import assert_never

from waziterm.alerts.webhook import Poster, Trust
from waziterm.domain.alerts.delivery import (
    LONGEST_ASKED_S,
    Arrived,
    Delivery,
    Never,
    NotYet,
    Outcome,
    Settled,
    Waiting,
    asked_s,
    settled,
)
from waziterm.domain.webhooks.event import KEPT_S
from waziterm.domain.webhooks.rendering import rendered
from waziterm.domain.webhooks.target import Form, Target
from waziterm.gateway.queue_clock import QueueClock
from waziterm.store.errors import AGAIN_S, StoreError
from waziterm.store.events import EventStore
from waziterm.store.events_rows import Due

log = logging.getLogger(__name__)

AT_ONCE = 20
"""So many requests to one target may be under way."""
_LOOK_S = 60.0
"""At least so often it is looked what is due: a timer stands still while a machine is suspended."""
_BATCH = 10
"""So many events of one instance are read at once."""

Opened = Callable[[], Awaitable[EventStore | None]]
Called = Callable[[str], Awaitable[str]]


class TargetDeliveries:
    """The events of one target. opened: the store, None where there is none. called: by which id
    clients of Waziper know the instance with an id, or "". Of each instance one is under way, and
    those after it wait until it has arrived or is given up."""

    def __init__(
        self,
        target: Target,
        opened: Opened,
        called: Called,
        clock: QueueClock,
        random: Random,
        trust: Trust,
    ) -> None:
        self.target = target
        self.sent = 0
        self._opened = opened
        self._called = called
        self._clock = clock
        self._random = random
        self._poster = Poster(
            target.url,
            target.secrets,
            must_be_public=target.must_be_public,
            at_once=AT_ONCE,
            trust=trust,
        )
        self._places = asyncio.Semaphore(AT_ONCE)
        self._news = asyncio.Event()
        self._news.set()
        self._is_stale = True
        self._newest = 0
        self._lines: dict[str, asyncio.Task[None]] = {}
        self._more: set[str] = set()
        self._ready: dict[str, tuple[int, int, float]] = {}
        self._hold_until = 0.0
        self._error = self._disk = ""

    def wake(self) -> None:
        """Look what is new."""
        self._news.set()

    def reload(self) -> None:
        """Look at all that waits again, not only at what is new."""
        self._is_stale = True
        self._news.set()

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        try:
            while True:
                self._news.clear()
                try:
                    await self._take_in()
                except StoreError as error:
                    self._tell_disk(error)
                    self._news.set()
                    await self._clock.sleep(AGAIN_S)
                    continue
                handle = self._clock.call_later(_LOOK_S, self._news.set)
                try:
                    await self._news.wait()
                finally:
                    handle.cancel()
        finally:
            for line in self._lines.values():
                line.cancel()
            if self._lines:
                await asyncio.wait(self._lines.values())
            await self._poster.close()

    async def _take_in(self) -> None:
        """Begin a line for each instance that has something new. Raises StoreError."""
        store = await self._opened()
        if store is None:
            return
        is_whole = self._is_stale
        found = await store.waiting_since(self.target.name, 0 if is_whole else self._newest)
        self._disk = ""
        if is_whole:
            self._is_stale = False
        for instance, newest in found.items():
            self._newest = max(self._newest, newest)
            if instance in self._lines:
                self._more.add(instance)
            else:
                self._begin(instance, store)

    def _begin(self, instance: str, store: EventStore) -> None:
        name = f"webhook {self.target.name} {instance}"
        self._lines[instance] = asyncio.create_task(self._line(instance, store), name=name)

    async def _line(self, instance: str, store: EventStore) -> None:
        """Send what waits of one instance, in order, until nothing more does."""
        try:
            while True:
                self._more.discard(instance)
                try:
                    few = await store.next_of(self.target.name, instance, _BATCH)
                    if not few and instance not in self._more:
                        return
                    await self._send_all(few, store)
                except StoreError as error:
                    self._tell_disk(error)
                    await self._clock.sleep(AGAIN_S)
                except Exception:
                    # A webhook must never end the manager.
                    log.exception("webhook %s: delivering failed", self.target.name)
                    await self._clock.sleep(AGAIN_S)
        finally:
            del self._lines[instance]
            self._ready.pop(instance, None)

    async def _send_all(self, few: tuple[Due, ...], store: EventStore) -> None:
        """Send these in order, as far as they are due."""
        for place, each in enumerate(few):
            wait_s = max(self._ready_at(each), self._hold_until) - self._clock.elapsed()
            if wait_s > 0:
                await self._clock.sleep(min(wait_s, _LOOK_S))
                # What is stored may be other by now.
                if place or wait_s > _LOOK_S or not await self._is_next(each, store):
                    return
            async with self._places:
                outcome = await self._tried(each)
            if not await self._settle(each, outcome, store):
                return

    def _ready_at(self, due: Due) -> float:
        """When a delivery that is the next of its instance may be tried, as `elapsed` tells it. A
        clock that was set makes no wait longer than it was meant to be."""
        known = self._ready.get(due.event.instance)
        if known is not None and known[:2] == (due.number, due.tries):
            return known[2]
        wait_s = min(max(0.0, due.due - self._clock.now()), due.wait_s, LONGEST_ASKED_S)
        ready_at = self._clock.elapsed() + wait_s
        self._ready[due.event.instance] = due.number, due.tries, ready_at
        return ready_at

    async def _is_next(self, due: Due, store: EventStore) -> bool:
        """Whether an event that was waited for still waits in its turn, as it did."""
        found = await store.next_of(self.target.name, due.event.instance, 1)
        return found == (due,)

    async def _tried(self, due: Due) -> Outcome:
        try:
            called = ""
            if self.target.form is Form.WAZIPER:
                called = await self._called(due.event.instance)
            body = rendered(due.event, self.target, called)
            if body is None:
                return Arrived()
            return await self._poster.post(due.event.id, self._clock.now(), body)
        except Exception as error:  # noqa: BLE001 - what it says may hold a secret
            return _not_sent(error)

    async def _settle(self, due: Due, outcome: Outcome, store: EventStore) -> bool:
        """Store what became of an event; as often as it takes, or it would be sent again. Whether
        the next one may go."""
        waited = Waiting(
            *(due.number, due.event.id, frozenset[str](), due.due),
            *(due.wait_s, due.waited_s, due.tries),
        )
        told = settled(waited, outcome, self._random.random(), KEPT_S)
        if isinstance(outcome, NotYet) and outcome.after_s is not None:
            # It asks for a pause of everything, not of this event.
            self._hold_until = self._clock.elapsed() + asked_s(outcome.after_s)
        while True:
            try:
                await store.settle(due.number, told, self.target.name, self._clock.now())
                break
            except StoreError as error:
                self._tell_disk(error)
                await self._clock.sleep(AGAIN_S)
        self._log(due, told)
        match told.state:
            case Delivery.SENT:
                self.sent += 1
                return True
            case Delivery.FAILED:
                return True
            case Delivery.PENDING:
                return False
            case _:
                assert_never(told.state)

    def _tell_disk(self, error: StoreError) -> None:
        """Say once that the database fails, until it works again."""
        if self._disk != str(error):
            self._disk = str(error)
            log.warning("webhook %s: %s", self.target.name, error)

    def _log(self, due: Due, told: Settled) -> None:
        """Say when a target comes into trouble or out of it, and what is given up."""
        name, why = self.target.name, told.error
        if told.state is Delivery.FAILED:
            log.warning("webhook %s: %s is given up: %s", name, due.event.id, why)
        elif why != self._error:
            level = logging.WARNING if why else logging.INFO
            log.log(level, "webhook %s: %s", name, why or "events arrive again")
        self._error = why


async def tested(target: Target, clock: QueueClock, body: bytes, message: str) -> tuple[str, float]:
    """Send a test to a target, once: why it has not arrived, or "", and how long that took, in
    seconds. message: its id."""
    began = clock.elapsed()
    poster = Poster(target.url, target.secrets, must_be_public=target.must_be_public)
    try:
        outcome = await poster.post(message, clock.now(), body)
    except Exception as error:  # noqa: BLE001 - what it says may hold a secret
        outcome = _not_sent(error)
    finally:
        await poster.close()
    why = outcome.why if isinstance(outcome, NotYet | Never) else ""
    return why, clock.elapsed() - began


def _not_sent(error: Exception) -> NotYet:
    return NotYet(f"sending failed ({type(error).__name__})")
