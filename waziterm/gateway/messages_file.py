"""`messages.db`, which the queue and the events share: opened late, and made at the first need."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from waziterm.domain.errors import ManagerEndingError
from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase
from waziterm.domain.webhooks.telling import NOBODY, Telling
from waziterm.gateway.queue_clock import Clock, QueueClock
from waziterm.store.errors import StoreError
from waziterm.store.messages import MessageStore, open_messages

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MessagesPlace:
    """Where messages lie. root: the data directory; messages, media: in it."""

    root: Path

    @property
    def messages(self) -> Path:
        return self.root / "messages.db"

    @property
    def media(self) -> Path:
        return self.root / "media"


Taken = Callable[[MessageStore], Awaitable[None]]


class MessagesFile:
    """Opens the store for whoever asks first. say: says a sentence to whoever watches."""

    def __init__(
        self, place: MessagesPlace, clock: Clock, say: Callable[[Phrase], None] = lambda said: None
    ) -> None:
        self.place = place
        self.clock = QueueClock(clock)
        self._say_to_people = say
        self._stack = AsyncExitStack()
        self._store: MessageStore | None = None
        self._opening = asyncio.Lock()
        self._is_closed = False
        self._shift = 0.0
        self._said = ""
        self._takes: list[Taken] = []
        self._follows: list[Callable[[float], Awaitable[None]]] = []
        self._telling: Callable[[], Telling] = lambda: NOBODY
        self._written: Callable[[], None] = lambda: None

    @property
    def is_there(self) -> bool:
        return self._store is not None or self.place.messages.exists()

    @property
    def store(self) -> MessageStore | None:
        """The store, where it is open."""
        return self._store

    def when_opened(self, take: Taken) -> None:
        """Call this with the store before anybody else has it. What it raises keeps it closed."""
        self._takes.append(take)

    def when_clock_set(self, follow: Callable[[float], Awaitable[None]]) -> None:
        """Call this when all moments in the file were moved by so many seconds."""
        self._follows.append(follow)

    def telling(self) -> Telling:
        """Who is told by webhook, as it is now."""
        return self._telling()

    def written(self) -> None:
        """Something was written that webhooks may have to tell."""
        self._written()

    def tell(self, telling: Callable[[], Telling], written: Callable[[], None]) -> None:
        """Write, together with what happens, whom webhooks have to tell of it. telling: who that
        is; it is asked each time. written: is called when that is done."""
        self._telling, self._written = telling, written

    def shift(self, by: float) -> None:
        """The clock was set by so many seconds while no manager ran."""
        self._shift += by

    async def opened(self) -> MessageStore:
        """The store; it is made where there is none. Raises StoreError, and ManagerEndingError."""
        if self._store is not None:
            return self._store
        async with self._opening:
            if self._store is None:
                if self._is_closed:
                    raise ManagerEndingError
                try:
                    self._store = await self._open()
                except StoreError as error:
                    self._say(error)
                    raise
                self._said = ""
            return self._store

    async def opened_if_there(self) -> MessageStore | None:
        """The same, and None where none was ever made."""
        return await self.opened() if self.is_there else None

    async def _open(self) -> MessageStore:
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(
                open_messages(self.place.messages, self.telling, self.written)
            )
            if self._shift:
                await store.shift(self._shift)
                self._shift = 0.0
            for take in self._takes:
                await take(store)
            self._stack = stack.pop_all()
        return store

    def _say(self, error: StoreError) -> None:
        """Tell once why nothing is sent."""
        if self._said != str(error):
            self._said = str(error)
            log.error("messages are neither taken nor sent: %s", error)
            why = Phrase("messages are neither taken nor sent: {why}", why=str(error))
            self._say_to_people(why)

    async def clock_set(self) -> None:
        """The wall clock was set: all moments move along, so that no wait and no life is longer or
        shorter for it."""
        by = self.clock.behind
        if not by:
            return
        if self._store is not None:
            try:
                await self._store.shift(by)
            except StoreError as error:
                # It is done at the next one; until then the moments are those of before.
                log.warning("messages.db does not follow the clock yet: %s", error)
                return
        self.clock.follow(by)
        for follow in self._follows:
            await follow(by)

    async def close(self) -> None:
        async with self._opening:
            self._is_closed = True
            self._store = None
            await self._stack.aclose()
