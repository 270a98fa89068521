"""What is set of an instance with the real library on the lab: another proxy, another name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fleets import in_state, pair, shown
from waziterm.config import load_settings
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.manager import open_manager

# A search for the holder of a lab's session takes the machine's pace.
SETTINGS = {"WAZITERM_LIMITS__KEEPALIVE_S": "600", "WAZITERM_LIMITS__COOLDOWN_S": "600"}


@asynccontextmanager
async def forwarding(to: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Another proxy: all that comes in goes on to that one. Its URL, and the first line of each
    connection that it took."""
    parts, asked, tasks = urlsplit(to), list[bytes](), set[asyncio.Task[None]]()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readline()
        asked.append(first)
        back, on = await asyncio.open_connection(parts.hostname, parts.port)
        on.write(first)
        for way in (pump(reader, on), pump(back, writer)):
            task = asyncio.create_task(way)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_proxy_is_switched_while_the_others_stay_and_one_that_fails_is_not(
    lab: Lab, folder: Path
) -> None:
    settings = load_settings(data_dir=folder / "data", environ=SETTINGS)
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(folder / "data", settings, file) as fleet:
        await pair(fleet, lab, "shop")
        await pair(fleet, lab, "other")
        before = {each.jid: each for each in await lab.sessions()}
        async with forwarding(file.proxy) as (url, asked):
            view = await fleet.edit("shop", proxy=url)
            assert (view.reason, view.proxy) == (Reason.EDITED, url)
            tested = len(asked)
            assert tested, "the way is tested before the switch"
            await shown(fleet, "shop", lambda view: view.connected_at is not None)
            assert len(asked) == tested + 1
            assert asked[-1].startswith(b"CONNECT web.whatsapp.com:443")
            after = {each.jid: each for each in await lab.sessions()}
            assert before.keys() == after.keys()
            assert sum(after[jid].logins - before[jid].logins for jid in after) == 1
            assert (await fleet.send_test("shop")).ok

            with pytest.raises(FleetError, match="nothing was changed"):
                await fleet.edit("shop", proxy="http://127.0.0.1:9", note="never")
            view = fleet.snapshot().instance("shop")
            assert (view.state, view.proxy, view.note) == (State.CONNECTED, url, "")
            assert {each.jid: each.logins for each in await lab.sessions()} == {
                jid: each.logins for jid, each in after.items()
            }

        [edit] = await fleet.edits()
        view = await fleet.undo_edit("shop", edit.id)
        assert view.proxy is None
        await in_state(fleet, "shop", State.CONNECTED)
        assert (await fleet.send_test("shop")).ok


async def test_after_a_conflict_nothing_that_is_set_leads_to_an_attempt(
    lab: Lab, folder: Path
) -> None:
    settings = load_settings(data_dir=folder / "data", environ=SETTINGS)
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(folder / "data", settings, file) as fleet:
        await pair(fleet, lab, "shop")
        [session] = await lab.sessions()
        await lab.trouble(TroubleKind.CONFLICT, session.jid)
        cooling = await in_state(fleet, "shop", State.COOLDOWN)
        async with forwarding(file.proxy) as (url, asked):
            view = await fleet.edit("shop", proxy=url, isolate="true")
            assert view.state is State.COOLDOWN
            assert view.next_attempt == cooling.next_attempt
            tested = len(asked)
            await asyncio.wait_for(fleet.test("shop"), 30)
            assert await lab.sessions() == ()
            assert len(asked) > tested, "the test of the connection goes the new way"


async def test_the_phone_shows_the_name_that_was_set(lab: Lab, folder: Path) -> None:
    (folder / "config.toml").write_text("[fleet]\ndevice_name = 'Toko'\n")
    settings = load_settings(data_dir=folder / "data", environ={}, file=folder / "config.toml")
    file = LabFile.parse(lab.file.read_text())
    async with open_manager(folder / "data", settings, file) as fleet:
        await pair(fleet, lab, "shop")
        await fleet.add("other")
        first = await shown(fleet, "other", lambda view: view.qr is not None)
        view = await fleet.edit("other", device_name="Toko Jakarta")
        assert view.reason is Reason.EDITED and view.qr is None
        view = await shown(fleet, "other", lambda view: view.qr not in (None, first.qr))
        assert view.qr is not None
        await lab.scan(view.qr.payload)
        await in_state(fleet, "other", State.CONNECTED)
        assert {each.name for each in await lab.sessions()} == {"Toko", "Toko Jakarta"}
