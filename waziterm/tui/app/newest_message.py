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
    """Shows the newest sentence on the app's screens until it is over, with the count of the others
    that still hold: troubles of instances that are not well again. clock: UTC seconds."""

    def __init__(self, app: ContainedApp, model: FleetModel, clock: Callable[[], float]) -> None:
        self._app = app
        self._model = model
        self._clock = clock
        self._holding: list[Message] = []
        self._said: deque[Message] = deque(maxlen=KEPT)

    @property
    def said(self) -> Sequence[Message]:
        """What was said, oldest first."""
        return self._said

    def tell(self, mood: Mood, text: str, about: Iterable[str] = ()) -> None:
        """Say one sentence to the operator, if the screen is still there. about: see `Message`."""
        if not self._app.over.is_set():
            message = Message.say(mood, text, self._clock(), about)
            self._said.append(message)
            self._keep([*(each for each in self._holding if each.about != message.about), message])

    def take_away(self) -> None:
        """Take off the screen what is over."""
        self._keep(self._holding)

    def go_on(self) -> None:
        """A key is pressed: what an earlier one was refused with is over."""
        self._keep([each for each in self._holding if each.mood is not Mood.REFUSED])

    def _keep(self, messages: Sequence[Message]) -> None:
        """Show the last of these that holds. Of those before it only troubles of instances do: any
        other one is answered by what came after it."""
        now, before = self._clock(), self._holding
        self._holding = [
            each
            for each in messages
            if (each.about or each is messages[-1])
            and not each.is_over(now)
            and not each.is_past(self._model.get)
        ]
        if self._holding == before:
            return
        shown = self._holding[-1] if self._holding else None
        for screen in self._app.screen_stack:
            if isinstance(screen, FleetScreen) and screen.is_mounted:
                screen.show_message(shown, len(self._holding) - 1 if self._holding else 0)
