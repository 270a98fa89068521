"""One act on several instances: it ends in one summary, the failed first, with their count."""

from collections.abc import Iterable

from waziterm.lang import tr
from waziterm.tui.state.messages import Mood

TOLD = 3
"""So many failures a summary explains; the others it counts."""


class Bulk:
    """An act until it has ended on each instance. verb: as in "reconnect"."""

    def __init__(self, verb: str, names: Iterable[str]) -> None:
        self.verb = verb
        self._waiting = set(names)
        self._total = len(self._waiting)
        self._failed: dict[str, str] = {}

    @property
    def is_over(self) -> bool:
        return not self._waiting

    def waits_for(self, verb: str, name: str) -> bool:
        """Whether its end on this instance is still to come."""
        return verb == self.verb and name in self._waiting

    def ended(self, name: str, mood: Mood, said: str) -> None:
        """It has ended on one. said: the sentence about it."""
        self._waiting.discard(name)
        if mood is Mood.TROUBLE:
            self._failed[name] = said

    def told(self) -> tuple[Mood, str, Iterable[str]]:
        """How far it is, or once it is over, the summary; and on whom it has failed by then."""
        verb, total, failed = tr(self.verb), self._total, len(self._failed)
        done = total - len(self._waiting)
        if self._waiting:
            said = tr("{verb}: {done} of {total} are finished", verb=verb, done=done, total=total)
            return Mood.TAKEN, said, ()
        if not failed:
            return Mood.DONE, tr("{verb}: done, all {total}", verb=verb, total=total), ()
        said = tr("{verb}: {failed} of {total} failed", verb=verb, failed=failed, total=total)
        whys = "; ".join(list(self._failed.values())[:TOLD])
        if failed > TOLD:
            whys = tr("{whys}; and {count} more", whys=whys, count=failed - TOLD)
        return Mood.TROUBLE, f"{said}: {whys}", tuple(self._failed)
