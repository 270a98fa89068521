"""What leaves in one file: a plain tar of regular files, the first of them `manifest.json`.

`age --decrypt FILE | tar x` reads one without this program. Ours reads none but what it writes
itself: no link, no directory, no path that leads out, nothing larger than what is there.
"""

import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from waziterm.domain.errors import FleetError
from waziterm.domain.frozen import dataclass
from waziterm.domain.phrase import Phrase
from waziterm.domain.text import plain
from waziterm.domain.units import moment_text

MANIFEST = "manifest.json"
FORMAT = 1
_MANIFEST_BYTES = 4_000_000
_BLOCK = 512
_CHUNK = 1 << 20
_SPARE_BYTES = 10_000_000
"""What stays free on a disk: others write there too."""
_PART = re.compile(r"[^/\x00-\x1f\x7f]{1,255}")
_MOST_PARTS = 8


class Kind(StrEnum):
    """What a bundle holds: one instance, or a whole data directory."""

    INSTANCE = "instance"
    BACKUP = "backup"


class Readable(Protocol):
    """What bytes come from."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a bundle. name: its path in it. content: its bytes, or where they lie."""

    name: str
    content: bytes | Path


def manifest_of(kind: Kind, program: str, at: float, more: dict[str, Any]) -> Member:
    """The first member of a bundle. program: the version that makes it. at: UTC seconds. more: what
    else is to be said, as JSON."""
    told = {"format": FORMAT, "kind": kind, "program": program, "made": moment_text(at), **more}
    return Member(MANIFEST, json.dumps(told, indent=2).encode() + b"\n")


def write_bundle(stream: BinaryIO, members: Iterable[Member]) -> None:
    """Write members one after the other. A file has the size that it has when its turn comes.
    Raises OSError."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for each in members:
            _add(tar, each)


def _add(tar: tarfile.TarFile, member: Member) -> None:
    head = tarfile.TarInfo(member.name)
    head.mode = 0o600
    if isinstance(member.content, bytes):
        head.size = len(member.content)
        tar.addfile(head, BytesIO(member.content))
        return
    with member.content.open("rb") as source:
        head.size = os.fstat(source.fileno()).st_size
        tar.addfile(head, source)


def unpack(stream: Readable, into: Path, kind: Kind, wanted: Callable[[str], bool]) -> Any:
    """Write the files of a bundle into a folder, each with mode 0600; its manifest.

    kind: what it must hold. wanted: whether a path may be there. Raises FleetError for what this
    program did not write, or a newer one, and OSError.
    """
    members = _members(stream)
    first = next(members, None)
    if first is None or first[0] != MANIFEST or first[1] > _MANIFEST_BYTES:
        raise _strange(Phrase("it does not begin with a manifest"))
    manifest = _checked(b"".join(first[2]), kind)
    for name, size, content in members:
        if not (is_inside(name) and wanted(name)):
            raise _strange(Phrase("it holds {file}", file=repr(plain(name, 80))))
        if shutil.disk_usage(into).free < size + _SPARE_BYTES:
            said = Phrase(
                "there is no room for what it holds ({size} MB and more)", size=size // 1_000_000
            )
            raise FleetError(said, Phrase("make room; nothing was changed"))
        _write(into, name, content)
    return manifest


def is_inside(name: str) -> bool:
    """Whether a path leads nowhere but into the folder in which it stands."""
    parts = name.split("/")
    return len(parts) <= _MOST_PARTS and all(
        _PART.fullmatch(each) and each not in (".", "..") for each in parts
    )


def _write(into: Path, name: str, content: Iterable[bytes]) -> None:
    path = into / name
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        for folder in reversed(path.relative_to(into).parents[:-1]):
            (into / folder).mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    except (FileExistsError, NotADirectoryError) as error:
        raise _strange(Phrase("it holds {file} twice", file=repr(plain(name, 80)))) from error
    with os.fdopen(descriptor, "wb") as target:
        for chunk in content:
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())


def _checked(text: bytes, kind: Kind) -> Any:
    try:
        manifest = json.loads(text)
        number, found = int(manifest["format"]), str(manifest["kind"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _strange(Phrase("its manifest cannot be read")) from error
    if number > FORMAT:
        raise FleetError(
            Phrase("a newer waziterm made it"), Phrase("upgrade this one; nothing was changed")
        )
    if found != kind:
        others = {
            Kind.INSTANCE: FleetError(
                Phrase("it holds one instance"), Phrase("`waziterm import FILE` takes it")
            ),
            Kind.BACKUP: FleetError(
                Phrase("it holds a whole data directory"),
                Phrase("`waziterm restore-backup FILE` takes it"),
            ),
        }
        other = next((each for each in Kind if each == found), None)
        if other is None:
            raise _strange(Phrase("its manifest names no kind that there is"))
        raise others[other]
    return manifest


def _members(stream: Readable) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """Name, size and content of each file; each content must be read before the next is asked for.

    By a reader of its own, which knows no more of tar than what we write: `tarfile` makes files of
    2 GB of a few bytes, and reads as many as a header claims.
    """
    while True:
        name: str | None = None
        head = _exactly(stream, _BLOCK)
        if head == bytes(_BLOCK):
            return
        size, kind = _head(head)
        if kind == b"x":
            if size > _MANIFEST_BYTES:
                raise _strange(Phrase("it is damaged"))
            name = _long_name(_exactly(stream, _padded(size))[:size])
            head = _exactly(stream, _BLOCK)
            size, kind = _head(head)
        if kind != b"0":
            raise _strange(Phrase("it holds what is no file"))
        if name is None:
            name = _text(head[:100])
            if prefix := _text(head[345:500]):
                name = f"{prefix}/{name}"
        content = _content(stream, size)
        yield name, size, content
        for _ in content:
            raise AssertionError("a member was not read to its end")


def _head(head: bytes) -> tuple[int, bytes]:
    """The size and the kind of what follows."""
    try:
        claimed = int(head[148:156].rstrip(b"\0 ") or b"0", 8)
        size = int(head[124:136].rstrip(b"\0 ") or b"0", 8)
    except ValueError as error:
        raise _strange(Phrase("it is damaged")) from error
    if claimed != sum(head[:148]) + 8 * 32 + sum(head[156:]) or size < 0:
        raise _strange(Phrase("it is damaged"))
    return size, head[156:157]


def _long_name(records: bytes) -> str:
    """The path of the next file, from an extended header that says nothing else."""
    length, _, rest = records.partition(b" ")
    if not length.isdigit() or int(length) != len(records) or not rest.startswith(b"path="):
        raise _strange(Phrase("it is damaged"))
    return _text(rest.removeprefix(b"path=").removesuffix(b"\n"))


def _content(stream: Readable, size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise _strange(Phrase("it ends too early"))
        left -= len(chunk)
        yield chunk
    _exactly(stream, _padded(size) - size)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _exactly(stream: Readable, size: int) -> bytes:
    read = b""
    while len(read) < size:
        chunk = stream.read(size - len(read))
        if not chunk:
            raise _strange(Phrase("it ends too early"))
        read += chunk
    return read


def _text(raw: bytes) -> str:
    text, _, rest = raw.partition(b"\0")
    try:
        if rest.strip(b"\0"):
            raise _strange(Phrase("it is damaged"))
        return text.decode()
    except UnicodeDecodeError as error:
        raise _strange(Phrase("it is damaged")) from error


def _strange(why: Phrase) -> FleetError:
    return FleetError(Phrase("it is none of ours: {why}", why=why), Phrase("nothing was changed"))
