"""Signals of a process without a screen."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_signals(hung_up: Callable[[], None] | None = None) -> Iterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets. For a running loop.

    hung_up: called for every SIGHUP, which is ignored without it. No SIGHUP ends the process.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if hung_up is not None:
        loop.add_signal_handler(signal.SIGHUP, hung_up)
    try:
        yield ended
    finally:
        if hung_up is not None:
            loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
