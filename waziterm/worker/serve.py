"""The worker's main loop: it takes the manager's commands and shows that it is alive."""

import os
import queue
import socket
import time
from typing import NoReturn

from waziterm.worker.pipe import Outbox, follow_manager
from waziterm.worker.protocol import Heartbeat, Ready

HEARTBEAT_S = 5.0


def serve(sock: socket.socket) -> NoReturn:
    """Serve one instance until the manager's end of the socket closes.

    Raises ImportError or OSError when the library cannot be loaded.
    """
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    # First of all, so that a manager that dies while the library loads is noticed too.
    follow_manager(sock, lines.put)
    from waziterm.worker.client import LIBRARY_VERSION  # noqa: PLC0415 - loads neonize
    from waziterm.worker.desk import Desk  # noqa: PLC0415 - loads neonize

    outbox = Outbox(sock)
    outbox.send(Ready(os.getpid(), LIBRARY_VERSION))
    desk = Desk(outbox)
    beat_at = time.monotonic() + HEARTBEAT_S
    while True:
        try:
            desk.take(lines.get(timeout=max(0.0, beat_at - time.monotonic())))
        except queue.Empty:
            outbox.send(Heartbeat())
            beat_at = time.monotonic() + HEARTBEAT_S
