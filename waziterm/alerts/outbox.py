"""Who takes what the outbox has to the sinks, until each message has arrived or is given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from random import Random
from typing import TYPE_CHECKING

from waziterm.domain.alerts.told import SinkCounts
from waziterm.domain.errors import FleetError
from waziterm.domain.phrase import Phrase
from waziterm.domain.screen import Lang
from waziterm.lang import into
from waziterm.store.errors import StoreError

if TYPE_CHECKING:
    from waziterm.alerts.carrier import Carrier, Clock, Counts
    from waziterm.domain.alerts.alert_settings import Alerts
    from waziterm.domain.alerts.delivery import FailedAlert, SinkTest
    from waziterm.store.store import Store

log = logging.getLogger(__name__)

_DISK_S = 5.0
"""The pause before the database is tried again."""


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
        self._carriers: dict[str, Carrier] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._tidying: asyncio.Task[None] | None = None
        self._counts: dict[str, Counts] = {}
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
                from waziterm.alerts.carrier import (  # noqa: PLC0415 - most have no sinks
                    Carrier,
                    Counts,
                )

                counts = self._counts.setdefault(name, Counts())
                carrier = Carrier(sink, self._store, self._clock, self._random, counts)
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
        from waziterm.alerts.carrier import tested  # noqa: PLC0415 - as above

        clock, random, into_theirs = self._clock, self._random, self._translate
        tests = (tested(sink, clock, random, into_theirs) for sink in sinks)
        return tuple(await asyncio.gather(*tests))

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
