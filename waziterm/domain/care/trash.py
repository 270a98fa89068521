"""What lies in the trash: sessions that were taken out of use, each kept until it expires."""

import secrets
from collections.abc import Sequence
from enum import StrEnum

from waziterm.domain.codec import document_of
from waziterm.domain.frozen import dataclass
from waziterm.domain.units import Moment

EXPIRES_SOON_S = 7 * 86_400.0
"""So long before its end a trash entry is announced."""


class Why(StrEnum):
    """Why something came to the trash; the value is the word in the manifest and in JSON.

    COPY: a copy that `fix` made before it changed a file. Restoring one rolls the session's
    message keys back, so it is a last resort. DAMAGED: its manifest cannot be read.
    """

    CLEANED = "cleaned"
    LOGGED_OUT = "logged_out"
    REMOVED = "removed"
    FIXED = "fixed"
    COPY = "copy"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of an instance that was removed. entry: its id in the trash. not_unlinked: why
    its device is still linked although that was to end, or ""."""

    entry: str
    not_unlinked: str = ""


@dataclass(frozen=True, slots=True)
class TrashedFile:
    """One file of an entry: its name, its length in bytes, its SHA-256 in hex ("" over 1 GB)."""

    name: str
    size: int
    sha256: str


@document_of(
    *("id", "instance", "when=at", "why", "restorable", "paired", "expires=expires_at", "files"),
    "act_id",
)
@dataclass(frozen=True, slots=True)
class TrashView:
    """One entry of the trash as it is shown.

    at, expires_at: UTC seconds; it is deleted for good after `expires_at`, None for never. That is
    the earliest moment: it ages only while a manager runs (`domain.upkeep.ages`).
    restorable: False when its keys are gone. paired: whether its device is linked as far as known.
    act_id: the same of all that one act took, "" of an act on one.
    """

    id: str
    instance: str
    at: Moment
    why: Why
    restorable: bool
    paired: bool
    files: tuple[TrashedFile, ...]
    expires_at: Moment | None
    act_id: str = ""


def new_act_id() -> str:
    """An id for an act on several, see `TrashView.act_id`."""
    return secrets.token_hex(8)


def can_be_undone(why: Why, *, restorable: bool, paired: bool) -> bool:
    """Whether an undo may bring an entry back: no mere copy, nothing whose keys are gone, and no
    cleaned session that no phone had linked, in which there is nothing."""
    return restorable and why is not Why.COPY and (paired or why is not Why.CLEANED)


@dataclass(frozen=True, slots=True)
class Undoable:
    """What one undo brings back, as places in the list of the trash. back: what can be brought
    back, as it was taken, the first of them first. lost: what the same act took and cannot be, for
    its keys are gone."""

    back: tuple[int, ...]
    lost: tuple[int, ...]


def undoable(entries: Sequence[tuple[str, bool, bool]]) -> tuple[Undoable, ...]:
    """The acts that an undo takes back, the last one first.

    entries: what lies in the trash, the newest first, each as its `act_id`, whether it can be
    undone (`can_be_undone`), and whether it is restorable.
    """
    acts: dict[str, list[int]] = {}
    for place, (act_id, _, _) in enumerate(entries):
        acts.setdefault(act_id or str(place), []).append(place)
    found = []
    for places in acts.values():
        back = tuple(place for place in reversed(places) if entries[place][1])
        lost = tuple(place for place in reversed(places) if not entries[place][2])
        if back:
            found.append(Undoable(back, lost))
    return tuple(sorted(found, key=lambda act: act.back[-1]))
