"""The messages out: to whom, how far each has come, and which wait for a person. No text of one is
here."""

from collections.abc import Callable, Mapping

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.messages.message import MessageState, MessageView
from waziterm.domain.screen import KeyAction
from waziterm.lang import tr, trn
from waziterm.tui.fleet.rows import MarkedRows
from waziterm.tui.instance.card import wrapped
from waziterm.tui.paint import look
from waziterm.tui.paint.cells import Span, cell, inert, row
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.format import since
from waziterm.tui.text.keynames import key_of
from waziterm.tui.text.of_messages import KINDS, state_word, whom, why

_WHEN, _WHO, _TO, _STATE, _DUE = 15, 20, 18, 15, 15
_WHO_NARROW, _WHEN_NARROW = 12, 9
_NARROW = 110
"""Below so many cells names and moments are cut to let stand why it waits."""
_IN_FULL = 3
"""Lines for the selected one."""
_SIGNS: Mapping[MessageState, tuple[str, Style]] = {
    MessageState.QUEUED: ("◌", look.MARKED),
    MessageState.SENDING: ("◐", look.MARKED),
    MessageState.SENT: ("✓", look.PLAIN),
    MessageState.DELIVERED: ("✓", look.OK),
    MessageState.READ: ("●", look.OK),
    MessageState.FAILED: ("✖", look.TROUBLE),
    MessageState.UNKNOWN: ("?", look.TROUBLE),
    MessageState.EXPIRED: ("⊘", look.WARNING),
    MessageState.CANCELLED: ("○", look.FAINT),
}


class Messages(MarkedRows):
    """One row per message, the newest first; those that wait for a person stand out.

    pattern: what was typed after `/`, see `domain.fleet.query`.
    """

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(model, clock, id="messages")
        self.pattern = ""
        self._known: Mapping[str, MessageView] = {}
        self._known_for: tuple[object, ...] = ()

    @property
    def hides(self) -> bool:
        """Whether the filter may leave some out."""
        return bool(self.pattern.strip("! "))

    def _shown(self) -> Mapping[str, MessageView]:
        """Those that are shown, by id."""
        key = (self.model.messages, self.pattern, int(self.clock() // 60))
        if key[1:] != self._known_for[1:] or key[0] is not self._known_for[0]:
            found = list(self.model.messages or ())
            if self.pattern:
                from waziterm.tui.state.filtering import fitting_messages  # noqa: PLC0415 - not before it is typed

                found = fitting_messages(self.pattern, found, self.model.get, self.clock())
            self._known = {each.id: each for each in found}
            self._known_for = key
            self.marked &= self._known.keys()
        return self._known

    def keys(self) -> list[str]:
        return list(self._shown())

    @property
    def message(self) -> MessageView | None:
        """The selected one."""
        return self._shown().get(self._chosen or "")

    @property
    def meant(self) -> list[MessageView]:
        """Those that a key acts on: the marked ones, else the selected one."""
        shown = self._shown()
        return [shown[key] for key in self.meant_keys]

    def waiting(self) -> set[str]:
        """Those that wait for a person."""
        return {each.id for each in self._shown().values() if each.waits_for_person}

    @property
    def target(self) -> str | None:
        """The instance that sends the selected one, as long as there is one."""
        view = None if self.message is None else self.model.get(self.message.instance)
        return None if view is None else view.name

    # -- painting

    def head(self, width: int, now: float) -> list[Strip]:
        """How many there are; below, the selected one in full. Nothing where `empty` says it."""
        shown = self._shown()
        if not shown:
            return []
        unresolved = sum(each.waits_for_person for each in shown.values())
        said = trn("{n} message", "{n} messages", len(shown))
        if unresolved:
            said += ", " + trn("{n} waits for you", "{n} wait for you", unresolved)
        if self.hides:
            total = len(self.model.messages or ())
            said = tr("{shown} of {total} filtered", shown=said, total=total)
        if not self.model.read_only:
            said = f"{said}; {self._todo()}"
        strips = [*wrapped(said, width, 1, look.FAINT), row((), width, look.PLAIN)]
        message = self.message
        told = [] if message is None else self._in_full(message, width, now)
        blank = [row((), width, look.PLAIN)] * (_IN_FULL - len(told))
        return [*strips, *told, *blank, row([("─" * width, look.BORDER)], width, look.PLAIN)]

    def _todo(self) -> str:
        keys = {
            "S": key_of(KeyAction.RESEND_MESSAGE),
            "D": key_of(KeyAction.CLOSE_MESSAGE),
            "X": key_of(KeyAction.CANCEL_MESSAGE),
        }
        if self.marked:
            return tr(
                "{count} marked: {S} sends again, {D} closes, {X} cancels",
                count=len(self.marked),
                **keys,
            )
        return tr("{S} sends again, {D} closes, {X} cancels", **keys)

    def _in_full(self, message: MessageView, width: int, now: float) -> list[Strip]:
        about = (
            message.id,
            message.instance,
            tr("to {whom}", whom=whom(message)),
            tr(KINDS[message.kind]),
            message.ref,
        )
        _, style = _SIGNS[message.state]
        said = (state_word(message.state), why(message))
        return [
            *wrapped(" · ".join(inert(each) for each in about if each), width, 1, look.BRIGHT),
            *wrapped(": ".join(each for each in said if each), width, 1, style),
            *wrapped(_course(message, now), width, 1, look.FAINT),
        ]

    def empty(self, width: int) -> list[Strip]:
        said = tr("No message was sent from here yet; {m} writes one.", m=_key())
        if self.model.messages is None:
            said = tr("The messages are being read …")
        elif self.hides:
            said = tr("Nothing matches the filter; {esc} clears it.", esc=key_of(KeyAction.BACK))
        return [row([(f" {said}", look.PLAIN)], width, look.PLAIN)]

    def spans(self, key: str, width: int, now: float) -> list[Span]:
        message = self._shown().get(key)
        if message is None:
            return []
        glyph, style = _SIGNS[message.state]
        mark = ("✓ ", look.MARKED) if key in self.marked else ("! ", look.TROUBLE)
        is_plain = key not in self.marked and not message.waits_for_person
        narrow = width < _NARROW
        due = "" if message.due is None else f"{tr('due')} {since(message.due, now)}"
        return [
            ("  ", look.PLAIN) if is_plain else mark,
            (cell(since(message.at, now), _WHEN_NARROW if narrow else _WHEN), look.FAINT),
            (cell(inert(message.instance), _WHO_NARROW if narrow else _WHO), look.BRIGHT),
            (cell(whom(message), _TO), look.PLAIN),
            (cell(f"{glyph} {state_word(message.state)}", _STATE), style),
            *([] if narrow else [(cell(due, _DUE), look.FAINT)]),
            (why(message), style if message.waits_for_person else look.FAINT),
        ]


def _course(message: MessageView, now: float) -> str:
    """When what happened to it."""
    told = (
        (tr("taken"), message.at),
        (tr("due"), message.due),
        (tr("sent"), message.sent_at),
        (tr("delivered"), message.delivered_at),
        (tr("read"), message.read_at),
    )
    said = [f"{word} {since(at, now)}" for word, at in told if at is not None]
    if message.tries > 1:
        said.append(trn("tried {n} time", "tried {n} times", message.tries))
    return " · ".join(said)


def _key() -> str:
    return key_of(KeyAction.WRITE_MESSAGE)
