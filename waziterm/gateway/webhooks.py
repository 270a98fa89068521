"""The webhooks: who is told what, and how that stands."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

from waziterm.domain.care.evidence import LATE_S, WebhookLook
from waziterm.domain.errors import FleetError
from waziterm.domain.fleet.counts import WebhookCounts
from waziterm.domain.phrase import Phrase
from waziterm.domain.webhooks.event import EventType
from waziterm.domain.webhooks.rendering import trial
from waziterm.domain.webhooks.target import Target
from waziterm.domain.webhooks.telling import Telling
from waziterm.domain.webhooks.views import FailedDelivery, WebhookTest, WebhookView
from waziterm.domain.webhooks.where import where
from waziterm.gateway.events import give_up_strays
from waziterm.gateway.messages_file import MessagesFile
from waziterm.store.errors import AGAIN_S, StoreError
from waziterm.store.events import EventStore
from waziterm.store.events_rows import FailedRow, TargetRecord

if TYPE_CHECKING:
    from waziterm.alerts.webhook import Trust
    from waziterm.gateway.webhook_deliveries import TargetDeliveries

log = logging.getLogger(__name__)

MOST_LISTED = 1_000
"""So many that were given up are listed."""


class Webhooks:
    """One task for each target, so that a slow or dead one delays no other.

    An event is written with what it tells, and settled when it has arrived: it arrives at least
    once, whenever the program ends, and each time with the same id. start: makes a task that lasts
    as long as the manager. names: the instances by their ids, as they are now. called: by which id
    clients of Waziper know the instance with an id, or "".
    """

    def __init__(
        self,
        file: MessagesFile,
        random: Random,
        start: Callable[[Coroutine[object, object, None], str], asyncio.Task[None]],
        names: Callable[[], Mapping[str, str]],
        called: Callable[[str], Awaitable[str]],
    ) -> None:
        self._file = file
        self._random = random
        self._start = start
        self._names = names
        self._called = called
        self._targets: tuple[Target, ...] = ()
        self._at_work: dict[str, TargetDeliveries] = {}
        self._is_begun = False
        self._trust: Trust | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._tidying: asyncio.Task[None] | None = None
        self._records: Mapping[str, TargetRecord] = {}
        file.tell(self.telling, self.wake)

    def apply(self, targets: Sequence[Target]) -> None:
        """Tell these targets from now on. One that is another now is begun anew; what waits for one
        that is gone is given up."""
        self._targets = tuple(targets)
        if self._is_begun:
            self._work()

    def begin(self) -> None:
        """Deliver from now on; before that, what is to be told is only written."""
        self._is_begun = True
        self._work()

    def _work(self) -> None:
        from waziterm.alerts.webhook import Trust  # noqa: PLC0415 - not before the first paint
        from waziterm.gateway.webhook_deliveries import TargetDeliveries  # noqa: PLC0415 - as above

        if self._trust is None:
            self._trust = Trust()
        wanted = {each.name: each for each in self._targets}
        for name, each in list(self._at_work.items()):
            if wanted.get(name) != each.target:
                self._tasks.pop(name).cancel()
                del self._at_work[name]
        for name, target in wanted.items():
            if name not in self._at_work:
                each = TargetDeliveries(
                    target,
                    self._opened,
                    self._called,
                    self._file.clock,
                    self._random,
                    self._trust,
                )
                self._at_work[name] = each
                self._tasks[name] = self._start(each.run(), f"webhook {name}")
        if self._tidying is not None:
            self._tidying.cancel()
        self._tidying = self._start(self._give_up_strays(), "webhooks that are gone")

    async def close(self) -> None:
        """Let all tasks end; what is under way is tried again at the next start."""
        tasks = [*self._tasks.values(), *([self._tidying] if self._tidying else ())]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def telling(self) -> Telling:
        """Whom to tell of something that happens now."""
        return Telling(self._targets, self._names() if self._targets else {})

    def wants(self, event: EventType) -> bool:
        """Whether any target is told this of any instance."""
        return any(each.takes(event) for each in self._targets)

    def wake(self) -> None:
        """Look for new events: somebody has written some."""
        for each in self._at_work.values():
            each.wake()

    async def _opened(self) -> EventStore | None:
        store = await self._file.opened_if_there()
        return None if store is None else store.events

    # -- what is asked ------------------------------------------------------------------------

    async def views(self) -> tuple[WebhookView, ...]:
        """The webhooks, and how each stands. Raises StoreError."""
        return await views_of(self._targets, await self._opened())

    def counts(self) -> tuple[WebhookCounts, ...]:
        """How many events each webhook has; what waits, and what was given up, as of the last
        `look`."""
        return tuple(
            WebhookCounts(name, each.sent, known.failed, known.pending)
            for name, each in self._at_work.items()
            for known in (self._records.get(name, TargetRecord()),)
        )

    async def looked_at(self) -> tuple[WebhookLook, ...]:
        """Those whose events are late or were given up. Raises StoreError."""
        store, now = await self._opened(), self._file.clock.now()
        known = {} if store is None else await store.records()
        found = []
        for name in (each.name for each in self._targets if each.name in known):
            record = known[name]
            is_late = record.oldest_at is not None and record.oldest_at < now - LATE_S
            look = WebhookLook(name, record.pending if is_late else 0, record.failed, record.error)
            if look.late or look.failed:
                found.append(look)
        return tuple(found)

    async def look(self) -> None:
        """Count anew what waits. Raises StoreError."""
        store = await self._opened()
        self._records = {} if store is None else await store.records()

    async def failed(self) -> tuple[FailedDelivery, ...]:
        """What was given up, the oldest first. Raises StoreError."""
        store = await self._opened()
        return () if store is None else await failed_in(store)

    async def test(self, name: str | None) -> tuple[WebhookTest, ...]:
        """Send a test to one webhook or to all, once each. Raises FleetError for none."""
        targets = [each for each in self._targets if name in (None, each.name)]
        if not targets:
            raise no_webhook(name)
        from waziterm.gateway.webhook_deliveries import tested  # noqa: PLC0415 - as above

        body = trial(self._file.clock.now())

        async def one(target: Target) -> WebhookTest:
            message = f"evt_test_{self._random.getrandbits(64):016x}"
            why, took_s = await tested(target, self._file.clock, body, message)
            return WebhookTest(target.name, not why, took_s, why)

        return tuple(await asyncio.gather(*map(one, targets)))

    async def retry(self, event: str | None) -> tuple[FailedDelivery, ...]:
        """Try anew what was given up: one event, or all of the webhooks that there are, as far as
        they are kept. Raises FleetError when there is no such event."""
        store, now = await self._opened(), self._file.clock.now()
        names = [each.name for each in self._targets]
        found = () if store is None else await store.retry(event, names, now)
        if event is not None and not found:
            raise FleetError(
                Phrase(
                    "no event that was given up and can be tried again has the id {event}",
                    event=repr(event[:60]),
                ),
                Phrase("`waziterm webhooks failed` lists them with their ids, as evt_5c1e"),
                code=2,
            )
        for each in self._at_work.values():
            each.reload()
        return tuple(map(failed_view, found))

    async def _give_up_strays(self) -> None:
        while True:
            try:
                if (store := await self._opened()) is not None:
                    await give_up_strays(store, self._targets, self._file.clock.now())
                return
            except StoreError as error:
                log.warning("webhooks: %s", error)
                await self._file.clock.sleep(AGAIN_S)


async def failed_in(store: EventStore) -> tuple[FailedDelivery, ...]:
    """What was given up, the oldest first. Raises StoreError."""
    return tuple(map(failed_view, await store.failed(MOST_LISTED)))


async def views_of(targets: Sequence[Target], store: EventStore | None) -> tuple[WebhookView, ...]:
    """How these targets stand. Raises StoreError."""
    known = {} if store is None else await store.records()
    return tuple(_view(each, known.get(each.name, TargetRecord())) for each in targets)


def _view(target: Target, known: TargetRecord) -> WebhookView:
    return WebhookView(
        name=target.name,
        where=where(target.url),
        events=tuple(each for each in EventType if each in target.events),
        instances=target.instances,
        numbers=target.numbers,
        form=target.form,
        signed=bool(target.secrets),
        from_client=target.is_from_client,
        last_sent_at=known.sent_at,
        pending=known.pending,
        failed=known.failed,
        last_error=known.error,
    )


def failed_view(row: FailedRow) -> FailedDelivery:
    """What was given up, as it is shown."""
    return FailedDelivery(
        id=row.id,
        webhook=row.target,
        instance=row.name,
        type=EventType(row.type),
        seq=row.seq,
        at=row.at,
        failed_at=row.failed_at,
        tries=row.tries,
        error=row.error,
        is_kept=row.rests,
    )


def no_webhook(name: str | None) -> FleetError:
    """What is said of a webhook that there is none of; of none at all for None."""
    if name is None:
        return FleetError(
            Phrase("no webhook is set"), Phrase("add one to [[webhooks]] of the config"), code=2
        )
    return FleetError(
        Phrase("no webhook is called {name}", name=repr(name[:60])),
        Phrase("see `waziterm webhooks`"),
        code=2,
    )
