"""Which instances are shown, and in which order. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Sort
from waziterm.domain.stats.strips import Recent
from waziterm.lang import tr
from waziterm.tui.paint import look
from waziterm.tui.text import words

__all__ = ["Arrangement", "Field", "Sort", "arranged", "fits", "needs_somebody"]

_WORST = (
    *(State.HELD, State.LOGGED_OUT, State.BANNED, State.OUTDATED, State.COOLDOWN, State.RETRYING),
    State.DEGRADED,
)
"""The states of those in trouble, those first that wait for a person."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the operator asked to see.

    pattern: what was typed after `/`, see `fits`. troubled: only those in trouble.
    """

    pattern: str = ""
    troubled: bool = False
    sort: Sort = Sort.TROUBLE
    descending: bool = False

    @property
    def hides(self) -> bool:
        """Whether it may leave instances out."""
        return bool(self.pattern.strip("! ")) or self.troubled

    def sorted_by_next(self) -> "Arrangement":
        """The same by the next column."""
        sorts = list(Sort)
        return self.sorted_by(sorts[(sorts.index(self.sort) + 1) % len(sorts)])

    def sorted_by(self, sort: Sort) -> "Arrangement":
        """The same by a column; what an operator looks for stands on top."""
        return replace(self, sort=sort, descending=sort in (Sort.CONFLICTS, Sort.DROPS))


def needs_somebody(view: InstanceView) -> bool:
    """Whether somebody should look at an instance: it is in trouble, waits for a phone, is linked
    to another number than it was added for, or could not stay connected."""
    if view.state.is_trouble or view.state is State.PAIRING or view.other_number:
        return True
    return view.state is State.CONNECTING and view.attempt > 0


class Field(StrEnum):
    """Where a word of a filter is looked for; the value stands before it, with a colon."""

    NAME = "name"
    STATE = "state"
    NUMBER = "number"
    REASON = "reason"


def fits(pattern: str, view: InstanceView) -> bool:
    """Whether an instance is meant by a pattern.

    Every word of the pattern must fit; upper and lower case are one, and a leading `!` inverts it
    all. A word is looked for in name, number and state, or where it says: `state:held`,
    `name:shop`, `number:4411`, `reason:440`. A field without a word fits everyone.
    """
    wanted = pattern.removeprefix("!").casefold().split()
    if not any(word.partition(":")[2] or not _field_of(word) for word in wanted):
        return True
    return all(_has(word, view) for word in wanted) != pattern.startswith("!")


def _field_of(word: str) -> Field | None:
    """The field that a word of a filter names."""
    named, colon, _ = word.partition(":")
    return next((field for field in Field if colon and field == named), None)


def _has(word: str, view: InstanceView) -> bool:
    field = _field_of(word)
    if field is None:
        bare = (Field.NAME, Field.NUMBER, Field.STATE)
        return any(_is_in(word, view, each) for each in bare)
    return _is_in(word.partition(":")[2], view, field)


def _is_in(word: str, view: InstanceView, field: Field) -> bool:
    """A name may hold the letters apart, all else holds them together."""
    match field:
        case Field.NAME:
            letters = iter(view.name.casefold())
            return all(letter in letters for letter in word)
        case Field.STATE:
            state = view.state
            known = (state.value, state.label, state.label.replace("-", ""), tr(state.label))
            return any(word in each.casefold() for each in known)
        case Field.NUMBER:
            return word in words.number(view).casefold()
        case Field.REASON:
            return any(word in each.casefold() for each in (view.reason.slug, words.why(view)))
        case _:
            assert_never(field)


def arranged(
    views: Iterable[InstanceView],
    by: Arrangement,
    conflicts: Mapping[str, int],
    recent: Mapping[str, Recent],
) -> list[str]:
    """The names to show, in order. conflicts: of today, by name. recent: the week, by name. A tie
    keeps the fleet's order."""
    kept = [
        view
        for view in views
        if (not by.troubled or view.state.is_trouble) and fits(by.pattern, view)
    ]
    key = _keys(conflicts, recent)[by.sort]
    if key is not None:
        kept.sort(key=key, reverse=by.descending)
    elif by.descending:
        kept.reverse()
    return [view.name for view in kept]


_Key = Callable[[InstanceView], tuple[float | str, ...]]


def _keys(conflicts: Mapping[str, int], recent: Mapping[str, Recent]) -> dict[Sort, _Key | None]:
    severity = {state: place for place, state in enumerate(look.SIGNS)}
    worst = {state: place for place, state in enumerate(_WORST)}

    def uptime(view: InstanceView) -> float:
        share = recent[view.name].uptime if view.name in recent else None
        return float("inf") if share is None else share

    def drops(view: InstanceView) -> int:
        return sum(recent[view.name].drops) if view.name in recent else 0

    return {
        Sort.TROUBLE: lambda view: (
            worst.get(view.state, len(worst)) if needs_somebody(view) else len(worst) + 1,
        ),
        Sort.FLEET: None,
        Sort.NAME: lambda view: (view.name.casefold(), view.name),
        Sort.STATE: lambda view: (-severity[view.state],),
        Sort.SINCE: lambda view: (-view.since,),
        Sort.UPTIME: lambda view: (uptime(view),),
        Sort.DROPS: lambda view: (drops(view),),
        Sort.CONFLICTS: lambda view: (conflicts.get(view.name, 0),),
    }
