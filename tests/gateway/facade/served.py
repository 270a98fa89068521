"""The facade of a real manager, whose instances are in its database alone, with a real queue."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from tests.gateway.api.scripted import HOST, free_port
from tests.manager.world import write_session
from tests.sessions import id_of, session_of
from waziterm.config import load_settings
from waziterm.config.settings import Address, Facade, Settings
from waziterm.gateway.facade import answering
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.manager.stored.fleet import StoredFleet

TEXT = "the-text-of-the-facade-canary"
TO = "4917012345678"
CALLED = "609ACF28300AB"


@dataclass
class Served:
    """A facade that answers. token: of somebody who may do all of it."""

    root: Path
    port: int
    manager: SessionManager
    token: str
    web: aiohttp.ClientSession

    async def said(self, path: str, method: str = "POST", **said: Any) -> dict[str, Any]:
        """What is answered to parameters, as a form or in the query; with the token."""
        said = {"access_token": self.token} | said
        given = {name: value for name, value in said.items() if value is not None}
        more: dict[str, Any] = {"params": given} if method == "GET" else {"data": given}
        return await self.asked(path, method, **more)

    async def asked(self, path: str, method: str = "POST", **more: Any) -> dict[str, Any]:
        """What is answered, which is always 200 and JSON."""
        async with self.web.request(method, path, **more) as answer:
            assert answer.status == 200, (path, answer.status)
            assert answer.content_type == "application/json"
            told = await answer.json()
            assert told["status"] in ("success", "error") and "message" in told
            assert isinstance(told, dict)
            return told

    async def texts(self) -> list[tuple[str, str, str]]:
        """What was taken: of which instance, to whom, and what it says; the oldest first."""
        found = []
        for view in reversed(await self.manager.messages()):
            said = await self.manager.message_text(view.id)
            found.append((view.instance, view.to, said.text))
        return found

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def settings_of(root: Path, facade: Facade) -> Settings:
    environ = {"WAZITERM_MESSAGES__ON_UNKNOWN": "hold"}
    return replace(load_settings(data_dir=root, environ=environ), facade=facade)


@asynccontextmanager
async def serving_facade(
    folder: Path, *names: str, facade: Facade | None = None
) -> AsyncIterator[Served]:
    """A facade with instances that are linked and stopped, the first one called `CALLED`."""
    root, port = folder / "data", free_port()
    facade = replace(facade or Facade(), address=Address(HOST, port))
    settings = settings_of(root, facade)
    await StoredFleet(DataDir(root), lambda: settings).add_all("\n".join(("name", *names, "")))
    link(root, *names)
    async with open_manager(root, settings, None) as manager:
        made = await manager.add_token("old", scopes="send,read,manage")
        async with (
            answering.serve(manager, settings),
            aiohttp.ClientSession(f"http://{HOST}:{port}") as web,
        ):
            yield Served(root, port, manager, made.token, web)


def link(root: Path, *names: str) -> None:
    """Let instances be linked, and stopped; the first one is called `CALLED`."""
    with closing(sqlite3.connect(root / "waziterm.db")) as db, db:
        db.execute("INSERT INTO facade_ids VALUES (?, ?, '', 1.0)", (CALLED, id_of(root, names[0])))
        for number, name in enumerate(names):
            jid = f"49151000000{number:02}:7@s.whatsapp.net"
            write_session(session_of(root, name), jid)
            db.execute(
                "UPDATE instances SET jid = ?, reason = 'by_operator', wanted = 'stopped'"
                " WHERE name = ?",
                (jid, name),
            )
