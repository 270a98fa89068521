"""The zygote as the manager sees it: one process that forks the workers, replaced when it dies.

Another one is kept in reserve, forked from the first: so the one that takes over is of this
manager's version, whatever lies on the disk by then. Only when both are gone one is executed anew.
"""

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
from collections import deque

from waziterm.manager.workers.child import Child, ForkedChild
from waziterm.manager.workers.launch import launch
from waziterm.worker.protocol import ANOTHER

log = logging.getLogger(__name__)

_PATIENCE_S = 20.0


class Zygote:
    """Forks workers. ca_file: as for `WorkerProcess.spawn`; it holds for all of them.

    Its death takes no worker with it; the next fork is that of the one in reserve, or of one that
    is started for it.
    """

    def __init__(self, ca_file: str | None) -> None:
        self._ca_file = ca_file
        self._starting = asyncio.Lock()
        self._line: _Line | None = None
        self._reserve: _Line | None = None
        self._warming: asyncio.Task[None] | None = None
        self._reserving: asyncio.Task[None] | None = None

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
        # The one in use and the one in reserve may both be gone, and nobody has noticed yet.
        for _ in range(2):
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
                dead, self._line, self._reserve = self._line, self._reserve, None
                if dead is not None:
                    await dead.close()
                if self._line is None or not self._line.is_up:
                    self._line = await _Line.open(self._ca_file)
            if self._reserve is None or not self._reserve.is_up:
                self._reserving = self._reserving or asyncio.create_task(self._keep(self._line))
            return self._line

    async def _keep(self, line: "_Line") -> None:
        """Have another zygote in reserve."""
        reserve, self._reserve = self._reserve, None
        try:
            if reserve is not None:
                await reserve.close()
            self._reserve = await line.another()
        except OSError as error:
            log.warning("no zygote is in reserve: %s", error)
        self._reserving = None

    async def close(self) -> None:
        """End the zygote; its workers go on."""
        begun = [task for task in (self._warming, self._reserving) if task is not None]
        if begun:
            await asyncio.wait(begun)
        # The one in reserve first: the other one tells of its end.
        for line in (self._reserve, self._line):
            if line is not None:
                await line.close()
        self._line = self._reserve = None


class _Line:
    """The line to one zygote process."""

    def __init__(self, process: Child, sock: socket.socket) -> None:
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

    async def another(self) -> "_Line":
        """The line to another zygote, forked from this one. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                process = await self._ask(ANOTHER, theirs)
            except BaseException:
                ours.close()
                raise
        return _Line(process, ours)

    async def fork(
        self, pipe: socket.socket, output: socket.socket, library: str | None
    ) -> ForkedChild:
        return await self._ask(json.dumps({"library": library}).encode(), pipe, output)

    async def _ask(self, what: bytes, *sent: socket.socket) -> ForkedChild:
        answer: asyncio.Future[ForkedChild] = self._loop.create_future()
        self._asked.append(answer)
        try:
            socket.send_fds(self._sock, [what], [each.fileno() for each in sent])
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
        for child in self._children.values():
            child.orphaned()
        self._children.clear()
        while self._asked:
            answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(OSError(0, "the zygote has ended"))

    async def close(self) -> None:
        self._down()
        with contextlib.suppress(OSError):
            self._sock.close()
        await self._process.wait()
