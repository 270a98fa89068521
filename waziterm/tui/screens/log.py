"""What the screens have in common that show a log: they scroll in it and look for a text."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from waziterm.domain.fleet.api import LogLine
from waziterm.lang import tr
from waziterm.tui.instance.log_window import LogWindow
from waziterm.tui.paint.cells import inert
from waziterm.tui.screens.base import FleetScreen
from waziterm.tui.screens.field import Field
from waziterm.tui.state.here import Move
from waziterm.tui.state.messages import Mood
from waziterm.tui.state.model import FleetModel


class SearchField(Field):
    """Where it is typed what to look for. esc clears it, whatever is bound to going back: another
    key could be one that is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "screen.leave_search", show=False)]


class LogScreen(FleetScreen):
    """A screen with a log in it. tell: says something to the operator."""

    AUTO_FOCUS = ""

    def __init__(
        self, model: FleetModel, clock: Callable[[], float], tell: Callable[[Mood, str], None]
    ) -> None:
        super().__init__(model, clock)
        self._tell = tell
        self._field = SearchField(id="search", compact=True)

    @property
    @abstractmethod
    def window(self) -> LogWindow:
        """What is seen of the log."""

    @abstractmethod
    def lines(self) -> Sequence[LogLine]:
        """The log, oldest first."""

    @abstractmethod
    def back(self) -> None:
        """Back from a search, a code or a log, then to what was shown before."""

    @abstractmethod
    def copy(self) -> None:
        """Copy the code that is shown, else a log line."""

    @abstractmethod
    def show_whose(self) -> None:
        """Show the instance that a line belongs to."""

    @abstractmethod
    def show_lines(self) -> None:
        """Show the log where something else is shown in its place."""

    def compose(self) -> ComposeResult:
        self._field.display = False
        yield self.header
        yield self.body()
        yield self._field
        yield self.message
        yield self.footer

    @property
    def searches(self) -> bool:
        """Whether it is being typed what to look for."""
        return self._field.display

    # -- keys

    def follow(self) -> None:
        self.window.follow(self.lines(), on=not self.window.following)
        self.repaint()

    def wrap(self) -> None:
        """Long log lines on several rows, or cut."""
        self.window.wrapped = not self.window.wrapped
        self.repaint()

    def scroll_log(self, to: Move) -> None:
        self.window.scroll(to, self.lines())
        self.repaint()

    def copy_line(self, whose: str) -> None:
        """Copy the line that was found, else the newest that is shown. whose: before the answer."""
        line = self.window.current(self.lines())
        if line is None:
            self._tell(Mood.REFUSED, tr("there is nothing to copy yet"))
            return
        what = tr("the lowest shown log line")
        if self.window.following:
            what = tr("the newest log line")
        elif line is not self.window.bottom(self.lines()):
            what = tr("the line that was found")
        self.copied(inert(line.text), what, whose)

    def copied(self, text: str, what: str, whose: str) -> None:
        """Copy something through the terminal (OSC 52), and say so."""
        self.app.copy_to_clipboard(text)
        self._tell(Mood.DONE, tr("{name}: copied {what}", name=inert(whose), what=what))

    # -- searching

    def search(self) -> None:
        """Type what to look for; the newest line that has it is shown while it is typed."""
        self.show_lines()
        self.window.begin_search()
        self._field.display = True
        self._field.placeholder = tr("a text in the log")
        self._field.value = self.window.pattern
        self._field.focus()
        self.repaint()

    @on(Input.Changed, "#search")
    def _typed(self, event: Input.Changed) -> None:
        if self.searches:
            self.window.look_for(event.value, self.lines())
            self.repaint()

    def action_enter(self) -> None:
        """Keep what is looked for."""
        self._close_field()
        if self.window.pattern and not self.window.find(self.lines(), 0):
            self._say_none()

    def action_leave_search(self) -> None:
        self.window.forget()
        self._close_field()

    def _close_field(self) -> None:
        self._field.display = False
        self.set_focus(None)
        self.repaint()

    def find(self, step: int) -> None:
        """Go to the next line that has what is looked for. step: see `LogWindow.find`."""
        if not self.window.pattern:
            self.search()
        elif self.window.find(self.lines(), step):
            self.repaint()
        else:
            self._say_none()

    def _say_none(self) -> None:
        pattern = inert(self.window.pattern, 60)
        said = tr("no line has {pattern}", pattern=pattern)
        if self.window.is_at_match(self.lines()):
            said = tr("no more lines with {pattern} in this direction", pattern=pattern)
        self._tell(Mood.REFUSED, said)

    def leaves_search(self) -> bool:
        """Look for nothing any more; whether something was looked for."""
        if not self.window.pattern:
            return False
        self.action_leave_search()
        return True
