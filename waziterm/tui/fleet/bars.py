"""The lines above and below: the fleet in figures, the newest message, the keys that work here."""

from collections.abc import Callable

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import KeyAction
from waziterm.lang import tr, trn
from waziterm.tui.commands.keys import keys_of, useful
from waziterm.tui.paint import look
from waziterm.tui.paint.canvas import Canvas
from waziterm.tui.paint.cells import Span, row, spread, width_of, wrap
from waziterm.tui.state.here import Here
from waziterm.tui.state.messages import Message, Mood
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.format import clock, percent
from waziterm.tui.text.keynames import key_of
from waziterm.tui.text.words import note_line

MESSAGE_LINES = 3

_MOODS: dict[Mood, Style] = {
    Mood.TAKEN: look.MARKED,
    Mood.DONE: look.OK,
    Mood.TROUBLE: look.TROUBLE,
}


def header(model: FleetModel, now: float, width: int) -> Strip:
    """Counts per state, success rate, badges and clock.

    Where space is short the words of the states stay longest, because a glyph alone must be known;
    then those of the states in trouble.
    """
    if model.as_of is not None:
        return _silent(model, model.as_of, width)
    name: Span = (" waziterm ", look.BAR_BRIGHT)
    title: list[Span] = [name, (_how_many(model), look.BAR_FAINT)]
    # What a filter hides must not be forgotten, so that is said before all else.
    always: list[Span] = [(f" {told} ", look.BAR_BRIGHT)] if (told := _hidden(model)) else []
    share = percent(model.attempts_ok, model.attempts)
    rate: Span = (f"{tr('success {share}', share=share)}  ", look.BAR_FAINT)
    clock_span: Span = (f" {clock(now)} ", look.BAR)
    lab = _badge("LAB", look.LAB) if model.lab else []
    if model.read_only:
        lab = [*_badge(tr("READ-ONLY"), look.LAB), *lab]
    unseen = _badge(f"! {model.unseen}", look.ALARM) if model.unseen else []
    outdated = _badge(tr("OUTDATED"), look.ALARM) if model.counts()[State.OUTDATED] else []
    badges = [*unseen, *outdated, *lab]
    wide = _counts(model, _spaced_word)
    close = _counts(model, _close_word)
    troubled = _counts(model, _trouble_word)
    short = _counts(model, lambda _state: "")
    variants: tuple[tuple[list[Span], list[Span]], ...] = (
        ([*title, *wide], [rate, *badges, clock_span]),
        ([name, *always, *wide], [rate, *badges, clock_span]),
        ([name, *always, *wide], [*badges, clock_span]),
        ([name, *always, *close], [*badges, clock_span]),
        ([*always, *close], [*badges, clock_span]),
        ([*always, *close], [*unseen, *lab, clock_span]),
        ([*always, *close], [*unseen, *lab]),
        ([name, *always, *troubled], [*unseen, *lab, clock_span]),
        ([*always, *troubled], [*unseen, *lab, clock_span]),
        ([*always, *troubled], [*unseen, *lab]),
        ([name, *always, *short], [*badges, clock_span]),
        ([*always, *short], [*badges, clock_span]),
        ([*always, *short], [*unseen, *lab, clock_span]),
        ([*always, *short], [*unseen, *lab]),
        ([*always, *short], lab),
        (short, lab),
        (short, []),
    )
    for left, right in variants:
        if sum(width_of(text) for text, _ in (*left, *right)) <= width:
            return spread(left, right, width, look.BAR)
    return spread(*variants[-1], width, look.BAR)


def _silent(model: FleetModel, as_of: float, width: int) -> Strip:
    """The header of a view without news: all of it red, and since when."""
    stopped = tr("as of {time}", time=clock(as_of))
    lab = [(" LAB ", look.LAB)] if model.lab else []
    right: list[Span] = [*lab, (f" {stopped} ", look.ALARM)]
    told = (
        f" waziterm  {tr('no manager answers: nothing here is live')} ",
        f" {tr('no manager answers: nothing here is live')} ",
        f" {tr('no manager')} ",
    )
    for said in told:
        if width_of(said) + sum(width_of(text) for text, _ in right) <= width:
            return spread([(said, look.ALARM)], right, width, look.ALARM)
    return spread([(f" {stopped} ", look.ALARM)], [], width, look.ALARM)


def _badge(text: str, style: Style) -> list[Span]:
    return [(f" {text} ", style), (" ", look.BAR)]


def _hidden(model: FleetModel) -> str:
    """What an operator must not forget: that not all are shown, that some are marked."""
    told = []
    if model.arrangement.hides:
        shown, total = len(model.shown), len(model.names)
        if model.arrangement.troubled:
            told.append(tr("{shown} of {total} troubled", shown=shown, total=total))
        else:
            told.append(tr("{shown} of {total} filtered", shown=shown, total=total))
    if model.marked:
        told.append(tr("{count} marked", count=len(model.marked)))
    return ", ".join(told)


def _how_many(model: FleetModel) -> str:
    many = trn("{n} instance", "{n} instances", len(model.names))
    hidden = _hidden(model)
    return f" {many}: {hidden} " if hidden else f" {many} "


def _counts(model: FleetModel, word: Callable[[State], str]) -> list[Span]:
    """How many are in each state. word: what stands after the number, with its blanks."""
    counts = model.counts()
    spans: list[Span] = []
    for state, sign in look.SIGNS.items():
        if counts[state]:
            spans.append((f" {sign.glyph} ", sign.bar))
            spans.append((f"{counts[state]}{word(state) or ' '}", look.BAR))
    return spans


def _spaced_word(state: State) -> str:
    return f" {tr(state.label)} "


def _close_word(state: State) -> str:
    return f" {tr(state.label)}"


def _trouble_word(state: State) -> str:
    return f" {tr(state.label)}" if state.is_trouble else ""


def footer(keys: list[tuple[str, str]], width: int) -> Strip:
    """Keys and what they do; the last two, help and quit, stay where space is short."""
    items: list[list[Span]] = [
        [(f" {shown} ", look.BAR_KEY), (f"{label} ", look.BAR_FAINT)] for shown, label in keys
    ]
    sizes = [sum(width_of(text) for text, _ in item) for item in items]
    while len(items) > 2 and sum(sizes) > width:
        del items[-3], sizes[-3]
    return row([span for item in items for span in item], width, look.BAR)


class Header(Canvas):
    """The fleet in figures."""

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__(id="header")
        self._model = model
        self._clock = clock

    def paint(self, width: int, height: int) -> list[Strip]:
        return [header(self._model, self._clock(), width)]


class Footer(Canvas):
    """The keys that do something here."""

    def __init__(self, here: Callable[[], Here]) -> None:
        super().__init__(id="footer")
        self._here = here

    def paint(self, width: int, height: int) -> list[Strip]:
        return [footer(useful(keys_of(self.app), self._here()), width)]


class MessageLine(Canvas):
    """The newest message, or while there is none the newest note that somebody left; as many lines
    as it needs, up to three."""

    def __init__(self, model: FleetModel) -> None:
        super().__init__(id="message")
        self._model = model
        self._message: Message | None = None
        self._note = ""

    def show(self, message: Message | None) -> None:
        """Show another message, or none."""
        if message is not self._message:
            self._message = message
            self._fit()
            self.repaint()

    def look(self) -> None:
        """Show the note that is the newest now."""
        notes = self._model.notes
        told = note_line(notes[-1]) if notes else ""
        if len(notes) > 1:
            told += " " + trn("({n} more: {N})", "({n} more: {N})", len(notes) - 1, N=_key())
        elif notes:
            told += f" ({_key()})"
        if told != self._note:
            self._note = told
            self._fit()
            self.repaint()

    def on_resize(self) -> None:
        self._fit()
        super().on_resize()

    def _fit(self) -> None:
        lines = max(1, len(self._lines(self.size.width)))
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines

    def _lines(self, width: int) -> list[str]:
        text = self._note if self._message is None else self._message.text
        return wrap(text, width - 4, MESSAGE_LINES) if text else []

    def paint(self, width: int, height: int) -> list[Strip]:
        lines = self._lines(width)[:height]
        if not lines:
            return [row((), width, look.PLAIN)]
        if self._message is None:
            style = look.BRIGHT
            first: list[Span] = [(" » ", look.MARKED), (lines[0], style)]
        else:
            mood = self._message.mood
            style = look.PLAIN if mood is not Mood.TROUBLE else look.TROUBLE
            first = [(f" {mood.glyph} ", _MOODS[mood]), (lines[0], style)]
        rest = [row([(f"   {line}", style)], width, look.PLAIN) for line in lines[1:]]
        return [row(first, width, look.PLAIN), *rest]


def _key() -> str:
    return key_of(KeyAction.NOTE)
