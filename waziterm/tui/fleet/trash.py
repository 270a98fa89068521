"""What lies in the trash: sessions out of use, and until when each can come back."""

from collections.abc import Callable

from textual.strip import Strip

from waziterm.domain.care.trash import EXPIRES_SOON_S, TrashView, Why
from waziterm.domain.screen import KeyAction
from waziterm.lang import tr, trn
from waziterm.tui.fleet.rows import Rows, headed
from waziterm.tui.instance.card import wrapped
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, cell, inert, row
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.format import day, duration, since
from waziterm.tui.text.keynames import key_of
from waziterm.tui.text.words import HOW

_WHEN, _WHO, _HOW, _LINKED = 18, 22, 20, 16
_WHO_NARROW, _HOW_NARROW, _LINKED_NARROW = 14, 12, 11
_NARROW = 100
"""Below so many cells all is cut to let stand until when it is kept."""
_FILES = 3
"""Lines for the selected one."""


class Trash(Rows):
    """One row per entry, the newest first. What has no keys any more is faint."""

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(model, clock, id="trash")

    def keys(self) -> list[str]:
        return [entry.id for entry in self.model.trash or ()]

    @property
    def entry(self) -> TrashView | None:
        """The selected one."""
        return next((each for each in self.model.trash or () if each.id == self._chosen), None)

    @property
    def target(self) -> str | None:
        """None: an instance that has the name of an entry may be another one."""
        return None

    def head(self, width: int, now: float) -> list[Strip]:
        """How many there are; below, the selected one in full. Nothing where `empty` says it."""
        entries = self.model.trash
        if not entries:
            return []
        said = trn("{n} entry in the trash", "{n} entries in the trash", len(entries))
        if not self.model.read_only:
            todo = tr("{u} restores the selected one; it asks first", u=key_of(KeyAction.UNDO))
            said = f"{said}; {todo}"
        strips = headed(said, width)
        entry = self.entry
        if entry is None:
            return strips
        told = self._in_full(entry, width)
        blank = [row((), width, look.PLAIN)] * (_FILES - len(told))
        return [*strips, *told, *blank, row([("─" * width, look.BORDER)], width, look.PLAIN)]

    def _in_full(self, entry: TrashView, width: int) -> list[Strip]:
        size = sum(each.size for each in entry.files)
        files = ", ".join(inert(each.name) for each in entry.files)
        told = tr("{files}, {size} kB", files=files, size=-(-size // 1000))
        what = tr(
            "it was {how}; restoring it brings back the instance and its session",
            how=tr(HOW[entry.why]),
        )
        if not entry.restorable:
            what = tr("its keys are gone, so it cannot be restored")
        elif entry.why is Why.COPY:
            what = tr("a copy that a fix made: the keys of messages since then are lost with it")
        return [
            *wrapped(f"{inert(entry.instance)} · {inert(entry.id)}", width, 1, look.BRIGHT),
            *wrapped(what, width, 1, look.PLAIN),
            *wrapped(told, width, 1, look.FAINT),
        ]

    def empty(self, width: int) -> list[Strip]:
        said = tr("The trash is empty.")
        if self.model.trash is None:
            said = tr("The trash is being read …")
        return [row([(f" {said}", look.PLAIN)], width, look.PLAIN)]

    def spans(self, key: str, width: int, now: float) -> list[Span]:
        entry = next(each for each in self.model.trash or () if each.id == key)
        style = look.PLAIN if entry.restorable else look.FAINT
        who, how, is_linked = _WHO, _HOW, _LINKED
        if width < _NARROW:
            who, how, is_linked = _WHO_NARROW, _HOW_NARROW, _LINKED_NARROW
        linked = tr("linked") if entry.paired else tr("not linked")
        return [
            (" ", style),
            (cell(since(entry.at, now), _WHEN), look.FAINT),
            (cell(inert(entry.instance), who), look.BRIGHT if entry.restorable else look.FAINT),
            (cell(tr(HOW[entry.why]), how), style),
            (cell(linked if entry.restorable else tr("no keys"), is_linked), style),
            *_ends(entry, now),
        ]


def _ends(entry: TrashView, now: float) -> list[Span]:
    """When it is deleted for good."""
    if entry.expires_at is None:
        return [(tr("kept"), look.FAINT)]
    left = entry.expires_at - now
    if left <= 0:
        return [(tr("expired"), look.WARNING)]
    said = tr("until {day}, {left} left", day=day(entry.expires_at, now), left=duration(left))
    return [(said, look.WARNING if left < EXPIRES_SOON_S else look.FAINT)]
