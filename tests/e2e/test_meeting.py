"""F7: two managers with copies of one data directory meet, whatever environment and user they
have: the newcomer is held and names the other, and no session is ever taken away."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fleets import in_state, pair
from tests.manager.rivals import a_rival
from tests.programs import Headless, headless
from tests.sessions import session_of
from waziterm.config import load_settings
from waziterm.control.client.remote import RemoteFleet, attached
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.lab.words import Scanned
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager
from waziterm.store.sessionfile import device_key

STRANGER = 65534


async def linked(lab: Lab, data: Path) -> Scanned:
    """A data directory with one linked instance, "shop"; no manager runs on it."""
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        return await pair(fleet, lab, "shop")


@asynccontextmanager
async def watching(program: Headless) -> AsyncIterator[RemoteFleet]:
    data = DataDir(program.data_dir)
    async with attached(data.socket, data.owner_pid) as far:
        yield far


def surroundings(folder: Path, name: str) -> dict[str, str]:
    """Another home, another place for temporary files, another run-time directory."""
    names = ("HOME", "TMPDIR", "XDG_RUNTIME_DIR")
    places = {each: folder / f"{name}-{each.lower()}" for each in names}
    for place in places.values():
        place.mkdir(mode=0o700)
    return {each: str(place) for each, place in places.items()}


async def test_the_newcomer_is_held_and_names_the_other(lab: Lab, folder: Path) -> None:
    phone = await linked(lab, folder / "one")
    shutil.copytree(folder / "one", folder / "two")
    theirs = surroundings(folder, "two") | {"XDG_RUNTIME_DIR": ""}
    async with (
        headless(folder / "one", lab.file, **surroundings(folder, "one")) as first,
        watching(first) as one,
    ):
        await in_state(one, "shop", State.CONNECTED)
        kicks = (await lab.counters())[EventKind.KICK]
        async with headless(folder / "two", lab.file, **theirs) as second, watching(second) as two:
            held = await in_state(two, "shop", State.HELD)
            assert held.reason is Reason.LOCAL_HOLDER
            assert held.detail == f"another waziterm (pid {first.pid}, {folder / 'one'})"
            await in_state(one, "shop", State.CONNECTED)
            assert (await lab.counters())[EventKind.KICK] == kicks
            assert [each.jid for each in await lab.sessions()] == [phone.jid]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
async def test_the_manager_of_another_user_is_named_too(lab: Lab, folder: Path) -> None:
    """Root starts a manager beside the service of another user."""
    phone = await linked(lab, folder / "one")
    key = await asyncio.to_thread(device_key, session_of(folder / "one", "shop"), phone.jid)
    assert key is not None
    with a_rival() as service:
        service.do("become", STRANGER)
        service.do("register", "/srv/waziterm")
        assert service.do("claim", key.hex(), False) is None
        dials = (await lab.counters())[EventKind.DIAL]
        async with headless(folder / "one", lab.file) as program, watching(program) as fleet:
            held = await in_state(fleet, "shop", State.HELD)
            assert held.reason is Reason.LOCAL_HOLDER
            assert held.detail == (
                f"another waziterm (pid {service.pid} of the user nobody, /srv/waziterm)"
            )
            assert (await lab.counters())[EventKind.DIAL] == dials
