"""What is told to a supervisor, one thing after the other."""

import asyncio
from collections.abc import AsyncIterator, Callable

from waziterm.domain.errors import FleetError, ManagerEndingError
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle import events as ev
from waziterm.manager.instance.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Post:
    """One event. attempt: who told it, None for what no attempt told.

    answer: who waits until it is carried out.
    """

    event: ev.Event
    attempt: Attempt | None = None
    answer: asyncio.Future[None] | None = None

    @property
    def is_command(self) -> bool:
        return self.answer is not None

    def done(self, error: FleetError | None = None) -> None:
        """Tell whoever waits how it ended."""
        if self.answer is None or self.answer.done():
            return
        if error is None:
            self.answer.set_result(None)
        else:
            self.answer.set_exception(error)


class Inbox:
    """The posts of one supervisor, in the order in which they came. begin: is called with
    each one until `close`, to have them read."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin
        self._queue: asyncio.Queue[Post | asyncio.Future[None] | None] = asyncio.Queue()
        self._closed: FleetError | None = None

    def put(self, event: ev.Event, attempt: Attempt | None = None) -> None:
        self._put(Post(event, attempt))

    def _put(self, post: Post | asyncio.Future[None]) -> None:
        self._queue.put_nowait(post)
        # What comes behind `close` is read by nobody.
        if self._closed is None:
            self._begin()

    def ask(self, event: ev.Event) -> asyncio.Future[None]:
        """Post a command; what comes of it, when it is carried out. Raises FleetError."""
        answer = self._answer()
        self._put(Post(event, answer=answer))
        return answer

    async def settled(self) -> None:
        """Wait until all that was posted before is carried out. Raises FleetError."""
        answer = self._answer()
        self._put(answer)
        await answer

    def _answer(self) -> asyncio.Future[None]:
        if self._closed is not None:
            raise self._closed
        return asyncio.get_running_loop().create_future()

    def close(self, why: FleetError | None = None) -> None:
        """End `posts` after what is in the inbox now. why: what whoever asks later is told, None
        when the manager is ending."""
        self._closed = self._closed or why or ManagerEndingError()
        self._queue.put_nowait(None)

    async def posts(self) -> AsyncIterator[Post]:
        """All posts until `close`, for one reader."""
        while (post := await self._queue.get()) is not None:
            if isinstance(post, Post):
                yield post
            elif not post.done():
                post.set_result(None)

    def rest(self) -> tuple[Post, ...]:
        """What was told behind `close`, which `posts` does not give any more."""
        told = []
        while not self._queue.empty():
            if isinstance(post := self._queue.get_nowait(), Post):
                told.append(post)
        return tuple(told)
