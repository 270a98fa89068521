"""The trash: sessions that were taken out of use, each kept with a manifest until it expires."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from waziterm.domain.care.trash import TrashedFile, TrashView, Why
from waziterm.domain.errors import FleetError
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.phrase import Phrase
from waziterm.manager.files.belongings import end_of
from waziterm.manager.files.regular import open_regular
from waziterm.store.sessionfile import sync

if TYPE_CHECKING:
    from waziterm.manager.files.manifest import TrashEntry

log = logging.getLogger(__name__)

_MOST_HASHED = 1_000_000_000
"""A larger file is known by its size alone: whatsmeow writes none, and a sparse one takes hours."""

MANIFEST = "manifest.json"
"""The file by which a folder here is an entry."""
_NAMED = re.compile(r"(?P<name>.+)-\d{8}T\d{6}Z-[0-9a-f]{4}", re.DOTALL)
"""The id of an entry."""


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
        act_id: str = "",
    ) -> TrashEntry:
        """Move the files of a session here, named by the instance's name, the first of them last.

        was: the instance as it is before, None when they belong to none. act_id: see
        `domain.fleet.protocol.Fleet.clean`. When the move fails the files are where they were.
        """
        entry = await asyncio.to_thread(_described, name, files, at, why, restorable, was, act_id)
        return await asyncio.to_thread(self._fill, entry, files, move)

    async def copy(
        self, name: str, files: tuple[Path, ...], *, at: float, was: Instance | None = None
    ) -> TrashEntry:
        """Put a copy of a session's files here, before something changes them; the copy that is
        here, when they have not changed since. Call it only while no worker has them open."""
        entry = await asyncio.to_thread(_described, name, files, at, Why.COPY, True, was)
        for made in await self.entries():
            if (made.instance, made.why, made.files) == (name, Why.COPY, entry.files):
                return made
        return await asyncio.to_thread(self._fill, entry, files, _copied)

    async def entries(self) -> tuple[TrashEntry, ...]:
        """All entries, oldest first. A folder without a readable manifest is none of ours."""
        return await asyncio.to_thread(self._entries)

    async def entry(self, identity: str) -> TrashEntry | None:
        """The entry with this id, or None."""
        return next((each for each in await self.entries() if each.id == identity), None)

    async def damaged(self) -> tuple[TrashView, ...]:
        """What lies there like an entry, or with a manifest, that cannot be read."""
        return await asyncio.to_thread(self._damaged)

    def files(self, entry: TrashEntry) -> tuple[Path, ...]:
        """Where the files of an entry lie, in the order of its manifest."""
        # A manifest may have been written by anybody: its names lead nowhere else.
        return tuple(self._folder / entry.id / Path(file.name).name for file in entry.files)

    async def give_back(self, entry: TrashEntry, folder: Path, identity: str) -> None:
        """Move an entry's files back into a folder, named by an instance's id, the first of them
        last, and end the entry.

        Nothing is moved when a file there has the name already, or when one of the files is not
        what it was when it came here. When a move fails, all files are in the trash as before.
        """
        await asyncio.to_thread(self._give_back, entry, folder, identity)

    async def copy_to(self, entry: TrashEntry, folder: Path) -> None:
        """Copy an entry's files to a folder, for somebody who changes them by reading them."""
        files = self.files(entry)
        pairs = tuple((path, folder / path.name) for path in files)
        await asyncio.to_thread(_copied, pairs)

    async def delete(self, entry: TrashEntry) -> None:
        """Delete an entry for good: the files of its manifest and nothing else."""
        await asyncio.to_thread(self._delete, entry)

    def _fill(
        self,
        entry: TrashEntry,
        files: tuple[Path, ...],
        take: Callable[[tuple[tuple[Path, Path], ...]], None],
    ) -> TrashEntry:
        from waziterm.manager.files import manifest  # noqa: PLC0415 - not before the first paint

        folder = self._folder / entry.id
        folder.mkdir(mode=0o700)
        try:
            manifest.write(entry, folder / MANIFEST)
            sync(folder)
            take(tuple(zip(files, self.files(entry), strict=True)))
        except OSError:
            _end(folder)
            raise
        # From here on it has happened; a disk that does not confirm it undoes nothing.
        for changed in {folder, *(path.parent for path in files)}:
            _try_to_sync(changed)
        return entry

    def _entries(self) -> tuple[TrashEntry, ...]:
        found = (_entry(path) for path in self._folder.glob(f"*/{MANIFEST}"))
        return tuple(sorted((entry for entry in found if entry), key=lambda entry: entry.at))

    def _damaged(self) -> tuple[TrashView, ...]:
        sound = {entry.id for entry in self._entries()}
        try:
            folders = sorted(each for each in self._folder.iterdir() if each.is_dir())
        except FileNotFoundError:
            return ()
        return tuple(
            _as_damaged(folder)
            for folder in folders
            if folder.name not in sound
            and (_NAMED.fullmatch(folder.name) or (folder / MANIFEST).exists())
        )

    def _give_back(self, entry: TrashEntry, folder: Path, identity: str) -> None:
        back = self._back(entry, folder, identity)
        if len({target for _, target in back}) < len(back):
            raise OSError(22, "its manifest is not ours", entry.id)
        for (path, target), file in zip(back, entry.files, strict=True):
            if target.exists():
                raise FileExistsError(17, "it exists already", str(target))
            if _file(path, file.name) != file:
                raise OSError(5, "it is not what it was when it came to the trash", str(path))
        move(back)
        _try_to_sync(folder)
        _end(self._folder / entry.id)

    def _back(
        self, entry: TrashEntry, folder: Path, identity: str
    ) -> tuple[tuple[Path, Path], ...]:
        """Where each file of an entry lies, and where it would as the session of an instance."""
        return tuple((path, folder / _named(path.name, identity)) for path in self.files(entry))

    def mend(self, folder: Path, instances: Sequence[Instance]) -> tuple[str, ...]:
        """Bring together in `folder` what a program that was killed had half moved; the names of
        the instances that it belonged to. Blocks. Raises OSError.

        instances: those that there are. A file may have been on its way from or to an instance's
        id, or from its name, with a program of before instances had ids.
        """
        mended = []
        for entry in self._entries():
            if any(end_of(file.name) is None for file in entry.files):
                continue
            ids = [each.id for each in instances if each.name == entry.instance]
            ids += [entry.was.id] if entry.was is not None else []
            if any(self._bring_together(entry, folder, each) for each in (*ids, entry.instance)):
                mended.append(entry.instance)
        return tuple(mended)

    def _bring_together(self, entry: TrashEntry, folder: Path, identity: str) -> bool:
        back = self._back(entry, folder, identity)
        away = [target for path, target in back if not path.exists()]
        if not away or not all(target.exists() for target in away):
            return False
        move(tuple((path, target) for path, target in back if path.exists()))
        _end(self._folder / entry.id)
        return True

    def _delete(self, entry: TrashEntry) -> None:
        for path in self.files(entry):
            path.unlink(missing_ok=True)
        _end(self._folder / entry.id)


def not_restored(name: str, entry: str, error: OSError) -> FleetError:
    """What is said when the files of an entry do not come back. name: of its instance."""
    return FleetError(
        Phrase(
            "{name}: {entry} cannot be restored: {why}",
            name=name,
            entry=entry,
            why=str(error.strerror),
        ),
        Phrase("it is in the trash as before"),
    )


def _described(
    name: str,
    files: tuple[Path, ...],
    at: float,
    why: Why,
    restorable: bool,
    was: Instance | None,
    act_id: str = "",
) -> TrashEntry:
    from waziterm.manager.files.manifest import TrashEntry  # noqa: PLC0415 - as above

    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    identity = f"{name}-{stamp}-{secrets.token_hex(2)}"
    trashed = tuple(_file(path, _named(path.name, name)) for path in files)
    return TrashEntry(identity, name, at, why, restorable, trashed, was, act_id)


def _entry(path: Path) -> TrashEntry | None:
    from waziterm.manager.files import manifest  # noqa: PLC0415 - as above

    return manifest.read(path)


def _as_damaged(folder: Path) -> TrashView:
    """What can be said of an entry without its manifest."""
    named = _NAMED.fullmatch(folder.name)
    files = [path for path in sorted(folder.iterdir()) if path.name != MANIFEST]
    return TrashView(
        id=folder.name,
        instance=named["name"] if named else "",
        at=folder.stat().st_mtime,
        why=Why.DAMAGED,
        restorable=False,
        paired=False,
        files=tuple(TrashedFile(path.name, path.lstat().st_size, "") for path in files),
        expires_at=None,
    )


def _file(path: Path, name: str) -> TrashedFile:
    with os.fdopen(open_regular(path), "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        small = size <= _MOST_HASHED
        digest = hashlib.file_digest(stream, "sha256").hexdigest() if small else ""
    return TrashedFile(name, size, digest)


def _named(file: str, stem: str) -> str:
    """The name of a session's file with another stem. Raises OSError when it is none."""
    end = end_of(file)
    if end is None:
        raise OSError(22, "it is no file of a session", file)
    return f"{stem}.db{end}"


def move(pairs: tuple[tuple[Path, Path], ...]) -> None:
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
    needed = sum(source.stat().st_size for source, _ in pairs)
    for _, target in pairs[:1]:
        if shutil.disk_usage(target.parent).free < needed:
            # Else the copy fills the disk, under every other session, before it fails.
            raise OSError(errno.ENOSPC, "there is no room for a copy", str(target))
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
