"""The real program in a real terminal, on the lab: a newcomer's first minutes."""

import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.programs import verb
from tests.qrscan import decode_qr
from tests.terminal import Terminal
from waziterm.lab.client import Lab

PRINTED_BY_NEONIZE = ("Press Ctrl+C to exit", "SendMessage: Error", "Traceback")


def monitor(folder: Path, lab: Lab, columns: int, rows: int) -> Terminal:
    command = [sys.executable, "-m", "waziterm", "--data-dir", str(folder / "data")]
    return Terminal([*command, "--lab", str(lab.file)], columns=columns, rows=rows)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 50)])
async def test_the_painted_qr_is_what_the_phone_scans(
    lab: Lab, folder: Path, columns: int, rows: int
) -> None:
    with monitor(folder, lab, columns, rows) as screen:
        await screen.until(lambda text: "LAB" in text and " a " in text, what="the empty fleet")
        screen.send("a")
        await screen.until(lambda text: "Add an instance" in text)
        screen.send("shop", "enter")
        await screen.until(lambda text: "code 1 of 6" in text, what="the QR line")
        if decode_qr(screen.cells()) is None:
            screen.send("enter")
        await screen.until(
            lambda _: decode_qr(screen.cells()) is not None, what="a QR code that can be scanned"
        )
        payload = decode_qr(screen.cells())
        assert payload is not None
        phone = await lab.scan(payload)
        await screen.until(lambda text: "● connected" in text, what="connected")
        screen.send("t")
        message = await lab.wait_message(phone.number, 10)
        assert message.text.startswith("waziterm test ")
        assert message.text not in screen.text()
        assert phone.number not in screen.text()
        screen.send("#")
        await screen.until(lambda text: phone.number in text, what="the whole number")
        screen.send("#")
        await screen.until(lambda text: phone.number not in text, what="a masked number")
        acted = await verb("audit", "--json", data_dir=folder / "data")
        assert '"numbers"' in acted.stdout and phone.number not in acted.stdout
        screen.send("escape")
        assert not any(line in screen.text() for line in PRINTED_BY_NEONIZE)
        screen.signal(signal.SIGTERM)
        assert screen.wait_exit() == 0
        assert screen.is_sane()
    with monitor(folder, lab, columns, rows) as screen:
        seen: list[str] = []

        def resumed(text: str) -> bool:
            seen.append(text)
            return "● 1" in text

        await screen.until(resumed, what="the resumed session")
        assert not any("code 1 of" in text for text in seen)
        screen.hang_up()
        assert screen.wait_exit() == 0
    assert not await lab.sessions()


async def test_a_table_is_linked_phone_after_phone_without_a_key(lab: Lab, folder: Path) -> None:
    data, table = folder / "data", folder / "shops.csv"
    table.write_text("\ufeffname;phone\r\nshop-1;\r\nshop-2;\r\n", newline="")
    added = await verb("add", "--from", str(table), data_dir=data)
    assert added.code == 0 and added.stdout.startswith("2 instances added\n")
    with monitor(folder, lab, 160, 50) as screen:
        await screen.until(lambda text: "LAB" in text and "shop-2" in text, what="the fleet")
        screen.send("5")

        def shows(said: str, text: str) -> bool:
            return said in text and decode_qr(screen.cells()) is not None

        for name, to_go in (("shop-1", 2), ("shop-2", 1)):
            await screen.until(partial(shows, f"{to_go} left: {name}"), what=f"the code of {name}")
            payload = decode_qr(screen.cells())
            assert payload is not None
            await lab.scan(payload)
        await screen.until(lambda text: "No instance waits for a scan" in text, what="the end")
        renamed = await verb("rename", "shop-1", "toko-1", data_dir=data)
        undo = f"`waziterm rename toko-1 shop-1 --data-dir {data}` undoes it"
        assert renamed.code == 0 and undo in renamed.stdout
        for look in ("logs", "history"):
            told = [
                await verb(look, name, "--json", data_dir=data) for name in ("shop-1", "toko-1")
            ]
            # There may be more of it by then.
            assert told[0].json == told[1].json[: len(told[0].json)] != []
        for act in ("stop", "status", "stats", "clean"):
            refused = await verb(act, "shop-1", data_dir=data)
            assert refused.code == 2 and "it was renamed to toko-1" in refused.stderr, refused
        screen.send("1")
        await screen.until(
            lambda text: "toko-1" in text and "shop-1" not in text and "● 2 connected" in text,
            what="its new name",
        )


async def test_without_a_terminal_it_names_headless(folder: Path) -> None:
    ended = await verb(data_dir=folder / "data")
    assert ended.code == 2
    assert "headless" in ended.stderr and "Traceback" not in ended.stderr
