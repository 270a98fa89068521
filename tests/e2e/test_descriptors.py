"""F5: few descriptors, and many idle connections that want them."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.fleets import in_state, pair, shown
from tests.programs import DEADLINE_S, environment
from waziterm.config import load_settings
from waziterm.control.client.remote import attached
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager

IDLE = 120


async def started(data: DataDir, lab: Lab, limit: str) -> asyncio.subprocess.Process:
    """A headless manager, started by a shell that has set the limit of open files."""
    command = f"{sys.executable} -m waziterm headless --data-dir {data.root} --lab {lab.file}"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", f"ulimit {limit} && exec {command}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        assert b"ready" in await process.stdout.readline()
    return process


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def test_idle_connections_take_nothing_from_a_manager_with_few_descriptors(
    lab: Lab, folder: Path
) -> None:
    data = DataDir(folder / "data")
    settings = load_settings(data_dir=data.root, environ={})
    async with open_manager(data.root, settings, LabFile.parse(lab.file.read_text())) as fleet:
        await pair(fleet, lab, "shop")
    program = await started(data, lab, "-Sn 60 && ulimit -Hn 80")
    try:
        with ExitStack() as stack:
            async with attached(data.socket, data.owner_pid) as far:
                before = (await in_state(far, "shop", State.CONNECTED)).pid
                assert before is not None
                for _ in range(IDLE):
                    sock = stack.enter_context(socket.socket(socket.AF_UNIX))
                    sock.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        sock.connect(str(data.socket))
                    await asyncio.sleep(0)
                os.kill(before, signal.SIGKILL)
                back = await shown(
                    far, "shop", lambda view: view.pid != before and view.state is State.CONNECTED
                )
            assert back.pid is not None
            for pid in (program.pid, back.pid):
                raised = resource.prlimit(pid, resource.RLIMIT_NOFILE)
                assert raised == (80, 80), "what may be had is had, by workers too"
            assert open_files(program.pid) < 70, "idle connections are still open"
    finally:
        program.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            assert await program.wait() == 0
