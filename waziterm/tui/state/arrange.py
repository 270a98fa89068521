"""Which instances are shown, and in which order. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.frozen import dataclass
from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import Sort
from waziterm.domain.stats.strips import Recent
from waziterm.tui.paint import look

__all__ = ["WORST", "Arrangement", "Sort", "arranged", "needs_somebody"]

WORST = (
    *(State.HELD, State.LOGGED_OUT, State.BANNED, State.OUTDATED, State.COOLDOWN, State.RETRYING),
    State.DEGRADED,
)
"""The states of those in trouble, those first that wait for a person."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the operator asked to see.

    pattern: what was typed after `/`, see `domain.fleet.query`. troubled: only those in trouble.
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


def arranged(
    views: Iterable[InstanceView],
    by: Arrangement,
    conflicts: Mapping[str, int],
    recent: Mapping[str, Recent],
    now: float,
) -> list[str]:
    """The names to show, in order. conflicts: of today, by name. recent: the week, by name. now:
    UTC seconds. A tie keeps the fleet's order; a pattern that cannot be read leaves nobody out."""
    kept = [view for view in views if not by.troubled or view.state.is_trouble]
    if by.pattern:
        from waziterm.tui.state.filtering import fitting  # noqa: PLC0415 - not before it is typed

        kept = fitting(by.pattern, kept, now)
    key = _keys(conflicts, recent)[by.sort]
    if key is not None:
        kept.sort(key=key, reverse=by.descending)
    elif by.descending:
        kept.reverse()
    return [view.name for view in kept]


_Key = Callable[[InstanceView], tuple[float | str, ...]]


def _keys(conflicts: Mapping[str, int], recent: Mapping[str, Recent]) -> dict[Sort, _Key | None]:
    severity = {state: place for place, state in enumerate(look.SIGNS)}
    worst = {state: place for place, state in enumerate(WORST)}

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
