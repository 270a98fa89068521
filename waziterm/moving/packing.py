"""Packing a whole data directory, and unpacking; in the process of `waziterm.moving.process`."""

import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from waziterm import __version__
from waziterm.domain.errors import FleetError
from waziterm.domain.phrase import Phrase
from waziterm.moving.bundle import (
    MANIFEST,
    Kind,
    Member,
    is_inside,
    manifest_of,
    unpack,
    write_bundle,
)
from waziterm.moving.sealing import Key, open_sealed, seal
from waziterm.store.errors import StoreError
from waziterm.store.live_copy import copy_live
from waziterm.store.scratch import STAGING, scratch

LEFT_OUT = ("library", "logs", "manager.lock", "control.sock", "restored", "inbox")
"""What a backup has not: copies of neonize's library, the program's own log, what only a running
manager has, and messages in that are about to be taken: a backup would tell them twice."""
_SIDES = ("-journal", "-wal", "-shm")
_RAW_BYTES = 64_000_000
"""A file of up to this size is read at once: it may be written to meanwhile."""
_TRIES = 3


@dataclass
class _Packed:
    """What was packed. unread: files that are in it byte by byte, because they cannot be read."""

    files: int = 0
    unread: list[str] = field(default_factory=list)


def opened(source: Path, into: Path, key: Key, kind: Kind) -> Any:
    """Open a sealed bundle into an empty folder; its manifest. Raises FleetError and OSError, and
    then what is in the folder is worth nothing."""
    wanted = _in_instance if kind is Kind.INSTANCE else _in_backup
    read, write = _pipe()
    told: list[Any] = []

    def take_in(stream: BinaryIO) -> None:
        told.append(unpack(stream, into, kind, wanted))
        while stream.read(1 << 20):
            # The end is what says that it is whole.
            pass

    beside = _Beside(read, take_in)
    try:
        open_sealed(source, write, key)
    except BaseException:
        if beside.failed is not None:
            # It takes nothing more, and knows why.
            raise beside.failed from None
        raise
    finally:
        with suppress(BrokenPipeError):
            write.close()
    beside.check()
    return told[0]


def pack_and_seal(root: Path, part: Path, key: Key) -> Any:
    """Seal a whole data directory, which may be in use, into a new file: `{files, bytes, unread}`.

    Raises FleetError and OSError.
    """
    for _ in range(_TRIES):
        before = _sessions(root)
        packed, size = _once(root, part, key)
        if _sessions(root) == before:
            return {"files": packed.files, "bytes": size, "unread": packed.unread}
        # One that went to the trash meanwhile, or came back, may be in neither place.
        part.unlink()
    raise FleetError(Phrase("sessions are moved all the time"), Phrase("try again in a moment"))


def _once(root: Path, part: Path, key: Key) -> tuple[_Packed, int]:
    packed = _Packed()
    with scratch(STAGING, root) as staging:
        read, write = _pipe()
        beside = _Beside(write, _packer(root, staging, packed))
        try:
            with read:
                size = seal(read, part, key)
        finally:
            # It writes into the copies' folder as long as it lives.
            beside.wait()
        beside.check()
    return packed, size


def _packer(root: Path, staging: Path, packed: _Packed) -> Callable[[BinaryIO], None]:
    def pack(stream: BinaryIO) -> None:
        said = {"host": socket.gethostname(), "root": str(root)}
        first = manifest_of(Kind.BACKUP, __version__, time.time(), said)
        write_bundle(stream, _members(first, root, staging, packed))

    return pack


def _members(first: Member, root: Path, staging: Path, packed: _Packed) -> Iterator[Member]:
    yield first
    for path, is_database in _files(root):
        name = str(PurePosixPath(path.relative_to(root)))
        copy = staging / "copy.db"
        if is_database:
            try:
                copy_live(path, copy)
            except StoreError:
                copy.unlink(missing_ok=True)
                if path.name == "waziterm.db" and path.parent == root:
                    raise
                if not path.exists():
                    continue
                # A damaged session is kept as it is, with what lies beside it.
                packed.unread.append(name)
                for each in (path, *_beside(path)):
                    yield from _raw(root, each, packed)
                continue
            packed.files += 1
            yield Member(name, copy)
            copy.unlink()
        else:
            yield from _raw(root, path, packed)


def _raw(root: Path, path: Path, packed: _Packed) -> Iterator[Member]:
    name = str(PurePosixPath(path.relative_to(root)))
    try:
        small = path.stat().st_size <= _RAW_BYTES
        content: bytes | Path = path.read_bytes() if small else path
    except FileNotFoundError:
        return
    packed.files += 1
    yield Member(name, content)


def _files(root: Path) -> Iterator[tuple[Path, bool]]:
    """What is packed, and whether it is a database in use; the fleet's own one first, the trash
    last: what goes there meanwhile is in it."""
    named = (root / name for name in ("waziterm.db", "messages.db"))
    databases = {*named, *sorted((root / "sessions").glob("*.db"))}
    sides = {each.with_name(each.name + side) for each in databases for side in _SIDES}
    folders = (root / "sessions", *_others(root), root / "trash")
    yield root / "waziterm.db", True
    for folder in folders:
        for path in sorted(_walk(folder)):
            if path not in sides and path != root / "waziterm.db":
                yield path, path in databases


def _others(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        named = path.name in ("sessions", "trash", *LEFT_OUT) or path.name.startswith(STAGING)
        if not named:
            yield path


def _walk(path: Path) -> Iterator[Path]:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            for each in path.iterdir():
                yield from _walk(each)
        elif stat.S_ISREG(mode):
            yield path
    except FileNotFoundError:
        # It went meanwhile.
        return


def _beside(path: Path) -> Iterable[Path]:
    sides = (path.with_name(path.name + side) for side in _SIDES)
    return tuple(each for each in sides if each.exists())


def _sessions(root: Path) -> frozenset[Path]:
    return frozenset((root / "sessions").glob("*.db"))


def _in_instance(name: str) -> bool:
    return name in ("session.db", "history.jsonl")


def _in_backup(name: str) -> bool:
    first = name.partition("/")[0]
    return is_inside(name) and name != MANIFEST and first not in LEFT_OUT


class _Beside:
    """Work on one end of a pipe, in a thread; it closes that end."""

    def __init__(self, stream: BinaryIO, work: Callable[[BinaryIO], None]) -> None:
        self.failed: BaseException | None = None
        self._stream = stream
        self._work = work
        self._thread = threading.Thread(target=self._run, name="pipe")
        self._thread.start()

    def wait(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def check(self) -> None:
        """The same. Raises what it failed with."""
        self.wait()
        if self.failed is not None:
            raise self.failed

    def _run(self) -> None:
        try:
            self._work(self._stream)
        except BaseException as error:  # noqa: BLE001 - the other thread raises it
            self.failed = error
        with suppress(BrokenPipeError):
            self._stream.close()


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """The end that is read, and the end that is written."""
    read, write = os.pipe()
    return os.fdopen(read, "rb"), os.fdopen(write, "wb")
