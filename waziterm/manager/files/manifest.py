"""The manifest of a trash entry: what lies there, why, and the instance that it belonged to."""

import json
import os
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any, Self

from waziterm.domain import codec
from waziterm.domain.care.trash import TrashedFile, TrashView, Why
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.instance import Instance, first_id
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import Wanted
from waziterm.manager.files.regular import read_regular

_YEAR_10000 = 253_402_300_800


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """One session in the trash. at: UTC seconds. restorable: False when its keys are gone.

    was: the instance before it went, with the barriers (cool-down, hold, ban) that come back
    with it; None for files that belonged to none. act_id: by which the entries of one act belong
    together; "" of an act on one, and from before acts had ids.
    """

    id: str
    instance: str
    at: float
    why: Why
    restorable: bool
    files: tuple[TrashedFile, ...]
    was: Instance | None = None
    act_id: str = ""

    def view(self, expires_at: float | None, names: Mapping[str, str]) -> TrashView:
        """As it is shown. expires_at: see `TrashView`. names: of the instances, by their ids."""
        was = "" if self.was is None else self.was.id
        return TrashView(
            id=self.id,
            instance=names.get(was, self.instance),
            at=self.at,
            why=self.why,
            restorable=self.restorable,
            paired=self.was is not None and self.was.is_paired,
            files=self.files,
            expires_at=expires_at,
            act_id=self.act_id,
        )


def write(entry: TrashEntry, path: Path) -> None:
    """Write an entry's manifest. Raises OSError."""
    path.touch(mode=0o600)
    with path.open("w") as stream:
        stream.write(json.dumps(codec.encode(_Manifest, _Manifest.of(entry)), indent=2) + "\n")
        stream.flush()
        # The files follow only when it is on the disk: without it nobody knows what they are.
        os.fsync(stream.fileno())


def read(path: Path) -> TrashEntry | None:
    """The entry whose manifest this is; None when it is none of ours, or lies in another folder."""
    try:
        data = json.loads(read_regular(path))
        entry: TrashEntry = codec.decode(_Manifest, data).entry
    except (OSError, ValueError, RecursionError):
        return None
    sound = 0 <= entry.at < _YEAR_10000 and all(map(_leads_nowhere, entry.files))
    return entry if sound and entry.id == path.parent.name else None


def told_of(instance: Instance) -> dict[str, Any]:
    """What is kept of an instance, as JSON."""
    told: dict[str, Any] = codec.encode(_Kept, _Kept.of(instance))
    return told


def instance_of(told: object) -> Instance:
    """The instance that `told_of` made this of. Raises ValueError."""
    kept: _Kept = codec.decode(_Kept, told)
    return kept.instance


def _leads_nowhere(file: TrashedFile) -> bool:
    """Whether a file's name leads nowhere but into its entry."""
    name = file.name
    return (
        name == Path(name).name
        and name not in ("", ".", "..", "manifest.json")
        and "\0" not in name
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of an instance: who it is, what is wanted, whence it came, and its barriers. id:
    "" when it was written before instances had ids."""

    name: str
    created_at: float
    phone: str | None = None
    proxy: str | None = field(default=None, repr=False)
    jid: str | None = None
    lid: str | None = None
    wanted: Wanted = Wanted.RUNNING
    hold: Reason | None = None
    cooldown_until: float | None = None
    banned_until: float | None = None
    guarded_at: float | None = None
    conflicts: tuple[float, ...] = ()
    crashes: tuple[float, ...] = ()
    id: str = ""
    trouble: Reason | None = None
    trouble_detail: str = ""
    trouble_at: float | None = None
    note: str = ""
    tags: tuple[str, ...] = ()
    device_name: str | None = None
    isolate: bool | None = None
    receipts: bool | None = None
    imported_from: str = ""
    imported_at: float | None = None
    untried: bool = False

    @classmethod
    def of(cls, instance: Instance) -> Self:
        return cls(**{each.name: getattr(instance, each.name) for each in fields(cls)})

    @property
    def instance(self) -> Instance:
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        known["id"] = self.id or first_id(self.name)
        return Instance(**known, since=self.created_at)


@dataclass(frozen=True, slots=True)
class _Manifest:
    """The file's shape."""

    id: str
    instance: str
    at: float
    why: Why
    restorable: bool
    files: tuple[TrashedFile, ...]
    was: _Kept | None
    act_id: str = ""

    @classmethod
    def of(cls, entry: TrashEntry) -> Self:
        was = None if entry.was is None else _Kept.of(entry.was)
        head = (entry.id, entry.instance, entry.at, entry.why, entry.restorable)
        return cls(*head, entry.files, was, entry.act_id)

    @property
    def entry(self) -> TrashEntry:
        was = None if self.was is None else self.was.instance
        head = (self.id, self.instance, self.at, self.why, self.restorable)
        return TrashEntry(*head, self.files, was, self.act_id)
