"""A worker process as the manager sees it: start, send, read, kill."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

from waziterm.domain.codec import CodecError
from waziterm.domain.frozen import dataclass
from waziterm.domain.text import safe_line
from waziterm.manager.workers.child import Child
from waziterm.manager.workers.launch import launch
from waziterm.manager.workers.zygote_line import Zygote
from waziterm.worker.protocol import (
    MAX_LINE,
    Command,
    LineSplitter,
    Report,
    decode_report,
    encode,
)

LINES_PER_S = 200
_LONGEST_OUTPUT = 4096
# The library prints it on every connect; an operator who obeyed would end the wrong program.
_MISLEADING = "Press Ctrl+C to exit"
# How long what a dead worker has left in its pipes may take to be read.
_DRAIN_S = 1.0


class WorkerGoneError(Exception):
    """The worker cannot be told anything any more."""


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line that a worker printed on its fds 1 or 2: inert and without secrets."""

    text: str


Message = Report | OutputLine


class OutputLimit:
    """Makes printed bytes into output lines, at most `LINES_PER_S` in any second.

    clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._splitter = LineSplitter(_LONGEST_OUTPUT)
        self._second_began = clock()
        self._passed = 0
        self._dropped = 0

    def feed(self, data: bytes) -> list[OutputLine]:
        """The lines to show for more bytes; b"" stands for the end."""
        raw = self._splitter.feed(data) if data else [self._splitter.rest()]
        lines = self._new_second(at_end=not data)
        for each in raw:
            text = safe_line(each.decode(errors="replace"))
            if not text or text == _MISLEADING:
                continue
            if self._passed < LINES_PER_S:
                self._passed += 1
                lines.append(OutputLine(text))
            else:
                self._dropped += 1
        if not data:
            lines += self._new_second(at_end=True)
        return lines

    def _new_second(self, *, at_end: bool) -> list[OutputLine]:
        now = self._clock()
        if now - self._second_began < 1.0 and not at_end:
            return []
        dropped, self._dropped, self._passed, self._second_began = self._dropped, 0, 0, now
        return [OutputLine(f"{dropped} more lines were printed and dropped")] if dropped else []


class WorkerProcess:
    """One worker process. Made by `spawn` or `fork`; it must be ended by `kill`."""

    def __init__(self, child: Child, pipe: socket.socket, output: socket.socket) -> None:
        self._child = child
        self._pipe = pipe
        self._output = output
        self._sending = asyncio.Lock()
        # Bounded: a manager that does not read stops the worker, not the machine.
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(1000)
        self._reading = asyncio.create_task(self._read(), name=f"worker {child.pid}")

    @classmethod
    async def spawn(cls, *, ca_file: str | None, library: str | None = None) -> Self:
        """Execute a worker; its first message is `Ready`. Raises OSError.

        ca_file: path of a PEM file that it trusts as well, for a lab. library: path of a copy of
        neonize's library that it loads, None for neonize's own.
        """
        return await cls._start(
            lambda pipe, output: launch("waziterm.worker", pipe, output, ca_file, library)
        )

    @classmethod
    async def fork(cls, zygote: Zygote, library: str | None = None) -> Self:
        """A worker that shares its zygote's memory. library: as in `spawn`. Raises OSError."""
        return await cls._start(lambda pipe, output: zygote.fork(pipe, output, library))

    @classmethod
    async def _start(
        cls, start: Callable[[socket.socket, socket.socket], Awaitable[Child]]
    ) -> Self:
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            pipe, their_pipe = socket.socketpair()
            ours.callback(pipe.close)
            theirs.callback(their_pipe.close)
            # Sockets for fds 1 and 2 as well: the loop reads them without a transport, and
            # closing them is one plain call.
            output, their_output = socket.socketpair()
            ours.callback(output.close)
            theirs.callback(their_output.close)
            pipe.setblocking(False)
            output.setblocking(False)
            child = await start(their_pipe, their_output)
            ours.pop_all()
        return cls(child, pipe, output)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the process is known to run; its end shows here a moment late."""
        return self._child.returncode is None

    async def send(self, *commands: Command) -> None:
        """Send commands; waits while the worker does not read. Raises WorkerGoneError."""
        lines = b"".join(encode(command) for command in commands)
        async with self._sending:
            try:
                await asyncio.get_running_loop().sock_sendall(self._pipe, lines)
            except OSError as error:
                raise WorkerGoneError(f"worker {self.pid} is gone ({error})") from error

    async def messages(self) -> AsyncIterator[Message]:
        """All that the worker reports and prints; ends when it is gone and both are read.

        For one reader at a time. A line that is no report is shown as an output line.
        """
        while (message := await self._messages.get()) is not None:
            yield message
        self._messages.put_nowait(None)

    async def wait(self) -> int:
        """Wait for the end of the process; its exit code, or minus the signal that ended it."""
        return await self._child.wait()

    async def kill(self) -> None:
        """End the worker at once and see it gone. Repeatable.

        What it keeps is in SQLite and in its journals. What its library has not told yet is lost
        (see `Worker.part`), and so are messages that were not read by now.
        """
        self._child.kill()
        await self._child.wait()
        self._reading.cancel()
        await asyncio.wait([self._reading])
        # Whoever is still sending gets its error first: a dead worker's socket refuses.
        async with self._sending:
            self._pipe.close()
        self._output.close()
        while not self._messages.empty():
            self._messages.get_nowait()
        self._messages.put_nowait(None)

    async def _read(self) -> None:
        async with asyncio.TaskGroup() as group:
            readers = [
                group.create_task(self._read_pipe()),
                group.create_task(self._read_output()),
            ]
            await self._child.wait()
            await asyncio.wait(readers, timeout=_DRAIN_S)
            for reader in readers:
                reader.cancel()
        await self._messages.put(None)

    async def _read_pipe(self) -> None:
        splitter = LineSplitter(MAX_LINE)
        while data := await self._received(self._pipe):
            for line in splitter.feed(data):
                await self._messages.put(_report(line))

    async def _read_output(self) -> None:
        limit = OutputLimit()
        while data := await self._received(self._output):
            for line in limit.feed(data):
                await self._messages.put(line)
        for line in limit.feed(b""):
            await self._messages.put(line)

    async def _received(self, sock: socket.socket) -> bytes:
        try:
            return await asyncio.get_running_loop().sock_recv(sock, 65536)
        except OSError:
            return b""


def _report(line: bytes) -> Message:
    try:
        return decode_report(line)
    except CodecError as error:
        return OutputLine(f"the worker sent what is not a report: {safe_line(str(error))}")
