"""The one sentence that the screens show, and those before it."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from waziterm.tui.app.contained import ContainedApp
from waziterm.tui.screens.base import FleetScreen
from waziterm.tui.state.messages import Message, Mood
from waziterm.tui.state.model import FleetModel

KEPT = 100
"""So many sentences can be read again."""


class NewestMessage:
    """Shows the newest sentence on the app's screens until it is over. clock: UTC seconds."""

    def __init__(self, app: ContainedApp, model: FleetModel, clock: Callable[[], float]) -> None:
        self._app = app
        self._model = model
        self._clock = clock
        self._message: Message | None = None
        self._said: deque[Message] = deque(maxlen=KEPT)

    @property
    def said(self) -> Sequence[Message]:
        """What was said, oldest first."""
        return self._said

    def now(self) -> float:
        """The moment by which they are told: UTC seconds."""
        return self._clock()

    def tell(self, mood: Mood, text: str, about: Iterable[str] = ()) -> None:
        """Say one sentence to the operator, if the screen is still there. about: see `Message`."""
        if not self._app.over.is_set():
            message = Message.say(mood, text, self._clock(), about)
            self._said.append(message)
            self._show(message)

    def take_away(self) -> None:
        """Take it off the screen if it is over, or if what it tells of is."""
        shown = self._message
        if shown is not None and (shown.is_over(self._clock()) or shown.is_past(self._model.get)):
            self._show(None)

    def _show(self, message: Message | None) -> None:
        self._message = message
        for screen in self._app.screen_stack:
            if isinstance(screen, FleetScreen) and screen.is_mounted:
                screen.show_message(message)
