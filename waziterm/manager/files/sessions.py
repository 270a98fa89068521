"""Session files: the one module that touches them. What leaves goes to the trash, never away."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from waziterm.domain.care.trash import Why
from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.files.manifest import TrashEntry
from waziterm.manager.files.trash import SIDECARS, Trash, move
from waziterm.store.sessionfile import device_key, devices_in, sync

log = logging.getLogger(__name__)


class SessionFiles:
    """The whatsmeow stores of a data directory: one file per instance, with its sidecars.

    A file is named by its instance's id; one whose name is no instance's id belongs to nobody.
    Moving and reading are for the time when no worker holds the file: whatsmeow runs in
    journal_mode=delete, and a file that is moved without its hot journal loses data.
    """

    def __init__(self, folder: Path, trash: Trash) -> None:
        self._folder = folder
        self._trash = trash

    def path(self, identity: str) -> Path:
        return self._folder / f"{identity}.db"

    def exists(self, identity: str) -> bool:
        return self.path(identity).exists()

    def identities(self) -> frozenset[str]:
        """The ids that have a session file, and what else the files there are named by."""
        return frozenset(path.stem for path in self._folder.glob("*.db"))

    def files(self, identity: str) -> tuple[Path, ...]:
        """The session's files that exist, the database first."""
        base = self.path(identity)
        named = (base.with_name(base.name + suffix) for suffix in SIDECARS)
        return tuple(path for path in named if path.exists())

    async def devices(self, identity: str) -> tuple[tuple[str, str], ...]:
        """The JID and LID of each device in the file; none for a missing one.

        Raises StoreError when the file cannot be read.
        """
        if not self.exists(identity):
            return ()
        return await asyncio.to_thread(devices_in, self.path(identity))

    async def device_key(self, identity: str, jid: str) -> bytes | None:
        """The key that only this session's device has; None when it is not in the file.

        Before a dial: what a killed worker left unfinished in the file is taken back first. Raises
        StoreError.
        """
        if not self.exists(identity):
            return None
        return await asyncio.to_thread(device_key, self.path(identity), jid, in_use=True)

    async def to_trash(
        self, was: Instance, *, at: float, why: Why, restorable: bool
    ) -> TrashEntry | None:
        """Move an instance's session to the trash; None when there is nothing to move.

        An instance that is removed leaves an entry even without a session: it can come back.
        Raises OSError when the move fails, and leaves the session where it was.
        """
        files = self.files(was.id)
        if not files and why is not Why.REMOVED:
            return None
        return await self._trash.put(
            was.name, files, at=at, why=why, restorable=restorable, was=was
        )

    async def from_trash(self, entry_id: str, identity: str) -> None:
        """Bring the files of a trash entry back, for the instance with this id. Raises OSError;
        then they stay in the trash."""
        entry = await self._trash.entry(entry_id)
        if entry is None:
            raise FileNotFoundError(2, "the trash has no such entry", entry_id)
        await self._trash.give_back(entry, self._folder, identity)

    async def settle(self, instances: Sequence[Instance]) -> None:
        """Put in order what a program that was killed, or one of before instances had ids, left.

        What was half moved to or from the trash comes back together. A file that has the name of an
        instance, and that instance no file of its own, is from now on named by the instance's id.
        For the owner of the directory, before anybody opens a session. It can be killed at any
        moment and done again. Raises FleetError.
        """
        await asyncio.to_thread(self._settle, instances)

    def _settle(self, instances: Sequence[Instance]) -> None:
        try:
            for name in self._trash.mend(self._folder, instances):
                log.warning("%s: its session was half moved when the last program ended", name)
            renamed = [each for each in instances if self._take_up(each, instances)]
            if renamed:
                sync(self._folder)
        except OSError as error:
            raise FleetError(
                f"the sessions in {self._folder} cannot be put in order: {error.strerror}",
                "see the folder's owner, its mode and the disk; nothing of them is lost",
            ) from error

    def _take_up(self, instance: Instance, instances: Sequence[Instance]) -> bool:
        """Let an instance have the file of its name; whether there was one for it."""
        old, new = self.path(instance.name), self.path(instance.id)
        if new.exists() or not old.exists() or any(each.id == instance.name for each in instances):
            return False
        named = tuple(
            (path, new.with_name(new.name + path.name.removeprefix(old.name)))
            for path in self.files(instance.name)
        )
        if any(target.exists() for _, target in named):
            log.warning("%s: %s is left: there is a part of another session", instance.name, old)
            return False
        # The database goes last: as long as it has the old name, this is done again.
        move(named)
        log.info("%s: its session %s is named %s from now on", instance.name, old, new.name)
        return True
