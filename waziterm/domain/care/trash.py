"""What lies in the trash: sessions that were taken out of use, each kept until it expires."""

from dataclasses import dataclass
from enum import StrEnum

from waziterm.domain.codec import document_of
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
)
@dataclass(frozen=True, slots=True)
class TrashView:
    """One entry of the trash as it is shown.

    at, expires_at: UTC seconds; it is deleted for good after `expires_at`, None for never. That is
    the earliest moment: it ages only while a manager runs (`domain.upkeep.ages`).
    restorable: False when its keys are gone. paired: whether its device is linked as far as known.
    """

    id: str
    instance: str
    at: Moment
    why: Why
    restorable: bool
    paired: bool
    files: tuple[TrashedFile, ...]
    expires_at: Moment | None


def can_be_undone(why: Why, *, restorable: bool, paired: bool) -> bool:
    """Whether an undo may bring an entry back: no mere copy, nothing whose keys are gone, and no
    cleaned session that no phone had linked, in which there is nothing."""
    return restorable and why is not Why.COPY and (paired or why is not Why.CLEANED)
