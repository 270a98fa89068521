"""SIGKILL of the manager at random moments under trouble: nothing survives but the truth."""

import asyncio
import contextlib
import signal
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from tests.fleets import in_state, pair, shown
from tests.programs import Headless, headless
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.lab.words import LabError
from waziterm.manager.manager import open_manager
from waziterm.store.store import open_store

NAMES = ("one", "two", "three")
SETTLED = (State.CONNECTED, State.HELD)
TROUBLES = (
    (TroubleKind.TCP_RESET, None),
    (TroubleKind.CONFLICT, None),
    (TroubleKind.STREAM_ERROR, 503),
    (TroubleKind.WS_CLOSE, None),
)


@pytest.mark.parametrize(
    "kills", [pytest.param(3, id="3"), pytest.param(50, id="50", marks=pytest.mark.soak)]
)
async def test_a_kill_at_any_moment_leaves_no_worker_and_no_lie(
    lab: Lab, folder: Path, kills: int
) -> None:
    data, random = folder / "data", Random(kills)
    phones = await paired(lab, data)
    for _ in range(kills):
        async with headless(data, lab.file, WAZITERM_LIMITS__COOLDOWN_S="1") as program:
            await tells_the_truth(program, lab, phones)
            await trouble_until_killed(program, lab, list(phones.values()), random)
        async with open_store(data / "waziterm.db") as store:
            assert {instance.name for instance in await store.instances()} == set(NAMES)
    await lab.clear()
    settings = load_settings(data_dir=data)
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        for name in NAMES:
            await fleet.reconnect(name, takeover=True)
            await in_state(fleet, name, State.CONNECTED)
        assert {session.jid for session in await lab.sessions()} == set(phones.values())
        assert all(view.pid for view in fleet.snapshot().instances)


async def paired(lab: Lab, data: Path) -> dict[str, str]:
    """Three linked instances; the JID of each."""
    settings = load_settings(data_dir=data)
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        return {name: (await pair(fleet, lab, name)).jid for name in NAMES}


async def tells_the_truth(program: Headless, lab: Lab, phones: dict[str, str]) -> None:
    """Wait until the fleet has settled; then who is shown connected is who is online."""
    listed: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(30):
            while not listed or any(row["state"] not in SETTLED for row in listed):
                async with program.fleet() as fleet:
                    for name in NAMES:
                        await shown(fleet, name, lambda view: view.state in SETTLED)
                listed = (await program.verb("list", "--json")).json
    except TimeoutError:
        raise AssertionError(f"the fleet did not settle: {listed}") from None
    assert all(row["reason"] and row["next_step"] for row in listed)
    connected = {phones[row["name"]] for row in listed if row["state"] == State.CONNECTED}
    assert {session.jid for session in await lab.sessions()} == connected
    for row in listed:
        if row["state"] == State.HELD:
            assert (await program.verb("reconnect", row["name"], "--takeover")).code == 0


async def trouble_until_killed(
    program: Headless, lab: Lab, jids: list[str], random: Random
) -> None:
    """Make trouble for up to two seconds, kill the manager, see that its workers go with it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(random.uniform(0.0, 2.0)):
            while True:
                position = lab.position
                kind, code = random.choice(TROUBLES)
                with contextlib.suppress(LabError):
                    await lab.trouble(kind, random.choice(jids), code=code)
                await lab.wait_event(lambda event: True, 2.0, position=position)
    workers = psutil.Process(program.pid).children()
    assert await program.end(signal.SIGKILL) == -signal.SIGKILL
    _, alive = await asyncio.to_thread(psutil.wait_procs, workers, 2)
    assert not alive
