"""The one sentence that the screens show."""

from collections.abc import Callable

from waziterm.tui.app.contained import ContainedApp
from waziterm.tui.screens.base import FleetScreen
from waziterm.tui.state.messages import Message, Mood


class NewestMessage:
    """Shows the newest sentence on the app's screens until it is over. clock: UTC seconds."""

    def __init__(self, app: ContainedApp, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._message: Message | None = None

    def tell(self, mood: Mood, text: str) -> None:
        """Say one sentence to the operator, if the screen is still there."""
        if not self._app.over.is_set():
            self._show(Message.say(mood, text, self._clock()))

    def take_away(self) -> None:
        """Take it off the screen if it is over."""
        if self._message is not None and self._message.is_over(self._clock()):
            self._show(None)

    def _show(self, message: Message | None) -> None:
        self._message = message
        for screen in self._app.screen_stack:
            if isinstance(screen, FleetScreen) and screen.is_mounted:
                screen.show_message(message)
