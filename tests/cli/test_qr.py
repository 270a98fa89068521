"""`qr`: what is painted is what a phone scans."""

import os
import re

import numpy as np
import pytest

from tests.cli.conftest import Call, served
from tests.control.scripted import QR_TEXT, ScriptedFleet, pairing_view, view
from tests.qrscan import read_codes
from waziterm.cli.show import qr
from waziterm.domain.fleet.api import FleetError
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.files.datadir import DataDir
from waziterm.tui.instance.qrcells import Size

COLOURED = re.compile(r"\x1b\[38;5;16;48;5;231m([^\x1b]*)\x1b\[0m")
HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def scanned(rows: list[str]) -> str:
    """Decode painted half blocks as a phone would: dark ink on the white of each cell."""
    inked = []
    for row in rows:
        match = COLOURED.fullmatch(row)
        assert match is not None, row
        cells = [HALVES[cell] for cell in match[1]]
        inked += [[upper for upper, _ in cells], [lower for _, lower in cells]]
    dark = np.array(inked, dtype=np.uint8)
    picture = np.kron(255 - 255 * dark, np.ones((4, 4), dtype=np.uint8))
    (found,) = read_codes(np.pad(picture, 8, constant_values=255))
    return found


def test_the_drawing_decodes_to_the_payload(
    call: Call, managed: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((160, 50)))
    done = call("qr", "shop-b", "--data-dir", str(managed.root))
    assert done.code == 0
    *rows, words = done.out.splitlines()
    assert scanned(rows) == QR_TEXT
    assert re.fullmatch(r"shop-b: code 2 of 6, 0:\d\d left", words)


def test_the_drawing_follows_the_space() -> None:
    large = qr.painted(QR_TEXT, Size(160, 50))
    small = qr.painted(QR_TEXT, Size(80, 24))
    assert len(small) < 24 <= len(large)
    with pytest.raises(FleetError, match=r"needs .* cells, this terminal has 30×20"):
        qr.painted(QR_TEXT, Size(30, 20))


def test_qr_as_json(call: Call, managed: DataDir) -> None:
    code = call("qr", "shop-b", "--data-dir", str(managed.root), "--json").document
    assert set(code) == {"payload", "index", "count", "seconds_left"}
    assert (code["payload"], code["index"], code["count"]) == (QR_TEXT, 2, 6)


def test_an_instance_that_shows_none_says_why(call: Call, managed: DataDir) -> None:
    done = call("qr", "shop-a", "--data-dir", str(managed.root))
    assert (done.code, done.out) == (1, "")
    assert done.err == f"waziterm: shop-a shows no QR code: connected, {Reason.ONLINE.sentence}\n"
    done = call("qr", "shop-c", "--data-dir", str(managed.root))
    assert "(`waziterm start shop-c --data-dir" in done.err


def test_the_first_code_of_a_starting_instance_is_waited_for(call: Call, data: DataDir) -> None:
    class Starting(ScriptedFleet):
        """Shows its code once it was asked three times."""

        asked = 0

        def snapshot(self):  # type: ignore[no-untyped-def]
            self.asked += 1
            if self.asked == 3:
                self.views["shop-a"] = pairing_view("shop-a")
            return super().snapshot()

    connecting = view("shop-a", state=State.CONNECTING, reason=Reason.ASKED)
    with served(data, Starting(connecting)):
        done = call("qr", "shop-a", "--data-dir", str(data.root), "--json")
    assert done.document["payload"] == QR_TEXT
    assert done.err == ""
