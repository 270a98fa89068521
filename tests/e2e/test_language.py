"""The real program in Indonesian, in a real terminal, on the lab, from nothing to a linked one."""

import sys
from pathlib import Path

import pytest

from tests.qrscan import decode_qr
from tests.terminal import Terminal
from waziterm.lab.client import Lab


def monitor(folder: Path, *words: str, **environ: str) -> Terminal:
    command = [sys.executable, "-m", "waziterm", *words, "--data-dir", str(folder / "data")]
    return Terminal(command, columns=100, rows=40, env=environ)


async def test_an_indonesian_newcomer_links_a_number(lab: Lab, folder: Path) -> None:
    with monitor(folder, "--lang", "id", "--lab", str(lab.file)) as screen:
        await screen.until(lambda text: "Tekan a untuk menambah instance" in text)
        screen.send("a")
        await screen.until(lambda text: "Tambah instance" in text and "Nama" in text)
        screen.send("toko", "enter")
        await screen.until(lambda text: "Setelan → Perangkat tertaut" in text, what="the steps")
        await screen.until(lambda _: decode_qr(screen.cells()) is not None, what="a QR code")
        payload = decode_qr(screen.cells())
        assert payload is not None
        await lab.scan(payload)
        await screen.until(lambda text: "● tersambung" in text, what="connected")
        screen.send("q")
        await screen.until(lambda text: "1 sesi sedang aktif" in text, what="the question")
        screen.send("y")
        assert screen.wait_exit() == 0
        assert screen.is_sane()


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        ((), {"LC_ALL": "id_ID.UTF-8"}, "Belum ada nomor WhatsApp"),
        ((), {"LANG": "id_ID.UTF-8", "LC_MESSAGES": "C"}, "No WhatsApp number"),
        (("--lang", "en"), {"LC_ALL": "id_ID.UTF-8"}, "No WhatsApp number"),
        ((), {"WAZITERM_SCREEN__LANG": "id"}, "Belum ada nomor WhatsApp"),
    ],
)
async def test_the_flag_beats_the_setting_beats_the_locale(
    folder: Path, words: tuple[str, ...], environ: dict[str, str], said: str
) -> None:
    with monitor(folder, *words, **environ) as screen:
        await screen.until(lambda text: said in text, what=said)
        screen.send("q")
        assert screen.wait_exit() == 0
