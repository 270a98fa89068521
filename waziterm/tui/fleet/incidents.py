"""The incidents: what happened to whom, what was done about it, and who has seen it."""

from collections.abc import Callable, Collection, Sequence

from textual.strip import Strip

from waziterm.domain.alerts.told import ToldTo
from waziterm.domain.fleet.history import IncidentView
from waziterm.domain.screen import KeyAction
from waziterm.lang import retold, tr, trn
from waziterm.tui.fleet.rows import MarkedRows, headed
from waziterm.tui.instance.card import wrapped
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, cell, inert, row
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.format import since
from waziterm.tui.text.keynames import key_of
from waziterm.tui.text.words import told_detail

_WHEN = 18
_WHO = 22
_MET, _HAPPENED, _DONE, _TOLD, _SAID = 2, 5, 2, 2, 2
"""Lines for the selected one at the most: whom it met, what happened, what was done about it, who
was told, who said what to it. Each has its own, so that a long text never hides what was done."""
_IN_FULL = 3
"""So many lines it has at the least."""


class Incidents(MarkedRows):
    """One row per incident, the newest first; those that nobody has acknowledged stand out."""

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(model, clock, id="incidents")

    def keys(self) -> list[str]:
        return [str(incident.id) for incident in self.model.incidents]

    @property
    def incident(self) -> IncidentView | None:
        """The selected one."""
        found = (each for each in self.model.incidents if str(each.id) == self._chosen)
        return next(found, None)

    @property
    def meant(self) -> list[IncidentView]:
        """Those that a key acts on: the marked ones, else the selected one."""
        meant = set(self.meant_keys)
        return [each for each in self.model.incidents if str(each.id) in meant]

    def waiting(self) -> set[str]:
        """Those that nobody has acknowledged."""
        return {str(each.id) for each in self.model.incidents if each.acknowledged_at is None}

    def move_on(self, done: Collection[int]) -> None:
        """Select the next one that waits for somebody, below or else above. done: those that do not
        any more, although it is not known here yet."""
        keys = self.keys()
        place = keys.index(self._chosen) if self._chosen in keys else 0
        waiting = [
            at
            for at, each in enumerate(self.model.incidents)
            if each.acknowledged_at is None and each.id not in done
        ]
        self.marked.clear()
        if waiting:
            self.select(keys[next((at for at in waiting if at >= place), waiting[-1])])

    @property
    def target(self) -> str | None:
        incident = self.incident
        return incident.names[0] if incident is not None and incident.names else None

    def head(self, width: int, now: float) -> list[Strip]:
        """How many there are; below, the selected one in full, which its row may cut."""
        incidents = self.model.incidents
        unseen = self.model.unseen
        said = trn(
            "{n} incident of 7 days, {unseen} not acknowledged",
            "{n} incidents of 7 days, {unseen} not acknowledged",
            len(incidents),
            unseen=unseen,
        )
        if unseen and not self.model.read_only:
            keys = {"A": key_of(KeyAction.ACKNOWLEDGE), "N": key_of(KeyAction.NOTE)}
            todo = tr("{A} acknowledges the selected one, {N} with a note", **keys)
            if self.marked:
                marked = len(self.marked)
                todo = tr("{A} acknowledges the {count} marked ones", count=marked, **keys)
            said = f"{said}; {todo}"
        strips = headed(said, width)
        if not incidents:
            return strips
        return [
            *strips,
            *self._in_full(width, now),
            row([("─" * width, look.BORDER)], width, look.PLAIN),
        ]

    def _in_full(self, width: int, now: float) -> list[Strip]:
        """As many lines as it needs, up to a bound: the rows move with the selection alone."""
        incident = self.incident
        if incident is None:
            return [_blank(width)] * _IN_FULL
        strips = wrapped(inert(", ".join(incident.names)), width, _MET, look.BRIGHT)
        strips += wrapped(_what(incident), width, _HAPPENED, look.PLAIN)
        if incident.done:
            done = f"→ {inert(retold(incident.done))}"
            strips += wrapped(done, width, _DONE, look.PLAIN)
        if incident.told:
            failed = any(each.ok is False for each in incident.told)
            style = look.TROUBLE if failed else look.PLAIN
            strips += wrapped(_told(incident.told, now), width, _TOLD, style)
        if said := _said(incident):
            strips += wrapped(said, width, _SAID, look.MARKED)
        return [*strips, *[_blank(width)] * (_IN_FULL - len(strips))]

    def empty(self, width: int) -> list[Strip]:
        said = tr("Nothing happened in the last 7 days.")
        return [row([(f" {said}", look.OK)], width, look.PLAIN)]

    def spans(self, key: str, width: int, now: float) -> list[Span]:
        incident = next(each for each in self.model.incidents if str(each.id) == key)
        seen = incident.acknowledged_at is not None
        style = look.FAINT if seen else look.TROUBLE if incident.is_serious else look.PLAIN
        done = f" → {inert(retold(incident.done))}" if incident.done else ""
        return [
            ("✓ ", look.MARKED) if key in self.marked else ("  " if seen else "! ", style),
            (cell(since(incident.began_at, now), _WHEN), look.FAINT),
            (cell(inert(_who(incident)), _WHO), look.BRIGHT),
            (_what(incident), style),
            (done, look.FAINT),
        ]


def _who(incident: IncidentView) -> str:
    """Whom it met: the one instance, or how many of the fleet."""
    if len(incident.names) == 1:
        return incident.names[0]
    if not incident.names:
        return tr("this machine")
    return tr("{done} of {total}", done=len(incident.names), total=incident.fleet)


def _what(incident: IncidentView) -> str:
    """What happened, with its code and the evidence."""
    sentence = tr(incident.reason.sentence)
    said = f"{sentence} ({incident.reason.code})" if incident.reason.code else sentence
    evidence = inert(told_detail(incident.detail))
    return f"{said}: {evidence}" if evidence else said


def _said(incident: IncidentView) -> str:
    """Who has acknowledged it, and what they had to say; "" for nobody that is known."""
    who, note = inert(incident.acknowledged_by), inert(incident.note)
    if not who and not note:
        return ""
    by = tr("by {who}", who=who or "?")
    return f"{by}: {note}" if note else by


def _told(told: Sequence[ToldTo], now: float) -> str:
    """Which sinks were told, when, and whether that arrived; what did not arrive first."""
    ordered = sorted(told, key=lambda each: each.ok is not False)
    return tr("told: {sinks}", sinks="; ".join(_arrived(each, now) for each in ordered))


def _arrived(told: ToldTo, now: float) -> str:
    sink, when = inert(told.sink), since(told.at, now)
    if told.ok:
        return f"{sink} {when}"
    if told.ok is None:
        return tr("{sink} not yet, tried since {when}", sink=sink, when=when)
    return tr("{sink} failed, given up {when}", sink=sink, when=when)


def _blank(width: int) -> Strip:
    return row((), width, look.PLAIN)
