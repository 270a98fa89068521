"""The service: what systemd is told and when, reloads, and a clean end in time."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import aiohttp
import psutil
import pytest

from tests.fleets import in_state, pair
from tests.programs import Headless, environment, headless
from tests.terminal import Terminal
from waziterm.cli.run.systemd import Service
from waziterm.config import load_settings
from waziterm.control.client.remote import RemoteFleet, attached
from waziterm.domain.fleet.api import Notice
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import Lab
from waziterm.lab.trouble import TroubleKind
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager

DEADLINE_S = 20.0
END_S = 10.0
"""How long a manager may take to end after SIGTERM."""


class Systemd:
    """The datagram socket on which a service tells how it does. address: for NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        self._socket.setblocking(False)

    async def told(self, wanted: str) -> list[str]:
        """Wait until a message begins with `wanted`; its lines."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(DEADLINE_S):
            while True:
                lines = (await loop.sock_recv(self._socket, 4096)).decode().split("\n")
                if lines[0] == wanted:
                    return lines

    def read(self) -> list[str]:
        """What was told and not yet read."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, folder: Path) -> Iterator[Systemd]:
    address = str(folder / "n") if request.param == "path" else f"@waziterm-test-{token_hex(8)}"
    listening = Systemd(address)
    yield listening
    listening.close()


async def test_what_is_told(systemd: Systemd) -> None:
    service = Service(systemd.address, None)
    service.ready()
    service.reloading()
    service.stopping()
    ready, reloading, stopping = systemd.read()
    assert (ready, stopping) == ("READY=1", "STOPPING=1")
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", reloading)
    async with service.watched():
        pass
    assert systemd.read() == []


async def test_a_loop_that_hangs_is_not_alive(systemd: Systemd) -> None:
    async with Service(systemd.address, 0.1).watched():
        await systemd.told("WATCHDOG=1")
        await systemd.told("WATCHDOG=1")
        systemd.read()
        time.sleep(0.3)  # noqa: ASYNC251 - the hang is what is tested
        assert systemd.read() == []
        await systemd.told("WATCHDOG=1")


def test_what_systemd_left_is_taken_out_of_the_environment() -> None:
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000", "HOME": "/h"}
    assert Service.taken_from(environ) == Service("/run/n", 30.0)
    assert environ == {"HOME": "/h"}
    for_another = {"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}
    assert Service.taken_from(for_another) == Service("@n", None)
    for_us = {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}
    assert Service.taken_from(for_us) == Service(None, 2.0)
    assert Service.taken_from({"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "x"}) == Service(
        None, None
    )


def test_nobody_listens_and_nothing_fails(folder: Path) -> None:
    Service(str(folder / "gone"), None).ready()
    Service(None, None).ready()


async def test_a_service_from_start_to_end(lab: Lab, folder: Path) -> None:
    systemd = Systemd(str(folder / "n"))
    told = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "400000"}
    async with headless(folder / "data", lab.file, **told) as program:
        await systemd.told("READY=1")
        await systemd.told("WATCHDOG=1")
        os.kill(program.pid, signal.SIGHUP)
        assert len(await systemd.told("RELOADING=1")) == 2
        await systemd.told("READY=1")
        ending = asyncio.create_task(program.end(signal.SIGTERM))
        await systemd.told("STOPPING=1")
        assert await ending == 0
    systemd.close()


async def test_health_over_tcp_where_the_config_names_an_address(lab: Lab, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "waziterm", "headless", "--data-dir", str(folder / "data"),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=environment() | {"WAZITERM_HEALTH__ADDRESS": address},
        )  # fmt: skip
        async with asyncio.timeout(DEADLINE_S):
            _, said = await refused.communicate()
        assert refused.returncode == 1
        assert said.count(b"\n") == 1 and b"Address already in use" in said
    async with (
        headless(folder / "data", lab.file, WAZITERM_HEALTH__ADDRESS=address) as program,
        aiohttp.ClientSession(f"http://{address}") as web,
    ):
        async with web.get("/health") as answer:
            assert (await answer.json())["pid"] == program.pid
        async with web.get("/ready") as answer:
            assert answer.status == 200
        async with web.post("/v1/check") as answer:
            assert answer.status == 404


async def test_the_monitor_answers_too_and_verbs_do_not_need_the_port(
    lab: Lab, folder: Path
) -> None:
    command = [sys.executable, "-m", "waziterm", "--lab", str(lab.file), "--data-dir"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    told = {"WAZITERM_HEALTH__ADDRESS": address}
    with Terminal([*command, str(folder / "a")], columns=80, rows=24, env=told) as first:
        await first.until(lambda text: "LAB" in text, what="the screen")
        async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as web:
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with web.get(f"http://{address}/ready") as answer:
                        assert answer.status == 200
                        break
        with Terminal([*command, str(folder / "b")], columns=80, rows=24, env=told) as second:
            await second.until(lambda text: "Address already in use" in text, what="the notice")
            async with attached(folder / "b" / "control.sock", lambda: 1) as far:
                assert far.snapshot().lab


@asynccontextmanager
async def watching(program: Headless) -> AsyncIterator[RemoteFleet]:
    data = DataDir(program.data_dir)
    async with attached(data.socket, data.owner_pid) as far:
        yield far


async def noticed(far: RemoteFleet, act: Callable[[], None]) -> Notice:
    """Do something, and wait for the notice that comes of it."""
    async with asyncio.timeout(DEADLINE_S), far.subscribe() as subscription:
        await subscription.next()
        act()
        while not (notices := (await subscription.next()).notices):
            pass
        return notices[0]


async def test_sighup_reads_the_config_again(lab: Lab, folder: Path) -> None:
    """A wrong config changes nothing and says so; a right one applies to what is connected."""
    data, config = folder / "data", folder / "config.toml"
    config.write_text("")
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        phone = await pair(fleet, lab, "shop")
    async with (
        headless(data, lab.file, WAZITERM_CONFIG=str(config)) as program,
        watching(program) as far,
    ):
        pid = (await in_state(far, "shop", State.CONNECTED)).pid

        def write(text: str) -> None:
            config.write_text(text)
            os.kill(program.pid, signal.SIGHUP)

        wrong = await noticed(far, lambda: write("[limits]\nkeepalive_s = 'often'\n"))
        assert wrong.trouble and "config was not reloaded" in wrong.text
        assert "limits.keepalive_s" in wrong.text
        assert "limits.keepalive_s" in (data / "logs" / "waziterm.log").read_text()

        right = await noticed(
            far, lambda: write("[limits]\ncooldown_s = 40\n[log]\nlines_kept = 99\n")
        )
        assert not right.trouble
        assert right.text == "the config was reloaded; at the next start only: log.lines_kept"
        assert (await in_state(far, "shop", State.CONNECTED)).pid == pid
        config.write_text("[limits]\ncooldown_s = 41\n[log]\nlines_kept = 99\n")
        done = await program.verb("reload", "--json")
        assert done.code == 0
        assert done.json["changed"] == ["limits.cooldown_s"]
        assert done.json["needs_restart"] == ["log.lines_kept"]
        await lab.trouble(TroubleKind.CONFLICT, phone.jid)
        cooling = await in_state(far, "shop", State.COOLDOWN)
        assert cooling.next_attempt is not None
        assert 41.0 <= cooling.next_attempt - cooling.since <= 46.0


@pytest.mark.timeout(120)
async def test_ten_instances_end_within_ten_seconds(lab: Lab, folder: Path) -> None:
    data, names = folder / "data", [f"shop-{number}" for number in range(10)]
    settings = load_settings(data_dir=data, environ={})
    async with open_manager(data, settings, LabFile.parse(lab.file.read_text())) as fleet:
        await asyncio.gather(*(pair(fleet, lab, name) for name in names))
    async with headless(data, lab.file) as program, watching(program) as far:
        for name in names:
            await in_state(far, name, State.CONNECTED)
        workers = psutil.Process(program.pid).children(recursive=True)
        assert workers
        began = time.monotonic()
        assert await program.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < END_S
    assert not any(worker.is_running() for worker in workers)
    assert not await lab.sessions()
