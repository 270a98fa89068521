"""Which instances are shown, and in which order. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from waziterm.domain.fleet.api import InstanceView
from waziterm.tui.paint import look
from waziterm.tui.text import words
from waziterm.tui.text.lang import tr


class Sort(StrEnum):
    """What a list is sorted by; the value is its word on the screen. FLEET: as they were added."""

    FLEET = "added"
    NAME = "name"
    STATE = "state"
    SINCE = "since"
    UPTIME = "uptime"
    CONFLICTS = "conflicts"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the operator asked to see.

    pattern: what was typed after `/`; a leading `!` inverts it. troubled: only those in trouble.
    """

    pattern: str = ""
    troubled: bool = False
    sort: Sort = Sort.FLEET
    descending: bool = False

    @property
    def hides(self) -> bool:
        """Whether it may leave instances out."""
        return bool(self.pattern.strip("! ")) or self.troubled

    def sorted_by_next(self) -> "Arrangement":
        """The same by the next column; what an operator looks for stands on top."""
        sorts = list(Sort)
        sort = sorts[(sorts.index(self.sort) + 1) % len(sorts)]
        return replace(self, sort=sort, descending=sort in (Sort.CONFLICTS, Sort.UPTIME))


def fits(pattern: str, view: InstanceView) -> bool:
    """Whether an instance is meant by a pattern: its letters in order, in name, state or reason.

    Every word of the pattern must fit; upper and lower case are one.
    """
    wanted = pattern.removeprefix("!").casefold().split()
    if not wanted:
        return True
    state = view.state.label
    where = (view.name, state, tr(state), words.why(view), words.number(view))
    found = all(any(_fuzzy(word, text.casefold()) for text in where) for word in wanted)
    return found != pattern.startswith("!")


def _fuzzy(word: str, text: str) -> bool:
    """Whole words of an explanation must hold the letters together, a name may hold them apart."""
    if word in text:
        return True
    if " " in text:
        return False
    letters = iter(text)
    return all(letter in letters for letter in word)


def arranged(
    views: Iterable[InstanceView],
    by: Arrangement,
    conflicts: Mapping[str, int],
) -> list[str]:
    """The names to show, in order. conflicts: of today, by name. A tie keeps the fleet's order."""
    kept = [
        view
        for view in views
        if (not by.troubled or view.state.is_trouble) and fits(by.pattern, view)
    ]
    key = _keys(conflicts)[by.sort]
    if key is not None:
        kept.sort(key=key, reverse=by.descending)
    elif by.descending:
        kept.reverse()
    return [view.name for view in kept]


_Key = Callable[[InstanceView], tuple[float | str, ...]]


def _keys(conflicts: Mapping[str, int]) -> dict[Sort, _Key | None]:
    severity = {state: place for place, state in enumerate(look.SIGNS)}
    return {
        Sort.FLEET: None,
        Sort.NAME: lambda view: (view.name.casefold(), view.name),
        Sort.STATE: lambda view: (-severity[view.state],),
        Sort.SINCE: lambda view: (-view.since,),
        Sort.UPTIME: lambda view: (-(view.connected_at or float("inf")),),
        Sort.CONFLICTS: lambda view: (conflicts.get(view.name, 0),),
    }
