"""Signals of a process without a screen."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets; SIGHUP is ignored. For a running loop."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield ended
    finally:
        signal.signal(signal.SIGHUP, before)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
