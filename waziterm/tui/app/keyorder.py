"""Keys in their order: what one of them opens is open before the next one is read.

Textual passes a key on to what has the focus when it arrives, and carries out its binding some
steps later. Keys that come in one burst, as over a slow connection, would all go to the old
screen: `/shop` would begin a filter, and stop an instance with its `s`.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from textual import events
from textual.driver import Driver
from textual.message_pump import MessagePump

from waziterm.tui.app.contained import ContainedApp
from waziterm.tui.textual_private import parent_of

AT_ONCE = frozenset({"ctrl+c", "ctrl+q"})
"""Keys that leave; they wait for nothing."""
PATIENCE_S = 2.0
"""How long a key may keep the next one waiting: who handled it may be gone by then."""
MOST_WAITING = 512
"""Keys that wait for their turn. Nobody types so far ahead: the oldest are lost then."""


class OrderedKeysApp(ContainedApp):
    """Reads the next key when the one before it has had its effect."""

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self._typed: deque[events.Key] = deque(maxlen=MOST_WAITING)
        self._under_way: object | None = None

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key) or event.is_forwarded or event.key in AT_ONCE:
            await super().on_event(event)
        elif self._under_way is not None:
            self._typed.append(event)
        else:
            await self._pass_on(event)

    async def _pass_on(self, event: events.Key) -> None:
        mine = self._under_way = object()
        stations = self._stations(self.focused or self.screen)
        await super().on_event(event)

        async def done() -> None:
            if self._under_way is mine:
                self._under_way = None
                if self._typed:
                    await self._pass_on(self._typed.popleft())

        def go_on() -> None:
            for station in stations:
                if station().call_later(go_on):
                    return
            self.call_later(done)

        self.set_timer(PATIENCE_S, done)
        go_on()

    def _stations(self, first: MessagePump) -> Iterator[Callable[[], MessagePump]]:
        """Whose queues the key and its effect go through, one after the other.

        From what has the focus it rises to the app, which acts; what the action has opened then
        asks the app for the focus.
        """
        pump: MessagePump | None = first
        while pump is not None:
            yield partial(_itself, pump)
            pump = parent_of(pump)
        yield lambda: self.screen
        yield lambda: self


def _itself(pump: MessagePump) -> MessagePump:
    return pump
