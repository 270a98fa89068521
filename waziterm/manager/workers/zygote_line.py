"""The zygote as the manager sees it: one process that forks the workers, replaced when it dies."""

import asyncio
import contextlib
import errno
import json
import os
import socket
from collections import deque

from waziterm.manager.workers.child import ForkedChild, OwnChild
from waziterm.manager.workers.launch import launch

_PATIENCE_S = 20.0


class Zygote:
    """Forks workers. ca_file: as for `WorkerProcess.spawn`; it holds for all of them.

    Its death takes no worker with it; the next fork starts another one.
    """

    def __init__(self, ca_file: str | None) -> None:
        self._ca_file = ca_file
        self._starting = asyncio.Lock()
        self._line: _Line | None = None
        self._warming: asyncio.Task[None] | None = None

    def warm(self) -> None:
        """Start the process ahead of the first fork, in the background."""
        if self._warming is None:
            self._warming = asyncio.create_task(self._warm())

    async def _warm(self) -> None:
        # What is wrong is told by the fork that needs it.
        with contextlib.suppress(OSError):
            await self._up()

    async def fork(
        self, pipe: socket.socket, output: socket.socket, library: str | None
    ) -> ForkedChild:
        """A worker that speaks on `pipe` and prints on `output`. library: path of a copy of
        neonize's library that it loads, None for neonize's own. Raises OSError."""
        line = await self._up()
        try:
            return await line.fork(pipe, output, library)
        except OSError:
            if line.is_up:
                raise
        return await (await self._up()).fork(pipe, output, library)

    async def _up(self) -> "_Line":
        async with self._starting:
            if self._line is None or not self._line.is_up:
                await self._end()
                self._line = await _Line.open(self._ca_file)
            return self._line

    async def close(self) -> None:
        """End the zygote; its workers go on."""
        if self._warming is not None:
            await asyncio.wait([self._warming])
        await self._end()

    async def _end(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()


class _Line:
    """The line to one zygote process."""

    def __init__(self, process: OwnChild, sock: socket.socket) -> None:
        self._process = process
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._asked: deque[asyncio.Future[ForkedChild]] = deque()
        self._children: dict[int, ForkedChild] = {}
        self.is_up = True
        self._loop.add_reader(sock, self._read)

    @classmethod
    async def open(cls, ca_file: str | None) -> "_Line":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                process = await launch("waziterm.worker.zygote", theirs, None, ca_file)
            except BaseException:
                ours.close()
                raise
        return cls(process, ours)

    async def fork(
        self, pipe: socket.socket, output: socket.socket, library: str | None
    ) -> ForkedChild:
        answer: asyncio.Future[ForkedChild] = self._loop.create_future()
        self._asked.append(answer)
        try:
            ask = json.dumps({"library": library}).encode()
            socket.send_fds(self._sock, [ask], [pipe.fileno(), output.fileno()])
        except OSError as error:
            self._asked.remove(answer)
            if isinstance(error, BrokenPipeError | ConnectionResetError):
                self._down()
            raise
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await answer
        except TimeoutError as error:
            self._down()
            raise OSError(0, "the zygote does not answer") from error

    def _read(self) -> None:
        while self.is_up:
            try:
                data, fds, _, _ = socket.recv_fds(self._sock, 4096, 1)
            except BlockingIOError:
                return
            except OSError:
                data, fds = b"", []
            if not data:
                self._down()
                return
            self._told(json.loads(data), fds)

    def _told(self, told: dict[str, int], fds: list[int]) -> None:
        if "ended" in told:
            child = self._children.pop(told["ended"], None)
            if child is not None:
                child.ended(told["code"])
            return
        answer = self._asked.popleft()
        if not fds:
            # Without its pidfd a worker cannot be ended; it ends when its pipe closes.
            code = told.get("error", errno.EMFILE)
            if not answer.done():
                answer.set_exception(OSError(code, os.strerror(code)))
            return
        child = self._children[told["forked"]] = ForkedChild(told["forked"], fds[0])
        if answer.done():
            # Nobody waits for it any more.
            child.kill()
        else:
            answer.set_result(child)

    def _down(self) -> None:
        """The zygote is gone, or of no use any more."""
        if not self.is_up:
            return
        self.is_up = False
        self._loop.remove_reader(self._sock)
        self._process.kill()
        while self._asked:
            answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(OSError(0, "the zygote has ended"))

    async def close(self) -> None:
        self._down()
        with contextlib.suppress(OSError):
            self._sock.close()
        await self._process.wait()
