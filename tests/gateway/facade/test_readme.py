"""README's chapter of the facade: its commands are carried out, its table names all requests."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.gateway.api.scripted import HOST, free_port
from tests.gateway.facade.served import Served, settings_of
from tests.moving.foreign import aged
from tests.moving.sample import unpack
from tests.programs import environment
from waziterm.config.settings import Address, Facade
from waziterm.control.server.app import serve_control
from waziterm.gateway.facade import answering
from waziterm.gateway.facade.answers import FacadeError
from waziterm.gateway.facade.fetching import Fetching
from waziterm.gateway.media import Media
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import open_manager

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
CHAPTER = README.split("\n## Old clients of Waziper\n")[1].split("\n## ")[0]


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
async def test_the_commands_are_carried_out(folder: Path) -> None:
    (command,) = re.findall(r"```sh\n(.+?)```", CHAPTER, re.DOTALL)
    port, data = free_port(), DataDir(folder / "data")
    auth, _ = unpack(folder)
    there = folder / "waziper" / "609ACF28300AB"
    there.parent.mkdir()
    aged(auth.rename(there))
    assert "127.0.0.1:8481" in command and "/srv/waziper/sessions" in command
    command = command.replace("8481", str(port)).replace("/srv/waziper/sessions", str(there.parent))
    # Without a network it is not started here.
    command = command.replace(" --start", "")
    settings = settings_of(data.root, Facade(Address(HOST, port)))
    async with (
        open_manager(data.root, settings, None) as manager,
        serve_control(manager, data.socket),
        answering.serve(manager, settings),
    ):
        process = await asyncio.create_subprocess_exec(
            *("sh", "-ec", command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment()
            | {
                "WAZITERM_DATA_DIR": str(data.root),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode == 0 and b'"status": "success"' in out, (out, err)
        (view,) = await manager.messages()
        assert (await manager.message_text(view.id)).text == "Your parcel is here."


async def test_the_table_is_that_of_the_requests(served: Served) -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", CHAPTER, re.MULTILINE)
    behind = answering.behind_of(
        served.manager, settings_of(served.root, Facade()), Fetching(Media(served.root, 1))
    )
    known = {*answering.handlers_of(behind)} - {"sendgroupmsg"}
    assert {name.replace("_", "") for name, _ in rows} == known
    # With a token of the scope it comes so far that an instance is missed, or a number.
    for name, scope in rows:
        for has in ("send", "read", "manage"):
            token = await served.manager.add_token(f"{name}-{has}", "shop", has)
            told = await served.said(f"/api/{name}", access_token=token.token)
            refused = told.get("code") == "scope" and "for this request" in told["message"]
            assert refused is (scope not in ("any", has)), (name, has, told)


def test_an_error_is_as_it_is_said_to_be() -> None:
    error = FacadeError("x", relogin=True, code="y", hint="z")
    assert set(error.document) == {"status", "message", "relogin", "code", "hint"}
    assert set(FacadeError("x").document) == {"status", "message"}
