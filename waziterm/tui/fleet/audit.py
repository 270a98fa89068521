"""The audit: who did what to the fleet, on whom, and what came of it."""

from collections.abc import Callable, Mapping

from textual.strip import Strip

from waziterm.domain.fleet.audit import AuditEntry, AuditResult
from waziterm.lang import N_, tr, trn
from waziterm.tui.fleet.rows import Rows, headed
from waziterm.tui.instance.card import wrapped
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, cell, inert, row
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.format import since
from waziterm.tui.text.words import some_of

_WHEN, _WHO, _ACT, _WHOM = 17, 12, 12, 20
_NARROW = 100
"""Below so many cells the names of people and instances are cut to let what came of it stand."""
_IN_FULL = 2
"""Lines for the selected one."""
_RESULTS: Mapping[AuditResult, str] = {
    AuditResult.DONE: N_("done"),
    AuditResult.REFUSED: N_("refused"),
    AuditResult.FAILED: N_("failed"),
    AuditResult.CUT_SHORT: N_("cut short"),
}


class Audit(Rows):
    """One row per act of a person, the newest first. What was not done stands out."""

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(model, clock, id="audit")
        self._read: tuple[AuditEntry, ...] | None = None
        self._entries: dict[str, AuditEntry] = {}

    def keys(self) -> list[str]:
        if self.model.audit is not self._read:
            self._read = self.model.audit
            self._entries = _by_key(self._read or ())
        return list(self._entries)

    @property
    def target(self) -> str | None:
        """The one instance that the selected act was meant for, as long as there is one."""
        entry = self._entries.get(self._chosen or "")
        view = self.model.get(entry.instances[0]) if entry and len(entry.instances) == 1 else None
        return None if view is None else view.name

    def head(self, width: int, now: float) -> list[Strip]:
        """How many there are; below, the selected one in full. Nothing where `empty` says it."""
        entries = self.model.audit
        if not entries:
            return []
        said = trn("{n} act of a person in 7 days", "{n} acts of people in 7 days", len(entries))
        strips = headed(said, width)
        entry = self._entries.get(self._chosen or "")
        if entry is None:
            return strips
        failed = entry.result not in (AuditResult.DONE, None)
        style = look.TROUBLE if failed else look.PLAIN
        told = wrapped(_origin(entry), width, 1, look.BRIGHT)
        told += wrapped(f"{_asked(entry)}: {_ended(entry)}", width, _IN_FULL - 1, style)
        return [*strips, *told, row([("─" * width, look.BORDER)], width, look.PLAIN)]

    def empty(self, width: int) -> list[Strip]:
        said = tr("Nobody did anything in the last 7 days.")
        if self.model.audit is None:
            said = tr("The audit is being read …")
        return [row([(f" {said}", look.PLAIN)], width, look.PLAIN)]

    def spans(self, key: str, width: int, now: float) -> list[Span]:
        entry = self._entries.get(key)
        if entry is None:
            return []
        failed = entry.result not in (AuditResult.DONE, None)
        whom = some_of([inert(each) for each in entry.instances]) if entry.instances else "–"
        return [
            ("✖ " if failed else "  ", look.TROUBLE),
            (cell(since(entry.at, now), _WHEN), look.FAINT),
            (cell(_who(entry), _WHO if width >= _NARROW else _WHO - 2), look.BRIGHT),
            (cell(inert(entry.act), _ACT), look.PLAIN),
            (cell(whom, _WHOM if width >= _NARROW else _WHOM - 6), look.BRIGHT),
            (_ended(entry), look.TROUBLE if failed else look.FAINT),
        ]


def _by_key(entries: tuple[AuditEntry, ...]) -> dict[str, AuditEntry]:
    """The newest first. Two acts of one moment have keys of their own."""
    found: dict[str, AuditEntry] = {}
    for entry in entries:
        key = repr(entry.at)
        while key in found:
            key += "+"
        found[key] = entry
    return dict(reversed(found.items()))


def _who(entry: AuditEntry) -> str:
    return inert(entry.person.who) or "?"


def _origin(entry: AuditEntry) -> str:
    """Who it was, and by what they reached the fleet from where."""
    person = entry.person
    parts = (person.via.value, inert(person.tty or ""), inert(person.origin or ""))
    return f"{_who(entry)} ({', '.join(part for part in parts if part)})"


def _asked(entry: AuditEntry) -> str:
    args = (f"{name}={value}" for name, value in (entry.args or {}).items())
    return inert(" ".join((entry.act, *entry.instances, *args)))


def _ended(entry: AuditEntry) -> str:
    if entry.result is None:
        return tr("under way, or cut off")
    said = tr(_RESULTS[entry.result])
    return f"{said}: {inert(entry.error)}" if entry.error else said
