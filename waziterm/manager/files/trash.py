"""The trash: sessions that were taken out of use, each kept with a manifest until it expires."""

import asyncio
import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from waziterm.domain.care.trash import TrashedFile, Why
from waziterm.domain.lifecycle.instance import Instance
from waziterm.manager.files import manifest
from waziterm.manager.files.manifest import MANIFEST, TrashEntry
from waziterm.store.sessionfile import sync

log = logging.getLogger(__name__)


class Trash:
    """The trash folder of a data directory. Its methods raise OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(
        self,
        name: str,
        files: tuple[Path, ...],
        *,
        at: float,
        why: Why,
        restorable: bool,
        was: Instance | None,
    ) -> TrashEntry:
        """Move an instance's files here, the first of them last.

        was: the instance as it is before, None when there is none of that name. When the move
        fails the files are where they were.
        """
        entry = await asyncio.to_thread(_described, name, files, at, why, restorable, was)
        return await asyncio.to_thread(self._fill, entry, files, _moved)

    async def copy(
        self, name: str, files: tuple[Path, ...], *, at: float, was: Instance | None = None
    ) -> TrashEntry:
        """Put a copy of an instance's files here, before something changes them. Call it only
        while no worker has them open."""
        entry = await asyncio.to_thread(_described, name, files, at, Why.COPY, True, was)
        return await asyncio.to_thread(self._fill, entry, files, _copied)

    async def entries(self) -> tuple[TrashEntry, ...]:
        """All entries, oldest first. A folder without a readable manifest is none of ours."""
        return await asyncio.to_thread(self._entries)

    async def entry(self, identity: str) -> TrashEntry | None:
        """The entry with this id, or None."""
        return next((each for each in await self.entries() if each.id == identity), None)

    def files(self, entry: TrashEntry) -> tuple[Path, ...]:
        """Where the files of an entry lie, in the order of its manifest."""
        # A manifest may have been written by anybody: its names lead nowhere else.
        return tuple(self._folder / entry.id / Path(file.name).name for file in entry.files)

    async def give_back(self, entry: TrashEntry, folder: Path) -> None:
        """Move an entry's files back into a folder, the first of them last, and end the entry.

        Nothing is moved when a file there has the name already, or when one of the files is not
        what it was when it came here. When a move fails, all files are in the trash as before.
        """
        await asyncio.to_thread(self._give_back, entry, folder)

    async def delete(self, entry: TrashEntry) -> None:
        """Delete an entry for good: the files of its manifest and nothing else."""
        await asyncio.to_thread(self._delete, entry)

    def _fill(
        self,
        entry: TrashEntry,
        files: tuple[Path, ...],
        take: Callable[[tuple[tuple[Path, Path], ...]], None],
    ) -> TrashEntry:
        folder = self._folder / entry.id
        folder.mkdir(mode=0o700)
        try:
            manifest.write(entry, folder)
            sync(folder)
            take(tuple((path, folder / path.name) for path in files))
        except OSError:
            _end(folder)
            raise
        # From here on it has happened; a disk that does not confirm it undoes nothing.
        for changed in {folder, *(path.parent for path in files)}:
            _try_to_sync(changed)
        return entry

    def _entries(self) -> tuple[TrashEntry, ...]:
        found = (manifest.read(path) for path in self._folder.glob(f"*/{MANIFEST}"))
        return tuple(sorted((entry for entry in found if entry), key=lambda entry: entry.at))

    def _give_back(self, entry: TrashEntry, folder: Path) -> None:
        here = self.files(entry)
        for path, file in zip(here, entry.files, strict=True):
            if (folder / path.name).exists():
                raise FileExistsError(17, "it exists already", str(folder / path.name))
            if _file(path) != file:
                raise OSError(5, "it is not what it was when it came to the trash", str(path))
        _moved(tuple((path, folder / path.name) for path in here))
        _try_to_sync(folder)
        _end(self._folder / entry.id)

    async def mend(self, folder: Path) -> tuple[str, ...]:
        """Bring together in `folder` what a program that was killed had half moved; the names of
        the instances that it belonged to. Raises OSError."""
        return await asyncio.to_thread(self._mend, folder)

    def _mend(self, folder: Path) -> tuple[str, ...]:
        mended = []
        for entry in self._entries():
            here = [path for path in self.files(entry) if path.exists()]
            away = [path for path in self.files(entry) if not path.exists()]
            if away and all((folder / path.name).exists() for path in away):
                _moved(tuple((path, folder / path.name) for path in here))
                _end(self._folder / entry.id)
                mended.append(entry.instance)
        return tuple(mended)

    def _delete(self, entry: TrashEntry) -> None:
        for path in self.files(entry):
            path.unlink(missing_ok=True)
        _end(self._folder / entry.id)


def _described(
    name: str,
    files: tuple[Path, ...],
    at: float,
    why: Why,
    restorable: bool,
    was: Instance | None,
) -> TrashEntry:
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    identity = f"{name}-{stamp}-{secrets.token_hex(2)}"
    return TrashEntry(identity, name, at, why, restorable, tuple(map(_file, files)), was)


def _file(path: Path) -> TrashedFile:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return TrashedFile(path.name, path.stat().st_size, digest)


def _moved(pairs: tuple[tuple[Path, Path], ...]) -> None:
    """Move files, the first of them last: as long as the database is in its place, so is the
    session. A move that fails takes the others back."""
    moved: list[tuple[Path, Path]] = []
    try:
        for source, target in reversed(pairs):
            source.rename(target)
            moved.append((source, target))
    except OSError:
        for source, target in reversed(moved):
            target.rename(source)
        raise


def _copied(pairs: tuple[tuple[Path, Path], ...]) -> None:
    made: list[Path] = []
    try:
        for source, target in pairs:
            made.append(target)
            shutil.copy2(source, target)
            target.chmod(0o600)
            with target.open("rb") as stream:
                os.fsync(stream.fileno())
    except OSError:
        for target in made:
            target.unlink(missing_ok=True)
        raise


def _end(folder: Path) -> None:
    """Take an entry without files away. A folder that holds something still keeps its manifest,
    if it has one, so that nothing in it is ever out of sight."""
    others = [path for path in folder.iterdir() if path.name != MANIFEST]
    if others:
        log.warning("%s is kept: it holds %s", folder, others[0].name)
        return
    try:
        (folder / MANIFEST).unlink(missing_ok=True)
        folder.rmdir()
    except OSError as error:
        log.warning("%s stays, empty: %s", folder, error)


def _try_to_sync(folder: Path) -> None:
    try:
        sync(folder)
    except OSError as error:
        log.warning("the disk has not confirmed what was moved to or from %s: %s", folder, error)
