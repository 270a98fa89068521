"""The lines above and below: the fleet in figures, the newest message, the keys that work here."""

from collections.abc import Callable

from rich.style import Style
from textual.strip import Strip

from waziterm.domain.fleet import InstanceView
from waziterm.domain.states import State
from waziterm.tui import look
from waziterm.tui.canvas import Canvas
from waziterm.tui.format import clock, percent
from waziterm.tui.keys import Place, keys_of, useful
from waziterm.tui.messages import Message, Mood
from waziterm.tui.model import FleetModel
from waziterm.tui.paint import Span, row, spread, width_of, wrap

MESSAGE_LINES = 3

_MOODS: dict[Mood, Style] = {
    Mood.TAKEN: look.MARKED,
    Mood.DONE: look.OK,
    Mood.TROUBLE: look.TROUBLE,
}


def header(model: FleetModel, now: float, width: int) -> Strip:
    """Counts per state, success rate, badges and clock; words go first where space is short."""
    clock_span: Span = (f" {clock(now)} ", look.BAR)
    lab: list[Span] = [(" LAB ", look.LAB), (" ", look.BAR)] if model.lab else []
    if model.read_only:
        lab = [(" READ-ONLY ", look.LAB), (" ", look.BAR), *lab]
    unseen: list[Span] = (
        [(f" ! {model.unseen} ", look.ALARM), (" ", look.BAR)] if model.unseen else []
    )
    outdated: list[Span] = (
        [(" OUTDATED ", look.ALARM), (" ", look.BAR)] if model.counts()[State.OUTDATED] else []
    )
    badge = [*unseen, *outdated, *lab]
    rate: Span = (f"success {percent(model.attempts_ok, model.attempts)}  ", look.BAR_FAINT)
    title: list[Span] = [(" waziterm ", look.BAR_BRIGHT), (_how_many(model), look.BAR_FAINT)]
    wide = _counts(model, with_words=True)
    short = _counts(model, with_words=False)
    name = title[0]
    # What a filter hides must not be forgotten, so that is said before all else.
    always: list[Span] = [(f" {told} ", look.BAR_BRIGHT)] if (told := _hidden(model)) else []
    variants: tuple[tuple[list[Span], list[Span]], ...] = (
        ([*title, *wide], [rate, *badge, clock_span]),
        ([name, *always, *wide], [rate, *badge, clock_span]),
        ([name, *always, *wide], [*badge, clock_span]),
        ([*title, *short], [rate, *badge, clock_span]),
        ([*title, *short], [*badge, clock_span]),
        ([name, *always, *short], [*badge, clock_span]),
        ([*always, *short], [*badge, clock_span]),
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


def _hidden(model: FleetModel) -> str:
    """What an operator must not forget: that not all are shown, that some are marked."""
    told = []
    if model.arrangement.hides:
        what = "troubled" if model.arrangement.troubled else "filtered"
        told.append(f"{len(model.shown)} of {len(model.names)} {what}")
    if model.marked:
        told.append(f"{len(model.marked)} marked")
    return ", ".join(told)


def _how_many(model: FleetModel) -> str:
    total = len(model.names)
    many = f"{total} {'instance' if total == 1 else 'instances'}"
    hidden = _hidden(model)
    return f" {many}: {hidden} " if hidden else f" {many} "


def _counts(model: FleetModel, *, with_words: bool) -> list[Span]:
    counts = model.counts()
    spans: list[Span] = []
    for state, sign in look.SIGNS.items():
        if counts[state]:
            word = f" {state.label}" if with_words else ""
            spans.append((f" {sign.glyph} ", sign.bar))
            spans.append((f"{counts[state]}{word} ", look.BAR))
    return spans


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

    def __init__(
        self, place: Place, target: Callable[[], InstanceView | None], clock: Callable[[], float]
    ) -> None:
        super().__init__(id="footer")
        self._place = place
        self._target = target
        self._clock = clock

    def paint(self, width: int, height: int) -> list[Strip]:
        return [
            footer(useful(keys_of(self.app), self._place, self._target(), self._clock()), width)
        ]


class MessageLine(Canvas):
    """The newest message; as many lines as it needs, up to three."""

    def __init__(self) -> None:
        super().__init__(id="message")
        self._message: Message | None = None

    def show(self, message: Message | None) -> None:
        """Show another message, or none."""
        if message is not self._message:
            self._message = message
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
        if self._message is None:
            return []
        return wrap(self._message.text, width - 4, MESSAGE_LINES)

    def paint(self, width: int, height: int) -> list[Strip]:
        lines = self._lines(width)[:height]
        if self._message is None or not lines:
            return [row((), width, look.PLAIN)]
        mood = self._message.mood
        style = look.PLAIN if mood is not Mood.TROUBLE else look.TROUBLE
        first: list[Span] = [(f" {mood.glyph} ", _MOODS[mood]), (lines[0], style)]
        rest = [row([(f"   {line}", style)], width, look.PLAIN) for line in lines[1:]]
        return [row(first, width, look.PLAIN), *rest]
