"""An outbox that delivers, on a clock that may run fast; and alerts for it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TypeVar

from waziterm.alerts.outbox import Outbox
from waziterm.domain.alerts.alert import Alert, AlertRule, AlertSeverity, AlertState
from waziterm.domain.alerts.alert_settings import Alerts, Sink
from waziterm.domain.secret import Secret
from waziterm.store.alerts import Tale
from waziterm.store.outbox import add_alert
from waziterm.store.store import Store, open_store

T = TypeVar("T")
NUMBER = "+6281234567890"
KEY = "whsec_" + "c2VjcmV0LW9mLTMyLWJ5dGVzLWZvci10ZXN0cy0hISE="
OLD_KEY = "whsec_" + "b2xkZXItc2VjcmV0LW9mLTMyLWJ5dGVzLWZvci10ISE="
PLAIN = Sink(name="ops")


class FastClock:
    """`manager.clock.Clock`, as far as an outbox asks, so many times faster than the machine's."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began = time.monotonic()
        self.offset = time.time()

    def now(self) -> float:
        return self.offset + self.elapsed()

    def elapsed(self) -> float:
        return (time.monotonic() - self._began) * self._speed

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds / self._speed, callback)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


def alert(incident: int = 1, instance: str = "shop-a", **changes: object) -> Alert:
    """A message of an incident of one instance, held."""
    made = Alert(
        id=str(incident),
        at=time.time(),
        rule=AlertRule.HELD,
        severity=AlertSeverity.CRITICAL,
        state=AlertState.FIRING,
        instance=instance,
        instances=(instance,),
        number=NUMBER,
        reason="rival",
        code="440",
        since=time.time() - 60,
        text=f"{instance} (+62812••••7890) is held since 03:00: another client keeps taking it.",
        next=f"stop the other client, then `waziterm reconnect {instance} --takeover`",
        met=(f"id-{instance}",),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def webhook(url: str, name: str = "ops", *secrets: str) -> Sink:
    chosen = secrets or (KEY,)
    return replace(
        PLAIN, name=name, webhook=Secret(url), secrets=tuple(Secret(each) for each in chosen)
    )


def told_by(*sinks: Sink) -> Alerts:
    """The settings by which these sinks are told."""
    return replace(Alerts(), sinks=sinks)


@contextlib.asynccontextmanager
async def delivering(
    folder: Path, *sinks: Sink, speed: float = 1.0
) -> AsyncIterator[tuple[Outbox, Store]]:
    """An outbox at work on the database of a directory, as a manager keeps it."""
    async with open_store(folder / "waziterm.db") as store, asyncio.TaskGroup() as tasks:
        outbox = Outbox(
            store,
            FastClock(speed),
            Random(7),
            lambda work, name: tasks.create_task(work, name=name),
        )
        outbox.apply(told_by(*sinks))
        try:
            yield outbox, store
        finally:
            outbox.close()


async def write(store: Store, alert: Alert, *sinks: str) -> None:
    """Write a message for the sinks with these names, in the way of the alerts."""
    await store.tell({}, (), lambda _: Tale({}, {}, [(alert, sinks)]), add_alert)


async def put(outbox: Outbox, store: Store, alert: Alert, *sinks: str) -> None:
    """Write a message and say so to the outbox."""
    await write(store, alert, *sinks)
    outbox.wake()


async def becomes(look: Callable[[], Awaitable[T]], seconds: float = 20.0) -> T:
    """Look until something is there; what it is. The database tells nobody when it changes."""
    async with asyncio.timeout(seconds):
        while not (found := await look()):  # noqa: ASYNC110 (as said)
            await asyncio.sleep(0.01)
    return found


async def settled(store: Store, sink: str = "ops", seconds: float = 20.0) -> None:
    """Wait until nothing of a sink waits any more."""

    async def nothing_waits() -> bool:
        return not await store.waiting(sink)

    await becomes(nothing_waits, seconds)


async def last_error(store: Store, sink: str = "ops") -> str:
    """Wait until a try has failed; why."""

    async def look() -> str:
        known = await store.sink_records()
        return known[sink].last_error if sink in known else ""

    return await becomes(look)
