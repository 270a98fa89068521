"""F5: a manager that runs out of file descriptors for a while goes on with every instance."""

import asyncio
import resource
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from tests.fleets import in_state, pair, shown
from tests.programs import headless
from waziterm.control.client.remote import attached
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab

FEW = 80
FEWER = 10
"""Less than a manager has open."""
CONNECTIONS = 120


@pytest.mark.soak
async def test_f5_a_worker_lost_without_descriptors_comes_back(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    limits = {"WAZITERM_LIMITS__BACKOFF_FIRST_S": "0.3", "WAZITERM_LIMITS__BACKOFF_CAP_S": "1"}
    async with (
        headless(data, lab.file, **limits) as program,
        attached(data / "control.sock", lambda: program.pid) as fleet,
    ):
        await pair(fleet, lab, "one")
        soft, hard = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
        # As it was found: connections that take all that there is, as far as they are taken.
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (FEW, hard))
        async with AsyncExitStack() as stack:
            for _ in range(CONNECTIONS):
                _, writer = await asyncio.open_unix_connection(str(data / "control.sock"))
                stack.callback(writer.close)
            kill_worker_of(fleet.snapshot().instances[0].pid)
            await shown(fleet, "one", lambda view: view.state is not State.CONNECTED)
        await in_state(fleet, "one", State.CONNECTED)
        # Whatever took them: more attempts fail in a row than a worker may die, and nobody is held.
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (FEWER, hard))
        kill_worker_of(fleet.snapshot().instances[0].pid)
        view = await shown(fleet, "one", lambda view: view.attempt > 5)
        assert view.state in (State.RETRYING, State.CONNECTING), view
        await shown(fleet, "one", lambda view: view.reason is Reason.NOT_CARRIED_OUT)
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (soft, hard))
        await in_state(fleet, "one", State.CONNECTED)


def kill_worker_of(pid: int | None) -> None:
    assert pid is not None
    psutil.Process(pid).kill()
