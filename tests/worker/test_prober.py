"""Probes of one worker: quick ones one after the other, and none behind one that takes long."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from waziterm.worker.instance.prober import LOOK_S, Prober

DEADLINE_S = 10.0


class Calls:
    """Calls to make, and what became of them."""

    def __init__(self) -> None:
        self.prober = Prober()
        self.made: list[str] = []
        self.threads: set[int] = set()
        self.begun = 0
        self.release = threading.Event()
        self._all = threading.Condition()

    def quick(self, name: str) -> None:
        self.prober.take(lambda: self._made(name))

    def slow(self, name: str) -> None:
        def call() -> None:
            with self._all:
                self.begun += 1
                self._all.notify_all()
            self.release.wait(DEADLINE_S)
            self._made(name)

        self.prober.take(call)

    def _made(self, name: str) -> None:
        with self._all:
            self.made.append(name)
            self.threads.add(threading.get_ident())
            self._all.notify_all()

    def wait(self, count: int) -> None:
        """Until so many are made."""
        self._until(lambda: len(self.made) >= count, DEADLINE_S)

    def wait_begun(self, count: int, within_s: float) -> None:
        """Until so many slow ones are under way."""
        self._until(lambda: self.begun >= count, within_s)

    def _until(self, is_so: Callable[[], bool], within_s: float) -> None:
        """Looks as the worker's loop does."""
        deadline = time.monotonic() + within_s
        with self._all:
            while not is_so():
                assert time.monotonic() < deadline, f"only {self.made}, {self.begun} begun"
                left_s = self.prober.look()
                self._all.wait(LOOK_S if left_s is None else max(left_s, 0.001))


@contextmanager
def held(calls: Calls) -> Iterator[None]:
    try:
        yield
    finally:
        calls.release.set()


def test_quick_calls_are_made_in_their_order() -> None:
    calls, names = Calls(), [f"{number}" for number in range(100)]
    for name in names:
        calls.quick(name)
    calls.wait(100)
    assert calls.made == names
    assert calls.prober.look() is None


def test_none_waits_for_those_that_take_long() -> None:
    calls = Calls()
    with held(calls):
        for number in range(3):
            calls.slow(f"slow {number}")
            calls.quick(f"quick {number}")
        calls.wait(3)
        assert calls.made == ["quick 0", "quick 1", "quick 2"]
    calls.wait(6)
    assert set(calls.made[3:]) == {"slow 0", "slow 1", "slow 2"}


def test_what_comes_while_one_takes_long_is_made() -> None:
    calls = Calls()
    with held(calls):
        calls.slow("slow")
        for number in range(5):
            calls.quick(f"{number}")
            calls.wait(number + 1)
    calls.wait(6)


def test_of_many_that_are_slow_none_waits_for_long() -> None:
    """With 100 to a worker and a tenth of a second for each, the last would be missed."""
    calls = Calls()
    with held(calls):
        for number in range(100):
            calls.slow(f"{number}")
        calls.wait_begun(100, within_s=50 * LOOK_S)
    calls.wait(100)
