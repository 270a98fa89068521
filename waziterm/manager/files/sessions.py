"""Session files: the one module that touches them. What leaves goes to the trash, never away."""

import asyncio
from pathlib import Path

from waziterm.domain.care.trash import Why
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.files.manifest import TrashEntry
from waziterm.manager.files.trash import Trash
from waziterm.store.sessionfile import device_key, devices_in

SIDECARS = ("", "-journal", "-wal", "-shm")


class SessionFiles:
    """The whatsmeow stores of a data directory: one file per instance, with its sidecars.

    Moving and reading are for the time when no worker holds the file: whatsmeow runs in
    journal_mode=delete, and a file that is moved without its hot journal loses data.
    """

    def __init__(self, folder: Path, trash: Trash) -> None:
        self._folder = folder
        self._trash = trash

    def path(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def exists(self, name: str) -> bool:
        return self.path(name).exists()

    def names(self) -> frozenset[str]:
        """The names that have a session file, whether or not an instance has that name."""
        return frozenset(path.stem for path in self._folder.glob("*.db"))

    def files(self, name: str) -> tuple[Path, ...]:
        """The session's files that exist, the database first."""
        base = self.path(name)
        named = (base.with_name(base.name + suffix) for suffix in SIDECARS)
        return tuple(path for path in named if path.exists())

    async def devices(self, name: str) -> tuple[tuple[str, str], ...]:
        """The JID and LID of each device in the file; none for a missing one.

        Raises StoreError when the file cannot be read.
        """
        if not self.exists(name):
            return ()
        return await asyncio.to_thread(devices_in, self.path(name))

    async def device_key(self, name: str, jid: str) -> bytes | None:
        """The key that only this session's device has; None when it is not in the file.

        Before a dial: what a killed worker left unfinished in the file is taken back first. Raises
        StoreError.
        """
        if not self.exists(name):
            return None
        return await asyncio.to_thread(device_key, self.path(name), jid, in_use=True)

    async def to_trash(
        self, name: str, *, at: float, why: Why, restorable: bool, was: Instance | None
    ) -> TrashEntry | None:
        """Move an instance's session to the trash; None when there is nothing to move.

        An instance that is removed leaves an entry even without a session: it can come back.
        Raises OSError when the move fails, and leaves the session where it was.
        """
        files = self.files(name)
        if not files and why is not Why.REMOVED:
            return None
        return await self._trash.put(name, files, at=at, why=why, restorable=restorable, was=was)

    async def mend(self) -> tuple[str, ...]:
        """Bring back together what a program that was killed had half moved to or from the trash;
        the names. Raises OSError."""
        return await self._trash.mend(self._folder)

    async def from_trash(self, identity: str) -> None:
        """Bring the files of a trash entry back. Raises OSError; then they stay in the trash."""
        entry = await self._trash.entry(identity)
        if entry is None:
            raise FileNotFoundError(2, "the trash has no such entry", identity)
        await self._trash.give_back(entry, self._folder)
