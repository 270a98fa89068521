"""What is remembered of the library's version from one manager to the next."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from waziterm.domain.frozen import dataclass
from waziterm.domain.version import (
    Origin,
    UsedVersion,
    VersionChoice,
    VersionMode,
    dated_about,
    is_sane,
)
from waziterm.store.store import Store
from waziterm.worker.library_file import LibraryFileError, compiled_number, installed

KEPT = "whatsapp_version"
COMPILED = "compiled_version"
"""The keys under which the store remembers both."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered from one manager to the next.

    refused: the highest number that WhatsApp refused. read, read_at: the number that was taken
    from WhatsApp's page, and when (UTC seconds). checked_at: when the page was read last.
    """

    refused: int | None = None
    read: int | None = None
    read_at: float = 0.0
    checked_at: float = 0.0

    @classmethod
    def parse(cls, text: str | None) -> "Kept":
        """What `dump` made of one; a text of another program is as none."""
        try:
            data = json.loads(text or "{}")
            return cls(
                refused=_sane(data.get("refused")),
                read=_sane(data.get("read")),
                read_at=float(data.get("read_at", 0.0)),
                checked_at=float(data.get("checked_at", 0.0)),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def dump(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Library:
    """Tells one library file from another. mtime_ns: as the system tells it."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def at(cls, path: Path) -> "Library":
        """The file at a path as it is now. Raises LibraryFileError."""
        try:
            found = path.stat()
        except OSError as error:
            raise LibraryFileError(f"neonize's library is missing: {error.strerror}") from error
        return cls(str(path), found.st_size, found.st_mtime_ns)

    def number_in(self, text: str | None) -> int | None:
        """N that `dump` noted for this very file; None when that was another one."""
        try:
            data = json.loads(text or "{}")
            number = data.pop("number", None)
        except (ValueError, AttributeError):
            return None
        return _sane(number) if data == asdict(self) else None

    def dump(self, number: int) -> str:
        return json.dumps(asdict(self) | {"number": number})


def dated(number: int, origin: Origin, kept: Kept, now: float) -> UsedVersion:
    """A version with about the day on which it was current. now: UTC seconds."""
    at = dated_about(number, now)
    if origin is Origin.READ and number == kept.read and kept.read_at:
        # It was current on that day, whatever the numbers before it make one expect.
        at = min(now, kept.read_at)
    return UsedVersion(number, origin, at)


async def stored_version(store: Store, choice: VersionChoice, now: float) -> UsedVersion | None:
    """The version that the next manager would use, as far as the files tell; None when neonize's
    own is not known and no other is set. Changes nothing."""
    kept = Kept.parse(await store.get_meta(KEPT))
    try:
        library = Library.at(installed())
        own = library.number_in(await store.get_meta(COMPILED))
        if own is None:
            own = await asyncio.to_thread(compiled_number, Path(library.path))
    except LibraryFileError:
        return None
    return chosen(own, choice, kept, now)


def chosen(own: int, choice: VersionChoice, kept: Kept, now: float) -> UsedVersion:
    """The version that a setting and what is remembered lead to. own: N of neonize's own."""
    if choice.number is not None and choice.number != own:
        return dated(choice.number, Origin.SET, kept, now)
    if choice.mode is VersionMode.AUTO and kept.read is not None and kept.read > own:
        return dated(kept.read, Origin.READ, kept, now)
    return dated(own, Origin.COMPILED, kept, now)


def _sane(value: object) -> int | None:
    return value if isinstance(value, int) and is_sane(value) else None
