"""The lab's process: its files, its port, its end, and clients that are none."""

import asyncio
import json
import os
import socket
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from waziterm.domain.labfile import LabFile
from waziterm.lab.client import Lab, run_lab
from waziterm.lab.events import EventKind
from waziterm.lab.process import LabProcess
from waziterm.lab.words import LabError

from .conftest import PATIENCE_S


async def test_the_lab_keeps_its_port_and_keys_and_hides_its_files(lab: Lab) -> None:
    before = LabFile.parse(lab.file.read_text())
    directory = lab.file.parent
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes["lab.sock"] == modes["noise.key"] == modes["server.pem"] == 0o600
    with pytest.raises(LabError, match="another lab runs in"):
        await LabProcess(directory).start()
    await lab.restart()
    assert LabFile.parse(lab.file.read_text()) == before


async def test_a_socket_path_that_is_too_long_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="longer than 107 bytes; use a shorter --dir"):
        async with run_lab(tmp_path / ("d" * 120)):
            pytest.fail("the lab started")


async def test_the_lab_ends_when_its_parent_does(folder: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "waziterm.lab", "--dir", str(folder / "lab")),
            *("--parent-fd", str(theirs.fileno())),
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        theirs.close()
        try:
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE_S):
                ready = json.loads(await process.stdout.readline())
                assert ready["lab"]["proxy"].startswith("http://127.0.0.1:")
                ours.close()
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert not (folder / "lab" / "lab.sock").exists()


@pytest.mark.parametrize(
    ("first", "then", "detail"),
    [
        (b"\x16\x03\x01 no request at all\r\n\r\n", b"", "not a CONNECT request"),
        (b"CONNECT web.whatsapp.com:443 HTTP/1.1\r\n\r\n", b"not TLS" * 9, "TLS or websocket"),
    ],
)
async def test_a_client_that_is_none_ends_alone(
    lab: Lab, first: bytes, then: bytes, detail: str
) -> None:
    url = urlsplit(LabFile.parse(lab.file.read_text()).proxy)
    position = lab.position
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(first)
    if then:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(then)
    event = await lab.wait_event(lambda e: e.kind is EventKind.CLOSE, PATIENCE_S, position=position)
    writer.close()
    assert detail in event.detail
    assert await lab.sessions() == ()
