"""A child process of this manager or of its zygote: its end, and the way to end it."""

import asyncio
import contextlib
import os
import signal
from typing import Protocol

from waziterm.domain.lifecycle.details import ENDED_UNSEEN

NOT_SEEN = 1000
"""The return code of a process whose end nobody saw: its zygote was gone."""
_REPORT_S = 1.0
_OUTER = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class Child(Protocol):
    """A process that was started for a worker."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it is known to run."""
        ...

    async def wait(self) -> int:
        """Wait for its end; its return code."""
        ...

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        ...


def exit_cause(returncode: int) -> str:
    """How a process ended, for an operator: `signal 9 (SIGKILL)` or `exit 2`."""
    if returncode == NOT_SEEN:
        return ENDED_UNSEEN
    if returncode >= 0:
        return f"exit {returncode}"
    try:
        return f"signal {-returncode} ({signal.Signals(-returncode).name})"
    except ValueError:
        return f"signal {-returncode}"


def outer_signal(returncode: int) -> int | None:
    """The signal that ended a process from outside; None for an end by its own fault."""
    return -returncode if -returncode in _OUTER else None


class OwnChild:
    """A process that this one has started, and that leads a session of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def kill(self) -> None:
        """End it, and all that it has started."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


class ForkedChild:
    """A process that a zygote has forked. Its number may be another's after its end, so it is
    known by its pidfd, which this object closes. To be made on the loop."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._pidfd = pidfd
        self._loop = asyncio.get_running_loop()
        self._code: asyncio.Future[int] = self._loop.create_future()
        self._report_s = _REPORT_S
        self._loop.add_reader(pidfd, self._seen)

    @property
    def returncode(self) -> int | None:
        return self._code.result() if self._code.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._code)

    def kill(self) -> None:
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def ended(self, code: int) -> None:
        """The zygote tells of its end."""
        self._close()
        if not self._code.done():
            self._code.set_result(code)

    def orphaned(self) -> None:
        """The zygote is gone and tells of nothing any more."""
        self._report_s = 0.0

    def _seen(self) -> None:
        self._close()
        # The zygote's word is under way, unless the zygote is gone.
        self._loop.call_later(self._report_s, self.ended, NOT_SEEN)

    def _close(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
