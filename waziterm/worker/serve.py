"""The worker's main loop: it takes the manager's commands and shows that it is alive."""

import argparse
import contextlib
import os
import queue
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn

from waziterm.worker.pipe import Outbox, complain, follow_manager
from waziterm.worker.protocol import PROTOCOL, Heartbeat, Ready

HEARTBEAT_S = 5.0
_PR_SET_TIMERSLACK, _SLACK_NS = 29, 2_000_000


def begin(prog: str, about: str | None) -> tuple[socket.socket, str | None] | None:
    """Prepare this process for its life; the socket to the manager, which `--fd N` names, and the
    library that `--library` names, if it does. None, and a line on fd 2, when it is no socket, or
    when `--protocol N` is not ours: the manager is of another version.

    Only the manager ends it: SIGINT and SIGHUP, which a terminal sends to whole groups, are
    ignored. Files that the library creates are readable by their owner alone.
    """
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument("--fd", type=int, required=True, help="the socket to the manager")
    parser.add_argument("--library", help="a copy of neonize's library to load instead of it")
    parser.add_argument("--protocol", type=int, default=PROTOCOL, help="what the manager speaks")
    args = parser.parse_args()
    fd: int = args.fd
    if args.protocol != PROTOCOL:
        complain(f"{prog}: it speaks protocol {PROTOCOL}, its manager {args.protocol}")
        return None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.umask(0o077)
    try:
        manager = socket.socket(fileno=fd)
        manager.set_inheritable(False)
    except OSError as error:
        complain(f"{prog}: fd {fd} is not a socket ({error})")
        return None
    return manager, args.library


def serve(
    sock: socket.socket, library: str | None, held: Callable[[str | None], Any] | None = None
) -> NoReturn:
    """Serve instances until the manager's end of the socket closes. library: path of a copy of
    neonize's library to load, or None for neonize's own.

    held: what loads the library, see `worker.neonize.library.held`; None to read it from the disk.
    Raises ImportError or OSError when the library cannot be loaded.
    """
    _be_woken_seldom()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    # First of all, so that a manager that dies while the library loads is noticed too.
    follow_manager(sock, lines.put)
    from waziterm.worker.instance.desk import Desk  # noqa: PLC0415 - takes a tenth of a second
    from waziterm.worker.neonize.library import LIBRARY_VERSION, load  # noqa: PLC0415 - and this

    binder = (held or load)(library)
    outbox = Outbox(sock)
    outbox.send(Ready(os.getpid(), LIBRARY_VERSION))
    desk = Desk(outbox, binder)
    beat_at = time.monotonic() + HEARTBEAT_S
    while True:
        wait_s = max(0.0, beat_at - time.monotonic())
        look_s = desk.look()
        with contextlib.suppress(queue.Empty):
            desk.take(lines.get(timeout=wait_s if look_s is None else min(wait_s, look_s)))
        if time.monotonic() >= beat_at:
            outbox.send(Heartbeat())
            beat_at = time.monotonic() + HEARTBEAT_S


def _be_woken_seldom() -> None:
    """Let the timers of this thread, and of those that it starts, be late by 2 ms.

    Go watches its own threads every 20 µs for as long as one of them does something (`sysmon`):
    that was a sixth of a worker's CPU.
    """
    import ctypes  # noqa: PLC0415 - a zygote has loaded it by now

    # It fails on a system that has none, where nothing is lost.
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(_SLACK_NS))
