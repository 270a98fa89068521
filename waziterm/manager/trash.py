"""The trash: sessions that were taken out of use, each kept with a manifest until it expires."""

import asyncio
import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class TrashedFile:
    """One file of an entry: its name, its length in bytes and its SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """One session in the trash. at: UTC seconds. restorable: False when its keys are gone."""

    id: str
    instance: str
    at: float
    why: str
    restorable: bool
    files: tuple[TrashedFile, ...]


class Trash:
    """The trash folder of a data directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(
        self, name: str, files: tuple[Path, ...], *, at: float, why: str, restorable: bool
    ) -> TrashEntry:
        """Move an instance's files here, the first of them last.

        Raises OSError when the move fails, and leaves the files where they were.
        """
        return await asyncio.to_thread(self._put, name, files, at, why, restorable)

    async def entries(self) -> tuple[TrashEntry, ...]:
        """All entries, oldest first. A folder without a readable manifest is none of ours."""
        return await asyncio.to_thread(self._entries)

    async def delete(self, entry: TrashEntry) -> None:
        """Delete an entry for good: the files of its manifest and nothing else. Raises OSError."""
        await asyncio.to_thread(self._delete, entry)

    def _put(
        self, name: str, files: tuple[Path, ...], at: float, why: str, restorable: bool
    ) -> TrashEntry:
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
        entry = TrashEntry(
            id=f"{name}-{stamp}-{secrets.token_hex(2)}",
            instance=name,
            at=at,
            why=why,
            restorable=restorable,
            files=tuple(_described(path) for path in files),
        )
        folder = self._folder / entry.id
        folder.mkdir(mode=0o700)
        moved: list[tuple[Path, Path]] = []
        try:
            (folder / MANIFEST).write_text(json.dumps(asdict(entry), indent=2) + "\n")
            # The database goes last: as long as it is in its place, the session is.
            for path in reversed(files):
                target = folder / path.name
                path.rename(target)
                moved.append((path, target))
            for changed in {folder, *(path.parent for path in files)}:
                _sync(changed)
        except OSError:
            for path, target in reversed(moved):
                target.rename(path)
            (folder / MANIFEST).unlink(missing_ok=True)
            folder.rmdir()
            raise
        return entry

    def _entries(self) -> tuple[TrashEntry, ...]:
        found = (_read(path) for path in self._folder.glob(f"*/{MANIFEST}"))
        return tuple(sorted((entry for entry in found if entry), key=lambda entry: entry.at))

    def _delete(self, entry: TrashEntry) -> None:
        folder = self._folder / entry.id
        for file in entry.files:
            (folder / Path(file.name).name).unlink(missing_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        folder.rmdir()


def _read(manifest: Path) -> TrashEntry | None:
    try:
        data = json.loads(manifest.read_text())
        files = tuple(TrashedFile(**file) for file in data.pop("files"))
        entry = TrashEntry(files=files, **data)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return entry if entry.id == manifest.parent.name else None


def _described(path: Path) -> TrashedFile:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return TrashedFile(path.name, path.stat().st_size, digest)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
