"""The paired fleet that all benches of a run share, and the throw-away copies they work on.

Pairing costs a second of CPU each, so it happens once: a lab directory and a data directory
with N paired instances, which nothing changes afterwards. Each stage of a bench gets copies of
both, and a lab of its own in the copy.
"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.watch import Watch, watching
from waziterm.config import Settings, load_settings
from waziterm.domain.labfile import LabFile
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.states import State
from waziterm.lab.client import KEPT_EVENTS, Lab, run_lab
from waziterm.lab.events import EventKind, LabEvent
from waziterm.lab.words import LabError
from waziterm.manager.files.datadir import DataDir
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.store.store import open_store

PAIRED_AT_ONCE = 4
PAIRING_TIMEOUT_S = 90.0
BOOT_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where one measurement happens: a running lab, and a data directory that it knows.

    folder: for whatever else the bench needs. jids: by instance name, in order.
    """

    folder: Path
    lab: Lab
    lab_file: LabFile
    data: DataDir
    jids: Mapping[str, str]

    def settings(self, **environ: str) -> Settings:
        """The defaults, but for variables such as `WAZITERM_LIMITS__COOLDOWN_S`."""
        return load_settings(data_dir=self.data.root, environ=environ, file=self._no_config())

    async def events_since(self, position: int) -> tuple[LabEvent, ...]:
        """What has happened in the lab from a position on."""
        count = self.lab.position - position
        if count > KEPT_EVENTS:
            raise RuntimeError(f"{count} events of the lab are more than it keeps")
        found: list[LabEvent] = []
        if count:
            async for event in self.lab.events(position):
                found.append(event)
                if len(found) == count:
                    break
        return tuple(found)

    async def logins(self, jids: Iterable[str], position: int) -> float:
        """Wait until each of these devices has logged in since a position; the moment of the
        last one, UTC seconds. Raises TimeoutError."""
        missing = set(jids)
        async with asyncio.timeout(BOOT_TIMEOUT_S):
            async for event in self.lab.events(position):
                if event.kind is EventKind.LOGIN:
                    missing.discard(event.jid or "")
                if not missing:
                    return event.at
        raise LabError("the lab has ended")

    def _no_config(self) -> Path:
        file = self.folder / "config.toml"
        file.touch()
        return file

    @asynccontextmanager
    async def manager(self, **environ: str) -> AsyncIterator[tuple[SessionManager, Watch]]:
        """A manager in this process, with what it shows; all of its instances are online."""
        async with (
            open_manager(self.data.root, self.settings(**environ), self.lab_file) as fleet,
            watching(fleet) as watch,
        ):
            await watch.all_in(State.CONNECTED, self.jids, BOOT_TIMEOUT_S)
            yield fleet, watch


class Rig:
    """The fixture of a run. folder: where it lies. quick: smaller counts are wanted."""

    def __init__(self, folder: Path, console: Console, *, quick: bool) -> None:
        self.folder = folder
        self.console = console
        self.quick = quick
        self._lab = folder / "lab"
        self._data = DataDir(folder / "data")
        # A store belongs to one reader at a time, and copies are made side by side.
        self._pairing = asyncio.Lock()
        self._known: tuple[Instance, ...] = ()

    @asynccontextmanager
    async def stage(self, count: int, *, fresh: bool = False) -> AsyncIterator[Stage]:
        """A lab and a data directory with the first `count` paired instances, none of them live.

        fresh: a new database, in which nothing has ever happened to them; otherwise the one
        that paired them, with its history and log lines.
        """
        paired = await self._paired(count)
        with tempfile.TemporaryDirectory(prefix="wtb-") as name:
            folder = Path(name)
            data = await self.data_copy(folder / "data", count, fresh=fresh)
            shutil.copytree(self._lab, folder / "lab", ignore=shutil.ignore_patterns("lab.sock"))
            async with run_lab(folder / "lab") as lab:
                text = lab.file.read_text(encoding="utf-8")
                jids = {one.name: one.jid or "" for one in paired[:count]}
                yield Stage(folder, lab, LabFile.parse(text), data, jids)

    async def data_copy(
        self, root: Path, count: int, *, skip: int = 0, fresh: bool = False
    ) -> DataDir:
        """A data directory with copies of `count` paired instances, from number `skip` on."""
        paired = (await self._paired(skip + count))[skip : skip + count]
        data = DataDir(root)
        data.create()
        for one in paired:
            shutil.copy2(self._data.session(one.id), data.session(one.id))
        if not fresh:
            with sqlite3.connect(self._data.database) as source:
                source.execute("VACUUM INTO ?", (str(data.database),))
        async with open_store(data.database) as store:
            for one in await store.instances():
                if one not in paired:
                    await store.remove(one.id)
            if fresh:
                now = time.time()
                for one in paired:
                    born = Instance(
                        one.name, created_at=now, since=now, jid=one.jid, lid=one.lid, id=one.id
                    )
                    await store.save(born, event=None, at=now)
        return data

    async def _paired(self, count: int) -> tuple[Instance, ...]:
        """The paired instances, at least `count`; pairs those that are missing."""
        async with self._pairing:
            if len(self._known) < count:
                self._known = await self._stored()
            if missing := range(len(self._known) + 1, count + 1):
                await self._pair([f"shop-{number:02d}" for number in missing])
                self._known = await self._stored()
            return self._known

    async def _stored(self) -> tuple[Instance, ...]:
        if not self._data.database.exists():
            return ()
        async with open_store(self._data.database) as store:
            return tuple(one for one in await store.instances() if one.is_paired)

    async def _pair(self, names: list[str]) -> None:
        began = time.monotonic()
        self._data.create()
        async with run_lab(self._lab) as lab:
            file = LabFile.parse(lab.file.read_text(encoding="utf-8"))
            settings = load_settings(data_dir=self._data.root, environ={})
            async with (
                open_manager(self._data.root, settings, file) as fleet,
                watching(fleet) as watch,
            ):
                turn = asyncio.Semaphore(PAIRED_AT_ONCE)

                async def pair(name: str) -> None:
                    async with turn:
                        await fleet.add(name)
                        view = await watch.until(
                            name, lambda view: view.qr is not None, PAIRING_TIMEOUT_S
                        )
                        assert view.qr is not None
                        await lab.scan(view.qr.payload)
                        await watch.until(
                            name, lambda view: view.state is State.CONNECTED, PAIRING_TIMEOUT_S
                        )

                async with asyncio.TaskGroup() as tasks:
                    for name in names:
                        tasks.create_task(pair(name))
        took = time.monotonic() - began
        self.console.print(f"paired {len(names)} instances in {took:.0f} s\n", highlight=False)


def isolate(folder: Path) -> None:
    """Let nothing of the user who runs the benches change them, or see them.

    Settings from the environment and the config file do not count.
    """
    for name in [name for name in os.environ if name.startswith("WAZITERM_")]:
        del os.environ[name]
    config = folder / "config"
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["XDG_CONFIG_HOME"] = str(config)
