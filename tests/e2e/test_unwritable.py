"""F41: a session whose store cannot be written is not connected, whatever its socket says."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.fleets import in_state, pair, shown
from tests.programs import DEADLINE_S, environment, packing, verb
from tests.sessions import session_of
from waziterm.config import load_settings
from waziterm.domain.care.findings import FindingKind
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.manager.manager import SessionManager, open_manager

PROBED = {"WAZITERM_LIMITS__KEEPALIVE_S": "1"}
NEVER_PROBED = {"WAZITERM_LIMITS__KEEPALIVE_S": "600"}


@asynccontextmanager
async def fleet_on(lab: Lab, folder: Path, **environ: str) -> AsyncIterator[SessionManager]:
    settings = load_settings(data_dir=folder / "data", environ=packing() | environ)
    lab_file = LabFile.parse(lab.file.read_text())
    async with open_manager(folder / "data", settings, lab_file) as fleet:
        yield fleet


def replaced(session: Path) -> None:
    """`cp -a s X; mv X s`"""
    copy = session.with_suffix(".copy")
    shutil.copy2(session, copy)
    copy.rename(session)


async def test_a_replaced_file_is_opened_anew_once_then_a_person_looks(
    lab: Lab, folder: Path
) -> None:
    async with fleet_on(lab, folder, **PROBED) as fleet:
        phone = await pair(fleet, lab, "shop")
        session = session_of(folder / "data", "shop")
        replaced(session)
        view = await shown(fleet, "shop", lambda view: view.reason is Reason.STORE_FAILING, 10)
        assert view.state is State.RETRYING and "another file" in view.detail
        await in_state(fleet, "shop", State.CONNECTED)
        await lab.send_text(phone.jid, "this one is kept")
        assert (await fleet.send_test("shop")).ok
        replaced(session)
        held = await in_state(fleet, "shop", State.HELD)
        assert held.reason is Reason.STORE_UNWRITABLE and "another file" in held.detail
        await fleet.reconnect("shop", takeover=True)
        await in_state(fleet, "shop", State.CONNECTED)
        assert (await fleet.send_test("shop")).ok
        assert await fleet.conflicts() == ()


async def test_check_sees_a_file_that_its_worker_does_not_write(lab: Lab, folder: Path) -> None:
    async with fleet_on(lab, folder, **NEVER_PROBED) as fleet:
        await pair(fleet, lab, "shop")
        await pair(fleet, lab, "other")
        kinds = {found.kind for found in await fleet.check()}
        assert not kinds & {FindingKind.SESSION_REPLACED, FindingKind.SESSION_UNWRITABLE}
        replaced(session_of(folder / "data", "shop"))
        found = {each.kind: each for each in await fleet.check()}
        assert found[FindingKind.SESSION_REPLACED].instance == "shop"
        await fleet.reconnect("shop")
        await in_state(fleet, "shop", State.CONNECTED)
        kinds = {found.kind for found in await fleet.check()}
        assert FindingKind.SESSION_REPLACED not in kinds


async def test_a_folder_that_is_mounted_read_only_is_told_and_held(lab: Lab, folder: Path) -> None:
    """A manager in a mount namespace of its own, whose sessions' folder is remounted."""
    data = folder / "data"
    async with fleet_on(lab, folder) as fleet:
        await pair(fleet, lab, "shop")
    sessions = data / "sessions"
    command = [
        *("unshare", "-m"),
        *(sys.executable, "-m", "waziterm", "headless", "--data-dir", str(data)),
        *("--lab", str(lab.file)),
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=environment() | PROBED,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            if b"ready" not in await process.stdout.readline():
                pytest.skip(f"no mount namespace here: {(await process.stderr.read()).decode()}")
        await becomes(data, "connected")
        # A mount that somebody writes to cannot be made read-only, but one can be laid over it.
        await inside(process.pid, f"mount --bind {sessions} {sessions}")
        await inside(process.pid, f"mount -o remount,ro,bind {sessions}")
        shown = await becomes(data, "held")
        assert shown["reason"] == "store_unwritable" and "read-only" in shown["detail"]
        way_out = f"`waziterm reconnect shop --takeover --data-dir {data}`"
        assert way_out in shown["next_step"]
        findings = (await verb("check", "--json", data_dir=data)).json["findings"]
        assert "session_unwritable" in {each["id"].partition(":")[0] for each in findings}
        await inside(process.pid, f"umount {sessions}")
        await verb("reconnect", "shop", "--takeover", data_dir=data)
        await becomes(data, "connected")
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
            await process.communicate()


async def inside(pid: int, command: str) -> None:
    """Run a command in the mount namespace of a process."""
    done = await asyncio.create_subprocess_exec("nsenter", "-t", str(pid), "-m", *command.split())
    assert await done.wait() == 0


async def becomes(data: Path, state: str) -> dict[str, str]:
    """Wait until the manager shows its instance in a state."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            shown = json.loads((await verb("status", "shop", "--json", data_dir=data)).stdout)
            if shown["state"] == state:
                return dict(shown)


@pytest.mark.soak
async def test_f45_locked_files_have_a_reason_of_their_own_and_hold_nobody_up(
    lab: Lab, folder: Path
) -> None:
    """Three session files that another program keeps locked, in the worker of healthy ones."""
    locked, well = ("one", "two", "three"), ("four", "five")
    async with fleet_on(lab, folder) as fleet:
        for name in (*locked, *well):
            await pair(fleet, lab, name)
    with ExitStack() as held:
        for name in locked:
            held.enter_context(a_lock_on(session_of(folder / "data", name)))
        began = time.monotonic()
        async with fleet_on(lab, folder) as fleet:
            for name in well:
                await in_state(fleet, name, State.CONNECTED)
            took_s = time.monotonic() - began
            for name in locked:
                await shown(fleet, name, lambda view: view.reason is Reason.STORE_LOCKED, 20)
            found = {each.instance for each in await fleet.check() if "open" in each.evidence}
            assert found == set(locked)
            held.close()
            for name in locked:
                await in_state(fleet, name, State.CONNECTED)
    assert took_s < 8.0


@contextmanager
def a_lock_on(session: Path) -> Iterator[None]:
    """A process that keeps a SQLite file locked, and is none of ours."""
    program = (
        "import os, sqlite3, sys\n"
        "if os.fork(): os._exit(0)\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('BEGIN EXCLUSIVE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(session)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            process.stdin.close()
            assert process.stdout.read() == ""
