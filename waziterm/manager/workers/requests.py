"""Questions to a worker and their answers, each with a deadline of ours."""

import asyncio
import itertools

from waziterm.worker.protocol import Answered


class Requests:
    """The requests of one worker that still wait for their answer."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answered]] = {}

    def open(self) -> tuple[int, asyncio.Future[Answered]]:
        """A new number, and the future of its answer."""
        number = next(self._numbers)
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        future.add_done_callback(lambda _: self._waiting.pop(number, None))
        return number, future

    def answer(self, answered: Answered) -> None:
        """Hand an answer to whoever waits; one that comes too late is dropped."""
        future = self._waiting.get(answered.request)
        if future is not None and not future.done():
            future.set_result(answered)

    def fail_all(self, error: Exception) -> None:
        """The worker is gone: nobody will be answered any more."""
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(error)
