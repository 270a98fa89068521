"""The real program in processes of its own: a headless manager, and verbs that talk to it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waziterm.control.client.remote import RemoteFleet, attached
from waziterm.manager.files.datadir import DataDir

DEADLINE_S = 30.0


@dataclass(frozen=True)
class Ended:
    """How a verb ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def packing() -> dict[str, str]:
    """How many instances share a worker, where whoever runs the tests wants it otherwise:
    `WAZITERM_FLEET__INSTANCES_PER_WORKER=1 make test` runs them unpacked."""
    name = "WAZITERM_FLEET__INSTANCES_PER_WORKER"
    return {name: os.environ[name]} if name in os.environ else {}


def environment() -> dict[str, str]:
    """The caller's, without other settings of ours and with nothing that draws colours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WAZITERM_")}
    return kept | packing() | {"NO_COLOR": "1", "PYTHONFAULTHANDLER": "1"}


def printed_by(program: str) -> str:
    """What a Python program prints in an interpreter of its own, which has loaded nothing else."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ended.stdout


PROGRAM = ("waziterm",)
"""The module that is run, and what stands before the words of the command line."""


async def verb(*words: str, data_dir: Path, **settings: str) -> Ended:
    """Run `waziterm WORDS… --data-dir DIR` to its end. settings: variables for it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "waziterm", *words, "--data-dir", str(data_dir),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment() | settings,
    )  # fmt: skip
    async with asyncio.timeout(DEADLINE_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


class Headless:
    """A running `waziterm headless`."""

    def __init__(self, process: asyncio.subprocess.Process, data_dir: Path) -> None:
        self._process = process
        self.data_dir = data_dir

    @property
    def pid(self) -> int:
        return self._process.pid

    def fleet(self) -> contextlib.AbstractAsyncContextManager[RemoteFleet]:
        """The fleet as an attached screen has it: a verb is a process, a quarter of a second of
        work, where the verb is not what is tried."""
        data = DataDir(self.data_dir)
        return attached(data.socket, data.owner_pid)

    async def verb(self, *words: str) -> Ended:
        return await verb(*words, data_dir=self.data_dir)

    async def end(self, by: signal.Signals) -> int:
        """Send a signal, unless it has ended, and wait for the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(by)
        async with asyncio.timeout(DEADLINE_S):
            return await self._process.wait()


@contextlib.asynccontextmanager
async def headless(
    data_dir: Path, lab_file: Path, program: Sequence[str] = PROGRAM, **settings: str
) -> AsyncIterator[Headless]:
    """A headless manager on the lab; ended with the context, however the test went.

    settings: WAZITERM_ variables for it.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *program, "headless",
        "--data-dir", str(data_dir), "--lab", str(lab_file),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=environment() | settings,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            ready = await process.stdout.readline()
        assert b"ready" in ready, ready
        yield Headless(process, data_dir)
    finally:
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
