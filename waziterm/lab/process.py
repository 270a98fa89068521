"""The lab's process: started in a session of its own, ended when its block or its parent ends."""

import asyncio
import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

import waziterm
from waziterm.lab.words import LabError

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0


class LabProcess:
    """One `python -m waziterm.lab`.

    directory: its keys, phones and control socket. file: the lab file, known once it runs.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.file = self.directory / "lab.json"
        self.socket = self.directory / "lab.sock"
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline: socket.socket | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises LabError with what it said."""
        ours, theirs = socket.socketpair()
        self._lifeline = ours
        root = str(Path(waziterm.__file__).parent.parent)
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "waziterm.lab", "--dir", str(self.directory)),
                *("--parent-fd", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": path},
            )
        finally:
            theirs.close()
        await self._ready(self._process)

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None and process.stderr is not None
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                line = await process.stdout.readline()
                if line:
                    self.file = Path(json.loads(line)["file"])
                    return
                said = (await process.stderr.read()).decode(errors="replace").strip()
        except TimeoutError:
            said = f"not ready after {START_TIMEOUT_S:.0f} s"
        await self.stop()
        raise LabError(f"the lab does not start: {said.splitlines()[-1] if said else 'no word'}")

    async def stop(self) -> None:
        """End it, by force when it does not end by itself within 5 s, and reap it."""
        process, self._process = self._process, None
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        if process is None:
            return
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
