"""A real session manager in a world of its own: opened, watched from outside, closed, reopened."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.manager.world import World, write_session
from tests.sessions import id_of, session_of
from waziterm.config import Settings, load_settings
from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import State
from waziterm.manager.manager import SessionManager, open_manager
from waziterm.store.store import open_store


def settings(folder: Path, **changed: float) -> Settings:
    """The defaults with some settings changed, whatever the user's own file says, and for each
    instance a worker of its own.

    changed: by name, for example `limits__cooldown_s=1`.
    """
    changed = {"fleet__instances_per_worker": 1, **changed}
    environ = {f"WAZITERM_{name.upper()}": str(value) for name, value in changed.items()}
    file = folder / "config.toml"
    file.touch()
    return load_settings(environ=environ, data_dir=folder / "data", file=file)


class Host:
    """One data directory and the managers that own it one after the other.

    lies: what a subscriber was shown that was not stored, or says nothing to an operator. begin:
    what the next manager waits for before anybody connects, as for a screen's first paint.
    """

    def __init__(self, world: World, root: Path, settings: Settings) -> None:
        self.world = world
        self.root = root
        self.settings = settings
        self.lies: list[str] = []
        self.begin: asyncio.Event | None = None
        self._manager: SessionManager | None = None
        self._task: asyncio.Task[None] | None = None
        self._end = asyncio.Event()
        self._seen: dict[str, int] = {}
        self._lives = 0

    @property
    def fleet(self) -> SessionManager:
        assert self._manager is not None, "no manager runs"
        return self._manager

    @property
    def runs(self) -> bool:
        return self._manager is not None

    def prepare(self, *instances: Instance) -> None:
        """Write instances into the database as an earlier manager did; paired ones get a file."""

        async def write() -> None:
            for folder in (self.root, self.root / "sessions"):
                folder.mkdir(mode=0o700, exist_ok=True)
            async with open_store(self.root / "waziterm.db") as store:
                for each in instances:
                    await store.save(each, event="Added", at=self.world.clock.now())
                    if each.jid is not None:
                        write_session(self.root / "sessions" / f"{each.id}.db", each.jid)

        self.world.run(write())

    def id(self, name: str) -> str:
        """The id of the instance with this name, or of one that had it."""
        return id_of(self.root, name)

    def session(self, name: str) -> Path:
        """Where the session of the instance with this name lies, or of the last one that had it."""
        return session_of(self.root, name)

    # -- the manager's life -----------------------------------------------------------------

    def open(self) -> None:
        """Start a manager; raises what `open_manager` raises."""
        self._lives += 1
        ready = asyncio.Event()
        self._task = self.world.loop.create_task(self._live(ready))

        async def begun() -> None:
            waiting = asyncio.ensure_future(ready.wait())
            assert self._task is not None
            await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()

        self.world.run(begun())
        if self._task.done():
            self._task.result()
        self.world.settle()

    async def _live(self, ready: asyncio.Event) -> None:
        self._end = asyncio.Event()
        outside = self.world.outside(self._lives)
        try:
            async with open_manager(
                self.root, self.settings, None, world=outside, begin=self.begin
            ) as manager:
                self._manager = manager
                watching = asyncio.ensure_future(self._watch(manager))
                ready.set()
                try:
                    await self._end.wait()
                finally:
                    watching.cancel()
        finally:
            self._manager = None

    def close(self, *, by_cancelling: bool = False) -> None:
        """Let the manager end as on `q`, or as a cancelled task does."""
        assert self._task is not None
        if by_cancelling:
            self._task.cancel()
        else:
            self._end.set()
        self.world.settle()
        while not self.world.is_idle:
            self.world.pass_time(0.1)
        self.world.run(asyncio.wait({self._task}))
        if not by_cancelling:
            self._task.result()

    def abandon(self) -> None:
        """After a failed test: end whatever still runs."""
        tasks = asyncio.all_tasks(self.world.loop)
        for task in tasks:
            task.cancel()
        for _ in range(20):
            self.world.pass_time(1.0)
        if tasks:
            self.world.run(asyncio.wait(tasks, timeout=10.0))

    # -- what is seen -------------------------------------------------------------------------

    def view(self, name: str) -> InstanceView:
        return next(view for view in self.fleet.snapshot().instances if view.name == name)

    def query(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        """Ask the database, as another program would."""
        with closing(sqlite3.connect(self.root / "waziterm.db", isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, values)]

    async def _watch(self, manager: SessionManager) -> None:
        async with manager.subscribe() as subscription:
            while True:
                changes = await subscription.next()
                views = changes.snapshot.instances if changes.snapshot else changes.changed
                for view in views:
                    self._check(view)

    def _check(self, view: InstanceView) -> None:
        """A view must stand in the history already; it may be a little behind it, never back."""
        rows = self.query(
            "SELECT id FROM transitions WHERE instance = ? AND id >= ? AND to_state = ?"
            " AND reason = ? AND detail = ? ORDER BY id LIMIT 1",
            view.id,
            self._seen.get(view.name, 0),
            view.state.value,
            view.reason.slug,
            view.detail,
        )
        shown = f"{view.name}: {view.state}/{view.reason.slug} {view.detail!r}"
        if rows:
            self._seen[view.name] = rows[0]["id"]
        else:
            self.lies.append(f"shown but not stored: {shown}")
        if not view.reason.sentence or not view.next_step:
            self.lies.append(f"no reason or no next step: {shown}")
        waits = view.state in (State.COOLDOWN, State.BANNED)
        redials = view.reason in (Reason.DROPPED, Reason.STREAM_ERROR)
        waits = waits or (view.state is State.RETRYING and not redials)
        if waits and view.next_attempt is None:
            self.lies.append(f"a wait without an end: {shown}")
