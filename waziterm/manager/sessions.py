"""Session files: the one module that touches them. What leaves goes to the trash, never away."""

import asyncio
import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

SIDECARS = ("", "-journal", "-wal", "-shm")
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


class SessionFiles:
    """The whatsmeow stores of a data directory: one file per instance, with its sidecars.

    The methods must be called only while no worker holds the file: whatsmeow runs in
    journal_mode=delete, and a file that is moved without its hot journal loses data.
    """

    def __init__(self, sessions: Path, trash: Path) -> None:
        self._sessions = sessions
        self._trash = trash

    def path(self, name: str) -> Path:
        return self._sessions / f"{name}.db"

    def exists(self, name: str) -> bool:
        return self.path(name).exists()

    def files(self, name: str) -> tuple[Path, ...]:
        """The session's files that exist, the database first."""
        base = self.path(name)
        named = (base.with_name(base.name + suffix) for suffix in SIDECARS)
        return tuple(path for path in named if path.exists())

    async def to_trash(
        self, name: str, *, at: float, why: str, restorable: bool
    ) -> TrashEntry | None:
        """Move an instance's session to the trash; None when there is nothing to move.

        Raises OSError when the move fails, and leaves the session where it was.
        """
        return await asyncio.to_thread(self._to_trash, name, at, why, restorable)

    def _to_trash(self, name: str, at: float, why: str, restorable: bool) -> TrashEntry | None:
        present = self.files(name)
        if not present:
            return None
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
        entry = TrashEntry(
            id=f"{name}-{stamp}-{secrets.token_hex(2)}",
            instance=name,
            at=at,
            why=why,
            restorable=restorable,
            files=tuple(_described(path) for path in present),
        )
        folder = self._trash / entry.id
        folder.mkdir(mode=0o700)
        moved: list[tuple[Path, Path]] = []
        try:
            (folder / MANIFEST).write_text(json.dumps(asdict(entry), indent=2) + "\n")
            # The database goes last: as long as it is in its place, the session is.
            for path in reversed(present):
                target = folder / path.name
                path.rename(target)
                moved.append((path, target))
            _sync(folder)
            _sync(self._sessions)
        except OSError:
            for path, target in reversed(moved):
                target.rename(path)
            (folder / MANIFEST).unlink(missing_ok=True)
            folder.rmdir()
            raise
        return entry


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
