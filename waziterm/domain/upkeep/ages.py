"""How old is what a data directory keeps: in time for which a manager has seen it, on a clock that
nobody sets. Pure.

A wall clock that was wrong for an hour, or for a day, can make nothing older than that hour or that
day. What lies there while no manager runs does not age.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from waziterm.domain.care.trash import EXPIRES_SOON_S
from waziterm.domain.frozen import dataclass

MARK_S = 86_400.0
"""How much of the running time lies between two marks of the history."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A trash entry, as seconds of the running time: when it was seen first, and since when `check`
    announces its end; None while it does not."""

    first_s: float
    announced_s: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the history stood once. seen_s: the running time then; at: what the wall clock said
    (UTC seconds). rows: by table, the number of its newest row then."""

    seen_s: float
    at: float
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ages:
    """seen_s: the running time: for how many seconds managers have kept this data directory.
    trash: its entries by their ids. marks: of the history, oldest first."""

    seen_s: float = 0.0
    trash: Mapping[str, Sight] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()

    def looked(self, after_s: float, entries: Iterable[str], keep_s: float) -> "Ages":
        """After another look, so many seconds of running time later, at the entries that there are
        now. keep_s: for how many seconds an entry is kept, 0 for ever."""
        ages = replace(self, seen_s=self.seen_s + after_s)
        trash = {entry: _sight(ages, entry, keep_s) for entry in entries}
        return replace(ages, trash=trash)

    def age_s(self, entry: str) -> float:
        """For how long an entry has been seen."""
        sight = self.trash.get(entry)
        return self.seen_s - sight.first_s if sight else 0.0

    def left_s(self, entry: str, keep_s: float) -> float:
        """How many seconds an entry is still kept, at least 0: until its time is over, and until
        its end was announced for a week, or for as long as it is kept at all.

        keep_s: for how many seconds an entry is kept; not 0.
        """
        sight = self.trash.get(entry)
        announced_s = 0.0
        if sight is not None and sight.announced_s is not None:
            announced_s = self.seen_s - sight.announced_s
        told_s = min(EXPIRES_SOON_S, keep_s) - announced_s
        return max(0.0, keep_s - self.age_s(entry), told_s)

    def marked(self, at: float, rows: Mapping[str, int]) -> "Ages":
        """With a mark of the history as it stands now."""
        return replace(self, marks=(*self.marks, Mark(self.seen_s, at, rows)))

    @property
    def wants_mark(self) -> bool:
        return not self.marks or self.seen_s - self.marks[-1].seen_s >= MARK_S

    def past(self, keep_s: float) -> Mark | None:
        """Where the history stood so many seconds of running time ago; None when it is not known
        for so long."""
        old = [mark for mark in self.marks if self.seen_s - mark.seen_s >= keep_s]
        return old[-1] if old else None

    def without_marks_before(self, mark: Mark) -> "Ages":
        return replace(self, marks=tuple(each for each in self.marks if each.seen_s >= mark.seen_s))


def _sight(ages: Ages, entry: str, keep_s: float) -> Sight:
    sight = ages.trash.get(entry) or Sight(ages.seen_s)
    soon = bool(keep_s) and keep_s - (ages.seen_s - sight.first_s) <= EXPIRES_SOON_S
    since = sight.announced_s if sight.announced_s is not None else ages.seen_s
    return replace(sight, announced_s=since if soon else None)
