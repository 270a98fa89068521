"""Real clients for the lab's tests."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import waziterm
from waziterm.domain.labfile import LabFile
from waziterm.lab.client import Lab
from waziterm.lab.words import Scanned

DRIVER = Path(__file__).with_name("driver.py")
PATIENCE_S = 20.0


class Client:
    """A real neonize client in a process of its own, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def expect(self, *names: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next event with one of these names; others are passed over."""
        seen: list[str] = []
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                while line := await self._process.stdout.readline():
                    event: dict[str, Any] = json.loads(line)
                    if event["event"] in names:
                        return event
                    seen.append(event["event"])
        except TimeoutError:
            pytest.fail(f"none of {names} within {timeout_s} s, but {seen}")
        pytest.fail(f"the client ended before any of {names}, after {seen}")

    async def do(self, command: str, **arguments: str) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        await self._process.stdin.drain()

    async def end(self) -> None:
        """End the process and wait for it."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def real_client(lab: Lab, database: Path, jid: str | None = None) -> AsyncIterator[Client]:
    """A client that pairs (without a JID) or resumes."""
    ca_file = LabFile.parse(lab.file.read_text()).ca_file
    root = str(Path(waziterm.__file__).parent.parent)
    with (database.with_suffix(".err")).open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(DRIVER),
            str(lab.file),
            str(database),
            *([jid] if jid else []),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            env={**os.environ, "SSL_CERT_FILE": ca_file, "PYTHONPATH": root},
        )
    client = Client(process)
    try:
        yield client
    finally:
        await client.end()


async def pair(lab: Lab, client: Client, number: str | None = None) -> Scanned:
    """Scan the client's first code and wait until it is online."""
    code = (await client.expect("qr"))["code"]
    phone = await lab.scan(code, number)
    await client.expect("connected")
    return phone
