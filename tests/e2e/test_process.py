"""The program as processes: its verbs against a running manager, and how managers die."""

import asyncio
import signal
import stat
from operator import attrgetter
from pathlib import Path

import psutil

from tests.fleets import in_state, shown
from tests.programs import Headless, headless, verb
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab


async def until_state(program: Headless, name: str, state: State) -> InstanceView:
    """Wait until an instance is in a state."""
    async with program.fleet() as fleet:
        return await in_state(fleet, name, state)


async def pair(program: Headless, lab: Lab, name: str) -> str:
    """Add an instance and let a phone of the lab scan its QR code; the phone's number."""
    async with program.fleet() as fleet:
        await fleet.add(name)
        view = await shown(fleet, name, lambda view: view.qr is not None)
        assert view.qr is not None
        phone = await lab.scan(view.qr.payload)
        await in_state(fleet, name, State.CONNECTED)
    return phone.number


async def test_verbs_pair_send_and_stop_an_instance(lab: Lab, folder: Path) -> None:
    async with headless(folder / "data", lab.file) as program:
        assert stat.S_IMODE((folder / "data" / "control.sock").stat().st_mode) == 0o600
        added = await program.verb("add", "shop")
        assert added.code == 0, added
        code = await program.verb("qr", "shop", "--json")
        assert code.code == 0 and 0 < code.json["seconds_left"] <= 60
        number = (await lab.scan(code.json["payload"])).number
        await until_state(program, "shop", State.CONNECTED)
        sent = await program.verb("test", "shop", "--send", "--json")
        assert sent.code == 0 and sent.json["ok"] is True
        await lab.wait_message(number, 10)
        listed = (await program.verb("list", "--json")).json
        assert [(row["name"], row["state"], row["paired"]) for row in listed] == [
            ("shop", "connected", True)
        ]
        assert number not in str(listed)
        assert (await program.verb("stop", "shop")).code == 0
        assert not await lab.sessions()
        failed = await program.verb("test", "shop", "--json")
        assert failed.code == 1 and failed.json["ok"] is False
        assert "stopped" in failed.json["layers"][3]["detail"]
        assert await program.end(signal.SIGTERM) == 0


async def test_a_second_manager_is_refused_and_names_the_owner(lab: Lab, folder: Path) -> None:
    async with headless(folder / "data", lab.file) as program:
        second = await verb("headless", data_dir=folder / "data")
        assert second.code == 3
        assert f"pid {program.pid}" in second.stderr and "Traceback" not in second.stderr


async def test_a_killed_manager_leaves_no_worker_and_the_next_one_resumes(
    lab: Lab, folder: Path
) -> None:
    async with headless(folder / "data", lab.file) as program:
        await pair(program, lab, "one")
        await pair(program, lab, "two")
        workers = [
            psutil.Process(row["pid"]) for row in (await program.verb("list", "--json")).json
        ]
        assert len(workers) == 2
        await program.end(signal.SIGKILL)
        gone, alive = await asyncio.to_thread(psutil.wait_procs, workers, 2)
        assert not alive and len(gone) == 2
        nobody = await program.verb("start", "one", "--json")
        assert nobody.code == 3 and nobody.json["code"] == 3
    async with headless(folder / "data", lab.file) as program:
        await until_state(program, "one", State.CONNECTED)
        await until_state(program, "two", State.CONNECTED)


async def test_a_killed_worker_is_replaced_and_the_others_see_nothing(
    lab: Lab, folder: Path
) -> None:
    async with headless(folder / "data", lab.file) as program:
        await pair(program, lab, "one")
        await pair(program, lab, "two")
        before = await until_state(program, "two", State.CONNECTED)
        victim = (await until_state(program, "one", State.CONNECTED)).pid
        assert victim is not None
        psutil.Process(victim).send_signal(signal.SIGKILL)
        died = await until_state(program, "one", State.RETRYING)
        assert died.reason is Reason.WORKER_DIED and "signal 9" in str(died.detail)
        back = await until_state(program, "one", State.CONNECTED)
        assert back.pid != victim
        after = await until_state(program, "two", State.CONNECTED)
        unchanged = attrgetter("since", "connected_at", "pid", "state")
        assert unchanged(before) == unchanged(after)
