"""A command: a program that reads what happened as JSON on its standard input."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

from waziterm.domain.alerts.alert_settings import Numbers
from waziterm.domain.alerts.delivery import Arrived, Letter, NotYet, Outcome, body_for, json_of
from waziterm.domain.text import safe_line

DEADLINE_S = 30.0
_ENDING_S = 1.0
_READ = 65_536
"""So much of what it prints is looked at, in bytes: what a pipe holds."""


class Command:
    """See `alerts.channel.Channel`. Exit code 0 means that it arrived; else the first line that it
    prints says why not. It runs in a process group of its own, which ends at the deadline. The
    message's id, the same for each try, is in its variable `ALERT_MESSAGE_ID`.
    """

    def __init__(self, argv: Sequence[str], numbers: Numbers) -> None:
        self._argv = argv
        self._numbers = numbers

    async def prepare(self) -> None:
        """Nothing is loaded for it."""

    async def send(self, letter: Letter) -> Outcome:
        body = json_of(body_for(letter.body, self._numbers)) + b"\n"
        with _Output() as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._argv,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=output.end,
                    stderr=output.end,
                    start_new_session=True,
                    env=os.environ | {"ALERT_MESSAGE_ID": letter.id},
                )
            except (OSError, ValueError) as error:
                said = error.strerror if isinstance(error, OSError) else ""
                return NotYet(f"cannot be started: {said or type(error).__name__}")
            try:
                async with asyncio.timeout(DEADLINE_S):
                    await _feed(process, body)
                    code = await process.wait()
            except TimeoutError:
                return NotYet(f"not ended within {DEADLINE_S:.0f} s")
            finally:
                if process.returncode is None:
                    await _end(process)
            return _judged(code, output.read())

    async def close(self) -> None:
        """Nothing is open between two messages."""


class _Output:
    """A pipe for what a program prints. It is emptied, so that the program is not held up, and the
    beginning is kept. Its end is not waited for: a child that goes on has it too."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._ours, self.end = os.pipe()
        os.set_blocking(self._ours, False)

    def __enter__(self) -> "_Output":
        asyncio.get_running_loop().add_reader(self._ours, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self.end)

    def read(self) -> bytes:
        """The beginning of what was printed until now."""
        self._take()
        return bytes(self._kept)

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(self._ours, _READ)
            self._kept += chunk[: max(0, _READ - len(self._kept))]


async def _feed(process: asyncio.subprocess.Process, body: bytes) -> None:
    assert process.stdin is not None
    # One that does not want to read it may still have told somebody.
    with contextlib.suppress(ConnectionError):
        process.stdin.write(body)
        await process.stdin.drain()
    process.stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_ENDING_S):
            await process.wait()


def _judged(code: int, printed: bytes) -> Outcome:
    if code == 0:
        return Arrived()
    how = f"exit {code}" if code > 0 else f"ended by signal {-code}"
    lines = printed.decode("utf-8", "replace").strip().splitlines()
    return NotYet(f"{how}: {safe_line(lines[0], 200)}" if lines else how)
