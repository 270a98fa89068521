"""The real program in processes of its own: the monitor in a pty, and the manager without one."""

import asyncio
import contextlib
import os
import sys
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import waziterm
from bench.rig import Stage
from bench.terminal import RecordedTerminal
from waziterm.control.client.call import ControlClient
from waziterm.manager.files.datadir import DataDir

READY_TIMEOUT_S = 60.0
END_TIMEOUT_S = 20.0


def monitor(stage: Stage) -> RecordedTerminal:
    """`waziterm` in a terminal of 160×50 on a stage's data directory and lab."""
    argv = command("--data-dir", stage.data.root, "--lab", stage.lab.file)
    return RecordedTerminal(argv, environment())


def environment() -> dict[str, str]:
    """For a child: this process's own, in which it finds the same waziterm, and keeps its bytecode
    as an installed one does: to compile it anew takes 0.12 s of each start.
    """
    left_out = ("NO_COLOR", "COLUMNS", "LINES", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if k not in left_out}
    path = [str(Path(waziterm.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    kept["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    return kept


@dataclass(frozen=True, slots=True)
class Headless:
    """A running `waziterm headless`."""

    pid: int
    client: ControlClient

    async def instance(self, name: str) -> dict[str, Any]:
        """What the manager says of an instance, over its control socket."""
        return await asyncio.to_thread(
            self.client.ask, lambda fleet: fleet.snapshot().instance(name)
        )

    async def instances(self) -> list[dict[str, Any]]:
        """All instances, as JSON."""
        found: list[dict[str, Any]] = await asyncio.to_thread(
            self.client.ask, lambda fleet: fleet.snapshot().everyone()
        )
        return found

    async def reconnect(self, name: str) -> None:
        """Ask for a new connection of an instance."""
        await asyncio.to_thread(self.client.ask, lambda fleet: fleet.reconnect(name))


@asynccontextmanager
async def headless(
    data: DataDir, lab_file: Path, /, unseen_as: str = "", **settings: str
) -> AsyncIterator[Headless]:
    """The manager without a screen, ready when the block begins, ended with it.

    unseen_as: any name, for one that does not see managers of another name, nor they it.
    settings: variables such as `WAZITERM_FLEET__INSTANCES_PER_WORKER`.
    """
    process = await asyncio.create_subprocess_exec(
        *command("headless", "--data-dir", data.root, "--lab", lab_file, unseen_as=unseen_as),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=environment() | settings,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            said = await process.stdout.readline()
        if b"ready" not in said:
            raise RuntimeError(f"`waziterm headless` did not start: {said.decode()}")
        yield Headless(process.pid, ControlClient(data.socket, data.owner_pid))
    finally:
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_TIMEOUT_S):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


_UNSEEN = (
    "import sys; from waziterm.manager.rivals import registry;"
    " registry.PLACE = sys.argv.pop(1).encode();"
    " from waziterm.cli.main import main; main()"
)


def command(*words: str | Path, unseen_as: str = "") -> list[str]:
    """The command line of the installed program. unseen_as: see `headless`."""
    if unseen_as:
        return [sys.executable, "-c", _UNSEEN, unseen_as, *(str(word) for word in words)]
    script = Path(sysconfig.get_path("scripts")) / "waziterm"
    program = [str(script)] if script.exists() else [sys.executable, "-m", "waziterm"]
    return [*program, *(str(word) for word in words)]
