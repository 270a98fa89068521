"""The real Baileys, paired on the lab: its folder goes on in the real neonize.

Run by `make peers`, which fetches it from npm's registry; left out where that was not asked for.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fleets import in_state
from tests.moving.foreign import aged, state_of
from tests.programs import verb
from waziterm.config import load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.events import EventKind
from waziterm.manager.manager import open_manager

HERE = Path(__file__).parent
SAYS_S = 120.0
"""Without a line from it."""
PEERS = ("4915200000101", "4915200000102")

pytestmark = pytest.mark.skipif(
    "WAZITERM_PEERS" not in os.environ, reason="run by `make peers` alone"
)


class Baileys:
    """A running Baileys."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def says(self, key: str) -> Any:
        """The value of the next line that has this member."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SAYS_S) as deadline:
            while line := await self._process.stdout.readline():
                deadline.reschedule(asyncio.get_running_loop().time() + SAYS_S)
                told = json.loads(line)
                assert "failed" not in told and "closed" not in told, told
                if key in told:
                    return told[key]
        raise AssertionError(f"it ended before it said {key}")

    def ask(self, **what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def end(self) -> None:
        self.ask(end=True)
        async with asyncio.timeout(SAYS_S):
            await self._process.wait()


@asynccontextmanager
async def running(version: str, auth: Path, lab: Lab) -> AsyncIterator[Baileys]:
    process = await asyncio.create_subprocess_exec(
        "node",
        *(str(HERE / "baileys.mjs"), str(HERE / version), str(auth), str(lab.file)),
        cwd=auth.parent,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Baileys(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("version", ["baileys7", "baileys6"])
async def test_a_session_of_the_real_baileys_goes_on(version: str, lab: Lab, folder: Path) -> None:
    project = folder / "bot"
    auth, data = project / "auth", folder / "data"
    project.mkdir()
    async with running(version, auth, lab) as bot:
        phone = await lab.scan(await bot.says("qr"))
        await bot.says("open")
        for peer in PEERS:
            bot.ask(send=f"{peer}@s.whatsapp.net", text=f"hello {peer}")
            await bot.says("sent")
            await lab.wait_message(peer, 30)
        if version == "baileys7":
            # One has answered, the other has not; 6 knows no hidden ids, under which phones write.
            await lab.send_text(phone.jid, "an answer", PEERS[0])
            assert await bot.says("got") == "an answer"
        bot.ask(send=f"{PEERS[0]}@s.whatsapp.net", text="once more")
        await bot.says("sent")
        await lab.wait_message(PEERS[0], 30, nth=2)
        aged(auth)
        running_still = await verb("import", str(auth), "--yes", "--json", data_dir=data)
        (told,) = running_still.json["sources"]
        assert (running_still.code, told["verdict"]) == (1, "refused")
        assert told["why"].startswith(f"pid {bot.pid}: "), told["why"]
        await bot.end()
    aged(auth)
    before, keys = state_of(auth), await lab.counters()
    settings, file = load_settings(data_dir=data, environ={}), LabFile.parse(lab.file.read_text())
    log = (lab.file.parent / "lab.log").read_text()
    async with open_manager(data, settings, file) as fleet:
        report = await fleet.import_sessions(str(auth), name="shop", start=True)
        assert report.imported == ("shop",), report.sources
        print(version, report.sources[0].kept, report.sources[0].heals)
        assert not report.sources[0].dropped
        view = await in_state(fleet, "shop", State.CONNECTED)
        assert view.qr is None and view.attempts == 1
        assert (await lab.counters())[EventKind.LOGIN] == keys[EventKind.LOGIN] + 1
        for number, peer in enumerate(PEERS):
            assert (await fleet.send_test("shop", f"+{peer}")).ok
            await lab.wait_message(peer, 30, nth=3 - number)
        await lab.send_text(phone.jid, "hello again", PEERS[0])
        assert (await fleet.send_test("shop")).ok
        said = "\n".join(line.text for line in fleet.tail("shop"))
        if version == "baileys7":
            # 6 knows no hidden ids: a chat's first message there is asked for again.
            assert "decrypt" not in said.lower(), said
    assert state_of(auth) == before
    async with open_manager(data, settings, file) as fleet:
        view = await in_state(fleet, "shop", State.CONNECTED)
        assert view.qr is None
        assert (await fleet.send_test("shop", f"+{PEERS[0]}")).ok
    asked = (lab.file.parent / "lab.log").read_text()[len(log) :].count("asks for message")
    assert asked == 0, "a phone could not read what was sent on a carried ratchet"
