"""The manifest of a trash entry: what lies there, why, and the instance that it belonged to."""

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from waziterm.domain.care.trash import TrashedFile, TrashView, Why
from waziterm.domain.lifecycle.instance import Instance
from waziterm.domain.lifecycle.reasons import Reason
from waziterm.domain.lifecycle.states import Wanted

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """One session in the trash. at: UTC seconds. restorable: False when its keys are gone.

    was: the instance before it went, with the barriers (cool-down, hold, ban) that come back
    with it; None for files that belonged to none.
    """

    id: str
    instance: str
    at: float
    why: Why
    restorable: bool
    files: tuple[TrashedFile, ...]
    was: Instance | None = None

    def view(self, expires_at: float | None) -> TrashView:
        """As it is shown. expires_at: see `TrashView`."""
        return TrashView(
            id=self.id,
            instance=self.instance,
            at=self.at,
            why=self.why,
            restorable=self.restorable,
            paired=self.was is not None and self.was.is_paired,
            files=self.files,
            expires_at=expires_at,
        )


def write(entry: TrashEntry, folder: Path) -> None:
    """Write the manifest into the entry's folder. Raises OSError."""
    data = {
        "id": entry.id,
        "instance": entry.instance,
        "at": entry.at,
        "why": entry.why.value,
        "restorable": entry.restorable,
        "files": [asdict(file) for file in entry.files],
        "was": None if entry.was is None else _kept(entry.was),
    }
    path = folder / MANIFEST
    path.touch(mode=0o600)
    with path.open("w") as stream:
        stream.write(json.dumps(data, indent=2) + "\n")
        stream.flush()
        # The files follow only when it is on the disk: without it nobody knows what they are.
        os.fsync(stream.fileno())


def read(path: Path) -> TrashEntry | None:
    """The entry whose manifest this is; None when it is none of ours, or lies in another folder."""
    try:
        data = json.loads(path.read_text())
        entry = TrashEntry(
            id=str(data["id"]),
            instance=str(data["instance"]),
            at=_moment(data["at"]),
            why=Why(data["why"]),
            restorable=bool(data["restorable"]),
            files=tuple(map(_file, data["files"])),
            was=None if data["was"] is None else _instance(data["was"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return entry if entry.id == path.parent.name else None


def _moment(value: object) -> float:
    """UTC seconds in the years from 1970 to 9999. Raises ValueError."""
    moment = float(str(value))
    if not (math.isfinite(moment) and 0 <= moment < 253_402_300_800):
        raise ValueError(f"no moment: {moment}")
    return moment


def _file(data: dict[str, Any]) -> TrashedFile:
    """A file's name must lead nowhere but into its entry. Raises ValueError, KeyError."""
    name = str(data["name"])
    if name != Path(name).name or name in ("", ".", "..", MANIFEST) or "\0" in name:
        raise ValueError("no file's name")
    return TrashedFile(name, int(data["size"]), str(data["sha256"]))


def _kept(instance: Instance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "created_at": instance.created_at,
        "phone": instance.phone,
        "proxy": instance.proxy,
        "jid": instance.jid,
        "lid": instance.lid,
        "wanted": instance.wanted.value,
        "hold": instance.hold.slug if instance.hold else None,
        "cooldown_until": instance.cooldown_until,
        "banned_until": instance.banned_until,
        "guarded_at": instance.guarded_at,
        "conflicts": list(instance.conflicts),
        "crashes": list(instance.crashes),
    }


def _instance(data: dict[str, Any]) -> Instance:
    return Instance(
        **{
            **data,
            "wanted": Wanted(data["wanted"]),
            "hold": Reason.of(data["hold"]) if data["hold"] else None,
            "conflicts": tuple(map(float, data["conflicts"])),
            "crashes": tuple(map(float, data["crashes"])),
            "since": float(data["created_at"]),
        }
    )
