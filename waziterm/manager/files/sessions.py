"""Session files: the one module that touches them. What leaves goes to the trash, never away."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from waziterm.domain.care.trash import Why
from waziterm.domain.errors import FleetError, UnwritableError
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.manager.files.belongings import session_files
from waziterm.manager.files.trash import Trash, move
from waziterm.store.scratch import scratch, sweep
from waziterm.store.sessionfile import device_key, devices_in, sync

if TYPE_CHECKING:
    from waziterm.manager.files.manifest import TrashEntry

log = logging.getLogger(__name__)


_ID = re.compile("[0-9a-f]{16}")
"""What tells nothing of the instance whose session it names."""
_PART = ".part"
_SCRATCH = "import-"
"""How the folders begin in which copies lie that are needed for a moment."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A session file of no instance that can be taken up. stem: what its name has before `.db`.
    device: the JID and the LID, "" when it is unknown, of the one that it holds."""

    stem: str
    device: tuple[str, str]


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
        return session_files(self.path(identity))

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
        return await asyncio.to_thread(device_key, self.path(identity), jid)

    async def to_trash(
        self, was: Instance, *, at: float, why: Why, restorable: bool, act_id: str = ""
    ) -> TrashEntry | None:
        """Move an instance's session to the trash; None when there is nothing to move. act_id: see
        `domain.fleet.protocol.Fleet.clean`.

        An instance that is removed leaves an entry even without a session: it can come back.
        Raises OSError when the move fails, and leaves the session where it was.
        """
        files = self.files(was.id)
        if not files and why is not Why.REMOVED:
            return None
        return await self._trash.put(
            was.name, files, at=at, why=why, restorable=restorable, was=was, act_id=act_id
        )

    async def from_trash(self, entry_id: str, identity: str) -> None:
        """Bring the files of a trash entry back, for the instance with this id. Raises OSError;
        then they stay in the trash."""
        entry = await self._trash.entry(entry_id)
        if entry is None:
            raise FileNotFoundError(2, "the trash has no such entry", entry_id)
        await self._trash.give_back(entry, self._folder, identity)

    async def stray(
        self, name: str, session: str | None, instances: Sequence[Instance]
    ) -> Stray | None:
        """The session file of no instance that a new instance of this name takes up, if any.

        session: what the file's name has before `.db`; None: the file of the instance's name.
        Raises FleetError when there is no such file, when it cannot be taken up, and when it is not
        said whose the sessions that lie there are: pairing would put a second device beside one.
        """
        strays = self.identities() - {each.id for each in instances}
        stem = session if session is not None else name
        if stem in strays:
            devices = await self._devices_of_stray(stem)
            used = {each.jid: each.name for each in instances if each.jid is not None}
            if len(devices) != 1:
                said = "no device" if not devices else f"{len(devices)} devices"
                raise self._not_taken_up(stem, f"it holds {said}")
            if devices[0][0] in used:
                raise self._not_taken_up(stem, f"its device is in use as {used[devices[0][0]]}")
            return Stray(stem, devices[0])
        if session is not None:
            raise FleetError(
                Phrase(
                    "no session file of no instance is called {session}",
                    session=repr(plain(session, 60)),
                ),
                Phrase("there is {names}", names=_listed(strays))
                if strays
                else Phrase("`waziterm check` lists them"),
                code=2,
            )
        if unnamed := frozenset(filter(_ID.fullmatch, strays)):
            raise FleetError(
                Phrase(
                    "sessions of no instance lie in {folder}: {names}; one may be that of {name},"
                    " so it was not added",
                    folder=str(self._folder),
                    names=_listed(unnamed),
                    name=name,
                ),
                Phrase(
                    "`waziterm add {name} --session {file}` takes that one up; `waziterm check`"
                    " tells the number of each",
                    name=name,
                    file=min(unnamed),
                ),
            )
        return None

    async def take_up(self, stray: Stray, instance: Instance) -> None:
        """Let a new instance, which is stored already, have a stray session. Raises FleetError, and
        leaves the file where it was."""
        try:
            await asyncio.to_thread(self._rename, stray.stem, instance)
        except OSError as error:
            raise self._not_taken_up(stray.stem, f"{error.strerror}") from error

    async def _devices_of_stray(self, stem: str) -> tuple[tuple[str, str], ...]:
        try:
            return await self.devices(stem)
        except FleetError as error:
            raise self._not_taken_up(stem, f"{error}") from error

    def _not_taken_up(self, stem: str, why: str) -> FleetError:
        return FleetError(
            Phrase(
                "a session file of no instance lies at {path}, and cannot be used: {why}; nothing"
                " was added",
                path=plain(str(self.path(stem)), 300),
                why=why,
            ),
            Phrase("see `waziterm check`; `waziterm fix` moves what nobody can use to the trash"),
        )

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator[Path]:
        """A folder for copies that are needed for a moment, beside the sessions. Raises
        UnwritableError."""
        try:
            made = scratch(_SCRATCH, self._folder)
            folder = await asyncio.to_thread(made.__enter__)
        except OSError as error:
            raise UnwritableError(
                Phrase(
                    "nothing can be written in {folder}: {why}",
                    folder=str(self._folder),
                    why=error.strerror or "",
                ),
                Phrase("see the folder's owner, its mode and the disk"),
            ) from error
        try:
            yield folder
        finally:
            await asyncio.to_thread(made.__exit__, None, None, None)

    def part(self, identity: str) -> Path:
        """Where the session of an instance is made that is not stored yet."""
        path = self.path(identity)
        return path.with_name(path.name + _PART)

    def take_part(self, identity: str) -> None:
        """Let an instance, which is stored now, have the session that was made for it. Raises
        OSError."""
        move(((self.part(identity), self.path(identity)),))
        sync(self._folder)

    async def settle(self, instances: Sequence[Instance]) -> None:
        """Put in order what a program that was killed, or one of before instances had ids, left.

        What was half moved to or from the trash comes back together. A file that has the name of an
        instance, and that instance no file of its own, is from now on named by the instance's id.
        What came in for an instance that was stored is its session, and else gone. For the owner
        of the directory, before anybody opens a session. It can be killed at any moment and done
        again. Raises FleetError.
        """
        await asyncio.to_thread(self._settle, instances)

    def _settle(self, instances: Sequence[Instance]) -> None:
        try:
            for name in self._trash.mend(self._folder, instances):
                log.warning("%s: its session was half moved when the last program ended", name)
            # Once for all: to ask for each takes a thousand 10 ms of the start.
            found = self.identities()
            for each in instances:
                if each.name in found and each.id not in found:
                    self._take_up(each, instances)
            self._settle_parts(frozenset(each.id for each in instances))
            sweep(_SCRATCH, self._folder)
        except OSError as error:
            raise UnwritableError(
                Phrase(
                    "the sessions in {folder} cannot be arranged: {why}",
                    folder=str(self._folder),
                    why=str(error.strerror),
                ),
                Phrase("see the folder's owner, its mode and the disk; no session is lost"),
            ) from error

    def _settle_parts(self, identities: frozenset[str]) -> None:
        """A session that was made for an instance is its own if that was stored before the end;
        else nobody ever had it, and what it was made of is where it was."""
        for path in self._folder.glob(f"*.db{_PART}"):
            identity = path.name.removesuffix(f".db{_PART}")
            if identity in identities and not self.exists(identity):
                self.take_part(identity)
            elif _ID.fullmatch(identity) and path.is_file():
                path.unlink()

    def _take_up(self, instance: Instance, instances: Sequence[Instance]) -> None:
        """Let an instance have the file of its name, if that is not another's."""
        if any(each.id == instance.name for each in instances):
            return
        try:
            self._rename(instance.name, instance)
        except FileExistsError:
            old = self.path(instance.name)
            log.warning("%s: %s is left: there is a part of another session", instance.name, old)

    def _rename(self, stem: str, instance: Instance) -> None:
        """Name a session by an instance's id. Raises OSError."""
        old, new = self.path(stem), self.path(instance.id)
        named = tuple(
            (path, new.with_name(new.name + path.name.removeprefix(old.name)))
            for path in self.files(stem)
        )
        if any(target.exists() for _, target in named):
            raise FileExistsError(17, "there is a part of another session", str(new))
        # The database goes last: as long as it has the old name, this is done again.
        move(named)
        sync(self._folder)
        log.info("%s: its session %s is named %s from now on", instance.name, old, new.name)


def _listed(stems: Iterable[str]) -> str:
    names = sorted(stems)
    return ", ".join(plain(f"{each}.db", 60) for each in names[:5]) + (", …" if names[5:] else "")
