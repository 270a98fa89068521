"""Pairing by code from end to end: the fleet, the socket, the real neonize and a phone."""

import re
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from tests.e2e.test_process import until_state
from tests.fleets import in_state, shown
from tests.programs import headless
from tests.terminal import Terminal
from waziterm.config import load_settings
from waziterm.control.client.remote import attached
from waziterm.control.server.app import serve_control
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager
from waziterm.manager.stored.fleet import StoredFleet

NUMBER = "+6281234567890"


async def test_the_code_links_the_instance_and_leaves_no_trace(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        await fleet.add("shop", NUMBER)
        view = await shown(fleet, "shop", lambda view: view.qr is not None)
        assert view.phone == "+62812••••7890"
        view = await fleet.pairing_code("shop")
        assert view.code is not None and view.qr is not None
        assert view == await shown(fleet, "shop", lambda view: view.code is not None)
        left_s = view.code.expires_at - fleet.snapshot().at
        assert 120 < left_s <= 160

        phone = await lab.enter_code(view.code.text, NUMBER)

        online = await in_state(fleet, "shop", State.CONNECTED)
        assert online.code is None and online.paired
        assert (await fleet.send_test("shop")).ok
        with pytest.raises(FleetError, match="shop is connected"):
            await fleet.pairing_code("shop")
        said = "\n".join(line.text for line in fleet.tail("shop"))
        assert "pairing code shown, for +62812••••7890" in said
        assert view.code.text not in said and view.code.text not in repr(view)
    assert phone.number == NUMBER.removeprefix("+")
    for file in data.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert view.code.text.encode() not in content
            assert view.code.text.replace("-", "").encode() not in content


async def test_a_screen_behind_the_socket_gets_the_code_and_its_number_can_be_typed(
    lab: Lab, folder: Path
) -> None:
    data, socket = folder / "data", folder / "c.sock"
    settings = load_settings(data_dir=data, environ={})
    file = LabFile.parse(lab.file.read_text())
    async with (
        open_manager(data, settings, file) as fleet,
        serve_control(fleet, socket),
        attached(socket, lambda: 4711) as far,
    ):
        await far.add("shop")
        await shown(far, "shop", lambda view: view.qr is not None)
        with pytest.raises(FleetError, match="without a phone number") as refused:
            await far.pairing_code("shop")
        assert refused.value.code == 2
        with pytest.raises(FleetError, match="too short"):
            await far.pairing_code("shop", "+62812")
        view = await far.pairing_code("shop", "+62 812-3456-7890")
        assert view.code is not None
        told = await shown(far, "shop", lambda view: view.code is not None)
        assert told.code is not None and told.code.text == view.code.text
        assert abs(told.code.expires_at - view.code.expires_at) < 2

        await lab.enter_code(view.code.text, NUMBER)

        online = await in_state(far, "shop", State.CONNECTED)
        assert online.code is None


async def test_the_code_on_the_screen_is_what_the_phone_wants(lab: Lab, folder: Path) -> None:
    data = folder / "data"
    await StoredFleet(DataDir(data), load_settings).add("shop", NUMBER)
    command = [sys.executable, "-m", "waziterm", "--data-dir", str(data), "--lab", str(lab.file)]
    with Terminal(command, columns=80, rows=24) as screen:
        await screen.until(lambda text: "LAB" in text and "s start" in text, what="the fleet")
        screen.send("enter")
        await screen.until(lambda text: "esc back" in text, what="the instance")
        screen.send("s")
        await screen.until(lambda text: "code 1 of 6" in text, what="the QR code")
        screen.send("p")
        text = await screen.until(lambda text: "pairing code for" in text, what="the code")
        found = re.search(r"│ +((?:[0-9A-Z] ){4}- (?:[0-9A-Z] ?){4})", text)
        assert found is not None, text
        code = found[1].replace(" ", "")
        screen.send("y")
        await screen.until(lambda text: "copied the pairing code" in text)
        assert b"\x1b]52;c;" + b64encode(code.encode()) in screen.output
        await lab.enter_code(code, NUMBER)
        await screen.until(lambda text: "● connected" in text, what="connected")
        assert code not in (data / "logs" / "waziterm.log").read_text()


async def test_the_verb_prints_what_the_phone_wants_and_no_file_has_it(
    lab: Lab, folder: Path
) -> None:
    data = folder / "data"
    async with headless(data, lab.file) as program:
        assert (await program.verb("add", "shop")).code == 0
        refused = await program.verb("pair-code", "shop", "--json")
        assert refused.code == 2 and "without a phone number" in refused.json["error"]
        told = await program.verb("pair-code", "shop", "--phone", NUMBER, "--json")
        assert told.code == 0 and 120 < told.json["seconds_left"] <= 160
        code = told.json["code"]
        await lab.enter_code(code, NUMBER)
        await until_state(program, "shop", State.CONNECTED)
        again = await program.verb("pair-code", "shop")
        assert again.code == 1 and "shop is connected" in again.stderr
    for file in data.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert code.encode() not in content
            assert code.replace("-", "").encode() not in content
