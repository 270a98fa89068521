"""What the wall's and the focus's screens have in common: bars, the newest message, one repaint."""

from abc import abstractmethod
from collections.abc import Callable

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from waziterm.domain.fleet.api import InstanceView
from waziterm.domain.screen import Place
from waziterm.tui.fleet.bars import Footer, Header, MessageLine
from waziterm.tui.state.here import Here
from waziterm.tui.state.messages import Message
from waziterm.tui.state.model import FleetModel


class FleetScreen(Screen[None]):
    """A screen of the fleet. Everything on it is painted by `repaint`, and only what changed."""

    place: Place

    def __init__(self, model: FleetModel, clock: Callable[[], float]) -> None:
        super().__init__()
        self.model = model
        self.clock = clock
        self.header = Header(model, clock, self.here)
        self.message = MessageLine(model)
        self.footer = Footer(self.here)
        self._faded = False

    @property
    @abstractmethod
    def target(self) -> str | None:
        """The instance that a key acts on."""

    @abstractmethod
    def here(self) -> Here:
        """Where the operator is, for the footer."""

    @abstractmethod
    def body(self) -> Widget:
        """The widget between the bars."""

    @abstractmethod
    def repaint_body(self) -> None:
        """Paint what changed between the bars."""

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.body()
        yield self.message
        yield self.footer

    def on_screen_resume(self) -> None:
        """While another screen was over it, nothing was painted here."""
        self.repaint()

    def repaint(self) -> None:
        """Paint what changed."""
        if self._faded is (self.model.as_of is None):
            self._faded = not self._faded
            for widget in self.query("*"):
                widget.refresh()
        self.header.repaint()
        self.repaint_body()
        self.message.look()
        self.footer.repaint()

    def make_room(self, rows: int) -> None:
        """Give the bars' rows to a QR code that does not fit otherwise. rows: those it needs."""
        have = self.size.height
        need = rows if rows <= have else 0
        for spared, bar in ((3, self.header), (2, self.message), (1, self.footer)):
            bar.display = need <= have - spared

    def show_message(self, message: Message | None, more: int) -> None:
        """more: how many others still hold."""
        self.message.show(message, more)

    def view(self) -> InstanceView | None:
        """The instance that a key acts on, as it is now."""
        return self.model.get(self.target)
