"""What a source is, and all that can be read in it: each device, or why there is none."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import field
from pathlib import Path
from tempfile import TemporaryDirectory

from waziterm.domain.errors import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.moving.plan import SourceKind
from waziterm.domain.phrase import NOTHING, Phrase
from waziterm.domain.text import plain
from waziterm.domain.units import Told
from waziterm.moving.baileys import Converted, NotADeviceError, converted, entry_name
from waziterm.moving.files import (
    MOST_FOLDER_BYTES,
    FileMark,
    SourceError,
    begins_with,
    copy_store,
    filled_json_in,
    is_file,
    is_folder,
    json_in,
    marks_of,
    names_in,
)
from waziterm.moving.sealing import MAGIC
from waziterm.moving.whatsmeow import device_of, lids_of
from waziterm.store.session_rows import (
    CopiedFrom,
    foreign_devices,
    schema_version,
)
from waziterm.store.session_rows import names_in as names_of_devices

_CREDS = "creds.json"
_SQLITE = b"SQLite format 3\0"
_ENTRY = re.compile(r"[A-Za-z0-9@._+=-]{1,200}\.json")
_STORES = (".db", ".sqlite", ".sqlite3")
_MOST_ROWS = 1000
_NO_STORE = Phrase("it is no whatsmeow store")
_MOST_NEIGHBOUR_BYTES = 200_000_000
"""Of a database beside a store that is looked through for names: they are worth no more."""


@dataclass(frozen=True, slots=True)
class Read:
    """One device that was found in a source, or a source in which there is none.

    path: of the folder or the file. name: what its own program or its place calls it, "" for
    nothing. device: None where `why` says why. marks: its files as they were before they were read.
    copied: whence what is carried as it is comes.
    """

    path: Path
    kind: SourceKind
    name: str = ""
    device: Converted | None = None
    why: Told = NOTHING
    marks: tuple[FileMark, ...] = field(default=(), repr=False)
    copied: CopiedFrom | None = field(default=None, repr=False)


class Reading:
    """Reads sources as long as the context lasts: copies of foreign stores lie in `folder`, which
    is ours, until it ends. newest: the version of the installed library's stores. keys: a second
    store, in which a program keeps its keys."""

    def __init__(self, folder: Path, newest: int, keys: Path | None = None) -> None:
        self._folder = folder
        self._newest = newest
        self._keys = keys
        self._stack = ExitStack()
        self._copies: dict[Path, Path] = {}
        self._names: dict[Path, dict[str, str]] = {}

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, path: Path) -> Iterator[Read]:
        """All that there is in a source. Never raises for what lies in it."""
        try:
            yield from self._read(path)
        except (SourceError, FleetError, OSError) as error:
            yield Read(path, SourceKind.UNKNOWN, why=self._said(error))

    def _read(self, path: Path) -> Iterator[Read]:
        if is_folder(path):
            yield from self._folder_of(path)
        elif is_file(path):
            yield from self._file(path)
        else:
            yield Read(path, SourceKind.UNKNOWN, why=_no_source(path))

    def _said(self, error: SourceError | FleetError | OSError) -> str:
        """What an error says, of a copy of ours by the name of what was copied."""
        if isinstance(error, SourceError):
            return error.said
        if isinstance(error, FleetError) and isinstance(error.told, Phrase):
            return error.told
        said = str(error)
        if isinstance(error, OSError):
            said = error.strerror or Phrase("it cannot be read")
        for copy, source in self._copies.items():
            said = said.replace(str(copy), source.name)
        return plain(said, 200)

    def _folder_of(self, path: Path) -> Iterator[Read]:
        names = names_in(path)
        if _CREDS in names:
            yield _baileys(path, names)
            return
        found = False
        for name in names:
            inner = path / name
            if is_folder(inner):
                if is_file(inner / _CREDS) or (inner / _CREDS).is_symlink():
                    found = True
                    yield from self.read(inner)
                elif is_file(store := inner / "gows.db"):
                    found = True
                    yield from self._store(store, name)
            elif name.endswith(_STORES) and _is_store(inner):
                reads = tuple(self._store(inner, ""))
                # Beside a store lie other files of its program.
                known = tuple(each for each in reads if each.why != _NO_STORE)
                found = found or bool(known)
                yield from known
        if not found:
            said = Phrase(
                "it holds no session: neither creds.json, nor folders with one, nor a store"
            )
            yield Read(path, SourceKind.UNKNOWN, why=said)

    def _file(self, path: Path) -> Iterator[Read]:
        if _is_store(path):
            yield from self._store(path, "")
            return
        if begins_with(path, len(MAGIC)) == MAGIC:
            raise SourceError(Phrase("it is sealed: `waziterm import FILE` takes it, alone"))
        yield from _evolution(path, json_in(path))

    def _store(self, path: Path, name: str) -> Iterator[Read]:
        kind = SourceKind.WHATSMEOW
        marks = marks_of(tuple(path.with_name(path.name + end) for end in ("", "-wal", "-journal")))
        try:
            copy = self._copied(path)
            keys = None if self._keys is None else self._copied(self._keys)
            version = schema_version(copy)
            if version > self._newest:
                why = Phrase(
                    "its store has version {version}, the installed neonize knows {newest}:"
                    " upgrade it first",
                    version=version,
                    newest=self._newest,
                )
                yield Read(path, kind, why=why, marks=marks)
                return
            devices = foreign_devices(copy, keys)
            named = self._names_beside(path)
        except (SourceError, FleetError, OSError) as error:
            said = self._said(error)
            said = _NO_STORE if "no whatsmeow store" in said else said
            yield Read(path, kind, why=said, marks=marks)
            return
        if not devices:
            yield Read(path, kind, why=Phrase("it holds no device"), marks=marks)
        lids = lids_of(devices)
        for number, each in enumerate(devices, 1):
            stem = path.stem if len(devices) == 1 else f"{path.stem}-{number}"
            called = named.get(each.jid) or name or stem
            try:
                device = device_of(each, lids)
            except NotADeviceError as error:
                yield Read(path, kind, called, why=error.said, marks=marks)
                continue
            copied = CopiedFrom(copy, each.jid)
            yield Read(path, kind, called, device, marks=marks, copied=copied)

    def _copied(self, path: Path) -> Path:
        made = self._stack.enter_context(self._folder_for_one())
        copy = copy_store(path, Path(made))
        self._copies[copy] = path
        return copy

    def _folder_for_one(self) -> "TemporaryDirectory[str]":
        return TemporaryDirectory(prefix="import-", suffix=".part", dir=self._folder)

    def _names_beside(self, path: Path) -> dict[str, str]:
        """The names that its program has for its devices, in this file or in another beside it.
        What cannot be read beside it names nobody, and refuses nothing."""
        if path.parent not in self._names:
            self._names[path.parent] = self._names_in(path.parent)
        return self._names[path.parent]

    def _names_in(self, folder: Path) -> dict[str, str]:
        found: dict[str, str] = {}
        try:
            names = names_in(folder)
        except SourceError:
            return found
        for name in names:
            each = folder / name
            if name.endswith(_STORES) and _is_store(each):
                with suppress(SourceError, OSError), self._folder_for_one() as made:
                    copy = copy_store(each, Path(made), _MOST_NEIGHBOUR_BYTES)
                    found = names_of_devices(copy) | found
        return found


def _no_source(path: Path) -> Phrase:
    if path.is_symlink():
        return Phrase("it is a symlink")
    if path.exists():
        return Phrase("it is neither a file nor a folder")
    return Phrase("there is no such file or folder")


def _is_store(path: Path) -> bool:
    return begins_with(path, len(_SQLITE)) == _SQLITE


def _baileys(path: Path, names: tuple[str, ...]) -> Read:
    kind = SourceKind.BAILEYS
    marks: tuple[FileMark, ...] = ()
    try:
        creds = filled_json_in(path / _CREDS)
        entries = tuple(name for name in names if _ENTRY.fullmatch(name) and name != _CREDS)
        marks = marks_of(tuple(path / name for name in (_CREDS, *entries)))
        if sum(each.size for each in marks) > MOST_FOLDER_BYTES:
            size = MOST_FOLDER_BYTES // 1_000_000
            raise SourceError(Phrase("its files are larger than {size} MB", size=size))
        device = converted(creds, _entries(path, entries))
    except (SourceError, NotADeviceError) as error:
        return Read(path, kind, path.name, why=error.said, marks=marks)
    return Read(path, kind, path.name, device, marks=marks)


def _entries(path: Path, names: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """The JSON of each file by its stem; what cannot be read is as one that is damaged."""
    for name in names:
        try:
            yield name.removesuffix(".json"), json_in(path / name)
        except SourceError:
            yield name.removesuffix(".json"), None


def _evolution(path: Path, value: object) -> Iterator[Read]:
    """Rows of Evolution's table `Session`: `creds` is JSON inside a JSON text. Their keys lie in
    the row's own `keys`, or beside the file in the folder or the file that the session id names."""
    held = value if isinstance(value, list) else [value]
    rows = [each for each in held if isinstance(each, dict) and "creds" in each]
    kind = SourceKind.EVOLUTION
    if not rows or len(rows) != len(held) or len(rows) > _MOST_ROWS:
        yield Read(path, SourceKind.UNKNOWN, why=Phrase("it holds no session that is known"))
        return
    for row in rows:
        named = row.get("Instance")
        name = named.get("name") if isinstance(named, dict) else row.get("name")
        identity = row.get("sessionId")
        if not isinstance(identity, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", identity):
            identity = ""
        called = name if isinstance(name, str) and name else identity or path.stem
        marks = marks_of((path,))
        try:
            beside = _keys_beside(path, identity)
            marks = marks_of((path, *beside))
            device = converted(_unwrapped(_unwrapped(row["creds"])), _keys_of(row, beside))
        except (SourceError, NotADeviceError) as error:
            yield Read(path, kind, called, why=error.said, marks=marks)
            continue
        yield Read(path, kind, called, device, marks=marks)


def _unwrapped(value: object) -> object:
    """JSON that stands in a text; what stands in none is as it is. Raises NotADeviceError."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise NotADeviceError(Phrase("its creds hold no JSON")) from error


def _keys_beside(path: Path, identity: str) -> tuple[Path, ...]:
    if not identity:
        return ()
    for folder in (path.parent / identity, path.parent / "instances" / identity):
        if is_folder(folder):
            names = names_in(folder)
            return tuple(folder / name for name in names if _ENTRY.fullmatch(name))
    dumped = path.parent / f"{identity}.json"
    return (dumped,) if dumped != path and is_file(dumped) else ()


def _keys_of(row: Mapping[str, object], beside: tuple[Path, ...]) -> Iterator[tuple[str, object]]:
    held = row.get("keys")
    if len(beside) == 1 and beside[0].parent.name != beside[0].stem and not isinstance(held, dict):
        # What Redis has of a session, field by field.
        held = json_in(beside[0])
        beside = ()
    if isinstance(held, dict):
        for name, value in held.items():
            try:
                yield entry_name(name), _unwrapped(value)
            except NotADeviceError:
                yield entry_name(name), None
    for each in beside:
        if each.name != _CREDS:
            yield each.stem, _entry(each)


def _entry(path: Path) -> object:
    try:
        return json_in(path)
    except SourceError:
        return None
