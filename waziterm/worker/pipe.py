"""Both directions of a worker's end of the pipe, on plain threads."""

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import NoReturn

from waziterm.worker.protocol import (
    MAX_LINE,
    HeardReceipt,
    Heartbeat,
    JournalGrew,
    LineSplitter,
    Lost,
    Noted,
    Report,
    encode,
)

_TOGETHER = 50
"""So many lines go out with one write."""


def leave(code: int) -> NoReturn:
    """End the process at once: no finalizer of the library runs, no thread is waited for."""
    os._exit(code)


def complain(text: str) -> None:
    """Say on fd 2 what is wrong; whether anybody reads it must not matter."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode(errors="backslashreplace") + b"\n")


class Outbox:
    """Sends reports to the manager, from any thread and in order.

    size: the most reports that wait in memory while the manager does not read. Beyond half of it,
    `Noted`, `Lost`, `Heartbeat` and receipts are dropped, and lines are counted; beyond all of it a
    thread with anything else to say waits. The half is for what the library tells where it must
    not wait: between a message in and the next one.
    """

    def __init__(self, sock: socket.socket, size: int = 1000) -> None:
        self._sock = sock
        self._waiting: queue.Queue[Report] = queue.Queue(size)
        self._spare = size // 2
        self._dropped = 0
        self._grown: dict[str, None] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._write, name="outbox", daemon=True).start()

    def send(self, report: Report) -> None:
        """Queue a report. That a journal grew never waits, and is never dropped."""
        if isinstance(report, JournalGrew):
            with self._lock:
                is_told, self._grown[report.instance] = report.instance in self._grown, None
            if not is_told:
                # With a full queue it goes out behind the next report that does.
                with contextlib.suppress(queue.Full):
                    self._waiting.put_nowait(report)
        elif not isinstance(report, Noted | Lost | Heartbeat | HeardReceipt):
            self._waiting.put(report)
        elif self._waiting.qsize() < self._spare:
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait(report)
        elif isinstance(report, Noted):
            with self._lock:
                self._dropped += 1

    def _write(self) -> None:
        while True:
            report = self._waiting.get()
            lines = self._lines(report)
            # What waits by now goes along: each write wakes the manager.
            with contextlib.suppress(queue.Empty):
                while len(lines) < _TOGETHER:
                    lines += self._lines(self._waiting.get_nowait())
            try:
                self._sock.sendall(b"".join(lines))
            except OSError:
                leave(0)

    def _lines(self, report: Report) -> list[bytes]:
        lines = [] if isinstance(report, JournalGrew) else [encode(report)]
        lines += [encode(JournalGrew(grown)) for grown in self._take_grown()]
        if isinstance(report, Noted) and (dropped := self._take_dropped()):
            text = f"{dropped} more lines were dropped: the manager did not read"
            lines.append(encode(Noted(report.instance, text)))
        return lines

    def _take_grown(self) -> tuple[str, ...]:
        if not self._grown:
            return ()
        with self._lock:
            grown, self._grown = tuple(self._grown), {}
            return grown

    def _take_dropped(self) -> int:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
            return dropped


def follow_manager(sock: socket.socket, on_line: Callable[[bytes], None]) -> None:
    """Hand each line that the manager sends to `on_line`, in a thread of its own.

    When the manager's end is closed, by whatever death, the whole process ends at once.
    on_line: must not block, or the end of the manager would go unnoticed.
    """
    threading.Thread(target=_read, args=(sock, on_line), name="manager", daemon=True).start()


def _read(sock: socket.socket, on_line: Callable[[bytes], None]) -> NoReturn:
    splitter = LineSplitter(MAX_LINE)
    while True:
        try:
            data = sock.recv(65536)
        except OSError:
            leave(0)
        if not data:
            leave(0)
        for line in splitter.feed(data):
            on_line(line)
