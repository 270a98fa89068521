"""The lines above and below: the fleet in figures, the newest message, the keys that work here."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.lifecycle.states import State
from waziterm.domain.screen import KeyAction
from waziterm.lang import N_, tr, trn
from waziterm.tui.commands.keys import keys_of, useful
from waziterm.tui.fleet.queue import waits
from waziterm.tui.paint import look
from waziterm.tui.paint.canvas import Canvas
from waziterm.tui.paint.cells import Span, inert, row, spread, width_of, wrap
from waziterm.tui.state.arrange import WORST
from waziterm.tui.state.here import Here, Home, View
from waziterm.tui.state.messages import Message, Mood
from waziterm.tui.state.model import FleetModel
from waziterm.tui.text.format import clock, clock_of_day, share
from waziterm.tui.text.keynames import key_of
from waziterm.tui.text.words import note_line

MESSAGE_LINES = 3
CLOCK_FROM = 100
"""From so many columns on the header has the clock, whatever else has to go."""
_DIRECTORY = 40
"""Cells for the data directory."""
_VIEWS: Mapping[View, tuple[KeyAction, str]] = {
    View.WALL: (KeyAction.VIEW_WALL, N_("wall")),
    View.LIST: (KeyAction.VIEW_LIST, N_("list")),
    View.INCIDENTS: (KeyAction.VIEW_INCIDENTS, N_("incidents")),
    View.QUEUE: (KeyAction.VIEW_QUEUE, N_("scans")),
    View.TRASH: (KeyAction.VIEW_TRASH, N_("trash")),
    View.AUDIT: (KeyAction.VIEW_AUDIT, N_("audit")),
    View.MESSAGES: (KeyAction.VIEW_MESSAGES, N_("messages")),
}
"""The key and the word of each view."""
_KEPT_OPEN = (View.WALL, View.LIST, View.INCIDENTS, View.QUEUE, View.MESSAGES)
"""Those that an operator keeps open."""
_NEWS = (View.INCIDENTS, View.QUEUE, View.MESSAGES)
"""The views in which something may wait for the operator."""

_MOODS: dict[Mood, Style] = {
    Mood.TAKEN: look.MARKED,
    Mood.DONE: look.OK,
    Mood.REFUSED: look.TROUBLE,
    Mood.TROUBLE: look.TROUBLE,
}


def header(model: FleetModel, now: float, width: int, view: View | None = None) -> Strip:
    """Whose fleet it is, counts per state, the day's uptime, the views with their keys, badges and
    clock. view: the one that is shown.

    Where space is short one thing after the other goes, so that a wider line never says less. The
    words of the states stay longest, because a glyph alone must be known; then those of the states
    in trouble, the worst at last; from CLOCK_FROM columns on the clock stays longer than they. Two
    things never touch: between them is a blank of the bar.
    """
    if model.as_of is not None:
        return _silent(model, model.as_of, width)
    for left, right in _variants(model, now, view, clocked=width >= CLOCK_FROM):
        taken = sum(width_of(text) for text, _ in (*left, *right))
        if taken + _apart(left, right) <= width:
            break
    return spread(left, right, width, look.BAR)


_Spans = list[Span]


def _apart(left: _Spans, right: _Spans) -> int:
    """Blanks between both halves: with those at their ends two, which set things apart from words
    that belong together."""
    if not left or not right:
        return 0
    return 1 if left[-1][0].endswith(" ") or right[0][0].startswith(" ") else 2


def _variants(
    model: FleetModel, now: float, view: View | None, *, clocked: bool
) -> Iterator[tuple[_Spans, _Spans]]:
    """What stands left and right, each shorter than the one before it. clocked: the clock stays
    when words have to go."""
    name: _Spans = [(" waziterm ", look.BAR_BRIGHT)]
    where, place = _where(model.home, whole=True), _where(model.home, whole=False)
    total = trn("{n} instance", "{n} instances", len(model.names))
    many: _Spans = [(f" {total} ", look.BAR_FAINT)]
    # What a filter hides must not be forgotten, so that stays when all else goes.
    hidden: _Spans = [(f" {told} ", look.BAR_BRIGHT)] if (told := _hidden(model)) else []
    counts = _counts(model, _spaced_word)
    rate, clock_ = _uptime(model), [(f" {clock(now)} ", look.BAR)]
    every, views = _views(model, view, _VIEWS), _views(model, view, _KEPT_OPEN)
    news, unseen = _views(model, view, _NEWS), _unseen(model)
    kind = _badge(tr("READ-ONLY"), look.LAB) if model.read_only else []
    lab = [*kind, *(_badge("LAB", look.LAB) if model.lab else [])]
    outdated = _badge(tr("OUTDATED"), look.ALARM) if model.counts()[State.OUTDATED] else []
    badges = [*outdated, *lab]
    yield [*name, *where, *many, *hidden, *counts], [*rate, *every, *badges, *clock_]
    yield [*name, *place, *many, *hidden, *counts], [*rate, *every, *badges, *clock_]
    yield [*name, *many, *hidden, *counts], [*rate, *every, *badges, *clock_]
    yield [*name, *hidden, *counts], [*rate, *every, *badges, *clock_]
    yield [*hidden, *counts], [*rate, *every, *badges, *clock_]
    yield [*hidden, *counts], [*rate, *views, *badges, *clock_]
    counts = _counts(model, _close_word)
    yield [*hidden, *counts], [*rate, *views, *badges, *clock_]
    yield [*hidden, *counts], [*views, *badges, *clock_]
    yield [*hidden, *counts], [*news, *badges, *clock_]
    yield [*hidden, *counts], [*_view_keys(model, view), *badges, *clock_]
    yield [*hidden, *counts], [*unseen, *badges, *clock_]
    yield [*hidden, *counts], [*unseen, *lab, *clock_]
    clock_ = clock_ if clocked else []
    yield [*hidden, *counts], [*unseen, *lab, *clock_]
    counts = _counts(model, _word_of(WORST))
    yield [*hidden, *counts], [*_view_keys(model, view), *lab, *clock_]
    for kept in range(len(WORST), 0, -1):
        yield [*hidden, *_counts(model, _word_of(WORST[:kept]))], [*unseen, *lab, *clock_]
    counts = _counts(model, lambda _state: "")
    yield [*hidden, *counts], [*unseen, *lab, *clock_]
    yield [*hidden, *counts], [*unseen, *lab]
    yield [*hidden, *counts], lab
    yield counts, lab
    yield counts, []


def _where(home: Home | None, *, whole: bool) -> _Spans:
    """On which machine the fleet is, and by which data directory; whether it goes on without this
    screen. whole: else the machine alone."""
    if home is None:
        return []
    parts = [inert(home.host, 30)]
    if whole:
        parts.append(_tail_of(inert(home.data_dir), _DIRECTORY))
        parts += [tr("attached")] if home.attached else []
    return [(f" {' · '.join(parts)} ", look.BAR_FAINT)]


def _tail_of(path: str, most: int) -> str:
    """A path in so many cells at the most; where it is longer its end tells more."""
    while width_of(path) > most:
        path = f"…{path[2:]}" if path.startswith("…") else f"…{path[1:]}"
    return path


def _uptime(model: FleetModel) -> _Spans:
    """For how much of the last 24 hours the fleet was connected, of the time that it was to be."""
    if model.uptime is None:
        return []
    return [(f"{tr('24 h up {share}', share=share(model.uptime))}  ", look.BAR_FAINT)]


def _views(model: FleetModel, shown: View | None, which: Iterable[View]) -> _Spans:
    """Views with their keys, and how many wait in them."""
    spans: _Spans = []
    for view in _offered(model, shown, which):
        action, word = _VIEWS[view]
        spans += [
            (key_of(action), look.BAR_KEY),
            (f" {tr(word)}", look.BAR_BRIGHT if view is shown else look.BAR_FAINT),
        ]
        waiting = model.count(waits) if view is View.QUEUE else 0
        if waiting:
            spans.append((f" {waiting}", look.BAR_BRIGHT))
        spans += _waits_in(model, view)
        spans.append((" ", look.BAR))
    return [*spans, (" ", look.BAR)]


def _offered(model: FleetModel, shown: View | None, which: Iterable[View]) -> Iterable[View]:
    """Those of some views of which a header tells: a fleet that sends nothing has no messages."""
    return (
        each for each in which if each is not View.MESSAGES or each is shown or model.has_messages
    )


def _waits_in(model: FleetModel, view: View) -> _Spans:
    """How much in a view waits for the operator."""
    waiting = {View.INCIDENTS: model.unseen, View.MESSAGES: model.unresolved}.get(view, 0)
    return [(" ", look.BAR), (f" !{waiting} ", look.ALARM)] if waiting else []


def _view_keys(model: FleetModel, shown: View | None) -> _Spans:
    """The keys of all views, without their words; the one that is shown stands out."""
    spans: _Spans = []
    for view in _offered(model, shown, _VIEWS):
        action, _ = _VIEWS[view]
        spans.append((key_of(action), look.BAR_BRIGHT if view is shown else look.BAR_KEY))
        spans += _waits_in(model, view)
        spans.append((" ", look.BAR))
    return [*spans, (" ", look.BAR)]


def _unseen(model: FleetModel) -> _Spans:
    """How many incidents nobody has acknowledged, and how many messages are unknown, each after
    the key that shows them."""
    spans: _Spans = []
    for view, waiting in ((View.INCIDENTS, model.unseen), (View.MESSAGES, model.unresolved)):
        if waiting:
            spans.append((f"{key_of(_VIEWS[view][0])} ", look.BAR_KEY))
            spans += _badge(f"!{waiting}", look.ALARM)
    return spans


def _silent(model: FleetModel, as_of: float, width: int) -> Strip:
    """The header of a view without news: all of it red, and since when."""
    stopped = tr("as of {time}", time=clock_of_day(as_of))
    lab = [(" LAB ", look.LAB)] if model.lab else []
    right: list[Span] = [*lab, (f" {stopped} ", look.ALARM)]
    told = (
        f" waziterm  {tr('no manager answers: this is old data')} ",
        f" {tr('no manager answers: this is old data')} ",
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


def _word_of(states: Sequence[State]) -> Callable[[State], str]:
    """The words of these states alone."""
    return lambda state: _close_word(state) if state in states else ""


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

    def __init__(
        self, model: FleetModel, clock: Callable[[], float], here: Callable[[], Here]
    ) -> None:
        super().__init__(id="header")
        self._model = model
        self._clock = clock
        self._here = here

    def paint(self, width: int, height: int) -> list[Strip]:
        return [header(self._model, self._clock(), width, self._here().view)]


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
        self._more = 0
        self._note = ""

    def show(self, message: Message | None, more: int) -> None:
        """Show another message, or none. more: how many others still hold."""
        if message is not self._message or more != self._more:
            self._message, self._more = message, more
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
        if not self._more:
            return wrap(text, width - 4, MESSAGE_LINES) if text else []
        # A long one is cut before its count is.
        others = f" (+{self._more}: {key_of(KeyAction.SHOW_SAID)})"
        lines = wrap(text, width - 4 - width_of(others), MESSAGE_LINES) or [""]
        return [*lines[:-1], f"{lines[-1]}{others}"]

    def paint(self, width: int, height: int) -> list[Strip]:
        lines = self._lines(width)[:height]
        if not lines:
            return [row((), width, look.PLAIN)]
        if self._message is None:
            style = look.BRIGHT
            first: list[Span] = [(" » ", look.MARKED), (lines[0], style)]
        else:
            mood = self._message.mood
            style = look.TROUBLE if mood in (Mood.REFUSED, Mood.TROUBLE) else look.PLAIN
            first = [(f" {mood.glyph} ", _MOODS[mood]), (lines[0], style)]
        rest = [row([(f"   {line}", style)], width, look.PLAIN) for line in lines[1:]]
        return [row(first, width, look.PLAIN), *rest]


def _key() -> str:
    return key_of(KeyAction.NOTE)
