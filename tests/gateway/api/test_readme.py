"""README's chapter of the API: its command is carried out, its table is that of the requests."""

import asyncio
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gateway.api.scripted import HOST, ScriptedQueue, free_port, no_events
from tests.manager.hosting import settings
from tests.programs import environment
from waziterm.config.settings import Address, Api
from waziterm.control.server.app import serve_control
from waziterm.domain.messages.message import Content, MessageKind
from waziterm.gateway.api.requests import REQUESTS
from waziterm.gateway.api.routes import Behind
from waziterm.gateway.api.serving import serve_api
from waziterm.gateway.media import Media
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
CHAPTER = README.split("\n## The API\n")[1].split("\n## ")[0]


def behind(queue: ScriptedQueue, root: Path) -> Behind:
    async def nobody(_: str) -> None:
        return None

    return Behind(queue, nobody, lambda _: True, lambda: 0.0, Media(root, 1), no_events)


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
async def test_the_command_is_carried_out(folder: Path) -> None:
    (command,) = re.findall(r"```sh\n(.+?)```", CHAPTER, re.DOTALL)
    port, data, queue = free_port(), DataDir(folder / "data"), ScriptedQueue()
    assert "127.0.0.1:8480" in command
    async with (
        open_manager(data.root, settings(folder), None) as manager,
        serve_control(manager, data.socket),
    ):
        wired = replace(behind(queue, data.root), owner_of=manager.owner_of)
        async with serve_api(Api(Address(HOST, port)), wired):
            process = await asyncio.create_subprocess_exec(
                *("sh", "-c", command.replace("8480", str(port))),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment()
                | {
                    "WAZITERM_DATA_DIR": str(data.root),
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                },
            )
            async with asyncio.timeout(30):
                out, err = await process.communicate()
    assert process.returncode == 0 and b'"state": "queued"' in out, (out, err)
    (taken,) = queue.taken.values()
    assert taken.content == Content(MessageKind.TEXT, "Your parcel is here.")
    assert [(name, owner, key) for name, owner, key in queue.once] == [
        ("shop-jakarta", "webshop", "order-17")
    ]


def test_the_table_is_that_of_the_requests() -> None:
    rows = re.findall(r"^\| `([A-Z]+) ([^`]+)` \| (\w+) \|", CHAPTER, re.MULTILINE)
    assert rows == [
        (each.method, each.path, "any" if each.scope is None else each.scope.value)
        for each in REQUESTS
    ]
